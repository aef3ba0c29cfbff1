import { describe, expect, it, vi } from 'vitest'
import { ClientCredentialsAuth, memoryStore, type Token, type TokenStore } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { passing } from './process-bench.ts'
import { aside, bench, byHand, key, secretOf, times, tokenOf } from './session-bench.ts'
import { metadata } from './token-server.ts'

const caught = (error: unknown) => error
const hanging = () => new Promise<never>(() => {})
const late = { name: 'TokenError', code: 'timeout', recovery: 'transient' }

/** A store that hangs at each step as long as it is told to. */
function stuck(step: 'load' | 'lease' | 'save') {
  const inner = memoryStore()
  let isStuck = true
  const store: TokenStore = {
    ...inner,
    [step]: (...asked: never[]) =>
      isStuck ? hanging() : (inner[step] as (...asked: never[]) => unknown)(...asked),
  }
  return { storage: { store, key }, repair: () => (isStuck = false) }
}

describe('a renewal that does not end', () => {
  it.each(['load', 'lease', 'save'] as const)(
    'for its store hangs at %s fails all who wait after 35 s, and the next call begins anew',
    async (step) => {
      const { storage, repair } = stuck(step)
      const { session, clock } = bench({ storage })
      const waiting = times(50, () => session.getToken().catch(caught))
      const settled = vi.fn()
      void waiting.then(settled)

      await passing(clock, 34_900)
      expect(settled).not.toHaveBeenCalled()
      await passing(clock, 100)

      for (const error of await waiting) expect(error).toMatchObject(late)
      repair()
      expect(await secretOf(session.getToken())).toMatch(/^t[12]$/)
    },
  )

  it('for its grant hangs fails all who wait after 35 s, and the next call begins anew', async () => {
    const { session, clock, obtain } = bench()
    obtain.mockImplementationOnce(hanging)
    const waiting = times(50, () => session.getToken().catch(caught))

    await passing(clock, 35_000)

    for (const error of await waiting) expect(error).toMatchObject({ ...late, endpoint: '', issuer: '' })
    expect(obtain.mock.calls[0]?.[0].signal.reason).toMatchObject(late)
    expect(await secretOf(session.getToken())).toBe('t1')
  })

  it('says how long it was waited for, and that the next call tries again', async () => {
    const { session, clock, obtain } = bench({ timeoutMs: 1_000 })
    obtain.mockImplementationOnce(hanging)
    const waiting = session.getToken().catch(caught)

    await passing(clock, 17_000)

    const error = await waiting
    expect(error).toMatchObject(late)
    expect(error).toMatchObject({ message: expect.stringContaining('17000 ms') })
  })

  it('says whose token it was to replace', async () => {
    const { session, clock, obtain } = bench()
    const issuer = 'https://as.example'
    obtain.mockImplementationOnce(async () => tokenOf(clock, 't1', 10, { issuer }))
    await session.getToken()
    clock.pass(10_000)
    obtain.mockImplementationOnce(hanging)
    const waiting = session.getToken().catch(caught)

    await passing(clock, 35_000)

    expect(await waiting).toMatchObject({ ...late, issuer })
  })

  it('is waited for until twice the time of a request and 15 s are over', async () => {
    const { session, clock, obtain } = bench({ timeoutMs: 1_000 })
    const slow = byHand<Token>()
    obtain.mockReturnValueOnce(slow.promise)
    const waiting = secretOf(session.getToken())

    await passing(clock, 16_900)
    slow.resolve(tokenOf(clock, 'slow', 100))

    expect(await waiting).toBe('slow')
  })

  it('is not waited for by a sign-in, which takes what a person needs', async () => {
    const { session, clock, obtain } = bench()
    const slow = byHand<Token>()
    obtain.mockReturnValueOnce(slow.promise)
    const waiting = secretOf(session.logIn(undefined, new AbortController().signal))

    await passing(clock, 600_000, 1_000)
    slow.resolve(tokenOf(clock, 'person', 100))

    expect(await waiting).toBe('person')
  })

  it('and brings a refresh token all the same has it kept: it is the only one that is good (RT-01)', async () => {
    const { session, clock, obtain } = bench()
    const slow = byHand<Token>()
    obtain.mockReturnValueOnce(slow.promise)
    const waiting = session.getToken().catch(caught)
    await passing(clock, 35_000)
    expect(await waiting).toMatchObject(late)

    slow.resolve(tokenOf(clock, 'late', 100, { refreshToken: 'r2' }))
    await aside()

    expect(await secretOf(session.getToken())).toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('fails no call while the token in hand is good', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, clock, obtain } = bench({ seconds: 100 })
    await session.getToken()
    obtain.mockImplementation(hanging)
    clock.pass(60_000)
    for (let second = 0; second < 39; second += 1) {
      expect(await secretOf(session.getToken())).toBe('t1')
      await passing(clock, 1_000)
    }
    vi.restoreAllMocks()
  })

  it('leaves nothing that wakes later: a clock has nobody asleep when all is done, nor when it is closed', async () => {
    const clock = handClock()
    let asleep = 0
    const sleep: typeof clock.sleep = async (...asked) => {
      asleep += 1
      await clock.sleep(...asked)
      asleep -= 1
    }
    const storage = { store: memoryStore(), key }
    const { session, obtain } = bench({ clock: { ...clock, sleep }, storage })
    obtain.mockImplementationOnce(async () => tokenOf(clock, 't1', 100, { refreshToken: 'r1' }))

    await session.getToken()
    await aside()
    expect(asleep).toBe(0)
    await session.close()
    await aside()

    expect(asleep).toBe(0)
  })

  it('leaves nothing that wakes later either where it is ended by a close', async () => {
    const clock = handClock()
    let asleep = 0
    const sleep: typeof clock.sleep = async (...asked) => {
      asleep += 1
      await clock.sleep(...asked)
      asleep -= 1
    }
    const storage = { store: memoryStore(), key }
    const { session, obtain } = bench({ clock: { ...clock, sleep }, storage })
    obtain.mockImplementationOnce(({ signal }) => {
      const { promise, reject } = byHand<Token>()
      signal.addEventListener('abort', () => reject(signal.reason))
      return promise
    })
    session.getToken().catch(() => {})
    await aside()

    await session.close()
    await aside()

    expect(asleep).toBe(0)
  })

  it('for what signs the request hangs ends by the time of the request', async () => {
    const clock = handClock()
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      clientAuthentication: Object.assign(hanging, { method: 'private_key_jwt' }) as never,
      clock,
      store: memoryStore(),
    })
    const waiting = auth.getToken().catch(caught)
    const settled = vi.fn()
    void waiting.then(settled)

    for (let each = 0; each < 200 && settled.mock.calls.length === 0; each += 1) await passing(clock, 100)

    expect(await waiting).toMatchObject({ code: 'timeout' })
  })
})
