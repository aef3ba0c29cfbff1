import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  AuthorizationError,
  ClientCredentialsAuth,
  isOAuthError,
  type OAuthError,
  type Token,
  TokenError,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { aside, bench, byHand, demand, down, key, secretOf, storeWith, tokenOf } from './session-bench.ts'
import { metadata, tokenServer } from './token-server.ts'

afterEach(() => void vi.restoreAllMocks())

const caught = (error: unknown) => error

/** The error of a call that fails. */
async function failureOf(call: Promise<unknown>): Promise<OAuthError> {
  const error = await call.then(() => expect.fail('it gave a token'), caught)
  return isOAuthError(error) ? error : expect.fail(String(error))
}

/** Calls all the time, and when each request went out, in seconds after the start. */
async function callsFor({ clock, session, obtain }: ReturnType<typeof bench>, seconds: number) {
  const start = clock.now()
  const asked: number[] = []
  for (let passed = 0; passed < seconds * 1000; passed += 5) {
    const before = obtain.mock.calls.length
    await session.getToken().catch(() => {})
    if (obtain.mock.calls.length > before) asked.push((clock.now() - start) / 1000)
    clock.pass(5)
  }
  return asked
}

/** So many calls that fail, one after the other. */
async function failing({ session, obtain }: ReturnType<typeof bench>, times: number, error: Error = down()) {
  obtain.mockRejectedValue(error)
  for (let each = 0; each < times; each += 1) await session.getToken().catch(() => {})
}

const place = { endpoint: 'https://as.example/token', issuer: 'https://as.example' }

