import { describe, expect, it } from 'vitest'
import { isOAuthError } from '../src/index.ts'
import {
  authorization,
  deviceBench,
  deviceMetadata,
  muchLater,
  pending,
  refused,
  silence,
  timeoutMs,
  token,
} from './device-server.ts'
import { handClock } from './hand-clock.ts'
import type { Reply } from './token-server.ts'

const noAnswer: Reply = () => {
  throw new TypeError('fetch failed')
}

describe('a poll', () => {
  it('names the grant, the code and the resource (DV-06, TE-14, RFC 8628 §3.4)', async () => {
    const { auth, arrivals } = deviceBench({ resource: 'https://RS.example/mcp', scope: 'a b' })

    await auth.getToken()

    expect(arrivals[1]).toMatchObject({
      method: 'POST',
      url: 'https://as.example/token',
      body: 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=hunter2-device-code&resource=https%3A%2F%2FRS.example%2Fmcp&client_id=me',
    })
  })

  it('gives a token of the scope that was asked for at the start, where the answer has none (RFC 6749 §5.1)', async () => {
    const { auth } = deviceBench({ scope: 'a b', resource: 'https://rs.example/mcp' })

    await expect(auth.getToken()).resolves.toMatchObject({
      accessToken: 't',
      issuer: 'https://as.example',
      resource: 'https://rs.example/mcp',
      scope: ['a', 'b'],
      requestedScope: ['a', 'b'],
    })
  })

  it('comes after the interval, the first one too, and again while the person has not decided (DV-06, RFC 8628 §3.5)', async () => {
    const answer = { ...authorization, interval: 3 }
    const { auth, polledAt } = deviceBench({ answer, polls: [pending, pending, pending, token] })

    await auth.getToken()

    expect(polledAt()).toEqual([3, 6, 9, 12])
  })

  it('comes 5 s later for good with each slow_down (DV-07, RFC 8628 §3.5)', async () => {
    const slowDown = refused('slow_down')
    const polls = [slowDown, slowDown, pending, slowDown, pending, token]
    const { auth, polledAt } = deviceBench({ polls })

    await auth.getToken()

    expect(polledAt()).toEqual([5, 15, 30, 45, 65, 85])
  })

  it.each([['slow_down'], ['authorization_pending']])(
    'comes no sooner than Retry-After beside %s says (DV-07, RFC 9110 §10.2.3)',
    async (error) => {
      const busy = refused(error, 429, { 'retry-after': '60' })
      const { auth, polledAt } = deviceBench({ polls: [busy, pending, token] })

      await auth.getToken()

      expect(polledAt()).toEqual([5, 65, 125])
    },
  )

  it.each<[what: string, reply: Reply]>([
    ['no answer', noAnswer],
    ['a 500', refused('server_error', 500)],
    ['a 502 of a proxy', () => new Response('<html>', { status: 502 })],
    ['a 503', () => new Response(null, { status: 503 })],
    ['a 429', () => new Response(null, { status: 429 })],
    ['temporarily_unavailable', refused('temporarily_unavailable')],
  ])('waits twice as long after %s, and never less again (DV-08, DV-10, RFC 8628 §3.5)', async (_, reply) => {
    const { auth, polledAt } = deviceBench({ polls: [reply, pending, reply, pending, token] })

    await auth.getToken()

    expect(polledAt()).toEqual([5, 15, 25, 45, 65])
  })

  it('waits twice as long after a time-out, and never less again (DV-08, RFC 8628 §3.5)', async () => {
    const hand = handClock()
    const { auth, polledAt } = deviceBench({ hand, polls: [silence(hand), pending, silence(hand), token] })

    await auth.getToken()

    // Each time-out itself takes 7 s.
    expect(timeoutMs).toBe(7_000)
    expect(polledAt()).toEqual([5, 22, 32, 59])
  })

  it.each([
    ['60', [5, 65, 125]],
    ['Thu, 01 Jan 2026 00:01:05 GMT', [5, 65, 125]],
    ['1', [5, 15, 25]],
    ['soon', [5, 15, 25]],
  ])('waits at least as long as Retry-After: %s (DV-08, RFC 9110 §10.2.3)', async (retryAfter, times) => {
    const busy = refused('temporarily_unavailable', 503, { 'retry-after': retryAfter })
    const { auth, polledAt } = deviceBench({ polls: [busy, pending, token] })

    await auth.getToken()

    expect(polledAt()).toEqual(times)
  })

  it('adds what slow_down says to what an outage made of the interval (DV-07, DV-08)', async () => {
    const { auth, polledAt } = deviceBench({ polls: [noAnswer, refused('slow_down'), noAnswer, token] })

    await auth.getToken()

    expect(polledAt()).toEqual([5, 15, 30, 60])
  })
})

