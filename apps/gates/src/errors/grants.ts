/**
 * The errors of `@x/oauth-grants`.
 *
 * @module
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  AuthorizationCodeAuth,
  type AuthorizationErrorCode,
  ClientCredentialsAuth,
  type ClientCredentialsOptions,
  DeviceCodeAuth,
  dynamicRegistration,
  encrypted,
  finishAuthorization,
  JwtBearerAuth,
  memoryStore,
  type StoreErrorCode,
  startAuthorization,
  type TokenErrorCode,
  TokenExchangeAuth,
  type TokenStore,
} from '@x/oauth-grants'
import { fileStore, pastedRedirect } from '@x/oauth-grants/node'
import { handClock } from '@x/testbed/hand-clock'
import { always, answers, never, redirect, refuseConnection, status } from './answers.ts'
import { type Entries, type ErrorPage, type Example, secrets, showing } from './entries.ts'
import { configured, given, loginMetadata, published, serverMetadata, signIn } from './grants-configured.ts'

const askFor = (options: Partial<ClientCredentialsOptions>) =>
  new ClientCredentialsAuth({ ...given, ...options }).getToken()

const refusing = (code: number, body: object) => always(() => Response.json(body, { status: code }))
/** A store with `lease` would be asked by that first. */
function withoutLease(): TokenStore {
  const store = { ...memoryStore() }
  delete store.lease
  return store
}

const token = { access_token: secrets.accessToken, token_type: 'Bearer' }

/** Signs out at a server that revokes tokens there. */
async function signOutAt(revocation_endpoint: string): Promise<void> {
  const auth = new AuthorizationCodeAuth({
    ...signIn,
    serverMetadata: { ...loginMetadata, revocation_endpoint },
    refreshToken: secrets.refreshToken,
    fetch: always(token),
  })
  await auth.signOut()
}

/** Fails as often in a row, and once more at once. */
async function keepFailing(times: number): Promise<void> {
  const auth = new ClientCredentialsAuth({ ...given, fetch: always(status(503)), clock: handClock() })
  for (let each = 0; each < times; each += 1) await auth.getToken().catch(() => {})
  await auth.getToken()
}

async function refuseEachToken(): Promise<void> {
  let count = 0
  const fetch = always(() => {
    count += 1
    return Response.json({ ...token, access_token: `t${count}` })
  })
  const auth = new ClientCredentialsAuth({ ...given, fetch, clock: handClock() })
  for (let rejected = await auth.getToken(); ; ) rejected = await auth.getToken({ rejected })
}

