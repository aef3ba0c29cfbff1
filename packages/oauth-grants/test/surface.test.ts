import { describe, expect, it } from 'vitest'
import * as dpop from '../src/dpop.ts'
import * as root from '../src/index.ts'
import * as node from '../src/node.ts'
import * as storeClaims from '../src/store-claims.ts'
import { metadata, tokenServer } from './token-server.ts'

it('exports these names and no others', () => {
  expect(Object.keys(root).toSorted()).toEqual([
    'AuthConfigError',
    'AuthorizationCodeAuth',
    'AuthorizationError',
    'ClientCredentialsAuth',
    'DeviceCodeAuth',
    'DiscoveryError',
    'JwtBearerAuth',
    'OAuthError',
    'StoreError',
    'TokenError',
    'TokenExchangeAuth',
    'TokenSession',
    'authorizedFetch',
    'clientIdMetadataDocument',
    'clientSecretBasic',
    'clientSecretJwt',
    'clientSecretPost',
    'createToken',
    'dynamicRegistration',
    'encrypted',
    'finishAuthorization',
    'identityAssertion',
    'isOAuthError',
    'memoryStore',
    'originAsServer',
    'privateKeyJwt',
    'publicClient',
    'rawClientSecretBasic',
    'startAuthorization',
  ])
})

it('exports these names from ./node and no others', () => {
  expect(Object.keys(node).toSorted()).toEqual([
    'fileStore',
    'loopbackReceiver',
    'pastedRedirect',
    'terminalPrompt',
  ])
})

it('exports these names from ./dpop and no others', () => {
  expect(Object.keys(dpop)).toEqual(['dpop'])
})

it('exports these names from ./store-claims and no others', () => {
  expect(Object.keys(storeClaims)).toEqual(['storeClaims'])
})

it('has no implicit and no password grant (AC-25)', async () => {
  const { fetch, arrivals } = tokenServer()
  const options = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush', fetch }

  await new root.ClientCredentialsAuth(options).getToken()

  expect(arrivals.map(({ body }) => body)).toEqual(['grant_type=client_credentials'])
  expect(Object.keys(root).filter((name) => /implicit|password/i.test(name))).toEqual([])
})

it('has these codes of TokenError and no others', () => {
  const codes: Record<root.TokenErrorCode, true> = {
    address_refused: true,
    body_too_large: true,
    insecure_url: true,
    invalid_response: true,
    invalid_url: true,
    redirect_refused: true,
    refused: true,
    renewal_loop: true,
    timeout: true,
    token_type_not_supported: true,
    unavailable: true,
    unreachable: true,
  }
  expect(Object.keys(codes)).toHaveLength(12) // the compiler holds the list, in both directions
})

it('has these codes of AuthorizationError and no others', () => {
  const codes: Record<root.AuthorizationErrorCode, true> = {
    access_denied: true,
    authorization_refused: true,
    interaction_required: true,
    invalid_callback: true,
    issuer_mismatch: true,
    login_expired: true,
    redirect_uri_mismatch: true,
    state_mismatch: true,
  }
  expect(Object.keys(codes)).toHaveLength(8)
})

it('has these codes of StoreError and no others', () => {
  const codes: Record<root.StoreErrorCode, true> = {
    invalid_name: true,
    store_unavailable: true,
    store_unreadable: true,
    store_unsafe: true,
  }
  expect(Object.keys(codes)).toHaveLength(4)
})

it('has these reasons for a renewal and no others', () => {
  const reasons: Record<root.RenewalReason, true> = {
    absent: true,
    early: true,
    expired: true,
    rejected: true,
    scope: true,
  }
  expect(Object.keys(reasons)).toHaveLength(5)
})

describe('each code of AuthConfigError', () => {
  const { ClientCredentialsAuth } = root
  const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }
  const make = (options: Partial<root.AuthOptions>) => new ClientCredentialsAuth({ ...base, ...options })
  const { AuthorizationCodeAuth, TokenSession } = root
  const browser = {
    ...metadata,
    authorization_endpoint: 'https://as.example/authorize',
    code_challenge_methods_supported: ['S256'],
  }
  const signIn = (options: Partial<root.AuthorizationCodeOptions>) =>
    new AuthorizationCodeAuth({ serverMetadata: browser, clientId: 'me', authorize: String, ...options })
  const returning = { redirectUri: 'http://127.0.0.1/' }
  const bound = { resource: 'https://rs.example/', authorization_servers: [metadata.issuer] }

  // The compiler holds the list of codes, in both directions.
  const provocations: Record<root.AuthConfigErrorCode, () => unknown> = {
    auth_method_not_supported: () =>
      make({ serverMetadata: { ...metadata, token_endpoint_auth_methods_supported: [] } }),
    client_id_missing: () => make({ clientId: '' }),
    client_secret_missing: () => make({ clientSecret: undefined }),
    closed: async () => {
      const auth = make({})
      await auth[Symbol.asyncDispose]()
      return auth.getToken()
    },
    endpoint_missing: () => make({ serverMetadata: { issuer: metadata.issuer } }),
    grant_not_supported: () => make({ serverMetadata: { ...metadata, grant_types_supported: [] } }),
    insecure_url: () => make({ serverMetadata: { ...metadata, token_endpoint: 'http://as.example/token' } }),
    invalid_key: () => root.privateKeyJwt({ key: '', algorithm: 'none' }),
    invalid_origin: () => make({ origins: ['api.example'] }),
    invalid_parameter: () => make({ parameters: { grant_type: 'password' } }),
    invalid_pending: () => root.finishAuthorization('http://127.0.0.1/?code=c&state=s', '{}'),
    invalid_redirect_uri: () => signIn({ redirectUri: 'http://app.example/' }),
    invalid_resource: () => make({ resource: 'rs.example' }),
    invalid_scope: () => make({ scope: ' ' }),
    invalid_server_metadata: () => make({ serverMetadata: { issuer: '' } }),
    invalid_token: () => root.createToken({ accessToken: '' }),
    origin_refused: () => make({}).fetch('https://rs.example/'),
    partition_missing: () => signIn({ ...returning, refreshToken: 'r', store: root.memoryStore() }),
    pkce_not_supported: () =>
      signIn({ serverMetadata: { ...browser, code_challenge_methods_supported: ['plain'] } }),
    resource_not_supported: () =>
      ClientCredentialsAuth.fromResource({
        resourceUrl: 'https://rs.example/',
        clientId: 'me',
        clientSecret: 'hush',
        fetch: async (input) =>
          Response.json(
            new Request(input).url.startsWith('https://as.example')
              ? metadata
              : { ...bound, dpop_bound_access_tokens_required: true },
          ),
      }),
    signed_out: async () => {
      const session = new TokenSession(() => new Promise(() => {}))
      await Promise.all([session.getToken(), session.signOut()])
    },
  }

  it.each(Object.entries(provocations))('can be met: %s', async (code, provoke) => {
    await expect((async () => provoke())()).rejects.toMatchObject({
      name: 'AuthConfigError',
      code,
      recovery: 'terminal',
    })
  })
})

it('throws errors that are known by their mark, whichever copy of the package they come from', () => {
  const error = new root.AuthConfigError('closed', 'x')

  expect(root.isOAuthError(error, 'closed')).toBe(true)
  expect(error).toBeInstanceOf(root.OAuthError)
})