describe('polling ends', () => {
  it('with access_denied when the person declines (DV-09, RFC 8628 §3.5)', async () => {
    const declined: Reply = () =>
      Response.json({ error: 'access_denied', error_description: 'Not \x1b[31mtoday.' }, { status: 400 })
    const { auth, hand, arrivals } = deviceBench({ polls: [pending, declined] })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'access_denied',
      recovery: 'interaction',
      issuer: 'https://as.example',
      error: 'access_denied',
      errorDescription: 'Not [31mtoday.',
    })
    await muchLater(hand)
    expect(arrivals).toHaveLength(3)
  })

  it('with login_expired when the server says that the code has expired (DV-09, RFC 8628 §3.5)', async () => {
    const { auth, hand, arrivals } = deviceBench({ polls: [pending, refused('expired_token')] })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'login_expired',
      recovery: 'interaction',
      issuer: 'https://as.example',
    })
    await muchLater(hand)
    expect(arrivals).toHaveLength(3)
  })

  it.each([
    ['while the person does not decide', pending, [5, 10, 15]],
    ['while the server does not answer', noAnswer, [5, 15]],
    ['while the server is down', refused('server_error', 500), [5, 15]],
  ])(
    'with login_expired at the end of expires_in, and there is no poll then: %s (DV-10, RFC 8628 §3.2)',
    async (_, reply, times) => {
      const answer = { ...authorization, expires_in: 20 }
      const { auth, hand, polledAt } = deviceBench({ answer, polls: [reply] })
      const start = hand.now()

      await expect(auth.getToken()).rejects.toMatchObject({
        name: 'AuthorizationError',
        code: 'login_expired',
      })
      expect(hand.now() - start).toBe(20_000)
      await muchLater(hand)
      expect(polledAt()).toEqual(times)
    },
  )

  it('before any poll where the code lives shorter than the interval (DV-10)', async () => {
    const { auth, polledAt } = deviceBench({ answer: { ...authorization, expires_in: 4 } })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'login_expired' })
    expect(polledAt()).toEqual([])
  })

  it.each<[error: string, code: string, recovery: string, reply: Reply]>([
    ['invalid_grant', 'refused', 'interaction', refused('invalid_grant')],
    ['invalid_client', 'refused', 'terminal', refused('invalid_client', 401)],
    ['unauthorized_client', 'refused', 'terminal', refused('unauthorized_client')],
    ['unsupported_grant_type', 'refused', 'terminal', refused('unsupported_grant_type')],
    ['invalid_request', 'refused', 'terminal', refused('invalid_request')],
    ['invalid_target', 'refused', 'terminal', refused('invalid_target')],
    ['a word of its own', 'refused', 'terminal', refused('made_up')],
    ['another spelling', 'refused', 'terminal', refused('Authorization_Pending')],
    ['a page', 'invalid_response', 'terminal', () => new Response('authorization_pending', { status: 400 })],
    ['nothing', 'invalid_response', 'terminal', () => new Response(null, { status: 404 })],
    ['an empty 200', 'invalid_response', 'terminal', {}],
    [
      'a redirect',
      'redirect_refused',
      'terminal',
      () => new Response(null, { status: 307, headers: { location: 'https://as.example/token2' } }),
    ],
  ])('at once with any other answer: %s (DV-09, RFC 8628 §3.5)', async (_, code, recovery, reply) => {
    const { auth, hand, polledAt } = deviceBench({ polls: [pending, reply, token] })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', code, recovery })
    await muchLater(hand)
    expect(polledAt()).toEqual([5, 10])
  })

  it('with a person who has to be asked again: the next call asks for another code (DV-02, DV-09)', async () => {
    const { auth, arrivals, shown } = deviceBench({
      polls: [refused('access_denied'), { ...authorization, user_code: 'SECOND' }, token],
    })
    await expect(auth.getToken()).rejects.toMatchObject({ code: 'access_denied' })
    expect(arrivals).toHaveLength(2)

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't' })

    expect(shown.map(({ userCode }) => userCode)).toEqual(['WDJB-MJHT', 'SECOND'])
  })
})

