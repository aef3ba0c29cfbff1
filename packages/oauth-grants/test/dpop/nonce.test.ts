import { describe, expect, it, vi } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import { authorizedFetch, ClientCredentialsAuth, createToken } from '../../src/index.ts'
import { handClock } from '../hand-clock.ts'
import { metadata, type Reply, tokenServer } from '../token-server.ts'
import { bound, challenges, claimsOf, proofsOf, wantsNonce } from './reading.ts'

const url = 'https://api.example/orders'
const date = (ms: number) => new Date(ms).toUTCString()

/** A client at a token endpoint made of replies. */
async function client(...replies: Reply[]) {
  const clock = handClock()
  const binding = await dpop({ clock })
  const { fetch, arrivals } = tokenServer(...replies)
  const options = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush', clock, fetch, binding }
  return { auth: new ClientCredentialsAuth(options), options, arrivals, clock, binding }
}

/** A fetch with a bound token, for a resource made of replies. */
async function resource(...replies: Reply[]) {
  const clock = handClock()
  const binding = await dpop({ clock })
  const { fetch, arrivals } = tokenServer(...replies)
  const getToken = vi.fn(async () => createToken({ accessToken: 'a-token', binding }))
  const send = authorizedFetch(
    { getToken },
    { origins: ['https://api.example', 'https://other.example'], fetch },
  )
  return { send, arrivals, clock, binding, getToken }
}

describe('a token endpoint that wants a nonce', () => {
  it('gets one more request, with the nonce and another id (DP-04, RFC 9449 §8)', async () => {
    const { auth, arrivals } = await client(wantsNonce('n1'), bound)

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 'a-token' })

    const [first, second] = proofsOf(arrivals)
    expect(arrivals).toHaveLength(2)
    expect([first?.nonce, second?.nonce]).toEqual([undefined, 'n1'])
    expect(second?.jti).not.toBe(first?.jti)
  })

  it('gets no third one: the refusal is the answer (DP-04)', async () => {
    const { auth, arrivals } = await client(wantsNonce('n1'), wantsNonce('n2'), bound)

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'refused', error: 'use_dpop_nonce' })

    expect(arrivals).toHaveLength(2)
  })

  it('gets the client authentication anew as well, as an assertion is good once (DP-04, RFC 7523 §3)', async () => {
    const { options, arrivals } = await client(wantsNonce('n1'), bound)
    let made = 0
    const clientAuthentication = Object.assign(
      (_client: unknown, form: URLSearchParams) => form.set('client_assertion', `assertion ${++made}`),
      { method: 'private_key_jwt' },
    )

    await new ClientCredentialsAuth({ ...options, clientAuthentication }).getToken()

    const sent = arrivals.map(({ body }) => new URLSearchParams(body).get('client_assertion'))
    expect(sent).toEqual(['assertion 1', 'assertion 2'])
  })

  it.each<[string, () => Response]>([
    ['without a nonce', () => Response.json({ error: 'use_dpop_nonce' }, { status: 400 })],
    ['with what is no nonce', wantsNonce('two, of them')],
    ['for another reason', wantsNonce('n1', 'invalid_client')],
  ])('is asked no more, where it refuses %s (DP-04)', async (_, reply) => {
    const { auth, arrivals } = await client(reply, bound)

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'refused' })
    expect(arrivals).toHaveLength(1)
  })

  it.each([200, 500])(
    'is sent nothing again that it has answered with %i, whatever it says of a nonce there (DP-04, RFC 9449 §8)',
    async (status) => {
      const headers = { 'dpop-nonce': 'n1', 'www-authenticate': 'DPoP error="use_dpop_nonce"' }
      const { auth, arrivals } = await client(() => Response.json(bound, { status, headers }))

      await auth.getToken().catch(() => {})

      expect(arrivals).toHaveLength(1)
    },
  )

  it.each<[string, () => Response]>([
    ['a token', () => Response.json({ ...bound, expires_in: 0 }, { headers: { 'dpop-nonce': 'n1' } })],
    ['a refusal', wantsNonce('n1', 'invalid_scope')],
    ['an outage', () => new Response('', { status: 503, headers: { 'dpop-nonce': 'n1' } })],
  ])('has said the next nonce also with %s (DP-05, RFC 9449 §8.2)', async (_, reply) => {
    const { auth, arrivals } = await client(reply, bound)

    await auth.getToken().catch(() => {})
    await auth.getToken()

    expect(proofsOf(arrivals).map(({ nonce }) => nonce)).toEqual([undefined, 'n1'])
  })
})

