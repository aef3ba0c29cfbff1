import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import * as root from '../src/index.ts'
import { deviceBench, deviceMetadata, refused, silence } from './device-server.ts'
import { exchangeBench, exchanged } from './exchange-server.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

const { AuthConfigError, AuthorizationError, ClientCredentialsAuth, TokenError } = root

const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }
const make = (options: Partial<root.AuthOptions>) => new ClientCredentialsAuth({ ...base, ...options })
const ask = (reply: Reply, options: Partial<root.AuthOptions> = {}) =>
  make({ fetch: tokenServer(reply).fetch, ...options }).getToken()

const codeMetadata = {
  ...metadata,
  authorization_endpoint: 'https://as.example/authorize',
  code_challenge_methods_supported: ['S256'],
}
const signIn = { serverMetadata: codeMetadata, clientId: 'me', redirectUri: 'https://app.example/back' }

/** What becomes of a sign-in when the browser comes back with this. */
async function comeBack(answer: (state: string) => string): Promise<unknown> {
  const { url, pending } = await root.startAuthorization(signIn)
  return root.finishAuthorization(answer(url.searchParams.get('state') ?? ''), pending)
}
const back = (query: string) => (state: string) => `https://app.example/back?state=${state}&${query}`

type Row = readonly [recovery: root.Recovery, provoke: () => unknown]

/** The compiler holds each list of codes, in both directions. */
type Table<Code extends string> = Readonly<Record<Code, Row>>

const tokenErrors: Table<Exclude<root.TokenErrorCode, 'invalid_url'>> = {
  address_refused: [
    'terminal',
    () => ask({}, { serverMetadata: { ...metadata, token_endpoint: 'https://127.0.0.1/token' } }),
  ],
  body_too_large: ['terminal', () => ask({ text: 'x'.repeat(100) }, { maxBytes: 50 })],
  insecure_url: [
    'terminal',
    () => {
      // An address that was allowed when the object was made, and is no longer.
      const answers = [true]
      const token_endpoint = 'http://as.example/token'
      const allowAddress = () => answers.pop() === true
      return ask({}, { serverMetadata: { ...metadata, token_endpoint }, allowAddress })
    },
  ],
  invalid_response: ['terminal', () => ask({})],
  renewal_loop: [
    'transient',
    async () => {
      let made = 0
      const reply = () => Response.json({ access_token: `t${made++}`, token_type: 'Bearer' })
      const auth = make({ fetch: tokenServer(reply).fetch })
      for (;;) await auth.getToken({ rejected: await auth.getToken() })
    },
  ],
  redirect_refused: ['terminal', () => ask(() => Response.redirect('https://as.example/other', 307))],
  refused: ['terminal', () => ask(refused('invalid_client', 401))],
  timeout: [
    'transient',
    () => {
      const clock = handClock()
      return ask(silence(clock), { clock, timeoutMs: 5_000 })
    },
  ],
  token_type_not_supported: ['terminal', () => ask({ access_token: 't', token_type: 'mac' })],
  unavailable: ['transient', () => ask(refused('temporarily_unavailable', 503))],
  unreachable: [
    'transient',
    () =>
      ask(() => {
        throw new TypeError('fetch failed')
      }),
  ],
}

const authorizationErrors: Table<root.AuthorizationErrorCode> = {
  access_denied: ['interaction', () => deviceBench({ polls: [refused('access_denied')] }).auth.getToken()],
  authorization_refused: ['terminal', () => comeBack(back('error=unauthorized_client'))],
  interaction_required: ['interaction', () => deviceBench().auth.getToken({ interactive: false })],
  invalid_callback: ['terminal', () => comeBack(() => '/back')],
  issuer_mismatch: ['terminal', () => comeBack(back('code=c&iss=https%3A%2F%2Fevil.example'))],
  login_expired: ['interaction', () => deviceBench({ polls: [refused('expired_token')] }).auth.getToken()],
  redirect_uri_mismatch: [
    'terminal',
    () => comeBack((state) => `https://app.example/?state=${state}&code=c`),
  ],
  state_mismatch: ['terminal', () => comeBack(() => 'https://app.example/back?state=other&code=c')],
}

