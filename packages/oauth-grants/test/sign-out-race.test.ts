import { describe, expect, it, vi } from 'vitest'
import type { Token } from '../src/index.ts'
import { encodeToken } from '../src/token.ts'
import { handClock } from './hand-clock.ts'
import { aside, bench, byHand, down, secretOf, storeWith, tokenOf } from './session-bench.ts'

const signedOut = { name: 'AuthConfigError', code: 'signed_out', recovery: 'terminal' }
const closed = { name: 'AuthConfigError', code: 'closed' }
const never = new AbortController().signal
const caught = (error: unknown) => error

describe('signing out during a renewal', () => {
  it('ends it for all who wait, and is waited for by nobody else: the next call begins anew', async () => {
    const { session, obtain } = bench()
    obtain.mockImplementationOnce(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const waiting = [session.getToken(), session.getToken()].map((each) => each.catch(caught))
    await aside()

    await expect(session.signOut()).resolves.toBeUndefined()

    await expect(Promise.all(waiting)).resolves.toMatchObject([signedOut, signedOut])
    expect(obtain.mock.calls[0]?.[0].signal.reason).toMatchObject(signedOut)
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })

  it('before it has begun lets it ask for nothing', async () => {
    const { session, obtain } = bench()

    const waiting = session.getToken().catch(caught)
    await session.signOut()

    await expect(waiting).resolves.toMatchObject(signedOut)
    expect(obtain).not.toHaveBeenCalled()
  })

  it('gives the token that came all the same, so that it can be revoked, and keeps none (RT-13)', async () => {
    const { storage, store } = await storeWith()
    const { session, obtain, clock } = bench({ storage })
    const late = byHand<Token>()
    obtain.mockReturnValueOnce(late.promise)
    const waiting = session.getToken().catch(caught)
    await aside()

    const leaving = session.signOut()
    late.resolve(tokenOf(clock, 'late', 100))

    await expect(leaving).resolves.toMatchObject({ accessToken: 'late' })
    await expect(waiting).resolves.toMatchObject(signedOut)
    expect(store.save).not.toHaveBeenCalled()
    expect(session.current()).toBeUndefined()
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })

  it('gives the newest there is: that of the renewal whose way into the store was cut off (RT-13)', async () => {
    const { storage, store, read } = await storeWith()
    const { session, clock } = bench({ storage })
    const first = await session.getToken()
    clock.pass(1000)
    store.save.mockReturnValueOnce(new Promise(() => {}))
    const waiting = session.getToken({ rejected: first }).catch(caught)
    await aside()

    await expect(session.signOut()).resolves.toMatchObject({ accessToken: 't2' })

    await expect(waiting).resolves.toMatchObject(signedOut)
    await expect(read()).resolves.toBeUndefined()
  })
})

describe('signing out during a sign-in', () => {
  it('ends it, for whoever waits', async () => {
    const { session, obtain } = bench()
    obtain.mockImplementationOnce(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const waiting = session.logIn(undefined, never).catch(caught)
    await aside()

    await session.signOut()

    await expect(waiting).resolves.toMatchObject(signedOut)
  })

  it('gives the token whose way into the store was cut off, and keeps it nowhere (RT-13)', async () => {
    const { storage, store, read } = await storeWith()
    const { session, obtain } = bench({ storage })
    const saving = byHand<void>()
    const through = store.save.getMockImplementation() ?? expect.fail('there is one')
    store.save.mockImplementationOnce(async (...args) => {
      await saving.promise
      return through(...args)
    })
    const waiting = session.logIn(undefined, never).catch(caught)
    await aside()
    expect(obtain).toHaveBeenCalledTimes(1)

    const leaving = session.signOut()
    saving.resolve()

    await expect(leaving).resolves.toMatchObject({ accessToken: 't1' })
    await expect(waiting).resolves.toMatchObject(signedOut)
    expect(session.current()).toBeUndefined()
    await expect(read()).resolves.toBeUndefined()
  })
})

describe('a call while somebody signs out', () => {
  it('gets neither the token in hand nor the one in the store: it comes after that (RT-11)', async () => {
    const clock = handClock()
    const { storage, store } = await storeWith(encodeToken(tokenOf(clock, 'stored', 100)))
    const { session, obtain } = bench({ clock, storage })
    await expect(secretOf(session.getToken())).resolves.toBe('stored')
    const loading = byHand<undefined>()
    const through = store.load.getMockImplementation() ?? expect.fail('there is one')
    store.load.mockImplementationOnce(async (...args) => {
      await loading.promise
      return through(...args)
    })

    const leaving = session.signOut()
    expect(session.current()).toBeUndefined()
    const meanwhile = [session.getToken(), session.logIn(undefined, never)].map(secretOf)
    await aside()
    expect(obtain).not.toHaveBeenCalled()
    loading.resolve(undefined)
    await leaving

    expect(await meanwhile[0]).toMatch(/^t[12]$/)
    expect(await meanwhile[1]).toMatch(/^t[12]$/)
  })

  it('does not join the renewal that is being ended, and is joined by others', async () => {
    const { session, obtain, clock } = bench()
    const [dying, anew] = [byHand<Token>(), byHand<Token>()]
    obtain.mockReturnValueOnce(dying.promise).mockReturnValueOnce(anew.promise)
    const before = session.getToken().catch(caught)
    await aside()

    const leaving = session.signOut()
    const meanwhile = secretOf(session.getToken())
    dying.reject(down())
    await leaving
    await aside()
    const after = secretOf(session.getToken())
    await aside()
    anew.resolve(tokenOf(clock, 'anew', 100))

    await expect(before).resolves.toMatchObject({ code: 'signed_out' })
    await expect(Promise.all([meanwhile, after])).resolves.toEqual(['anew', 'anew'])
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('is not kept waiting by a store that fails then', async () => {
    const { storage, store } = await storeWith()
    const { session } = bench({ storage })
    await session.getToken()
    const error = new Error('disk')
    store.load.mockRejectedValueOnce(error)

    const leaving = session.signOut().catch(caught)
    const meanwhile = session.getToken()

    await expect(leaving).resolves.toBe(error)
    await expect(meanwhile).resolves.toBeDefined()
  })
})

describe('the entry in the store', () => {
  it('is forgotten by the revision that was seen', async () => {
    const { storage, store, revision, read } = await storeWith(encodeToken(tokenOf(handClock(), 'x', 100)))
    const { session } = bench({ storage })

    await session.signOut()

    expect(store.clear).toHaveBeenCalledExactlyOnceWith('k', { expect: revision })
    await expect(read()).resolves.toBeUndefined()
  })

  it('is forgotten also where another process has just renewed it: theirs is what is revoked (RT-13)', async () => {
    const clock = handClock()
    const { storage, store, read, write } = await storeWith(encodeToken(tokenOf(clock, 'old', 100)))
    const { session } = bench({ clock, storage })
    const through = store.clear.getMockImplementation() ?? expect.fail('there is one')
    store.clear.mockImplementationOnce(async (...args) => {
      await write(tokenOf(clock, 'new', 100))
      return through(...args)
    })

    await expect(session.signOut()).resolves.toMatchObject({ accessToken: 'new' })

    await expect(read()).resolves.toBeUndefined()
  })

  it('is given up after ten writes of others in between', async () => {
    const { storage, store } = await storeWith(encodeToken(tokenOf(handClock(), 'x', 100)))
    store.clear.mockResolvedValue(false)

    await expect(bench({ storage }).session.signOut()).resolves.toMatchObject({ accessToken: 'x' })

    expect(store.clear).toHaveBeenCalledTimes(10)
  })

  it('that cannot be read is forgotten, too', async () => {
    const { storage, store } = await storeWith('{"version":2}')

    await expect(bench({ storage }).session.signOut()).resolves.toBeUndefined()

    await expect(store.load('k')).resolves.toBeUndefined()
  })

  it('that could not be forgotten is an error, and can be forgotten later', async () => {
    const { storage, store, read } = await storeWith()
    const { session } = bench({ storage })
    await session.getToken()
    const error = new Error('disk')
    store.clear.mockRejectedValueOnce(error)

    await expect(session.signOut()).rejects.toBe(error)
    await expect(session.signOut()).resolves.toMatchObject({ accessToken: 't1' })

    await expect(read()).resolves.toBeUndefined()
  })
})

describe('two who sign out at once', () => {
  it('get the same token', async () => {
    const { storage, store } = await storeWith()
    const { session } = bench({ storage })
    await session.getToken()

    const tokens = await Promise.all([session.signOut(), session.signOut()])

    expect(tokens.map((token) => token?.accessToken)).toEqual(['t1', 't1'])
    expect(store.clear).toHaveBeenCalledTimes(1)
  })
})

describe('closing', () => {
  it.each(['load', 'clear'] as const)('ends a sign-out whose store hangs at %s', async (step) => {
    const { storage, store } = await storeWith()
    const { session } = bench({ storage })
    await session.getToken()
    store[step].mockReturnValue(new Promise<never>(() => {}))
    const leaving = session.signOut().catch(caught)
    const meanwhile = session.getToken().catch(caught)
    await aside()

    await session.close()

    await expect(leaving).resolves.toMatchObject(closed)
    await expect(meanwhile).resolves.toMatchObject(closed)
  })

  it('is not undone by signing out', async () => {
    const { session, obtain } = bench()
    await session.getToken()
    await session.close()

    await expect(session.signOut()).rejects.toMatchObject(closed)
    await expect(session.getToken()).rejects.toMatchObject(closed)
    await expect(session.logIn(undefined, never)).rejects.toMatchObject(closed)

    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('during a renewal that fails leaves nothing that goes on', async () => {
    const { session, obtain } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const waiting = session.getToken().catch(caught)
    await aside()
    const done = vi.fn()
    const leaving = session.signOut().then(done)
    await aside()
    expect(done).not.toHaveBeenCalled()

    hanging.reject(down())
    await leaving

    await expect(waiting).resolves.toMatchObject({ code: 'signed_out' })
  })
})