const tokens: Entries<TokenErrorCode> = {
  refused: {
    when: 'The authorization server refused the request; `error` has its word (RFC 6749 §5.2).',
    what: 'As the message says. `invalid_grant` is `interaction`: who gave the code, refresh token or assertion has to give another.',
    examples: [
      () =>
        askFor({
          fetch: refusing(401, { error: 'invalid_client', error_description: 'Unknown client' }),
        }),
      () =>
        new JwtBearerAuth({
          serverMetadata,
          assertion: () => secrets.assertion,
          fetch: refusing(400, { error: 'invalid_grant' }),
        }).getToken(),
      () => askFor({ fetch: refusing(400, { error: 'invalid_scope' }) }),
      () => askFor({ fetch: refusing(403, { error: 'account_locked' }) }),
    ],
  },
  unavailable: {
    when: 'The authorization server is down or overloaded: 429, 5xx, `temporarily_unavailable`, `server_error`.',
    what: 'Try again, after `retryAfterMs` where there is one. It is not asked more often than it can bear.',
    examples: [
      () => askFor({ fetch: always(status(503)) }),
      () => askFor({ fetch: always(status(429, { 'retry-after': '120' })) }),
      () => keepFailing(3),
    ],
  },
  unreachable: {
    when: 'The authorization server gave no answer; the word in brackets is of the system.',
    what: 'Check the address, DNS, the certificate and the network; then try again.',
    examples: [() => askFor({ fetch: refuseConnection })],
  },
  timeout: {
    when: 'There was no complete answer in time, or a store or a function of yours took too long.',
    what: 'Try again; if what the message names is always as slow, raise `timeoutMs`.',
    examples: [
      () => {
        const clock = handClock()
        const fetch = () => {
          clock.pass(10_000)
          return never()
        }
        return askFor({ fetch, clock })
      },
      () => {
        const clock = handClock()
        const assertion = () => {
          clock.pass(20_000)
          return new Promise<string>(() => {})
        }
        return new JwtBearerAuth({ serverMetadata, assertion, clock }).getToken()
      },
      () => {
        const clock = handClock()
        const load = () => {
          clock.pass(35_000)
          return new Promise<undefined>(() => {})
        }
        return askFor({ store: { ...withoutLease(), load }, clock })
      },
      () => {
        const clock = handClock()
        const save = () => {
          clock.pass(10_000)
          return new Promise<undefined>(() => {})
        }
        return new AuthorizationCodeAuth({
          ...signIn,
          refreshToken: secrets.refreshToken,
          store: { ...withoutLease(), save },
          partition: 'ada',
          fetch: always({ ...token, refresh_token: 'r2' }),
          clock,
        }).getToken()
      },
    ],
  },
  invalid_response: {
    when: 'The endpoint answered what is no OAuth answer, or a token or a client that cannot be used.',
    what: 'Check the address of the endpoint; else tell its operator. A page in the place of a token is `transient`, for it is often of a proxy.',
    examples: [
      () => askFor({ fetch: always(status(404)) }),
      () =>
        askFor({ fetch: always(() => new Response('<p>', { headers: { 'content-type': 'text/html' } })) }),
      () => askFor({ fetch: always({ token_type: 'Bearer' }) }),
      () =>
        new TokenExchangeAuth({
          ...given,
          subjectToken: secrets.accessToken,
          fetch: always(token),
        }).getToken(),
      () =>
        new DeviceCodeAuth({
          ...signIn,
          serverMetadata: { ...serverMetadata, device_authorization_endpoint: 'https://as.example/device' },
          prompt: () => {},
          fetch: always({ device_code: 'd' }),
        }).getToken(),
      () =>
        new AuthorizationCodeAuth({
          issuer: 'https://as.example',
          redirectUri: signIn.redirectUri,
          registration: dynamicRegistration({ client_name: 'Agent' }),
          fetch: answers({
            ...published,
            'https://as.example/register': { client_id: 'me', token_endpoint_auth_method: 'tls_client_auth' },
          }),
        }).getToken(),
    ],
  },
  token_type_not_supported: {
    when: 'The token is of a type that is not known here, or not bound to the key of `binding` (RFC 6749 §7.1).',
    what: 'Tell the operator of the authorization server; without `binding` it has to be `Bearer`.',
    examples: [() => askFor({ fetch: always({ ...token, token_type: 'mac' }) })],
  },
  renewal_loop: {
    when: 'A resource refuses each new token, so that a token request would follow each call.',
    what: 'Check whether the resource trusts this issuer, and which audience and scope it wants.',
    examples: [refuseEachToken],
  },
  invalid_url: {
    when: 'An endpoint has a user name or a password in its URL. Nothing was sent.',
    what: 'Correct it in `serverMetadata`, or tell the operator of the authorization server.',
    examples: [
      () =>
        askFor({
          serverMetadata: {
            ...serverMetadata,
            token_endpoint: `https://me:${secrets.password}@as.example/token`,
          },
        }),
    ],
  },
  insecure_url: {
    when: 'An endpoint is plain http, on another machine. Nothing was sent.',
    what: 'Use https. Within a network that you trust, pass the `allowAddress` that the message shows.',
    examples: [() => signOutAt('http://as.example/revoke')],
  },
  address_refused: {
    when: 'An endpoint is at an address that is not public, of a server that is elsewhere. Nothing was sent.',
    what: 'If that address is right, pass the option that the message shows. Else tell the operator of that server.',
    examples: [
      () => askFor({ serverMetadata: { ...serverMetadata, token_endpoint: 'https://10.0.0.5/token' } }),
    ],
  },
  redirect_refused: {
    when: 'An endpoint redirects: credentials are not sent elsewhere.',
    what: 'If you trust where it leads, name that URL in `serverMetadata`.',
    examples: [() => askFor({ fetch: always(redirect('https://www.as.example/token')) })],
  },
  body_too_large: {
    when: 'An answer was larger than `maxBytes`.',
    what: 'Check the address of the endpoint; if its answers are that large, raise `maxBytes`.',
    examples: [() => askFor({ fetch: always({ ...token, more: 'x'.repeat(100) }), maxBytes: 100 })],
  },
}

/** Ends a sign-in by what a browser brings back. */
async function comeBack(
  how: (callback: URL) => void,
  { namesIssuer = false }: { namesIssuer?: boolean } = {},
): Promise<void> {
  const { url, pending } = await startAuthorization({
    ...signIn,
    serverMetadata: { ...loginMetadata, authorization_response_iss_parameter_supported: namesIssuer },
  })
  const callback = new URL(signIn.redirectUri)
  callback.searchParams.set('state', url.searchParams.get('state') ?? '')
  how(callback)
  await finishAuthorization(callback, pending)
}