const authConfigErrors: Table<root.AuthConfigErrorCode> = {
  auth_method_not_supported: [
    'terminal',
    () => make({ serverMetadata: { ...metadata, token_endpoint_auth_methods_supported: [] } }),
  ],
  client_id_missing: ['terminal', () => make({ clientId: '' })],
  client_secret_missing: ['terminal', () => make({ clientSecret: undefined })],
  closed: [
    'terminal',
    async () => {
      const auth = make({})
      await auth.close()
      return auth.getToken()
    },
  ],
  endpoint_missing: ['terminal', () => make({ serverMetadata: { issuer: metadata.issuer } })],
  grant_not_supported: [
    'terminal',
    () => make({ serverMetadata: { ...metadata, grant_types_supported: [] } }),
  ],
  insecure_url: [
    'terminal',
    () => make({ serverMetadata: { ...metadata, token_endpoint: 'http://as.example/token' } }),
  ],
  invalid_key: ['terminal', () => root.privateKeyJwt({ key: '', algorithm: 'none' })],
  invalid_origin: ['terminal', () => make({ origins: ['api.example'] })],
  invalid_parameter: ['terminal', () => make({ parameters: { client_id: 'other' } })],
  invalid_pending: ['terminal', () => root.finishAuthorization('https://app.example/back', '{}')],
  invalid_redirect_uri: [
    'terminal',
    () => root.startAuthorization({ ...signIn, redirectUri: 'http://app.example/back' }),
  ],
  invalid_resource: ['terminal', () => make({ resource: 'rs.example' })],
  invalid_scope: ['terminal', () => make({ scope: ' ' })],
  invalid_server_metadata: ['terminal', () => make({ serverMetadata: { issuer: '' } })],
  invalid_token: ['terminal', () => exchangeBench({ subjectToken: '' })],
  origin_refused: ['terminal', () => make({}).fetch('https://rs.example/')],
  partition_missing: [
    'terminal',
    () =>
      new root.AuthorizationCodeAuth({
        serverMetadata: codeMetadata,
        clientId: 'me',
        refreshToken: 'r',
        store: root.memoryStore(),
      }),
  ],
  pkce_not_supported: [
    'terminal',
    () =>
      root.startAuthorization({
        ...signIn,
        serverMetadata: { ...codeMetadata, code_challenge_methods_supported: ['plain'] },
      }),
  ],
  resource_not_supported: [
    'terminal',
    () =>
      ClientCredentialsAuth.fromResource({
        ...base,
        resourceUrl: 'https://rs.example/',
        fetch: async (input) =>
          Response.json(
            new Request(input).url.startsWith('https://as.example')
              ? metadata
              : {
                  resource: 'https://rs.example/',
                  authorization_servers: [metadata.issuer],
                  dpop_bound_access_tokens_required: true,
                },
          ),
      }),
  ],
  signed_out: [
    'terminal',
    async () => {
      const { auth } = deviceBench({ polls: [() => auth.signOut().then(() => Response.json({}))] })
      return auth.getToken()
    },
  ],
}

/** Whatever is thrown, at once or later. */
const thrown = async (provoke: () => unknown): Promise<unknown> => {
  try {
    await provoke()
  } catch (error) {
    return error
  }
  return expect.fail('nothing was thrown')
}

describe.each([
  ['TokenError', TokenError, tokenErrors],
  ['AuthorizationError', AuthorizationError, authorizationErrors],
  ['AuthConfigError', AuthConfigError, authConfigErrors],
] as const)('%s', (name, kind, table) => {
  it.each(Object.entries(table))('can be met as %s, and says what helps', async (code, row) => {
    const [recovery, provoke] = row

    const error = await thrown(provoke)

    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ name, code, recovery, message: expect.stringMatching(/^.{20,1000}$/s) })
    expect(root.isOAuthError(error, code)).toBe(true)
    expect(root.isOAuthError(error, `${code}x`)).toBe(false)
  })
})

