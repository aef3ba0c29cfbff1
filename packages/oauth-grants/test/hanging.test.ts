import { describe, expect, it, vi } from 'vitest'
import { memoryStore, StoreError, type TokenStore } from '../src/index.ts'
import { decodeToken } from '../src/token.ts'
import type { HandClock } from './hand-clock.ts'
import { passing, sharedStore } from './process-bench.ts'
import { aside, bench, byHand, key, secretOf, storeWith, tokenOf } from './session-bench.ts'

const hanging = () => new Promise<never>(() => {})

it('a grant that hangs with a store: the next call begins anew', async () => {
  const { session, clock, obtain } = bench({ storage: { store: memoryStore(), key } })
  obtain.mockImplementationOnce(hanging)
  void session.getToken().catch(() => {})
  await passing(clock, 35_000)
  const next = secretOf(session.getToken())
  next.catch(() => {})
  await passing(clock, 36_000)
  expect(await next).toBe('t1')
})

it('a grant that hangs keeps other processes waiting for some time, and not for ever', async () => {
  const { clock, start } = sharedStore()
  const [one, other] = [start('one'), start('other')]
  one.obtain.mockImplementationOnce(hanging)
  void one.session.getToken().catch(() => {})
  await passing(clock, 50_000)
  const next = secretOf(other.session.getToken())
  next.catch(() => {})
  await passing(clock, 36_000)
  expect(await next).toBe('other1')
})

it('a store that hangs at save of a refresh token: the next call has the token', async () => {
  const inner = memoryStore()
  let saves = 0
  const save: TokenStore['save'] = (...asked) => (saves++ === 0 ? hanging() : inner.save(...asked))
  const { session, clock, obtain } = bench({ storage: { store: { ...inner, save }, key } })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'kept', 100, { refreshToken: 'r2' }))
  void session.getToken().catch(() => {})
  await passing(clock, 35_000)
  const next = secretOf(session.getToken())
  next.catch(() => {})
  await passing(clock, 36_000)
  expect(await next).toBe('kept')
})

it('a store that hangs at save of a refresh token keeps it from who waits for 10 s, and no longer', async () => {
  const store = { ...memoryStore(), save: hanging }
  const { session, clock, obtain } = bench({ storage: { store, key } })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'kept', 100, { refreshToken: 'r2' }))
  const failed = vi.fn()
  const waiting = session.getToken().catch(failed)
  await aside()
  await passing(clock, 9_900)
  expect(failed).not.toHaveBeenCalled()

  await passing(clock, 100)
  await waiting

  expect(failed).toHaveBeenCalledWith(
    expect.objectContaining({
      code: 'timeout',
      message: expect.stringMatching(/store did not keep it within 10000 ms.* next call gets it/),
    }),
  )
  expect(await secretOf(session.getToken())).toBe('kept')
})

it('a store that hangs when a turn is given back fails nobody, and is waited for for 1 s', async () => {
  const inner = memoryStore()
  const lease: NonNullable<TokenStore['lease']> = async (...asked) => {
    const real = await inner.lease?.(...asked)
    return real && { ...real, [Symbol.asyncDispose]: hanging }
  }
  const { session, clock } = bench({ storage: { store: { ...inner, lease }, key } })
  const done = vi.fn()
  const first = secretOf(session.getToken()).finally(done)
  await aside()
  await passing(clock, 900)
  expect(done).not.toHaveBeenCalled()
  await passing(clock, 100)
  expect(await first).toBe('t1')
})

