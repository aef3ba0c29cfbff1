/**
 * A program that acts for itself: RFC 6749 §4.4.
 *
 * @module
 */
import { type AuthOptions, createSession, GrantAuth, type GrantKind } from './auth.ts'
import type { FromIssuer, FromResource } from './locate.ts'
import { type Searching, sourceFor } from './located-source.ts'

export type ClientCredentialsOptions = AuthOptions

const kind: GrantKind<ClientCredentialsOptions> = {
  grantType: 'client_credentials',
  /** A refresh token that might come along is left alone: asking again is as cheap (RFC 6749 §4.4.3). */
  grant: ({ parameters, resource }, { endpoint, scope, signal }) =>
    endpoint({ ...parameters, grant_type: 'client_credentials', scope, resource }, signal),
}

/**
 * Tokens for a confidential client that acts for itself.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
export class ClientCredentialsAuth extends GrantAuth {
  /**
   * With `resourceUrl` or `issuer` in the place of `serverMetadata`, the server is found with the first token: from the
   * answer to the first request of `fetch`, which goes without one. What is wrong with that server is thrown there.
   *
   * @throws {AuthConfigError} `invalid_server_metadata`, `endpoint_missing`, `insecure_url`, `grant_not_supported`,
   *   `client_id_missing`, `client_secret_missing`, `auth_method_not_supported`, `invalid_scope`, `invalid_resource`,
   *   `invalid_parameter`, `invalid_origin`
   */
  constructor(given: ClientCredentialsOptions | Searching<ClientCredentialsOptions>) {
    super(given, sourceFor(given, { ...kind, keep: (options) => createSession(options, kind) }))
  }

  /**
   * Finds the server by asking the resource, and what to ask it for: `resource` as the resource spells itself, `scope`
   * as it demands. Name the `expectedIssuer` that your credentials are for, and they go to no other.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(options: FromResource<ClientCredentialsOptions>): Promise<ClientCredentialsAuth> {
    return new this(options).located(options.signal)
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(options: FromIssuer<ClientCredentialsOptions>): Promise<ClientCredentialsAuth> {
    return new this(options).located(options.signal)
  }
}