describe('what helps', () => {
  it.each([
    ['invalid_grant', 400, 'interaction'],
    ['invalid_client', 401, 'terminal'],
    ['invalid_request', 400, 'terminal'],
    ['invalid_scope', 400, 'terminal'],
    ['invalid_target', 400, 'terminal'],
    ['unauthorized_client', 400, 'terminal'],
    ['unsupported_grant_type', 400, 'terminal'],
    ['temporarily_unavailable', 400, 'transient'],
    ['server_error', 400, 'transient'],
    ['whatever', 429, 'transient'],
    ['whatever', 500, 'transient'],
  ] as const)('after %s (%d) of a token endpoint: %s (TE-11, RFC 6749 §5.2)', async (...row) => {
    const [error, status, recovery] = row

    await expect(ask(refused(error, status))).rejects.toMatchObject({ name: 'TokenError', error, recovery })
  })

  it.each([
    ['login_required', 'interaction'],
    ['consent_required', 'interaction'],
    ['interaction_required', 'interaction'],
    ['account_selection_required', 'interaction'],
    ['temporarily_unavailable', 'transient'],
    ['server_error', 'transient'],
    ['invalid_request', 'terminal'],
    ['invalid_scope', 'terminal'],
  ] as const)('after %s in the browser: %s (RFC 6749 §4.1.2.1)', async (error, recovery) => {
    const attempt = comeBack(back(`error=${error}`))

    await expect(attempt).rejects.toMatchObject({ code: 'authorization_refused', error, recovery })
  })

  it('is time where the server says how much (RFC 9110 §10.2.3)', async () => {
    const busy = refused('temporarily_unavailable', 503, { 'retry-after': '60' })

    await expect(ask(busy)).rejects.toMatchObject({ recovery: 'transient', retryAfterMs: 60_000 })
  })
})

describe('isOAuthError', () => {
  const details = { endpoint: metadata.token_endpoint, issuer: metadata.issuer }

  it('narrows to the code that was asked for, for the compiler as well', () => {
    const error: unknown = new TokenError('timeout', 'x', details)

    if (!root.isOAuthError(error, 'timeout')) expect.fail('it is one')
    expectTypeOf(error).toExtend<root.OAuthError>()
    expectTypeOf(error.code).toEqualTypeOf<'timeout'>()
    expectTypeOf(error.recovery).toEqualTypeOf<root.Recovery>()
    expect(error.code).toBe('timeout')
  })

  it('without a code leaves open which it is', () => {
    const error: unknown = new TokenError('timeout', 'x', details)

    if (!root.isOAuthError(error)) expect.fail('it is one')
    expectTypeOf(error.code).toEqualTypeOf<string>()
  })

  it.each([
    undefined,
    null,
    'timeout',
    new Error('timeout'),
    Object.assign(new Error('x'), { code: 'timeout', recovery: 'transient' }),
    { name: 'TokenError', code: 'timeout' },
  ])('is not taken in by %o', (error) => {
    expect(root.isOAuthError(error)).toBe(false)
    expect(root.isOAuthError(error, 'timeout')).toBe(false)
  })

  it('knows the errors of a second copy of the package, in both directions', async () => {
    vi.resetModules()
    const second = await import('../src/index.ts')

    const theirs = await thrown(() => new second.ClientCredentialsAuth({ ...base, clientId: '' }))
    const ours = await thrown(() => make({ clientId: '' }))

    expect(theirs).not.toBeInstanceOf(root.OAuthError)
    expect(ours).not.toBeInstanceOf(second.OAuthError)
    expect(root.isOAuthError(theirs, 'client_id_missing')).toBe(true)
    expect(second.isOAuthError(ours, 'client_id_missing')).toBe(true)
    expect(root.isOAuthError(theirs, 'closed')).toBe(false)
  })

  it('is enough for an auth object of one copy that serves one of another', async () => {
    vi.resetModules()
    const second = await import('../src/index.ts')
    const subjectToken = new second.DeviceCodeAuth({
      serverMetadata: deviceMetadata,
      clientId: 'me',
      prompt: () => {},
    })
    const { auth, arrivals } = exchangeBench({ subjectToken }, exchanged)

    const error = await thrown(() => auth.getToken({ interactive: false }))

    expect(root.isOAuthError(error, 'interaction_required')).toBe(true)
    expect(arrivals).toEqual([])
  })
})
