/**
 * What the auth objects have in common for which a person signs in.
 *
 * @module
 */
import { displayUrl, type HttpOptions, isSecure, quoteForeign, untilAborted } from '@x/oauth-discovery/http'
import { type AuthOptions, createSession, type Given, GrantAuth, type GrantKind, type Kept } from './auth.ts'
import type { ClientRegistration } from './client-registration.ts'
import { AuthConfigError, AuthorizationError } from './errors.ts'
import type { Hint } from './locate.ts'
import { LoginSession } from './login-session.ts'
import { withRefresh } from './refresh.ts'
import type { Renewal } from './renewer.ts'
import { revoke } from './revocation.ts'
import type { GetTokenOptions } from './session.ts'
import type { Token } from './token.ts'
import { vetClient, vetServer } from './vetting.ts'

export interface LoginOptions extends AuthOptions {
  /** Of an earlier authorization at this server: used until it is refused, before a person is asked. Beside a `store` it needs a `partition`. */
  refreshToken?: string | undefined
}

/** Options where the client may have to become one first. */
export type Registering<O extends LoginOptions> = Omit<O, 'clientId' | 'serverMetadata'> &
  Pick<LoginOptions, 'serverMetadata'> & {
    /** As the client is registered at that server. Default: by `registration`. */
    clientId?: string | undefined
    /**
     * Ways to become a client of the server, where there is no `clientId`; the first that the server has is taken, such as
     * `[clientIdMetadataDocument(url), dynamicRegistration({ client_name: 'Agent' })]`.
     */
    registration?: ClientRegistration | readonly ClientRegistration[] | undefined
  }

/**
 * The same options, of a client that the server knows.
 *
 * @throws {AuthConfigError} `client_id_missing`: there is none, and no way to become one; or what the registration throws
 */
export async function becomeClient<O extends LoginOptions>(
  options: Registering<O>,
  { grantType, redirectUri }: { readonly grantType: string; readonly redirectUri?: string | undefined },
  { signal, refusedClient }: Hint,
): Promise<Registering<O> & { clientId: string }> {
  const { clientId = '', serverMetadata, registration = [] } = options
  const ways = [registration].flat()
  if (clientId !== '' || ways.length === 0) return { ...options, clientId }
  // A server that cannot be used is not made to remember us.
  vetServer({ ...options, clientId }, grantType)
  for (const register of ways) {
    const client = await register({
      serverMetadata,
      grantType,
      redirectUri,
      refusedClient,
      options: { ...options, signal },
    })
    if (client !== undefined) return { ...options, ...client }
  }
  const message = `The option clientId is missing, and ${serverMetadata.issuer} has none of the ways to register that the option registration names. Register there by hand.`
  throw new AuthConfigError('client_id_missing', message)
}

/** Keeps the tokens of somebody who signs in. */
export interface Login extends Kept {
  readonly locate?: undefined
  signOut(signal: GetTokenOptions['signal']): Promise<boolean>
}

interface LocatedLogin extends Kept {
  locate(asked: GetTokenOptions): Promise<{ readonly kept: Login }>
  known(signal: GetTokenOptions['signal']): Promise<{ readonly kept: Login } | undefined>
}

/** A person signs in once; from then on the token is kept good by its refresh token, where the server gives one. */
export abstract class LoginAuth extends GrantAuth {
  readonly #login: Login | LocatedLogin
  /** Something can be revoked that was never asked for. */
  readonly #hasHandedIn: boolean

  protected constructor(given: Given & Pick<LoginOptions, 'refreshToken'>, login: Login | LocatedLogin) {
    super(given, login)
    this.#login = login
    this.#hasHandedIn = Boolean(given.refreshToken)
  }

  /**
   * A token fit to send now; a person is asked where that is needed. Concurrent callers share one sign-in, which ends
   * when none of them waits for it any longer.
   *
   * @throws {AuthorizationError} `interaction_required`, where nobody may be asked; or what became of the sign-in
   * @throws {TokenError} the token endpoint refused, failed, or could not be reached
   */
  override getToken(options?: GetTokenOptions): Promise<Token> {
    return super.getToken(options)
  }

