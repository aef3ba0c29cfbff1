/**
 * A program that acts for itself: RFC 6749 §4.4.
 *
 * @module
 */
import { type AuthOptions, type Grant, GrantAuth } from './auth.ts'
import { type FromIssuer, type FromResource, locateByIssuer, locateByResource } from './locate.ts'

const grantType = 'client_credentials'

export type ClientCredentialsOptions = AuthOptions

/** A refresh token that might come along is left alone: asking again is as cheap (RFC 6749 §4.4.3). */
const clientCredentials: Grant<ClientCredentialsOptions> = ({ scope, resource }, { endpoint, signal }) =>
  endpoint({ grant_type: grantType, scope, resource }, signal)

/**
 * Tokens for a confidential client that acts for itself.
 *
 * @throws {AuthConfigError} at construction, for whatever can be known before a request
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-4.4
 */
export class ClientCredentialsAuth extends GrantAuth<ClientCredentialsOptions> {
  constructor(options: ClientCredentialsOptions) {
    super(options, grantType, clientCredentials)
  }

  /** Finds the server by asking the resource. @throws {DiscoveryError} or {AuthConfigError} */
  static async fromResource(options: FromResource<ClientCredentialsOptions>): Promise<ClientCredentialsAuth> {
    return new ClientCredentialsAuth({ ...options, ...(await locateByResource(options, grantType)) })
  }

  /** Reads the server's own metadata. @throws {DiscoveryError} or {AuthConfigError} */
  static async fromIssuer(options: FromIssuer<ClientCredentialsOptions>): Promise<ClientCredentialsAuth> {
    return new ClientCredentialsAuth({ ...options, ...(await locateByIssuer(options)) })
  }
}
