import { describe, expect, it, vi } from 'vitest'
import type { Token } from '../src/index.ts'
import { aside, bench, byHand, down, secretOf, storeWith, tokenOf } from './session-bench.ts'

describe('a signal', () => {
  it("ends one caller's wait, with its reason, and not the flight", async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()
    const reason = new Error('enough')

    const leaving = session.getToken({ signal: controller.signal })
    const staying = session.getToken()
    await aside()
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    expect(obtain.mock.calls[0]?.[0].signal.aborted).toBe(false)
    hanging.resolve(tokenOf(clock, 'late', 100))

    await expect(secretOf(staying)).resolves.toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('of the only caller leaves its flight to the next, who joins it (RT-06)', async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()
    const leaving = session.getToken({ signal: controller.signal })
    await aside()
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })

    const coming = secretOf(session.getToken())
    await aside()
    hanging.resolve(tokenOf(clock, 'late', 100))

    await expect(coming).resolves.toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('of the only caller leaves its token to the next', async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()

    const leaving = session.getToken({ signal: controller.signal })
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    hanging.resolve(tokenOf(clock, 'late', 100))
    await aside()

    await expect(secretOf(session.getToken())).resolves.toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('whose flight fails after it was aborted troubles nobody', async () => {
    const { session, obtain } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)

    const leaving = session.getToken({ signal: controller.signal })
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    hanging.reject(down())
    await aside()

    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('that is aborted already starts nothing, and does not even give the token in hand', async () => {
    const { session, obtain } = bench()
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)

    await expect(session.getToken({ signal })).rejects.toBe(reason)
    await aside()
    expect(obtain).not.toHaveBeenCalled()
    await session.getToken()
    await expect(session.getToken({ signal })).rejects.toBe(reason)
  })

  it('may be null, as in a RequestInit', async () => {
    await expect(secretOf(bench().session.getToken({ signal: null }))).resolves.toBe('t1')
  })
})

describe('closing', () => {
  const closed = { name: 'AuthConfigError', code: 'closed' }

  it('ends the flight, and those who wait for it', async () => {
    const { session, obtain } = bench()
    obtain.mockImplementationOnce(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const waiting = session.getToken()
    const ended = expect(waiting).rejects.toMatchObject(closed)
    await aside()

    await session[Symbol.asyncDispose]()

    await ended
    expect(obtain.mock.calls[0]?.[0].signal.reason).toMatchObject(closed)
  })

  it('waits until the flight has ended, though it may fail', async () => {
    const { session, obtain } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const waiting = session.getToken().catch((error: unknown) => error)
    const done = vi.fn()
    await aside()
    const closing = session[Symbol.asyncDispose]().then(done)
    await aside()
    expect(done).not.toHaveBeenCalled()

    hanging.reject(down())
    await closing

    await expect(waiting).resolves.toMatchObject({ code: 'closed' })
  })

  it('waits 3 s for a flight that does not end, and no longer', async () => {
    const { session, obtain, clock } = bench()
    obtain.mockReturnValueOnce(new Promise(() => {}))
    session.getToken().catch(() => {})
    await aside()
    const done = vi.fn()
    const closing = session.close().then(done)

    clock.pass(2_999)
    await aside()
    expect(done).not.toHaveBeenCalled()
    clock.pass(1)
    await closing
  })

  it('waits for a sign-in as well, though a renewal beside it has ended', async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    session.logIn(undefined, new AbortController().signal).catch(() => {})
    await aside()
    await session.getToken()
    const done = vi.fn()

    const closing = session.close().then(done)
    await aside()
    expect(done).not.toHaveBeenCalled()
    hanging.resolve(tokenOf(clock, 'late', 100))

    await closing
  })

  it('keeps nothing that a flight brings all the same', async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const waiting = session.getToken().catch((error: unknown) => error)
    await aside()

    const closing = session.close()
    hanging.resolve(tokenOf(clock, 'late', 100))
    await closing

    await expect(waiting).resolves.toMatchObject(closed)
    expect(session.current()).toBeUndefined()
  })

  it('lets no later call ask a store, or tell of it', async () => {
    const { storage, store } = await storeWith()
    const { session, events } = bench({ storage })
    await session.close()

    await expect(session.getToken()).rejects.toMatchObject(closed)

    expect(store.load).not.toHaveBeenCalled()
    expect(events).toEqual([])
  })

  it('makes every later call throw, also where a token is in hand', async () => {
    const { session, obtain } = bench()
    const rejected = await session.getToken()

    await session[Symbol.asyncDispose]()
    await session[Symbol.asyncDispose]()

    await expect(session.getToken()).rejects.toMatchObject(closed)
    await expect(session.getToken({ rejected })).rejects.toMatchObject(closed)
    expect(session.current()).toBeUndefined()
    expect(obtain).toHaveBeenCalledTimes(1)
  })
})
