import { format, inspect } from 'node:util'
import { exportPKCS8, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  type AuthOptions,
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  ClientCredentialsAuth,
  clientSecretBasic,
  clientSecretPost,
  createToken,
  type GrantEvent,
  memoryStore,
  privateKeyJwt,
  TokenSession,
} from '../src/index.ts'
import { callbackOf, loginServer, redirectUri } from './sign-in.ts'
import { type Arrival, metadata, tokenServer } from './token-server.ts'

/** Everything that a program, a logger or a bug report may make of a value. */
function shown(value: unknown): string {
  const texts = [
    inspect(value, { depth: 10, showHidden: true }),
    format('%s %o %O %j', value, value, value, value),
    JSON.stringify(value),
    String(value),
  ]
  for (let each = value; each instanceof Error; each = each.cause) {
    texts.push(each.message, String(each.stack), JSON.stringify(each, Object.getOwnPropertyNames(each)))
  }
  return texts.join('\n')
}

type Echo = (arrival: Arrival, secret: string) => string

const lower = (text: string) => text.replace(/%../g, (hex) => hex.toLowerCase())
const asLatin1 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text))
const authorization = ({ headers }: Arrival) => headers.get('authorization') ?? 'none'
const decodedPair = (arrival: Arrival) => atob(authorization(arrival).replace('Basic ', ''))

const echoes: readonly [name: string, echo: Echo][] = [
  ['the secret', (_, secret) => `wrong secret ${secret}.`],
  ['the secret, twice', (_, secret) => `${secret}${secret}`],
  ['the form as it came', ({ body }) => body],
  ['the form, decoded', ({ body }) => JSON.stringify([...new URLSearchParams(body)])],
  ['the Authorization header', authorization],
  ['the Basic credential, decoded', decodedPair],
  ['the secret, percent-encoded', (_, secret) => encodeURIComponent(secret)],
  ['the secret, percent-encoded in lower case', (_, secret) => lower(encodeURIComponent(secret))],
  ['the secret, form-encoded in lower case', (arrival) => lower(decodedPair(arrival) + arrival.body)],
  ['the secret with its UTF-8 taken for Latin-1', (_, secret) => asLatin1(secret)],
  ['the secret with what is no ASCII replaced', (_, secret) => secret.replace(/[^\x20-\x7e]/g, '\u{fffd}')],
  ['the secret with what is no ASCII left out', (_, secret) => secret.replace(/[^\x20-\x7e]/g, '')],
  ['the secret, torn apart by what is not shown', (_, secret) => secret.split('').join('\u200b')],
  ['the secret across the length that is kept', (_, secret) => 'x'.repeat(195) + secret],
]

const secrets = [
  ['plain', 'hunter2-hunter2', /hunter|unter2/],
  ['hard', 'hunter2:%/+ &=hunter3', /hunter|unter2|unter3/],
  ['non-ASCII', 'hünter2-€-hunter3', /nter2|unter3/],
  ['half non-ASCII', 'hunter2-é', /hunter|%c3%a9/i],
] as const

/** A client that is refused by a server that echoes, and what it is told. */
async function refusal(echo: Echo, clientSecret: string, options: Partial<AuthOptions> = {}) {
  const events: GrantEvent[] = []
  const server = tokenServer(() => {
    const text = echo(server.arrivals[0] ?? expect.fail('nothing was sent'), clientSecret)
    return Response.json({ error: text, error_description: text, token_type: text }, { status: 401 })
  })
  const auth = new ClientCredentialsAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientSecret,
    fetch: server.fetch,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const error: unknown = await auth.getToken().catch((caught: unknown) => caught)
  return { error, events, arrival: server.arrivals[0] ?? expect.fail('nothing was sent') }
}

describe.each(secrets)('a %s secret', (_, secret, pieces) => {
  describe.each([
    ['client_secret_basic', clientSecretBasic],
    ['client_secret_post', clientSecretPost],
  ])('sent by %s', (_method, clientAuthentication) => {
    it.each(echoes)('is in no error when the server echoes %s (NS-09)', async (_name, echo) => {
      const { error, events, arrival } = await refusal(echo, secret, { clientAuthentication })

      expect(error).toMatchObject({ name: 'TokenError', code: 'refused', status: 401 })
      expect(shown(error)).not.toMatch(pieces)
      expect(shown(events)).not.toMatch(pieces)
      const credential = /^Basic (.{12})/.exec(authorization(arrival))?.[1] ?? secret
      expect(shown(error)).not.toContain(credential)
    })
  })
})

