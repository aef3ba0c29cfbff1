/**
 * What ties a token to a key, so that the token alone is of no use to whoever steals it: RFC 9449.
 *
 * Only the contract: `dpop` of `@x/oauth-grants/dpop` makes one, and who has none does not load it.
 *
 * @module
 */
import type { AuthorizationServerMetadata, Fetch } from '@x/oauth-discovery'

/** A request that is to carry a proof. */
export interface ProvenRequest {
  readonly method: string
  /** Absolute; its query and fragment are left out of the proof. */
  readonly url: string
  /** The token that goes along. Absent where one is asked for. */
  readonly accessToken?: string | undefined
}

/** A key that tokens can be bound to, and what its holder has to remember. */
export interface Binding {
  /** Of the public key (RFC 7638): a token that is bound to it is bound to no other. */
  readonly thumbprint: string
  /**
   * Whether tokens of this server are to be bound.
   *
   * @param isDemanded the resource takes no others
   * @returns what to bind them with; undefined: they are not to be bound
   * @throws {AuthConfigError} `invalid_key`: they are to be bound, and the server does not take proofs of this key
   */
  at(server: AuthorizationServerMetadata, isDemanded?: boolean): Binding | undefined
  /** Signs for one request, and for one try of it. */
  proof(request: ProvenRequest): Promise<string>
  /**
   * Learns from an answer, whatever its status is, what the next proof there needs.
   *
   * @param error of a token endpoint's answer (RFC 6749 §5.2); a resource says it in its challenge
   * @returns whether the request was refused for the proof alone, and one more try with a new one is worth it
   */
  observe(request: ProvenRequest, headers: Headers, error?: unknown): boolean
  /**
   * The same `fetch`, for requests that carry the token: with a proof on each, and one more try where that is worth it
   * and the body can be sent again. It follows no redirect, for a proof must not be seen at another URL.
   */
  proving(fetch: Fetch, accessToken: string): Fetch
}