describe('a refresh token that the store would not take', () => {
  /** A session whose new refresh token is refused by the store so many times, and one of another process. */
  async function refused(times: number, wrapped = (clock: HandClock) => clock) {
    const { clock, inner, start } = sharedStore()
    const failing = vi.fn<TokenStore['save']>((...asked) => inner.save(...asked))
    const storage = { store: { ...inner, save: failing }, key }
    const { session, obtain } = bench({ clock: wrapped(clock), storage })
    const fresh = (name: string) => tokenOf(clock, name, 100, { refreshToken: `r-${name}` })
    obtain.mockImplementation(async () => fresh(`t${obtain.mock.calls.length}`))
    const first = await session.getToken()
    for (let each = 0; each < times; each += 1) failing.mockRejectedValueOnce(new Error('disk full'))
    await expect(session.getToken({ rejected: first })).rejects.toThrow('disk full')
    const read = async () => decodeToken((await inner.load(key))?.value ?? '')?.refreshToken
    return { clock, inner, session, other: start('other'), read, failing, obtain }
  }

  it('is in hand, and in the store after a second: others do not use the one before (RT-01)', async () => {
    const { clock, session, other, read } = await refused(1)
    expect(session.current()?.refreshToken).toBe('r-t2')
    expect(await read()).toBe('r-t1')

    await passing(clock, 1_000)

    expect(await read()).toBe('r-t2')
    expect(await secretOf(other.session.getToken())).toBe('t2')
  })

  it('is tried after 1, 3, 7 and 15 s, and is kept with the next renewal at the latest', async () => {
    const { clock, session, read, failing } = await refused(5)
    const start = clock.now()
    const tried: number[] = []
    while (clock.now() < start + 60_000) {
      const before = failing.mock.calls.length
      await passing(clock, 100)
      if (failing.mock.calls.length > before) tried.push(clock.now() - start)
    }

    expect(tried).toEqual([1_000, 3_000, 7_000, 15_000])
    expect(await read()).toBe('r-t1')
    await session.getToken({ rejected: session.current() })
    expect(await read()).toBe('r-t3')
  })

  it('is tried again also where the store hangs, or says by an error of ours that it cannot be reached', async () => {
    const { clock, read, failing } = await refused(1)
    const error = new StoreError('store_unavailable', 'x', { recovery: 'transient' })
    failing.mockReturnValueOnce(hanging()).mockRejectedValueOnce(error)

    await passing(clock, 1_000 + 10_000 + 2_000 + 3_900)
    expect(await read()).toBe('r-t1')
    await passing(clock, 100)

    expect(await read()).toBe('r-t2')
  })

  it('leaves nothing that wakes later when it is there', async () => {
    let asleep = 0
    const { clock, read } = await refused(1, (inner) => ({
      ...inner,
      async sleep(...asked) {
        asleep += 1
        await inner.sleep(...asked)
        asleep -= 1
      },
    }))

    await passing(clock, 1_000)

    expect(await read()).toBe('r-t2')
    expect(asleep).toBe(0)
  })

  it('is not tried again when its successor is there', async () => {
    const { clock, session, failing, read } = await refused(1)
    await session.getToken({ rejected: session.current() })
    const before = failing.mock.calls.length

    await passing(clock, 60_000)

    expect(failing.mock.calls.length).toBe(before)
    expect(await read()).toBe('r-t3')
  })

  it('goes with a login that is ended elsewhere when it is there, be it the first (RT-13)', async () => {
    const { clock, inner, start } = sharedStore()
    let isFull = true
    const save: TokenStore['save'] = async (...asked) => {
      if (isFull) throw new Error('disk full')
      return inner.save(...asked)
    }
    const [one, other] = [start('one', { over: { save } }), start('other')]
    one.obtain.mockImplementation(async () => tokenOf(clock, 't1', 100, { refreshToken: 'r1' }))
    await one.session.getToken().catch(() => {})
    isFull = false
    await passing(clock, 1_000)
    await other.session.signOut()
    clock.pass(100_000)

    await one.session.getToken()

    expect(one.obtain.mock.lastCall?.[0].previous?.refreshToken).toBeUndefined()
  })

  it('and was ended elsewhere leaves what somebody has signed in for meanwhile', async () => {
    const { clock, inner, session, other, failing, obtain } = await refused(1)
    const slow = byHand<void>()
    failing
      .mockImplementationOnce(async (...asked) => {
        await slow.promise
        return inner.save(...asked)
      })
      .mockRejectedValueOnce(new Error('disk full'))
    await passing(clock, 1_000)
    await other.session.signOut()
    obtain.mockImplementationOnce(async () => tokenOf(clock, 'person', 100, { refreshToken: 'r9' }))
    await session.logIn(undefined, new AbortController().signal).catch(() => {})

    slow.resolve()
    await aside()

    expect(session.current()?.accessToken).toBe('person')
  })

  it('is tried no more where there is none: the token is in hand, and its successor is kept', async () => {
    const { storage, store } = await storeWith()
    const { session, clock } = bench({ storage })
    store.save.mockRejectedValueOnce(new Error('disk full'))
    await session.getToken().catch(() => {})

    await passing(clock, 60_000)

    expect(store.save).toHaveBeenCalledTimes(1)
  })

  it.each(['close', 'signOut'] as const)(
    'is not tried after %s, by a clock that rejects when it is woken',
    async (end) => {
      const troubled = vi.fn()
      process.once('unhandledRejection', troubled)
      const { session, failing } = await refused(1, (clock) => ({
        ...clock,
        sleep: (ms, signal) => clock.sleep(ms, signal).then(() => signal?.throwIfAborted()),
      }))
      const before = failing.mock.calls.length

      await session[end]()
      await aside()

      expect(failing.mock.calls.length).toBe(before)
      expect(troubled).not.toHaveBeenCalled()
      process.off('unhandledRejection', troubled)
    },
  )

  it.each(['close', 'signOut'] as const)('is not tried after %s', async (end) => {
    const { clock, session, failing } = await refused(1)
    const before = failing.mock.calls.length

    await session[end]()
    await passing(clock, 60_000)

    expect(failing.mock.calls.length).toBe(before)
  })

  it('does not bring back a login that was ended elsewhere, and goes with it (RT-13)', async () => {
    const { clock, other, session, read } = await refused(1)
    await other.session.signOut()

    await passing(clock, 60_000)

    expect(await read()).toBeUndefined()
    expect(session.current()).toBeUndefined()
  })
})
