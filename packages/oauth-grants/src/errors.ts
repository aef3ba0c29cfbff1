/**
 * What can go wrong here; the tree stands at the top of `errors.ts` in `@x/oauth-discovery`.
 *
 * @module
 */
import {
  type Challenge,
  type DiscoveryError,
  isOAuthError as isAnyOAuthError,
  OAuthError,
  type OAuthErrorOptions,
} from '@x/oauth-discovery'
import type { HttpErrorCode } from '@x/oauth-discovery/http'

export type AuthConfigErrorCode =
  | 'invalid_server_metadata'
  | 'endpoint_missing'
  | 'grant_not_supported'
  | 'client_id_missing'
  | 'client_secret_missing'
  | 'invalid_key'
  | 'auth_method_not_supported'
  | 'invalid_scope'
  | 'invalid_resource'
  | 'invalid_parameter'
  | 'invalid_redirect_uri'
  | 'invalid_pending'
  | 'partition_missing'
  | 'pkce_not_supported'
  | 'invalid_origin'
  | 'invalid_token'
  | 'insecure_url'
  | 'origin_refused'
  | 'resource_not_supported'
  | 'closed'
  | 'signed_out'

/** What was configured cannot work with this server, or was used where it must not be. No credential was sent for it. */
export class AuthConfigError extends OAuthError {
  override readonly name = 'AuthConfigError'
  override readonly code: AuthConfigErrorCode

  constructor(code: AuthConfigErrorCode, message: string, options?: OAuthErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Says of anything that was configured why it cannot be used, and what to do. */
export function unusable(code: AuthConfigErrorCode, what: string, why: string): AuthConfigError {
  return new AuthConfigError(code, `The ${what} cannot be used: ${why}.`)
}

export type TokenErrorCode =
  | HttpErrorCode
  | 'refused'
  | 'unavailable'
  | 'invalid_response'
  | 'token_type_not_supported'
  | 'renewal_loop'

export interface TokenErrorOptions extends OAuthErrorOptions {
  readonly endpoint: string
  readonly issuer: string
  readonly status?: number | undefined
  readonly error?: string | undefined
  readonly errorDescription?: string | undefined
}

/** The token endpoint refused, failed, or answered what is no token. */
export class TokenError extends OAuthError {
  override readonly name = 'TokenError'
  override readonly code: TokenErrorCode
  /** The token endpoint, without its query; empty where what went wrong is not of one. */
  readonly endpoint: string
  /** The authorization server that it belongs to. */
  readonly issuer: string
  /** HTTP status of the answer, if one came. */
  readonly status: number | undefined
  /** The server's own word for a refusal, such as `invalid_client` (RFC 6749 §5.2). */
  readonly error: string | undefined
  /** What the server added, for developers: printable, short, and still not to be trusted or shown to users. */
  readonly errorDescription: string | undefined

  constructor(code: TokenErrorCode, message: string, options: TokenErrorOptions) {
    super(message, options)
    this.code = code
    this.endpoint = options.endpoint
    this.issuer = options.issuer
    this.status = options.status
    this.error = options.error
    this.errorDescription = options.errorDescription
  }
}

export type AuthorizationErrorCode =
  | 'interaction_required'
  | 'access_denied'
  | 'authorization_refused'
  | 'login_expired'
  | 'invalid_callback'
  | 'redirect_uri_mismatch'
  | 'state_mismatch'
  | 'issuer_mismatch'

export interface AuthorizationErrorOptions extends OAuthErrorOptions {
  readonly issuer: string
  readonly error?: string | undefined
  readonly errorDescription?: string | undefined
  readonly challenge?: Challenge | undefined
}

/** A person is needed, or did not consent; or what came back from the browser cannot be trusted, and was not acted on. */
export class AuthorizationError extends OAuthError {
  override readonly name = 'AuthorizationError'
  override readonly code: AuthorizationErrorCode
  /** The authorization server. */
  readonly issuer: string
  /** The server's own word, such as `access_denied` (RFC 6749 §4.1.2.1). */
  readonly error: string | undefined
  /** What the server added, for developers: printable, short, and still not to be trusted or shown to users. */
  readonly errorDescription: string | undefined
  readonly #challenge: Challenge | undefined

  constructor(code: AuthorizationErrorCode, message: string, options: AuthorizationErrorOptions) {
    super(message, options)
    this.code = code
    this.issuer = options.issuer
    this.error = options.error
    this.errorDescription = options.errorDescription
    this.#challenge = options.challenge
  }

  /**
   * Of `interaction_required`: what the resource demanded. Pass it to `getToken`, where a person is there. A stranger's text,
   * which may repeat the token: it is not shown with the error.
   */
  get challenge(): Challenge | undefined {
    return this.#challenge
  }
}

export type StoreErrorCode = 'invalid_name' | 'store_unreadable' | 'store_unsafe' | 'store_unavailable'

export interface StoreErrorOptions extends OAuthErrorOptions {
  readonly path?: string | undefined
  readonly revision?: string | undefined
}

/** What a store holds cannot be used. It was left as it is. */
export class StoreError extends OAuthError {
  override readonly name = 'StoreError'
  override readonly code: StoreErrorCode
  /** The file of a `fileStore`, or the name that was no name of one. */
  readonly path: string | undefined
  /** Of the entry that cannot be read: by it, it can be cleared. */
  readonly revision: string | undefined

  constructor(code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.path = options.path
    this.revision = options.revision
  }
}

type KnownError = DiscoveryError | AuthConfigError | TokenError | AuthorizationError | StoreError

/** The class that has a code, with all its members. */
type ErrorOf<C, E = KnownError> = E extends { readonly code: infer D }
  ? C extends D
    ? E & { readonly code: C }
    : never
  : never

/** Whether `error` is one of ours, and of that code if one is given; true for any copy of these packages. */
export function isOAuthError(error: unknown): error is OAuthError
export function isOAuthError<C extends KnownError['code']>(error: unknown, code: C): error is ErrorOf<C>
export function isOAuthError<C extends string>(
  error: unknown,
  code: C,
): error is OAuthError & { readonly code: C }
export function isOAuthError(error: unknown, code?: string): boolean {
  return isAnyOAuthError(error, code)
}
