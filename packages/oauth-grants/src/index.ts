/**
 * Give me a token and keep it good.
 *
 * In the order of a request's way.
 *
 * @module
 */

// We say who we are,

export {
  type ClientSecretJwtOptions,
  clientSecretJwt,
  type PrivateKeyJwtOptions,
  privateKeyJwt,
} from './client-assertion.ts'
export {
  type Client,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretPost,
  publicClient,
  rawClientSecretBasic,
} from './client-authentication.ts'
export {
  type ClientMetadata,
  type ClientRegistration,
  clientIdMetadataDocument,
  type DynamicRegistrationOptions,
  dynamicRegistration,
  type RegisteredClient,
  type RegistrationRequest,
} from './client-registration.ts'

// ask for a token,

export type { Auth, AuthOptions, GrantAuth, GrantOptions } from './auth.ts'
export {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  type Authorize,
  type Listening,
  type Receiver,
} from './authorization-code.ts'
export {
  type FinishAuthorizationOptions,
  finishAuthorization,
  type StartAuthorizationOptions,
  startAuthorization,
} from './authorization-request.ts'
export { ClientCredentialsAuth, type ClientCredentialsOptions } from './client-credentials.ts'
export type { Credential } from './credential.ts'
export { DeviceCodeAuth, type DeviceCodeOptions, type DeviceVerification } from './device-code.ts'
export {
  type Assertion,
  type AssertionRequest,
  type IdentityAssertionOptions,
  identityAssertion,
  JwtBearerAuth,
  type JwtBearerOptions,
} from './jwt-bearer.ts'
export type { FromIssuer, FromResource } from './locate.ts'
export type { LoginAuth, LoginOptions, Registering } from './login.ts'
export { TokenExchangeAuth, type TokenExchangeOptions } from './token-exchange.ts'

// hold it,

export type { Binding, ProvenRequest } from './binding.ts'
export { type EncryptionKey, encrypted } from './encrypted-store.ts'
export type { Obtain, Renewal } from './renewer.ts'
export {
  type GetTokenOptions,
  TokenSession,
  type TokenSessionOptions,
  type TokenSource,
} from './session.ts'
export { type Lease, memoryStore, type TokenStore } from './store.ts'
export type { Storage } from './stored-token.ts'
export { createToken, type Token, type TokenInit } from './token.ts'

// and use it.

export { type AuthorizedFetchOptions, authorizedFetch } from './authorized-fetch.ts'

// What happens meanwhile, and what can go wrong. The last ones for whoever has this package alone.

export {
  type AuthorizationServerMetadata,
  type Challenge,
  type Clock,
  DiscoveryError,
  type DiscoveryErrorCode,
  type DiscoveryEvent,
  type Fetch,
  type HttpOptions,
  OAuthError,
  originAsServer,
  type Recovery,
} from '@x/oauth-discovery'
export {
  AuthConfigError,
  type AuthConfigErrorCode,
  AuthorizationError,
  type AuthorizationErrorCode,
  type AuthorizationErrorOptions,
  isOAuthError,
  StoreError,
  type StoreErrorCode,
  type StoreErrorOptions,
  TokenError,
  type TokenErrorCode,
  type TokenErrorOptions,
} from './errors.ts'
export type { GrantEvent, RefusalReason, RenewalReason } from './events.ts'
