import * as client from 'openid-client'
import type { Peer } from '../peer.ts'
import type { Place } from '../place.ts'

/** Says how long a token is still good; getting another one is the caller's. */
export const openidClient: Peer = {
  name: 'openid-client',
  pattern:
    'README, client credentials: `discovery`, `clientCredentialsGrant`, `fetchProtectedResource`; renewed by `expiresIn()`',
  startsFrom: ['issuer', 'endpoint'],
  renews: { ended: true, refused: false },
  async open(place) {
    const { login, scope, resourceUrl: resource } = place
    const config = await configurationOf(place)
    let refreshToken = login?.refreshToken
    const obtain = async () => {
      const tokens =
        refreshToken === undefined
          ? await client.clientCredentialsGrant(config, { scope, resource })
          : await client.refreshTokenGrant(config, refreshToken)
      refreshToken = tokens.refresh_token
      return tokens
    }
    let tokens = await obtain()
    return {
      async call(url) {
        if (tokens.expiresIn() === 0) tokens = await obtain()
        return client.fetchProtectedResource(config, tokens.access_token, new URL(url), 'GET')
      },
    }
  },
}

async function configurationOf(place: Place): Promise<client.Configuration> {
  const { given, issuer, tokenEndpoint, clientId, clientSecret, fetch } = place
  // Its own type of fetch is narrower in what it sends.
  const customFetch = fetch as unknown as client.CustomFetch
  if (given !== 'endpoint') {
    const execute = [client.allowInsecureRequests]
    const options = { execute, algorithm: 'oauth2' as const, [client.customFetch]: customFetch }
    return client.discovery(new URL(issuer), clientId, clientSecret, undefined, options)
  }
  const config = new client.Configuration({ issuer, token_endpoint: tokenEndpoint }, clientId, clientSecret)
  client.allowInsecureRequests(config)
  config[client.customFetch] = customFetch
  return config
}