describe('what the server says', () => {
  it('is kept but for the secret', async () => {
    const { error } = await refusal((_, secret) => `The secret ${secret} is wrong.`, 'hunter2')

    expect(error).toMatchObject({ errorDescription: 'The secret [redacted] is wrong.' })
  })

  it('shows no assertion that it echoes (NS-09)', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const key = await exportPKCS8(privateKey)
    const clientAuthentication = privateKeyJwt({ key, algorithm: 'ES256' })

    const { error, arrival } = await refusal(({ body }) => body, 'unused', { clientAuthentication })

    const assertion = new URLSearchParams(arrival.body).get('client_assertion') ?? expect.fail('none sent')
    for (const part of assertion.split('.')) expect(shown(error)).not.toContain(part.slice(0, 20))
  })

  it.each([
    ['a refresh', '/token'],
    ['a revocation', '/revoke'],
  ])('shows no refresh token that it echoes after %s (NS-09)', async (_, path) => {
    const server = tokenServer(() => {
      const { url, body } = server.arrivals.at(-1) ?? expect.fail('nothing was sent')
      const isEcho = new URL(url).pathname === path
      return isEcho
        ? Response.json({ error: body }, { status: 400 })
        : Response.json({ access_token: 't', token_type: 'Bearer' })
    })
    const auth = new AuthorizationCodeAuth({
      serverMetadata: { ...metadata, revocation_endpoint: 'https://as.example/revoke' },
      clientId: 'me',
      refreshToken: 'hunter2+hunter3',
      fetch: server.fetch,
    })

    const error: unknown = await auth
      .getToken()
      .then(() => auth.signOut())
      .catch((caught: unknown) => caught)

    expect(error).toMatchObject({ name: 'TokenError', code: 'refused' })
    expect(new URL(server.arrivals.at(-1)?.url ?? 'x:').pathname).toBe(path)
    expect(shown(error)).not.toMatch(/hunter/)
  })

  it('leaves the word of a specification as it is, though a part of it is secret (TE-10)', async () => {
    const server = tokenServer(() =>
      Response.json({ error: 'invalid_client', error_description: 'client a red' }, { status: 401 }),
    )
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'client',
      parameters: { x: 'red' },
      fetch: server.fetch,
    })

    await expect(auth.getToken()).rejects.toMatchObject({
      error: 'invalid_client',
      errorDescription: '[redacted] a [redacted]',
    })
  })

  it('shows no secret through an answer of 200 either (NS-09)', async () => {
    const server = tokenServer({ access_token: 't', token_type: 'hunter2' })
    const options = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hunter2', fetch: server.fetch }

    const error: unknown = await new ClientCredentialsAuth(options)
      .getToken()
      .catch((caught: unknown) => caught)

    expect(error).toMatchObject({ code: 'token_type_not_supported' })
    expect(shown(error)).not.toContain('hunter2')
  })
})

describe('what a resource demands', () => {
  it.each([
    ['of somebody who signs in', { refreshToken: 'r' }],
    ['of a server that was found', { resourceUrl: 'https://rs.example/mcp' }],
  ])('is shown nowhere, for it may repeat the token: %s', async (_, options) => {
    const events: GrantEvent[] = []
    const demand = 'Bearer error="insufficient_scope", scope="more", realm="hunter2"'
    const server = tokenServer(() => {
      const { url, headers } = server.arrivals.at(-1) ?? expect.fail('nothing was sent')
      if (url.includes('protected-resource')) {
        return Response.json({ resource: 'https://rs.example/mcp', authorization_servers: [metadata.issuer] })
      }
      if (url.includes('.well-known')) return Response.json(loginServer)
      if (url.endsWith('/token')) return Response.json({ access_token: 'hunter2', token_type: 'Bearer' })
      const isAsking = !headers.has('authorization')
      const challenge = isAsking ? 'Bearer' : demand
      return new Response(null, { status: isAsking ? 401 : 403, headers: { 'www-authenticate': challenge } })
    })
    const auth = new AuthorizationCodeAuth({
      ...(!('resourceUrl' in options) && { serverMetadata: loginServer }),
      ...options,
      clientId: 'me',
      redirectUri,
      authorize: (url) => callbackOf(url),
      origins: ['https://rs.example'],
      fetch: server.fetch,
      onEvent: (event) => events.push(event),
    } as AuthorizationCodeOptions)
    await auth.getToken()

    const error: unknown = await auth.fetch('https://rs.example/mcp').catch((caught: unknown) => caught)

    expect(error).toMatchObject({
      code: 'interaction_required',
      challenge: { parameters: { scope: 'more' } },
    })
    expect(shown(error)).not.toContain('hunter2')
    expect(shown(events)).not.toContain('hunter2')
  })
})