describe('a server that fails', () => {
  it('is asked 8 times in a minute of 200 calls a second', async () => {
    const all = bench()
    all.obtain.mockRejectedValue(down())

    expect(await callsFor(all, 60)).toEqual([0, 0.005, 0.01, 1.01, 3.01, 7.01, 15.01, 31.01])
  })

  it('is asked each half minute in the end, however long it lasts', async () => {
    const all = bench()
    await failing(all, 3)
    const pauses: number[] = []
    for (let each = 0; each < 8; each += 1) {
      const { retryAfterMs = 0 } = await failureOf(all.session.getToken())
      pauses.push(retryAfterMs / 1000)
      all.clock.pass(retryAfterMs)
      await all.session.getToken().catch(() => {})
    }

    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
    expect(all.obtain).toHaveBeenCalledTimes(11)
  })

  it('is asked again at once after the first failure and the second', async () => {
    const all = bench()
    await failing(all, 2)
    all.obtain.mockReset().mockResolvedValue(tokenOf(all.clock, 'good', 100))

    expect(await secretOf(all.session.getToken())).toBe('good')
  })

  it('is told of in a pause by the same error, which says how often, and for how long it is left alone', async () => {
    const all = bench()
    await failing(all, 3)
    all.clock.pass(1_000)
    await failing(all, 1)
    all.clock.pass(500)

    const error = await failureOf(all.session.getToken())

    expect(error).toMatchObject({
      name: 'TokenError',
      code: 'unavailable',
      recovery: 'transient',
      issuer: 'https://as.example',
      endpoint: 'https://as.example/token',
      retryAfterMs: 1_500,
      message: 'down It failed 4 times in a row: nothing is sent for another 2 s.',
    })
  })

  it('is told of by what it said itself: status, error and description stay', async () => {
    const all = bench()
    const said = { status: 400, error: 'invalid_client', errorDescription: 'who are you' }
    await failing(all, 3, new TokenError('refused', 'x', { ...place, ...said, recovery: 'terminal' }))

    expect(await failureOf(all.session.getToken())).toMatchObject({
      ...said,
      code: 'refused',
      recovery: 'terminal',
    })
    expect(all.obtain).toHaveBeenCalledTimes(3)
  })

  it.each<[string, number, number, string]>([
    ['from the first time', 5_000, 5_000, 'once'],
    ['for a minute at most', 3_600_000, 60_000, 'once'],
  ])('is left alone for as long as it wants, %s (TE-11, RFC 9110 §10.2.3)', async (_, wanted, ms, often) => {
    const all = bench()
    await failing(all, 1, down(wanted))

    all.clock.pass(ms - 1)
    const error = await failureOf(all.session.getToken())
    expect(error).toMatchObject({ retryAfterMs: 1, message: expect.stringContaining(`It failed ${often}:`) })
    expect(all.obtain).toHaveBeenCalledTimes(1)

    all.clock.pass(1)
    await all.session.getToken().catch(() => {})
    expect(all.obtain).toHaveBeenCalledTimes(2)
  })

  it('and then does not is asked as if nothing had been', async () => {
    const all = bench({ seconds: 1 })
    await failing(all, 5)
    all.clock.pass(4_000)
    all.obtain.mockReset().mockResolvedValueOnce(tokenOf(all.clock, 'good', 1))
    await all.session.getToken()
    all.clock.pass(1_000)

    await failing(all, 3)

    expect(all.obtain).toHaveBeenCalledTimes(4)
  })

  it('is asked by one process at a time also in this: another one has counted nothing yet', async () => {
    const clock = handClock()
    const [one, other] = [bench({ clock }), bench({ clock })]
    await failing(one, 3)

    expect(await secretOf(other.session.getToken())).toBe('t1')
  })

  it('is not counted by an early renewal: that has a pace of its own', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const all = bench({ seconds: 100 })
    await all.session.getToken()
    all.obtain.mockRejectedValue(down())
    for (let second = 60; second < 100; second += 1) {
      all.clock.pass(second === 60 ? 60_000 : 1_000)
      await all.session.getToken()
      await aside()
    }
    const before = all.obtain.mock.calls.length
    expect(before).toBeGreaterThan(3)

    all.clock.pass(1_000)
    await failing(all, 2)

    expect(all.obtain).toHaveBeenCalledTimes(before + 2)
  })

  it('is not counted by an early renewal either where its token is refused before that fails', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const all = bench({ seconds: 100 })
    const rejected = await all.session.getToken()
    const slow = byHand<Token>()
    all.obtain.mockReturnValueOnce(slow.promise).mockRejectedValue(down())
    all.clock.pass(60_000)
    await all.session.getToken()
    const waiting = all.session.getToken({ rejected }).catch(caught)
    await aside()

    slow.reject(down())
    await waiting
    await failing(all, 2)

    expect(all.obtain).toHaveBeenCalledTimes(5)
  })

  it('is not asked early either in a pause, and the token in hand is used', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const all = bench({ seconds: 100 })
    await all.session.getToken()
    all.clock.pass(59_500)
    all.obtain.mockRejectedValue(down())
    for (let each = 0; each < 3; each += 1) {
      await all.session.getToken({ challenge: demand('more') }).catch(() => {})
    }
    all.clock.pass(500)

    expect(await secretOf(all.session.getToken())).toBe('t1')
    await aside()
    expect(all.obtain).toHaveBeenCalledTimes(4)

    all.clock.pass(40_000 / 10)
    expect(await secretOf(all.session.getToken())).toBe('t1')
    await aside()
    expect(all.obtain).toHaveBeenCalledTimes(5)
  })

  it('keeps nobody from a good token that another has put in the store', async () => {
    const { storage, write } = await storeWith()
    const all = bench({ storage })
    await failing(all, 5)
    await failureOf(all.session.getToken())

    await write(tokenOf(all.clock, 'theirs', 100))

    expect(await secretOf(all.session.getToken())).toBe('theirs')
  })

  it.each([
    ['an hour', -3_600_000],
    ['less than the pause', -2_500],
  ])('is not left alone for longer by a clock that is set back by %s', async (_, ms) => {
    const all = bench()
    await failing(all, 3)
    all.clock.pass(1_000)
    await failing(all, 1)
    all.clock.pass(1_900)

    all.clock.pass(ms)
    all.obtain.mockReset().mockResolvedValue(tokenOf(all.clock, 'good', 100))

    expect(await secretOf(all.session.getToken())).toBe('good')
  })

  it.each([
    [
      'AuthorizationError',
      new AuthorizationError('interaction_required', 'x', { ...place, recovery: 'interaction' }),
    ],
    [
      'TokenError',
      new TokenError('refused', 'x', { ...place, error: 'invalid_grant', recovery: 'interaction' }),
    ],
  ])('is no matter where a person has to help: that is said at once, each time (%s)', async (_, needed) => {
    const all = bench()
    await failing(all, 20, needed)

    expect(all.obtain).toHaveBeenCalledTimes(20)
  })

  it('and then does not is not left alone again by a clock that is set back into the pause', async () => {
    const all = bench()
    await failing(all, 3)
    all.clock.pass(1_000)
    all.obtain.mockReset().mockResolvedValueOnce(tokenOf(all.clock, 'good', 1))
    const rejected = await all.session.getToken()
    all.clock.pass(-500)
    all.obtain.mockResolvedValueOnce(tokenOf(all.clock, 'better', 1))

    expect(await secretOf(all.session.getToken({ rejected }))).toBe('better')
  })

  it('is none where the fault is of this program', async () => {
    const all = bench()
    await failing(all, 20, new TypeError('x'))

    expect(all.obtain).toHaveBeenCalledTimes(20)
  })

  it('keeps nobody from signing in', async () => {
    const all = bench()
    await failing(all, 5)
    all.obtain.mockReset().mockResolvedValue(tokenOf(all.clock, 'person', 100))

    const token = all.session.logIn(undefined, new AbortController().signal)

    expect(await secretOf(token)).toBe('person')
    expect(await secretOf(all.session.getToken())).toBe('person')
  })

  it('is left alone for as long where somebody has signed in meanwhile', async () => {
    const all = bench()
    await failing(all, 3)
    all.obtain.mockReset().mockResolvedValue(tokenOf(all.clock, 'person', 100))
    const rejected = await all.session.logIn(undefined, new AbortController().signal)

    const error = await failureOf(all.session.getToken({ rejected }))

    expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 })
    expect(all.obtain).toHaveBeenCalledTimes(1)
  })

  it('is not counted where somebody signs in', async () => {
    const all = bench()
    all.obtain.mockRejectedValue(down())
    for (let each = 0; each < 3; each += 1) {
      await all.session.logIn(undefined, new AbortController().signal).catch(() => {})
    }

    await failing(all, 1)

    expect(all.obtain).toHaveBeenCalledTimes(4)
  })

  it('is told of without the secrets of the request (NS-09)', async () => {
    const { fetch, arrivals } = tokenServer(() =>
      Response.json({ error: 'server_error', error_description: 'hunter2-secret' }, { status: 500 }),
    )
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hunter2-secret',
      clock: handClock(),
      fetch,
    })
    for (let each = 0; each < 3; each += 1) await auth.getToken().catch(() => {})

    const error = await failureOf(auth.getToken())

    expect(arrivals).toHaveLength(3)
    expect(error.message).toContain('3 times in a row')
    expect(JSON.stringify([error, error.message, error.stack, error.cause])).not.toContain('hunter2')
  })
})

