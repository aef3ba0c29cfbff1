import { describe, expect, it, vi } from 'vitest'
import { memoryStore, type TokenStore } from '../src/index.ts'
import { decodeToken } from '../src/token.ts'
import { passing, sharedStore } from './process-bench.ts'
import { aside, bench, key, secretOf, tokenOf } from './session-bench.ts'

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
  async function refused(times: number) {
    const { clock, inner, start } = sharedStore()
    const failing = vi.fn<TokenStore['save']>((...asked) => inner.save(...asked))
    const { session, obtain } = bench({ clock, storage: { store: { ...inner, save: failing }, key } })
    const fresh = (name: string) => tokenOf(clock, name, 100, { refreshToken: `r-${name}` })
    obtain.mockImplementation(async () => fresh(`t${obtain.mock.calls.length}`))
    const first = await session.getToken()
    for (let each = 0; each < times; each += 1) failing.mockRejectedValueOnce(new Error('disk full'))
    await expect(session.getToken({ rejected: first })).rejects.toThrow('disk full')
    const read = async () => decodeToken((await inner.load(key))?.value ?? '')?.refreshToken
    return { clock, session, other: start('other'), read, failing }
  }

  it('is in hand, and in the store after a second: others do not use the one before (RT-01)', async () => {
    const { clock, session, other, read } = await refused(1)
    expect(session.current()?.refreshToken).toBe('r-t2')
    expect(await read()).toBe('r-t1')

    await passing(clock, 1_000)

    expect(await read()).toBe('r-t2')
    expect(await secretOf(other.session.getToken())).toBe('t2')
  })

  it('is tried four times more in 15 s, and is kept with the next renewal at the latest', async () => {
    const { clock, session, read, failing } = await refused(5)
    const before = failing.mock.calls.length

    await passing(clock, 60_000)

    expect(failing.mock.calls.length - before).toBe(4)
    expect(await read()).toBe('r-t1')
    await session.getToken({ rejected: session.current() })
    expect(await read()).toBe('r-t3')
  })

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