const authorization: Entries<AuthorizationErrorCode> = {
  interaction_required: {
    when: 'Somebody has to sign in, and nobody may be asked now.',
    what: 'Where a person can be asked, call `getToken({ challenge: error.challenge })`.',
    examples: [
      () =>
        new AuthorizationCodeAuth({ ...signIn, scope: 'files:read', authorize: () => '' }).getToken({
          interactive: false,
        }),
      () => new AuthorizationCodeAuth(signIn).getToken(),
      () =>
        new AuthorizationCodeAuth({
          ...signIn,
          authorize: pastedRedirect({ input: (async function* () {})(), output: { write() {} } }),
        }).getToken(),
    ],
  },
  access_denied: {
    when: 'The person, or the authorization server, said no.',
    what: 'Ask again, if the person wants to.',
    examples: [() => comeBack(({ searchParams }) => searchParams.set('error', 'access_denied'))],
  },
  authorization_refused: {
    when: 'The authorization server refused the sign-in; `error` has its word (RFC 6749 §4.1.2.1).',
    what: 'As the message says. `server_error` is `transient`; `login_required` and the like are `interaction`.',
    examples: [
      () => comeBack(({ searchParams }) => searchParams.set('error', 'invalid_scope')),
      () => comeBack(({ searchParams }) => searchParams.set('error', 'server_error')),
      () => comeBack(({ searchParams }) => searchParams.set('error', 'login_required')),
    ],
  },
  login_expired: {
    when: 'Nobody signed in before the time was over: `loginTimeoutMs`, or that of a device code.',
    what: 'Ask again. If the browser showed an error, check that the redirect URI is registered.',
    examples: [
      () => {
        const clock = handClock()
        const authorize = () => {
          clock.pass(600_000)
          return new Promise<string>(() => {})
        }
        return new AuthorizationCodeAuth({ ...signIn, clock, authorize }).getToken()
      },
    ],
  },
  invalid_callback: {
    when: 'What the browser brought back is no answer to a sign-in.',
    what: 'Pass the whole URL to which the browser came; then sign in again.',
    examples: [
      () => comeBack(() => {}),
      () =>
        comeBack(({ searchParams }) => {
          searchParams.append('code', 'c')
          searchParams.append('code', 'd')
        }),
      async () => finishAuthorization('callback', (await startAuthorization(signIn)).pending),
    ],
  },
  redirect_uri_mismatch: {
    when: 'The browser came to another place than the `redirectUri`. The code was not sent.',
    what: 'Pass the URL as it came; behind a proxy, with the public host. Then sign in again.',
    examples: [
      () =>
        comeBack((callback) => {
          callback.host = 'internal.example'
        }),
    ],
  },
  state_mismatch: {
    when: 'The answer belongs to another sign-in, perhaps of an attacker (RFC 6749 §10.12). The code was not sent.',
    what: 'Check that `pending` is of the session of this browser; then sign in again.',
    examples: [() => comeBack(({ searchParams }) => searchParams.set('state', 'another'))],
  },
  issuer_mismatch: {
    when: 'Another authorization server sent the answer, or none is named in it (RFC 9207 §2.4): perhaps an attack. The code was not sent.',
    what: 'Sign in again. If it comes each time, tell the operator of the authorization server.',
    examples: [
      () => comeBack(({ searchParams }) => searchParams.set('iss', 'https://other.example')),
      () => comeBack(({ searchParams }) => searchParams.set('code', 'c'), { namesIssuer: true }),
    ],
  },
}

/** Of a file store whose file is as it is made; the folder is shown as `folder`. */
function inFolder(prepare: (path: string) => Promise<unknown>): Example {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'errors-'))
    try {
      const path = join(folder, 'credentials.json')
      await prepare(path)
      await fileStore({ path }).load('key')
    } catch (error) {
      throw showing(error, folder, '~/.local/state/agent')
    } finally {
      await rm(folder, { recursive: true })
    }
  }
}

const stores: Entries<StoreErrorCode> = {
  invalid_name: {
    when: 'The `name` of a `fileStore` is no plain name of a folder.',
    what: 'Use letters, digits, `_`, `-` and `.`, or pass a `path`.',
    examples: [() => fileStore({ name: '../agent' })],
  },
  store_unreadable: {
    when: 'What is in the store is not of this package, of a later version of it, or encrypted with another key. It was left as it is.',
    what: 'Check which program wrote it, and the key. Else sign out, or move the file away, and sign in again.',
    examples: [
      inFolder((path) => writeFile(path, '{"name":"agent"}', { mode: 0o600 })),
      inFolder((path) => writeFile(path, '{"version":3}', { mode: 0o600 })),
      async () => {
        const store = memoryStore()
        await store.save('key', 'not encrypted', { expect: undefined })
        await encrypted(store, new Uint8Array(32)).load('key')
      },
      async () => {
        const store = memoryStore()
        await askFor({ store: { ...store, load: async () => ({ value: '{"version":2}', revision: '1' }) } })
      },
    ],
  },
  store_unsafe: {
    when: 'Others than its owner can read the file of a `fileStore`, or it is of another user. It was not used.',
    what: 'Sign out where those tokens are from, delete the file, and sign in again.',
    examples: [
      inFolder(async (path) => {
        await writeFile(path, '{}')
        await chmod(path, 0o644)
      }),
    ],
  },
  store_unavailable: {
    when: 'The system does not let the file of a `fileStore` be read or written, or a store of yours refuses each write.',
    what: 'Check who owns the file and its folder, and whether another process hangs: then it is `transient`.',
    examples: [
      inFolder((path) => mkdir(path)),
      () => askFor({ store: { ...withoutLease(), save: async () => undefined }, fetch: always(token) }),
    ],
  },
}

export const grantsErrors: ErrorPage = {
  folder: 'packages/oauth-grants',
  classes: {
    AuthConfigError: configured,
    TokenError: tokens,
    AuthorizationError: authorization,
    StoreError: stores,
  },
}