describe('a failure of the network', () => {
  it('shows nothing of the request that the fetch put into its error (NS-09)', async () => {
    const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
      const request = new Request(input, init)
      const body = await request.text()
      const cause = Object.assign(new Error(`connect ECONNREFUSED ${body}`), { code: 'ECONNREFUSED', body })
      throw Object.assign(new TypeError(`fetch failed ${body}`, { cause }), { request, body })
    }
    const auth = new ClientCredentialsAuth({
      serverMetadata: { ...metadata, token_endpoint: 'https://as.example/token?key=hunter2' },
      clientId: 'me',
      clientSecret: 'hunter2',
      clientAuthentication: clientSecretPost,
      fetch,
    })

    const error: unknown = await auth.getToken().catch((caught: unknown) => caught)

    expect(error).toMatchObject({
      code: 'unreachable',
      cause: { name: 'TypeError', code: 'ECONNREFUSED' },
    })
    expect(shown(error)).not.toContain('hunter2')
  })
})

describe('what was configured', () => {
  it.each<[string, Partial<AuthOptions>]>([
    [
      'a token endpoint in clear text',
      { serverMetadata: { issuer: metadata.issuer, token_endpoint: 'http://as.example/token?key=hunter2' } },
    ],
    ['an origin with a password', { origins: ['http://user:hunter2@api.example'] }],
  ])('is not repeated whole when it is refused: %s (NS-09)', (_, options) => {
    const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }

    expect(() => new ClientCredentialsAuth({ ...base, ...options })).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', message: expect.not.stringContaining('hunter2') }),
    )
  })

  it('is not repeated whole when a request goes elsewhere (NS-09)', async () => {
    const { fetch } = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      origins: ['https://api.example'],
    })

    for (const url of ['https://u:hunter2@evil.example/?key=hunter2#hunter2', '/relative?key=hunter2']) {
      const error: unknown = await fetch(url).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'origin_refused' })
      expect(shown(error)).not.toContain('hunter2')
    }
  })
})

describe('an object that holds a secret', () => {
  const token = createToken({
    accessToken: 'hunter2',
    refreshToken: 'hunter2',
    idToken: 'hunter2',
    extra: { device_secret: 'hunter2' },
    scope: ['read'],
  })
  const obtain = async () => token
  const session = new TokenSession(obtain, { storage: { store: memoryStore(), key: 'k' } })
  const auth = new ClientCredentialsAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientSecret: 'hunter2',
    fetch: tokenServer({ access_token: 'hunter2', token_type: 'Bearer' }).fetch,
    store: memoryStore(),
    resource: 'https://rs.example',
  })
  const answer = { access_token: 'hunter2', token_type: 'Bearer', refresh_token: 'hunter2' }
  const login = new AuthorizationCodeAuth({
    serverMetadata: metadata,
    clientId: 'me',
    refreshToken: 'hunter2',
    fetch: tokenServer(answer).fetch,
    store: memoryStore(),
    partition: 'ada',
  })

  it.each([
    ['Token', token],
    ['TokenSession', session],
    ['ClientCredentialsAuth', auth],
    ['AuthorizationCodeAuth', login],
    ['a list of all', [token, { session, auth, login }]],
  ])('does not show it: %s (NS-09)', async (_, object) => {
    await Promise.all([session.getToken(), auth.getToken(), login.getToken()])

    expect(shown(object)).not.toContain('hunter2')
  })

  it('can show what is no secret', () => {
    expect(JSON.parse(JSON.stringify(token))).toMatchObject({ tokenType: 'Bearer', scope: ['read'] })
    expect(inspect(token)).toContain("scope: [ 'read' ]")
  })

  it('leaves it behind when it is cloned', () => {
    expect(inspect(structuredClone(token), { showHidden: true })).not.toContain('hunter2')
    expect(structuredClone(token)).toMatchObject({ tokenType: 'Bearer', scope: ['read'] })
    expect(structuredClone(session)).toEqual({})
    expect(() => structuredClone(auth)).toThrow('could not be cloned')
  })

  it('gives it to whoever asks by name only', () => {
    expect([token.accessToken, token.refreshToken, token.idToken]).toEqual(['hunter2', 'hunter2', 'hunter2'])
    expect(token.extra).toEqual({ device_secret: 'hunter2' })
    expect(Object.keys(token).filter((name) => /accessToken|refreshToken|idToken|extra/.test(name))).toEqual(
      [],
    )
  })
})
