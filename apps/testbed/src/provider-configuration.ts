import { randomBytes, randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import {
  type ClientMetadata,
  type Configuration,
  errors,
  type Interaction,
  type KoaContextWithOIDC,
} from 'oidc-provider'
import { devicePages } from './device-pages.ts'
import { createStore, type RefreshTokenUses } from './store.ts'

const resourceScopes = 'mcp:tools mcp:write api:read'
const day = 86_400
/** draft-ietf-oauth-identity-assertion-authz-grant §7.2 */
const idJagProfile = 'urn:ietf:params:oauth:grant-profile:id-jag'

interface Knowledge {
  readonly signingKey: JWK
  readonly clients: readonly ClientMetadata[]
  readonly accessTokenSeconds: number
  readonly deviceCodeSeconds: number
  readonly refreshTokenUses: RefreshTokenUses
  /** Whether users of an identity provider come with assertions. */
  readonly takesUsers: boolean
  /** Whether anybody may register a client. */
  readonly registers: boolean
  /** Whether each proof has to hold a nonce that was given out here (RFC 9449 §8). */
  readonly requiresNonces: boolean
  readonly isKnownResource: (resource: string) => boolean
}

/**
 * What the provider is told.
 *
 * NOTE: each default helper of the provider prints a notice when first called, so those in use
 * here are all replaced, also where the default would do.
 */
export function providerConfiguration(knowledge: Knowledge): Configuration {
  return {
    adapter: createStore(knowledge.refreshTokenUses),
    jwks: { keys: [knowledge.signingKey] },
    cookies: { keys: [randomUUID()] },
    clients: knowledge.clients,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientBasedCORS: () => true,
    discovery: knowledge.takesUsers ? { authorization_grant_profiles_supported: [idJagProfile] } : {},
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access', ...resourceScopes.split(' ')],
    ttl: lifetimes(knowledge),
    features: features(knowledge),
    interactions: { url: interactionUrl },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    // What the token exchange sets is what the token says beyond the standard claims.
    extraTokenClaims: (_context, token) => ('extra' in token ? token.extra : undefined),
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    // The default lets a client with a secret keep its refresh token until that is nearly expired.
    rotateRefreshToken: () => true,
    renderError(context, out) {
      context.body = out
    },
  }
}

function interactionUrl({ oidc }: KoaContextWithOIDC, { uid }: Interaction): string {
  return `${new URL(oidc.issuer).pathname.replace(/\/$/, '')}/interaction/${uid}`
}

function lifetimes({ accessTokenSeconds, deviceCodeSeconds }: Knowledge): Configuration['ttl'] {
  return {
    AccessToken: accessTokenSeconds,
    ClientCredentials: accessTokenSeconds,
    AuthorizationCode: 60,
    DeviceCode: deviceCodeSeconds,
    Grant: day,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: day,
    Session: day,
  }
}

function features(knowledge: Knowledge): Configuration['features'] {
  const { accessTokenSeconds, isKnownResource, registers, requiresNonces } = knowledge
  return {
    // Whoever brings a proof gets a bound token, whoever brings none another.
    dPoP: {
      enabled: true,
      nonceSecret: requiresNonces ? randomBytes(32) : undefined,
      requireNonce: () => requiresNonces,
    },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true, ...devicePages },
    revocation: {
      enabled: true,
      allowedPolicy: (_context, client, token) => client.clientId === token.clientId,
    },
    registration: {
      enabled: registers,
      idFactory: () => randomUUID(),
      secretFactory: () => `${randomUUID()} made=up&only`,
      issueRegistrationAccessToken: false,
    },
    rpInitiatedLogout: { enabled: false },
    resourceIndicators: {
      enabled: true,
      // A code or refresh token of one resource needs no resource parameter at the token endpoint.
      useGrantedResource: () => true,
      defaultResource: (_context, _client, oneOf) => oneOf?.[0] ?? [],
      getResourceServerInfo(_context, resource) {
        if (!isKnownResource(resource)) throw new errors.InvalidTarget()
        return {
          audience: resource,
          scope: resourceScopes,
          accessTokenTTL: accessTokenSeconds,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }
      },
    },
  }
}
