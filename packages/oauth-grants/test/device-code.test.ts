import { describe, expect, it, vi } from 'vitest'
import {
  type AuthConfigErrorCode,
  clientSecretPost,
  DeviceCodeAuth,
  type DeviceCodeOptions,
} from '../src/index.ts'
import {
  authorization,
  deviceBench,
  deviceMetadata,
  muchLater,
  pending,
  refused,
  token,
} from './device-server.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

describe('the device authorization request', () => {
  it('of a public client names it in the form, beside scope and resource (DV-01, DV-11, TE-05, RFC 8628 §3.1)', async () => {
    const { auth, arrivals } = deviceBench({ scope: 'a b', resource: 'https://RS.example/mcp' })

    await auth.getToken()

    expect(arrivals[0]).toMatchObject({
      method: 'POST',
      url: 'https://as.example/device',
      body: 'scope=a+b&resource=https%3A%2F%2FRS.example%2Fmcp&client_id=me',
    })
    expect(Object.fromEntries(arrivals[0]?.headers ?? [])).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
    })
    expect(arrivals.map(({ headers }) => headers.get('authorization'))).toEqual([null, null])
  })

  it('says no more than there is to say (DV-01, RFC 8628 §3.1)', async () => {
    const { auth, arrivals } = deviceBench()

    await auth.getToken()

    expect(arrivals[0]?.body).toBe('client_id=me')
  })

  it('of a client with a secret is authenticated, as its polls are (DV-01, DV-11, RFC 8628 §3.1)', async () => {
    const { auth, arrivals } = deviceBench({ clientSecret: 'hush', scope: 'a', polls: [pending, token] })

    await auth.getToken()

    expect(arrivals.map(({ headers }) => headers.get('authorization'))).toEqual(
      Array(3).fill('Basic bWU6aHVzaA=='),
    )
    expect(arrivals.map(({ body }) => body)).toEqual([
      'scope=a',
      ...Array<string>(2).fill(
        'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=hunter2-device-code',
      ),
    ])
  })

  it('is authenticated in the way that the caller names (DV-01, TE-02)', async () => {
    const options = { clientSecret: 'hush', clientAuthentication: clientSecretPost }
    const { auth, arrivals } = deviceBench(options)

    await auth.getToken()

    expect(arrivals[0]?.body).toBe('client_id=me&client_secret=hush')
  })

  it('carries what this server wants beside that, and keeps the query of its endpoint (TE-01)', async () => {
    const device_authorization_endpoint = 'https://as.example/device?tenant=1'
    const { auth, arrivals } = deviceBench({
      serverMetadata: { ...deviceMetadata, device_authorization_endpoint },
      parameters: { audience: ['x', 'y'] },
    })

    await auth.getToken()

    expect(arrivals[0]).toMatchObject({
      url: device_authorization_endpoint,
      body: 'audience=x&audience=y&client_id=me',
    })
    expect(arrivals[1]?.body).not.toContain('audience')
  })

  it.each<[AuthConfigErrorCode, string, Partial<DeviceCodeOptions>]>([
    ['endpoint_missing', 'has no endpoint for it', { serverMetadata: metadata }],
    [
      'insecure_url',
      'has one in clear text',
      { serverMetadata: { ...metadata, device_authorization_endpoint: 'http://as.example/device' } },
    ],
    [
      'grant_not_supported',
      'lists other grants',
      { serverMetadata: { ...deviceMetadata, grant_types_supported: ['client_credentials'] } },
    ],
    ['client_id_missing', 'is to be asked by nobody', { clientId: '' }],
    ['client_secret_missing', 'is to be given an empty secret', { clientSecret: '' }],
  ])('is refused by %s at construction where the server %s (DV-01)', (code, _, options) => {
    const make = () =>
      new DeviceCodeAuth({ serverMetadata: deviceMetadata, clientId: 'me', prompt: () => {}, ...options })

    expect(make).toThrow(expect.objectContaining({ name: 'AuthConfigError', code, recovery: 'terminal' }))
  })
})

describe('a server', () => {
  it('that names another issuer in its document is asked for no code, and nobody is sent there (DV-11, AS-05)', async () => {
    const server = tokenServer({ ...deviceMetadata, issuer: 'https://evil.example' })
    const options = { issuer: 'https://as.example', clientId: 'me', fetch: server.fetch }
    const prompt = vi.fn()

    const attempt = DeviceCodeAuth.fromIssuer({ ...options, prompt })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
    expect(server.arrivals.map(({ method }) => method)).toEqual(['GET'])
    expect(prompt).not.toHaveBeenCalled()
  })

  it('that was found by its issuer is asked for nothing but its document until somebody wants a token (DV-02)', async () => {
    const server = tokenServer(deviceMetadata)

    await DeviceCodeAuth.fromIssuer({
      issuer: 'https://as.example',
      clientId: 'me',
      prompt: () => expect.fail('nobody wanted a token'),
      fetch: server.fetch,
    })

    expect(server.arrivals.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET https://as.example/.well-known/oauth-authorization-server',
    ])
  })
})

