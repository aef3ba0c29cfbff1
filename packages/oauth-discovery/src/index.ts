/**
 * Who may issue a token for this URL?
 *
 * In the order of a request's way.
 *
 * @module
 */

// A resource says no,

export { type Challenge, parseWwwAuthenticate } from './challenge.ts'

// its metadata names issuers,

export {
  fetchResourceMetadata,
  primaryAuthorizationServer,
  type ResourceMetadata,
  type ResourceMetadataOptions,
} from './resource-metadata.ts'
export { buildAuthorizationServerMetadataUrls, buildResourceMetadataUrl } from './well-known.ts'

// an issuer describes itself,

export {
  type AuthorizationServerMetadata,
  fetchAuthorizationServerMetadata,
  supportsGrantType,
} from './server-metadata.ts'

// and all of it in one call.

export {
  type DiscoverOptions,
  type DiscoveryResult,
  discoverAuthorizationServer,
  type Inspection,
  type InspectOptions,
  inspectResource,
  type LegacyRule,
} from './discover.ts'
export { originAsServer } from './legacy.ts'

// What many calls share.

export type { DiscoveryCache } from './cache.ts'
export { createLimits, type Limits, type LimitsOptions } from './limits.ts'

// What each call takes, tells and throws.

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
export type { Answer, Clock, Fetch, HttpErrorCode, HttpOptions } from './http.ts'
export type { DiscoveryOptions } from './walk.ts'