describe('a resource that wants a nonce', () => {
  it('gets one more request, with the nonce and another id (DP-04, RFC 9449 §9)', async () => {
    const { send, arrivals } = await resource(challenges('n1'), () => new Response('here'))

    const response = await send(url, { method: 'POST', body: 'text' })

    const [first, second] = proofsOf(arrivals)
    expect(await response.text()).toBe('here')
    expect(arrivals.map(({ body }) => body)).toEqual(['text', 'text'])
    expect([first?.nonce, second?.nonce]).toEqual([undefined, 'n1'])
    expect(second?.jti).not.toBe(first?.jti)
  })

  it('gets a Request with a body again (DP-04)', async () => {
    const { send, arrivals } = await resource(challenges('n1'), () => new Response('here'))

    await send(new Request(url, { method: 'PUT', body: 'text' }))

    expect(arrivals.map(({ method, body }) => `${method} ${body}`)).toEqual(['PUT text', 'PUT text'])
  })

  it('gets no third one, and the token is not taken for refused (DP-04)', async () => {
    const again = [challenges('n1'), challenges('n2'), () => new Response('here')]
    const { send, arrivals, getToken } = await resource(...again)

    const response = await send(url)

    expect([response.status, arrivals.length]).toEqual([401, 2])
    expect(getToken).toHaveBeenCalledOnce()
  })

  it.each<[number, string]>([
    [200, 'use_dpop_nonce'],
    [403, 'use_dpop_nonce'],
    [502, 'invalid_dpop_proof'],
  ])(
    'is sent nothing again where it answers %i, which is no demand for another proof: %s (DP-04, DP-13, RFC 9449 §9)',
    async (status, error) => {
      const { headers } = challenges('n1', error)()
      headers.set('date', date(0))
      const { send, arrivals } = await resource(() => new Response('paid', { status, headers }))

      const response = await send(url, { method: 'POST', body: 'text' })

      expect([response.status, await response.text()]).toEqual([status, 'paid'])
      expect(arrivals).toHaveLength(1)
    },
  )

  it('gets no stream again, which is gone (DP-04)', async () => {
    const { send, arrivals } = await resource(challenges('n1'), () => new Response('here'))
    const body = new Blob(['text']).stream()

    const response = await send(url, { method: 'POST', body, duplex: 'half' } as RequestInit)

    expect([response.status, arrivals.length]).toEqual([401, 1])
  })

  it('has said the next nonce with any answer (DP-05, RFC 9449 §8.2)', async () => {
    let made = 0
    const reply = () => new Response('', { headers: { 'dpop-nonce': `n${++made}` } })
    const { send, arrivals } = await resource(reply)

    for (let calls = 0; calls < 3; calls += 1) await send(url)

    expect(proofsOf(arrivals).map(({ nonce }) => nonce)).toEqual([undefined, 'n1', 'n2'])
  })

  it('answers many requests at once, each of which is sent twice at most (DP-04)', async () => {
    let asked = 0
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const { nonce } = claimsOf(new Request(input, init).headers.get('dpop'))
      asked += 1
      await new Promise(setImmediate)
      return nonce === 'n1' ? new Response('here') : challenges('n1')()
    }
    const token = createToken({ accessToken: 'a-token', binding: await dpop() })
    const send = authorizedFetch({ getToken: async () => token }, { origins: ['https://api.example'], fetch })

    const answers = await Promise.all(Array.from({ length: 20 }, () => send(url)))

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(asked).toBe(40)
  })
})