  /**
   * Ends what is under way, forgets the token, here and in the store, and asks the server to revoke it, for which it has
   * 3 s. Who asks for a token afterwards has to sign in again.
   *
   * Where the server is not known yet, nothing of it is here: nobody is asked, unless there is a `refreshToken` to revoke.
   *
   * @returns whether the server said that it is revoked; false where there was none, or where the server cannot do that
   * @throws {TokenError} the server did not revoke it, or could not be reached; here it is forgotten all the same.
   *   {DiscoveryError} the server of a `refreshToken` was not found
   * @see https://www.rfc-editor.org/rfc/rfc7009
   */
  async signOut({ signal }: Pick<GetTokenOptions, 'signal'> = {}): Promise<boolean> {
    const login = this.#login.locate ? await this.#found(this.#login, signal) : this.#login
    return (await login?.signOut(signal)) ?? false
  }

  /** Where nothing is known, nothing can be there, but for what was handed in. */
  async #found(login: LocatedLogin, signal: GetTokenOptions['signal']): Promise<Login | undefined> {
    const place = await login.known(signal)
    return (place ?? (this.#hasHandedIn ? await login.locate({ signal }) : undefined))?.kept
  }
}

/** A session that refreshes where it can, and asks a person where it must and may. */
export function createLogin<O extends LoginOptions>(options: O, kind: GrantKind<O>): Login {
  // Where users are told apart by their refresh tokens, the store would give the token of one to the next.
  if (options.refreshToken && options.store !== undefined && !options.partition) {
    throw new AuthConfigError(
      'partition_missing',
      'The option partition is missing: beside a store, name whose refreshToken it is, or the token of one is given to another.',
    )
  }
  let handedIn = options.refreshToken
  let grant = withRefresh(kind.grant, handedIn)
  const latest: GrantKind<O>['grant'] = (...given) => grant(...given)
  const session = createSession(options, { ...kind, grant: latest, allowsPublicClients: true })
  const login = new LoginSession(session)
  return {
    current: () => session.current(),
    getToken: (asked) => login.getToken(asked),
    close: () => login.close(),
    async signOut(signal) {
      const refreshToken = handedIn || undefined
      handedIn = undefined
      grant = withRefresh(kind.grant, undefined)
      const token = await untilAborted(session.signOut(), signal)
      // One that was never used is as good as one that was.
      const { issuer } = options.serverMetadata
      const held =
        token ?? (refreshToken === undefined ? undefined : { accessToken: '', refreshToken, issuer })
      return held !== undefined && revoke(held, options, vetClient(options, true), signal)
    },
  }
}

/** Where nobody may be asked, or nobody is there. */
export function interactionRequired(
  issuer: string,
  { scope, challenge }: Renewal,
  advice = 'Where a person can be asked, call getToken({ challenge }) with that of this error',
): AuthorizationError {
  const what = scope === undefined ? '' : ` for the scope ${quoteForeign(scope)}`
  const message = `Somebody has to sign in at ${issuer}${what}. ${advice}.`
  return new AuthorizationError('interaction_required', message, {
    issuer,
    challenge,
    recovery: 'interaction',
  })
}

export function accessDenied(issuer: string, errorDescription?: string): AuthorizationError {
  const message = `The sign-in at ${issuer} was declined (access_denied). Ask again, if that was by mistake.`
  const said = { error: 'access_denied', errorDescription }
  return new AuthorizationError('access_denied', message, { issuer, ...said, recovery: 'interaction' })
}

/** @param redirectUri where a browser should have come to */
export function loginExpired(issuer: string, redirectUri?: string): AuthorizationError {
  const hint =
    redirectUri === undefined
      ? ''
      : ` If the browser shows an error, check that ${displayUrl(redirectUri)} is registered.`
  const message = `Nobody signed in at ${issuer} in time.${hint} Ask again.`
  return new AuthorizationError('login_expired', message, { issuer, recovery: 'interaction' })
}

/**
 * Whether a person may be sent there: text that a terminal shows as it is, without a user name before the host, over
 * https; or in clear text to a server that is on this machine itself, or where the caller allows it.
 */
export function isForPerson(
  url: unknown,
  issuer: string,
  allowAddress: HttpOptions['allowAddress'] = () => false,
): url is string {
  if (typeof url !== 'string' || !/^https?:\/\/[\x21-\x5b\x5d-\x7e]+$/i.test(url) || !URL.canParse(url))
    return false
  const place = new URL(url)
  const isOwnMachine = [place, new URL(issuer)].every((each) => each.protocol === 'http:' && isSecure(each))
  return (
    place.username + place.password === '' &&
    (place.protocol === 'https:' || isOwnMachine || allowAddress(place))
  )
}