describe('a clock', () => {
  const answer = { ...authorization, expires_in: 20 }

  it('that is set back does not prolong the polling (DV-10)', async () => {
    const hand = handClock()
    const hourBack: Reply = () => {
      hand.pass(-3_600_000)
      return Response.json({ error: 'authorization_pending' }, { status: 400 })
    }
    const { auth, arrivals } = deviceBench({ hand, answer, polls: [hourBack] })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'login_expired' })
    expect(arrivals).toHaveLength(4)
  })

  it('that is set back while the code is asked for does not either (DV-10)', async () => {
    const hand = handClock()
    const hourBack: Reply = () => {
      hand.pass(-3_600_000)
      return Response.json(answer)
    }
    const { auth, arrivals } = deviceBench({ hand, answer: hourBack, polls: [pending] })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'login_expired' })
    expect(arrivals).toHaveLength(4)
  })

  it('that has gone on while the machine slept ends the polling (DV-10)', async () => {
    const hand = handClock()
    const onWait = (wait: number) => wait === 2 && hand.pass(3_600_000)
    const { auth, polledAt } = deviceBench({ hand, answer, polls: [pending], onWait })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'login_expired' })
    expect(polledAt()).toEqual([5])
  })
})

describe('polling is called off', () => {
  it.each([
    ['while it waits', 3],
    ['before the first poll', 1],
  ])('by the signal of the one who asked, %s: no poll comes after it (DV-10)', async (_, wait) => {
    const caller = new AbortController()
    const onWait = (each: number) => each === wait && caller.abort(new Error('never mind'))
    const { auth, hand, arrivals } = deviceBench({ polls: [pending], onWait })

    await expect(auth.getToken({ signal: caller.signal })).rejects.toThrow('never mind')
    await muchLater(hand)
    expect(arrivals).toHaveLength(wait)
  })

  it('by the signal during a poll, which is abandoned (DV-10)', async () => {
    const caller = new AbortController()
    const abort: Reply = () => {
      caller.abort(new Error('never mind'))
      return new Promise<never>(() => {})
    }
    const { auth, hand, shown, arrivals } = deviceBench({ polls: [pending, abort, token] })

    await expect(auth.getToken({ signal: caller.signal })).rejects.toThrow('never mind')
    await muchLater(hand)
    expect(arrivals).toHaveLength(3)
    expect(shown[0]?.signal.aborted).toBe(true)
  })

  it('by close, while it waits: no poll comes after it (DV-10)', async () => {
    const closing: Promise<void>[] = []
    const bench = deviceBench({
      polls: [pending],
      onWait: (wait) => wait === 3 && closing.push(bench.auth.close()),
    })

    await expect(bench.auth.getToken()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'closed' })
    await Promise.all(closing)
    await muchLater(bench.hand)
    expect(bench.arrivals).toHaveLength(3)
  })

  it('by close in the last wait of all: that wins over the end of the time (DV-10)', async () => {
    const closing: Promise<void>[] = []
    const bench = deviceBench({
      answer: { ...authorization, expires_in: 20 },
      polls: [pending],
      onWait: (wait) => wait === 4 && closing.push(bench.auth.close()),
    })

    await expect(bench.auth.getToken()).rejects.toMatchObject({ code: 'closed' })
    await Promise.all(closing)
    expect(bench.polledAt()).toEqual([5, 10, 15])
  })

  it('by close during a poll, which is abandoned (DV-10)', async () => {
    const closing: Promise<void>[] = []
    const close: Reply = () => {
      closing.push(bench.auth.close())
      return new Promise<never>(() => {})
    }
    const bench = deviceBench({ polls: [pending, close, token] })

    await expect(bench.auth.getToken()).rejects.toMatchObject({ code: 'closed' })
    await Promise.all(closing)
    await muchLater(bench.hand)
    expect(bench.arrivals).toHaveLength(3)
  })

  it('by nobody as long as one of two still waits (DV-10)', async () => {
    const first = new AbortController()
    const onWait = (wait: number) => wait === 2 && first.abort(new Error('never mind'))
    const { auth, polledAt } = deviceBench({ polls: [pending, pending, token], onWait })

    const left = auth.getToken({ signal: first.signal })
    const stayed = auth.getToken()

    await expect(left).rejects.toThrow('never mind')
    await expect(stayed).resolves.toMatchObject({ accessToken: 't' })
    expect(polledAt()).toEqual([5, 10, 15])
  })
})

describe('an error of a poll', () => {
  it('is known by its code, without a look at its text (DV-09)', async () => {
    const { auth } = deviceBench({ serverMetadata: deviceMetadata, polls: [refused('access_denied')] })

    const error: unknown = await auth.getToken().catch((caught: unknown) => caught)

    expect(isOAuthError(error, 'access_denied')).toBe(true)
  })
})
