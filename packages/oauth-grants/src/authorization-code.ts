/**
 * A person who signs in in a browser: RFC 6749 §4.1, with PKCE (RFC 7636).
 *
 * @module
 */
import { systemClock, untilAborted } from '@x/oauth-discovery/http'
import type { Grant } from './auth.ts'
import { grantType, redeem, startRecorded, vetStart } from './authorization-request.ts'
import type { FromIssuer, FromResource, Hint } from './locate.ts'
import { type Searching, sourceFor } from './located-source.ts'
import {
  becomeClient,
  createLogin,
  interactionRequired,
  LoginAuth,
  type LoginOptions,
  loginExpired,
  type Registering,
} from './login.ts'

/**
 * Brings a person to a URL, in the browser that they use otherwise, and gives the URL to which the browser was sent in
 * the end: the redirect URI, with the answer of the server in its query.
 *
 * @param context `signal`: aborted when nobody waits for the answer any longer
 */
export type Authorize = (
  url: URL,
  context: { readonly signal: AbortSignal },
) => string | URL | Promise<string | URL>

/** Where the redirect URI is known only when something listens there. */
export interface Receiver {
  /** As it is to be registered; where it is of this machine, any port will do (RFC 8252 §7.3). */
  readonly redirectUri?: string | undefined
  listen(): Promise<Listening>
}

export interface Listening {
  readonly redirectUri: string
  readonly authorize: Authorize
  /** Told once whether there is a token; shows it to the person, and ends the listening. */
  finish(isSignedIn: boolean): Promise<void>
}

export interface AuthorizationCodeOptions extends LoginOptions {
  /** How a person gets to sign in. Without it nobody is asked, and where somebody has to be, that is the error. */
  authorize?: Authorize | Receiver | undefined
  /** As it is registered; where `authorize` is a receiver it has its own. */
  redirectUri?: string | undefined
  /** How long a person may take to sign in, in ms. Default: 600,000. */
  loginTimeoutMs?: number | undefined
  /**
   * Goes on where the server does not say that it knows PKCE, as those before 2025 may not. One that does not know it
   * ignores it, and whoever gets hold of the code can use it.
   */
  allowMissingPkceMetadata?: boolean | undefined
}

/**
 * Tokens of a person who signs in in a browser.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.1
 */
export class AuthorizationCodeAuth extends LoginAuth {
  /**
   * The server is given, or found as by `ClientCredentialsAuth`.
   *
   * @throws {AuthConfigError} as `ClientCredentialsAuth`, but for `client_secret_missing`: a client without a secret is a
   *   public one; `pkce_not_supported`, `invalid_redirect_uri`
   */
  constructor(given: AuthorizationCodeOptions | Searching<Registering<AuthorizationCodeOptions>>) {
    const keep = (options: AuthorizationCodeOptions) => {
      const login = createLogin(options, { grantType, grant: authorizationCode })
      if (typeof options.authorize === 'function') vetStart(options)
      else if (options.authorize !== undefined) vetStart({ ...options, redirectUri: 'http://127.0.0.1/' })
      return login
    }
    super(
      given,
      sourceFor(given, { grantType, isLogin: true, register: given.clientId ? undefined : register, keep }),
    )
  }

  /**
   * Finds the server by asking the resource, and what to ask it for. Name the `expectedIssuer` that the client is registered at,
   * and nobody is sent to another.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(
    options: FromResource<Registering<AuthorizationCodeOptions>>,
  ): Promise<AuthorizationCodeAuth> {
    return new this(options).located(options.signal)
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(
    options: FromIssuer<Registering<AuthorizationCodeOptions>>,
  ): Promise<AuthorizationCodeAuth> {
    return new this(options).located(options.signal)
  }
}

async function register(
  options: Registering<AuthorizationCodeOptions>,
  hint: Hint,
): Promise<AuthorizationCodeOptions> {
  const { authorize, clientId = '', registration } = options
  const redirectUri = typeof authorize === 'object' ? authorize.redirectUri : options.redirectUri
  // A server where nobody can sign in is not made to remember us.
  if (clientId === '' && registration !== undefined && authorize !== undefined) {
    const own = typeof authorize === 'object' ? 'http://127.0.0.1/' : undefined
    vetStart({ ...options, clientId, redirectUri: redirectUri ?? own })
  }
  return becomeClient(options, { grantType, redirectUri }, hint)
}

const nobodyToAsk = 'Pass the option authorize, or begin with startAuthorization'

const authorizationCode: Grant<AuthorizationCodeOptions> = async (options, request) => {
  const { authorize, serverMetadata: server } = options
  const { interactive, scope, signal, endpoint } = request
  if (!interactive || authorize === undefined) {
    throw interactionRequired(server.issuer, request, interactive ? nobodyToAsk : undefined)
  }
  const listening: Partial<Listening> & Pick<Listening, 'authorize'> =
    typeof authorize === 'function' ? { authorize } : await untilAborted(opened(authorize, signal), signal)
  let isSignedIn = false
  try {
    const redirectUri = listening.redirectUri ?? options.redirectUri
    const { url, record } = await startRecorded({ ...options, redirectUri, scope })
    const callback = await withinTime(
      (each) => listening.authorize(url, { signal: each }),
      { ...options, redirectUri },
      signal,
    )
    const token = await redeem(callback, record, endpoint, signal)
    isSignedIn = true
    return token
  } finally {
    await listening.finish?.(isSignedIn)
  }
}

/** Where nobody waits for it any longer it is closed as soon as it is open. */
async function opened(receiver: Receiver, signal: AbortSignal): Promise<Listening> {
  const listening = await receiver.listen()
  if (signal.aborted) await listening.finish(false)
  return listening
}

/** A person may have closed the browser, which tells nobody. */
async function withinTime<T>(
  ask: (signal: AbortSignal) => T | Promise<T>,
  {
    loginTimeoutMs = 600_000,
    clock = systemClock,
    serverMetadata: { issuer },
    redirectUri,
  }: AuthorizationCodeOptions,
  signal: AbortSignal,
): Promise<T> {
  // Where nobody waits any longer, nobody is sent anywhere.
  signal.throwIfAborted()
  const [overdue, done] = [new AbortController(), new AbortController()]
  clock.sleep(loginTimeoutMs, done.signal).then(
    () => done.signal.aborted || overdue.abort(loginExpired(issuer, redirectUri)),
    () => {},
  )
  const ending = AbortSignal.any([signal, overdue.signal])
  try {
    return await untilAborted(Promise.resolve(ending).then(ask), ending)
  } finally {
    done.abort()
    overdue.abort()
  }
}