describe('a nonce', () => {
  const noncesOf = async (...places: Parameters<Awaited<ReturnType<typeof dpop>>['proof']>[0][]) => {
    const binding = await dpop()
    const headers = new Headers({ 'dpop-nonce': 'n1' })
    const [first = expect.unreachable('no place'), ...others] = places
    binding.observe(first, headers)
    return Promise.all([first, ...others].map(async (each) => claimsOf(await binding.proof(each)).nonce))
  }

  it('is shown to the origin that gave it, and to no other (DP-06, RFC 9449 §9)', async () => {
    const at = (origin: string) => ({ method: 'GET', url: `${origin}/orders?a=b`, accessToken: 't' })

    const nonces = await noncesOf(
      at('https://api.example'),
      at('https://other.example'),
      at('https://api.example:8443'),
      at('http://api.example'),
    )

    expect(nonces).toEqual(['n1', undefined, undefined, undefined])
  })

  it('of an authorization server is none of a resource at the same origin, and the reverse (DP-06, RFC 9449 §9)', async () => {
    const server = { method: 'POST', url: 'https://one.example/token' }
    const api = { method: 'GET', url: 'https://one.example/api', accessToken: 't' }

    expect(await noncesOf(server, api)).toEqual(['n1', undefined])
    expect(await noncesOf(api, server)).toEqual(['n1', undefined])
  })

  it('is for one binding: another one has not heard of it (DP-06)', async () => {
    const place = { method: 'GET', url, accessToken: 't' }
    const [one, other] = [await dpop(), await dpop()]

    one.observe(place, new Headers({ 'dpop-nonce': 'n1' }))

    expect(claimsOf(await other.proof(place)).nonce).toBeUndefined()
  })

  it('of a token endpoint is left alone where tokens are not bound', async () => {
    const { options, arrivals } = await client(wantsNonce('n1'), bound)
    const bare = new ClientCredentialsAuth({ ...options, binding: undefined })

    await expect(bare.getToken()).rejects.toMatchObject({ error: 'use_dpop_nonce' })

    expect(arrivals.map(({ headers }) => headers.get('dpop'))).toEqual([null])
  })
})

describe('a clock that is wrong', () => {
  const minutes = 60_000
  const late = (ms: number) => () =>
    Response.json({ error: 'invalid_dpop_proof' }, { status: 400, headers: { date: date(ms) } })

  it.each([10 * minutes, -10 * minutes])(
    'by %d ms is set right by the time that the server says, once (DP-13)',
    async (ahead) => {
      const { auth, arrivals, clock } = await client(
        () => late(clock.now() + ahead)(),
        { ...bound, expires_in: 0 },
        bound,
      )

      await auth.getToken()
      await auth.getToken()

      const times = proofsOf(arrivals).map(({ iat = 0 }) => iat * 1000 - clock.now())
      expect(times).toEqual([0, ahead, ahead])
    },
  )

  it('at a resource is set right as well, and for no other (DP-13)', async () => {
    const { send, arrivals, clock } = await resource(
      () => {
        const { headers } = challenges('n1', 'invalid_dpop_proof')()
        headers.set('date', date(clock.now() + 10 * minutes))
        return new Response('', { status: 401, headers })
      },
      () => new Response('here'),
    )

    await send(url)
    await send('https://other.example/')

    const times = proofsOf(arrivals).map(({ iat = 0 }) => iat * 1000 - clock.now())
    expect(times).toEqual([0, 10 * minutes, 0])
  })

  it.each<[string, (now: number) => () => Response]>([
    ['by a little', (now) => late(now + 20_000)],
    ['by nobody knows how much', () => () => Response.json({ error: 'invalid_dpop_proof' }, { status: 400 })],
  ])('%s is not what a proof was refused for (DP-13)', async (_, reply) => {
    const { auth, arrivals, clock } = await client(() => reply(clock.now())(), bound)

    await expect(auth.getToken()).rejects.toMatchObject({ error: 'invalid_dpop_proof' })
    expect(arrivals).toHaveLength(1)
  })

  it('is not set twice for one request (DP-13)', async () => {
    const { auth, arrivals, clock } = await client(
      () => late(clock.now() + 10 * minutes)(),
      () => late(clock.now() + 20 * minutes)(),
      bound,
    )

    await expect(auth.getToken()).rejects.toMatchObject({ error: 'invalid_dpop_proof' })
    expect(arrivals).toHaveLength(2)
  })
})
