/**
 * What can go wrong, as a tree.
 *
 *     OAuthError                 any failure of these packages: `code` says which, `recovery` what helps
 *     ├── DiscoveryError         reading what a resource or an authorization server publishes   (here)
 *     ├── AuthConfigError        what the caller configured cannot work                (@x/oauth-grants)
 *     ├── TokenError             the token endpoint refused, failed or answered nonsense (@x/oauth-grants)
 *     └── MCPConnectionError     the MCP server refused, failed or was not reached       (@x/mcp-client)
 *
 * Packages are versioned apart, so two copies of this one can meet in a program: ask {@link isOAuthError},
 * which looks at a registered symbol, instead of `instanceof`.
 *
 * @module
 */
import type { HttpErrorCode } from './guards.ts'

/** What helps: nothing without a change, time, or a person. */
export type Recovery = 'terminal' | 'transient' | 'interaction'

export interface OAuthErrorOptions {
  readonly recovery?: Recovery | undefined
  readonly retryAfterMs?: number | undefined
  /** Ours, or a name and a code: foreign errors carry URLs, headers and bodies. */
  readonly cause?: unknown
}

const mark = Symbol.for('@x/oauth-error')
// The official MCP client hands errors with this mark through its connect unchanged.
const seam = Symbol.for('mcp.authSeamEscape')

/** Any failure of these packages. Never holds a secret, a token or a body, in any member. */
export abstract class OAuthError extends Error {
  static {
    Object.assign(OAuthError.prototype, { [mark]: true, [seam]: true })
  }
  /** Which failure; stable across releases, unlike the message. */
  abstract readonly code: string
  readonly recovery: Recovery
  /** How long the server asked to be left alone, in ms. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, { recovery = 'terminal', retryAfterMs, cause }: OAuthErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.recovery = recovery
    this.retryAfterMs = retryAfterMs
  }
}

/** Whether `error` is one of ours, and of that code if one is given; true for any copy of these packages. */
export function isOAuthError<C extends string = string>(
  error: unknown,
  code?: C,
): error is OAuthError & { readonly code: C } {
  const held: { readonly [mark]?: true; readonly code?: unknown } = Object(error)
  return mark in held && (code === undefined || held.code === code)
}

export type DiscoveryErrorCode =
  | HttpErrorCode
  | 'not_protected'
  | 'resource_metadata_not_found'
  | 'resource_metadata_invalid'
  | 'resource_mismatch'
  | 'server_metadata_not_found'
  | 'server_metadata_invalid'
  | 'issuer_mismatch'
  | 'unavailable'
  | 'invalid_option'

/** One document that was asked for, and what became of it; also the resource itself, where it is down. */
export interface Attempt {
  /** Without its query, which may be private. */
  readonly url: string
  readonly outcome: 'used' | 'absent' | 'refused'
  readonly status?: number | undefined
  readonly code?: DiscoveryErrorCode | undefined
  /** How long the server asked to be left alone, in ms. */
  readonly retryAfterMs?: number | undefined
  /** The system's word where no answer came, such as `ECONNREFUSED` or `CERT_HAS_EXPIRED`. */
  readonly reason?: string | undefined
}

/** Reading what a resource or an authorization server publishes about itself failed. */
export class DiscoveryError extends OAuthError {
  override readonly name = 'DiscoveryError'
  override readonly code: DiscoveryErrorCode
  /** What was being read, without its query. */
  readonly url: string
  /** Every document asked for so far, in order. */
  readonly attempts: readonly Attempt[]

  constructor(
    code: DiscoveryErrorCode,
    message: string,
    options: OAuthErrorOptions & { url: string; attempts?: readonly Attempt[] | undefined },
  ) {
    super(message, options)
    this.code = code
    this.url = options.url
    this.attempts = [...(options.attempts ?? [])] // more may come
  }
}
