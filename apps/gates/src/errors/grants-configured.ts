/**
 * `AuthConfigError` of `@x/oauth-grants`: what was configured.
 *
 * @module
 */
import { createTransport } from '@x/mcp-client'
import {
  type AuthConfigErrorCode,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  type ClientCredentialsOptions,
  clientIdMetadataDocument,
  clientSecretBasic,
  createToken,
  encrypted,
  finishAuthorization,
  identityAssertion,
  JwtBearerAuth,
  memoryStore,
  privateKeyJwt,
  rawClientSecretBasic,
  startAuthorization,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { answers, never, status } from './answers.ts'
import { type Entries, secrets, showing } from './entries.ts'

export const serverMetadata = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
export const loginMetadata = {
  ...serverMetadata,
  authorization_endpoint: 'https://as.example/authorize',
  code_challenge_methods_supported: ['S256'],
}
/** The same, where it is looked for. */
export const published = {
  'https://as.example/.well-known/oauth-authorization-server': {
    ...loginMetadata,
    registration_endpoint: 'https://as.example/register',
  },
}
export const given = { serverMetadata, clientId: 'me', clientSecret: secrets.clientSecret }
export const signIn = {
  serverMetadata: loginMetadata,
  clientId: 'me',
  redirectUri: 'https://app.example/callback',
}

const make = (options: Partial<ClientCredentialsOptions>) =>
  new ClientCredentialsAuth({ ...given, ...options })

const resourceUrl = 'https://rs.example/mcp'

/** Finds the server of a resource that says this of itself. */
function find(members: object): Promise<unknown> {
  const fetch = answers({
    [resourceUrl]: status(401),
    'https://rs.example/.well-known/oauth-protected-resource/mcp': {
      resource: resourceUrl,
      authorization_servers: ['https://as.example'],
      ...members,
    },
    ...published,
  })
  return ClientCredentialsAuth.fromResource({
    resourceUrl,
    clientId: 'me',
    clientSecret: secrets.clientSecret,
    fetch,
  })
}

/** The port is shown as 8080. */
async function listenTwice(): Promise<void> {
  const first = await loopbackReceiver({ open: () => {} }).listen()
  const port = Number(new URL(first.redirectUri).port)
  try {
    await loopbackReceiver({ port, open: () => {} }).listen()
  } catch (error) {
    throw showing(error, `:${port}`, ':8080')
  } finally {
    await first.finish(false)
  }
}

export const configured: Entries<AuthConfigErrorCode> = {
  invalid_server_metadata: {
    when: 'The metadata of the authorization server has no usable `issuer`, or an endpoint that cannot be used.',
    what: 'Correct `serverMetadata`, which needs `{ issuer, token_endpoint }` at least.',
    examples: [
      () => make({ serverMetadata: { ...serverMetadata, issuer: 'as.example' } }),
      () =>
        startAuthorization({
          ...signIn,
          serverMetadata: {
            ...loginMetadata,
            authorization_endpoint: 'https://as.example/authorize?response_type=code',
          },
        }),
    ],
  },
  endpoint_missing: {
    when: 'The metadata of the authorization server lacks an endpoint that the grant needs.',
    what: 'If you know it, name it in `serverMetadata`. Else the server does not have this grant.',
    examples: [() => make({ serverMetadata: { issuer: 'https://as.example' } })],
  },
  grant_not_supported: {
    when: 'The authorization server lists which grants it has, and not this one.',
    what: 'Use one of those that it lists, or ask its operator. If its list is wrong, correct it in `serverMetadata`.',
    examples: [
      () => make({ serverMetadata: { ...serverMetadata, grant_types_supported: ['authorization_code'] } }),
      () =>
        new JwtBearerAuth({
          serverMetadata: { ...serverMetadata, authorization_grant_profiles_supported: [] },
          assertion: identityAssertion({ ...given, identityToken: secrets.assertion }),
        }).getToken(),
    ],
  },
  client_id_missing: {
    when: 'There is no `clientId`, it cannot be sent, or there is no way to become a client of this server.',
    what: 'Register at the server, and pass the `clientId`; or pass a `registration` that it has.',
    examples: [
      () => make({ clientId: '' }),
      () => clientIdMetadataDocument('http://app.example/client.json'),
      () =>
        new AuthorizationCodeAuth({
          issuer: 'https://as.example',
          redirectUri: signIn.redirectUri,
          registration: clientIdMetadataDocument('https://app.example/client.json'),
          fetch: answers(published),
        }).getToken(),
      () => make({ clientId: 'a:b', clientAuthentication: rawClientSecretBasic, fetch: never }).getToken(),
    ],
  },
  client_secret_missing: {
    when: 'The client has no secret, and this grant needs one.',
    what: 'Pass `clientSecret`, or another `clientAuthentication`, such as `privateKeyJwt`.',
    examples: [() => make({ clientSecret: undefined })],
  },
  invalid_key: {
    when: 'A key does not fit what it is for: client assertions, proofs (DPoP), or the encryption of a store.',
    what: 'Pass a key as the message describes.',
    examples: [
      () => privateKeyJwt({ key: '', algorithm: 'HS256' }),
      () =>
        make({
          clientAuthentication: privateKeyJwt({ key: 'not a key', algorithm: 'ES256' }),
          fetch: never,
        }).getToken(),
      () => dpop({ algorithm: 'HS256' }),
      async () =>
        make({
          binding: await dpop(),
          serverMetadata: { ...serverMetadata, dpop_signing_alg_values_supported: ['RS256'] },
        }),
      () => encrypted(memoryStore(), new Uint8Array(16)),
      async () => {
        const { url, pending } = await startAuthorization({ ...signIn, binding: await dpop() })
        await finishAuthorization(url, pending)
      },
    ],
  },
  auth_method_not_supported: {
    when: 'The authorization server lists how clients may authenticate, and not this way; or `clientAuthentication` is no function.',
    what: 'Pass a `clientAuthentication` that it lists.',
    examples: [
      () =>
        make({
          serverMetadata: { ...serverMetadata, token_endpoint_auth_methods_supported: ['private_key_jwt'] },
        }),
      () =>
        make({
          serverMetadata: { ...serverMetadata, token_endpoint_auth_signing_alg_values_supported: ['RS256'] },
          clientAuthentication: privateKeyJwt({ key: 'a key', algorithm: 'ES256' }),
        }).getToken(),
      // As a program without types may.
      () => make({ clientAuthentication: JSON.parse('"post"') }),
    ],
  },
  invalid_scope: {
    when: 'The option `scope` is not written as RFC 6749 §3.3 has it.',
    what: 'Write the scope tokens with one space between.',
    examples: [() => make({ scope: 'read  write' })],
  },
  invalid_resource: {
    when: 'A `resource` is no absolute URI without a fragment (RFC 8707 §2), or `resourceUrl` is missing.',
    what: 'Name the resource by its whole URL.',
    examples: [
      () => make({ resource: 'rs.example/mcp' }),
      () =>
        new ClientCredentialsAuth({ resourceUrl: '', clientId: 'me', clientSecret: secrets.clientSecret }),
    ],
  },
  invalid_parameter: {
    when: 'The option `parameters` has one that the protocol sets itself.',
    what: 'Use the option for it, such as `scope`.',
    examples: [() => make({ parameters: { scope: 'read' } })],
  },
  invalid_redirect_uri: {
    when: 'The `redirectUri` is missing or not safe (RFC 8252 §7), or nobody can listen there: then, if the port is taken, `transient`.',
    what: 'Name the one that is registered: https, this machine, or a scheme like `com.example.app`.',
    examples: [
      () => startAuthorization({ ...signIn, redirectUri: 'http://app.example/callback' }),
      () => new AuthorizationCodeAuth({ ...signIn, redirectUri: undefined, authorize: () => '' }),
      () => loopbackReceiver({ path: 'callback', open: () => {} }),
      listenTwice,
    ],
  },
  invalid_pending: {
    when: '`finishAuthorization` was given something else than the `pending` of `startAuthorization`.',
    what: 'Keep that text unchanged, in the session of the browser, and pass it.',
    examples: [() => finishAuthorization('https://app.example/callback?code=c', '{}')],
  },
  partition_missing: {
    when: 'A store is to keep tokens of several users, and nothing tells them apart.',
    what: 'Name the user in the option `partition`.',
    examples: [
      () => new JwtBearerAuth({ serverMetadata, assertion: () => secrets.assertion, store: memoryStore() }),
      () =>
        new AuthorizationCodeAuth({ ...signIn, refreshToken: secrets.refreshToken, store: memoryStore() }),
    ],
  },
  pkce_not_supported: {
    when: 'The authorization server does not say that it takes PKCE with S256 (RFC 7636).',
    what: 'Ask its operator. If it takes it all the same, say so as the message shows.',
    examples: [
      () =>
        startAuthorization({
          ...signIn,
          serverMetadata: { ...loginMetadata, code_challenge_methods_supported: undefined },
        }),
      () =>
        startAuthorization({
          ...signIn,
          serverMetadata: { ...loginMetadata, code_challenge_methods_supported: ['plain'] },
        }),
    ],
  },
  invalid_origin: {
    when: 'One of the `origins` is not https, so that a token would go in clear text.',
    what: 'Use https. Within a network that you trust, allow it by `allowAddress`.',
    examples: [() => make({ origins: ['http://api.example'] })],
  },
  invalid_token: {
    when: 'A token, an assertion or a subject token is empty, of a type that no request carries, or of another server than the type says.',
    what: 'Check where it was read from, and its type.',
    examples: [
      () => createToken({ accessToken: '' }),
      () => createToken({ accessToken: secrets.accessToken, tokenType: 'mac' }),
      () => new TokenExchangeAuth({ ...given, subjectToken: '' }),
      () => new JwtBearerAuth({ serverMetadata, assertion: () => '' }).getToken(),
      () =>
        new TokenExchangeAuth({
          ...given,
          subjectToken: {
            getToken: async () =>
              createToken({ accessToken: secrets.accessToken, issuer: 'https://other.example' }),
          },
        }).getToken(),
    ],
  },
  insecure_url: {
    when: 'An endpoint in `serverMetadata` is plain http on another machine, or no URL that a person may be sent to.',
    what: 'Use https. Within a network that you trust, allow it by `allowAddress`.',
    examples: [
      () => make({ serverMetadata: { ...serverMetadata, token_endpoint: 'http://as.example/token' } }),
      () =>
        startAuthorization({
          ...signIn,
          serverMetadata: {
            ...loginMetadata,
            authorization_endpoint: `https://me:${secrets.password}@as.example/authorize`,
          },
        }),
    ],
  },
  origin_refused: {
    when: 'A request goes elsewhere than to the `origins` that the token is for. It was not sent.',
    what: 'Check the URL. If that origin may see the token, name it in the option `origins`.',
    examples: [
      () => make({ resource: resourceUrl }).fetch('https://api.example/v1'),
      () => createTransport('https://mcp.example/mcp', { auth: make({ resource: resourceUrl }) }),
    ],
  },
  resource_not_supported: {
    when: 'The resource takes tokens in a way that is not known here, or only those that are bound to a key.',
    what: 'For bound tokens, pass `binding: await dpop()`. Else ask its operator: every resource has to take a header (RFC 6750 §2.1).',
    examples: [
      () => find({ dpop_bound_access_tokens_required: true }),
      () => find({ bearer_methods_supported: ['query'] }),
    ],
  },
  closed: {
    when: 'The auth object was closed before or during the call.',
    what: 'Make another one.',
    examples: [
      async () => {
        const auth = make({ clientAuthentication: clientSecretBasic })
        await auth.close()
        await auth.getToken()
      },
    ],
  },
  signed_out: {
    when: 'Somebody signed out while a token was waited for.',
    what: 'Sign in again, if that was not meant.',
    examples: [
      async () => {
        const auth = new AuthorizationCodeAuth({ ...signIn, authorize: () => new Promise(() => {}) })
        const token = auth.getToken()
        token.catch(() => {})
        await auth.signOut()
        await token
      },
    ],
  },
}