describe('an answer', () => {
  const unusable = (members: object): Reply => ({ ...authorization, ...members })
  const missing = (name: string) => [`no ${name}`, unusable({ [name]: undefined }), name] as const

  it.each<readonly [what: string, answer: Reply, why: string]>([
    missing('device_code'),
    ['an empty device_code', unusable({ device_code: '' }), 'device_code'],
    ['a device_code that is a number', unusable({ device_code: 12 }), 'device_code'],
    missing('user_code'),
    ['an empty user_code', unusable({ user_code: '' }), 'user_code'],
    ['a user_code that is a number', unusable({ user_code: 12345 }), 'user_code'],
    ['a user_code of which nothing can be shown', unusable({ user_code: ' \x1b\u202e ' }), 'user_code'],
    missing('verification_uri'),
    [
      'a verification_uri that is a list',
      unusable({ verification_uri: ['https://a.b'] }),
      'verification_uri',
    ],
    missing('expires_in'),
    ['null for expires_in', unusable({ expires_in: null }), 'expires_in'],
    ['an expires_in of 0', unusable({ expires_in: 0 }), 'expires_in'],
    ['a negative expires_in', unusable({ expires_in: -600 }), 'expires_in'],
    ['true for expires_in', unusable({ expires_in: true }), 'expires_in'],
    ['a list for expires_in', unusable({ expires_in: [600] }), 'expires_in'],
    ['a word for expires_in', unusable({ expires_in: 'soon' }), 'expires_in'],
    ['an empty object', {}, 'device_code'],
  ])('with %s is of no use: nobody is asked, and nothing polled (DV-03, RFC 8628 §3.2)', async (...row) => {
    const [, answer, why] = row
    const { auth, hand, shown, arrivals } = deviceBench({ answer })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'invalid_response',
      recovery: 'terminal',
      endpoint: 'https://as.example/device',
      issuer: 'https://as.example',
      status: 200,
      message: expect.stringContaining(why),
    })
    await muchLater(hand)
    expect(shown).toEqual([])
    expect(arrivals).toHaveLength(1)
  })

  it.each<[what: string, answer: Reply, code: string, error: string | undefined]>([
    ['invalid_client', refused('invalid_client', 401), 'refused', 'invalid_client'],
    ['unauthorized_client', refused('unauthorized_client'), 'refused', 'unauthorized_client'],
    ['invalid_scope', refused('invalid_scope'), 'refused', 'invalid_scope'],
    ['slow_down', refused('slow_down'), 'refused', 'slow_down'],
    ['a 503', refused('temporarily_unavailable', 503), 'unavailable', 'temporarily_unavailable'],
    ['a 404', () => new Response(null, { status: 404 }), 'invalid_response', undefined],
    ['a page', () => new Response('<html>'), 'invalid_response', undefined],
    ['a 201', () => Response.json(authorization, { status: 201 }), 'invalid_response', undefined],
    ['a 200 with an error', { ...authorization, error: 'access_denied' }, 'refused', 'access_denied'],
  ])('that is %s ends it before anybody is asked (DV-09, RFC 8628 §3.2)', async (...row) => {
    const [, answer, code, error] = row
    const { auth, hand, shown, arrivals } = deviceBench({ answer })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', code, error })
    await muchLater(hand)
    expect(shown).toEqual([])
    expect(arrivals).toHaveLength(1)
  })

  it.each([
    [undefined, 5],
    [null, 5],
    ['7', 5],
    [0, 5],
    [-1, 5],
    [true, 5],
    [0.2, 1],
    [1, 1],
    [2.5, 2.5],
    [30, 30],
  ])('with the interval %j is polled after %d s (DV-03, RFC 8628 §3.2)', async (interval, seconds) => {
    const { auth, polledAt } = deviceBench({ answer: { ...authorization, interval } })

    await auth.getToken()

    expect(polledAt()).toEqual([seconds])
  })

  it('may say its lifetime in digits, and more than we know (DV-03)', async () => {
    const { auth, hand, shown } = deviceBench({ answer: { ...authorization, expires_in: '60', x: [1] } })
    const start = hand.now()

    await auth.getToken()

    expect(shown[0]?.expiresAt).toBe(start + 60_000)
  })

  it('may call the place to sign in verification_url, as drafts of RFC 8628 and Google do', async () => {
    const { verification_uri: verification_url, ...others } = authorization
    const { auth, shown } = deviceBench({ answer: { ...others, verification_url } })

    await auth.getToken()

    expect(shown[0]?.verificationUri).toBe(verification_url)
  })

  it('counts its lifetime from the moment it was asked for (DV-10)', async () => {
    const bench = deviceBench({
      answer: () => {
        bench.hand.pass(3_000)
        return Response.json(authorization)
      },
    })
    const start = bench.hand.now()

    await bench.auth.getToken()

    expect(bench.shown[0]?.expiresAt).toBe(start + 600_000)
  })
})

describe('nobody is asked', () => {
  it('by making the object: nothing is sent (DV-02, RFC 8628 §3.1)', async () => {
    const { hand, arrivals, shown } = deviceBench()

    await muchLater(hand)

    expect(arrivals).toEqual([])
    expect(shown).toEqual([])
  })

  it.each([
    ['fetch', (auth: DeviceCodeAuth) => auth.fetch('https://rs.example/mcp')],
    ['who says so', (auth: DeviceCodeAuth) => auth.getToken({ interactive: false })],
  ])('by %s: interaction_required, and nothing is sent (DV-02)', async (_, ask) => {
    const { auth, arrivals, shown } = deviceBench({ resource: 'https://rs.example/mcp', scope: 'a' })

    await expect(ask(auth)).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'interaction_required',
      recovery: 'interaction',
      issuer: 'https://as.example',
    })
    expect(arrivals).toEqual([])
    expect(shown).toEqual([])
  })

  it('by itself when the token has ended: nothing is sent until somebody wants one (DV-02, RFC 8628 §3.5)', async () => {
    const { auth, hand, arrivals, shown } = deviceBench({
      resource: 'https://rs.example/mcp',
      polls: [token, authorization, { ...token, access_token: 't2' }],
    })
    await auth.getToken()

    await muchLater(hand)
    await expect(auth.fetch('https://rs.example/mcp')).rejects.toMatchObject({ code: 'interaction_required' })
    expect(arrivals).toHaveLength(2)
    expect(shown).toHaveLength(1)

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't2' })
    expect(shown).toHaveLength(2)
  })
})