describe('a server that refuses what a resource demands', () => {
  const refused = new TokenError('refused', 'x', {
    ...place,
    error: 'invalid_scope',
    recovery: 'terminal',
  })

  it('is asked for the next token all the same when the one in hand has ended', async () => {
    const { session, obtain, clock } = bench({ seconds: 10 })
    await session.getToken()
    for (let each = 0; each < 5; each += 1) {
      obtain.mockRejectedValueOnce(refused)
      await session.getToken({ challenge: demand('more') }).catch(() => {})
    }
    clock.pass(10_000)

    const token = session.getToken()

    await expect(token).resolves.toBeDefined()
  })
})

describe('a resource that refuses each token', () => {
  /** What it costs to ask it so often; each answer is a refusal. */
  async function refusedBy(calls: number, everyMs: number, seconds = 3_600) {
    const all = bench({ seconds })
    const errors: OAuthError[] = []
    for (let each = 0; each < calls; each += 1) {
      const call = all.session.getToken().then((rejected) => all.session.getToken({ rejected }))
      await call.catch((error: OAuthError) => errors.push(error))
      all.clock.pass(everyMs)
    }
    return { ...all, errors }
  }

  it('costs ten renewals in a minute, and then an error that says what to look at', async () => {
    const { obtain, errors } = await refusedBy(200, 10)

    expect(obtain).toHaveBeenCalledTimes(11)
    expect(errors).toHaveLength(190)
    expect(errors[0]).toMatchObject({
      name: 'TokenError',
      code: 'renewal_loop',
      recovery: 'transient',
      endpoint: '',
      retryAfterMs: 59_900,
      message: expect.stringMatching(
        /^A resource refused 10 new tokens within a minute: .* in 60 s\. .*audience/,
      ),
    })
  })

  it('is found out also where all of that is in one moment', async () => {
    const { obtain } = await refusedBy(20, 0)

    expect(obtain).toHaveBeenCalledTimes(11)
  })

  it('keeps no token from being renewed at its end', async () => {
    const { session, clock, errors } = await refusedBy(13, 10, 10)
    expect(errors).toHaveLength(3)
    clock.pass(10_000)

    expect(await secretOf(session.getToken())).toBe('t12')
  })

  it('takes nothing from who has signed in while that was found out', async () => {
    const { storage, store } = await storeWith()
    const { session } = bench({ storage })
    for (let each = 0; each < 10; each += 1) {
      await session.getToken({ rejected: await session.getToken() })
    }
    const reading = byHand<Awaited<ReturnType<typeof store.load>>>()
    const found = await store.load(key)
    store.load.mockReturnValueOnce(reading.promise)
    const waiting = session.getToken({ rejected: session.current() }).catch(caught)
    await aside()
    const person = await session.logIn(undefined, new AbortController().signal)

    reading.resolve(found)

    expect(await waiting).toMatchObject({ code: 'renewal_loop' })
    expect(session.current()?.accessToken).toBe(person.accessToken)
  })

  it('is asked again by a clock that is set back: nothing is waited for that is to come', async () => {
    const { session, clock } = await refusedBy(13, 10)
    clock.pass(-900)

    expect(await secretOf(session.getToken({ rejected: session.current() }))).toBe('t12')
  })

  it('may be asked again when a minute is over', async () => {
    const { obtain, session, clock, errors } = await refusedBy(20, 10)
    const { retryAfterMs = 0 } = errors.at(-1) ?? {}
    const before = obtain.mock.calls.length
    clock.pass(retryAfterMs)

    await session.getToken({ rejected: session.current() })

    expect(obtain).toHaveBeenCalledTimes(before + 1)
  })

  it('only now and then is none: ten in a minute go on for an hour, and no more than that', async () => {
    const [few, many] = [await refusedBy(600, 6_000), await refusedBy(11, 5_999)]

    expect(few.errors).toEqual([])
    expect(many.errors).toMatchObject([{ code: 'renewal_loop', retryAfterMs: 10 }])
  })

  it('is found out by a fetch as well: 200 calls cost eleven token requests (MC-04)', async () => {
    const clock = handClock()
    const server = tokenServer()
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      resource: 'https://api.example/',
      clock,
      fetch: async (input, init) => {
        const request = new Request(input, init)
        if (request.url === metadata.token_endpoint) return server.fetch(request)
        return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } })
      },
    })
    const ends: unknown[] = []

    for (let each = 0; each < 200; each += 1) {
      const end = await auth.fetch('https://api.example/').then(({ status }) => status, caught)
      ends.push(end)
      clock.pass(5)
    }

    expect(server.arrivals).toHaveLength(11)
    expect(ends.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401))
    for (const end of ends.slice(10)) {
      expect(end).toMatchObject({
        code: 'renewal_loop',
        issuer: metadata.issuer,
        message: expect.stringContaining(` of ${metadata.issuer} within`),
      })
    }
  })
})
