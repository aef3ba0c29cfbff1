/**
 * Who may issue a token for this URL?
 *
 * In the order of a request's way: a resource says no, its metadata names issuers, an issuer describes itself.
 *
 * @module
 */
export { type Challenge, parseWwwAuthenticate } from './challenge.ts'
export { type DiscoverOptions, type DiscoveryResult, discoverAuthorizationServer } from './discover.ts'
export {
  type Attempt,
  DiscoveryError,
  type DiscoveryErrorCode,
  isOAuthError,
  OAuthError,
  type OAuthErrorOptions,
  type Recovery,
} from './errors.ts'
export type { DiscoveryEvent, Event } from './events.ts'
export type { Clock, Fetch, HttpErrorCode, HttpOptions } from './http.ts'
export {
  fetchResourceMetadata,
  primaryAuthorizationServer,
  type ResourceMetadata,
  type ResourceMetadataOptions,
} from './resource-metadata.ts'
export {
  type AuthorizationServerMetadata,
  fetchAuthorizationServerMetadata,
  supportsGrantType,
} from './server-metadata.ts'
export type { DiscoveryOptions } from './walk.ts'
export { buildAuthorizationServerMetadataUrls, buildResourceMetadataUrl } from './well-known.ts'
