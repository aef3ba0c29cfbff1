/**
 * Who does no wrong: a resource, and the server that gives out tokens for it.
 *
 * @module
 */
import { document, type Page, type Pages, status } from './world.ts'

export const resourceUrl = 'https://rs.example/mcp'
export const metadataUrl = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
export const issuer = 'https://as.example'
export const evilIssuer = 'https://evil.example'

export const wellKnown = (origin: string): string => `${origin}/.well-known/oauth-authorization-server`

/** What a server publishes that has all its endpoints at home. */
export function serverMetadata(origin: string) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    device_authorization_endpoint: `${origin}/device`,
    registration_endpoint: `${origin}/register`,
    revocation_endpoint: `${origin}/revoke`,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    scopes_supported: ['mcp'],
  }
}

export const resourceMetadata = {
  resource: resourceUrl,
  authorization_servers: [issuer],
  scopes_supported: ['mcp'],
}

/**
 * The endpoints of a server: whatever they are asked, they agree.
 *
 * @param mark what all that it gives out begins with
 */
export function serverPages(origin: string, mark: string): Pages {
  let given = 0
  const token: Page = (response, { body }) => {
    given += 1
    const isExchange = body.includes('token-exchange')
    return document({
      access_token: `${mark}-token-${given}`,
      token_type: 'Bearer',
      expires_in: 3600,
      ...(/authorization_code|device_code|refresh_token/.test(body) && {
        refresh_token: `${mark}-refresh-${given}`,
      }),
      ...(isExchange && { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }),
    })(response)
  }
  return {
    [wellKnown(origin)]: serverMetadata(origin),
    [`${origin}/token`]: token,
    [`${origin}/device`]: {
      device_code: `${mark}-device-code`,
      user_code: 'ABCD-EFGH',
      verification_uri: `${origin}/activate`,
      expires_in: 8,
      interval: 1,
    },
    [`${origin}/register`]: { client_id: 'me', client_secret: `${mark}-registered-secret` },
    [`${origin}/revoke`]: status(200),
  }
}

/** A resource that wants a token, and takes any. */
const resourcePage: Page = (response, { headers }) =>
  headers.authorization === undefined
    ? status(401, { 'www-authenticate': `Bearer resource_metadata="${metadataUrl}"` })(response)
    : document({ orders: [] })(response)

export function honestPages(): Pages {
  return {
    [resourceUrl]: resourcePage,
    [metadataUrl]: resourceMetadata,
    ...serverPages(issuer, 'hush'),
  }
}
