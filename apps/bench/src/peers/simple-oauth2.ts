import { type AccessToken, AuthorizationCode, ClientCredentials } from 'simple-oauth2'
import type { Peer } from '../peer.ts'
import type { Place } from '../place.ts'

/** Before the end, in seconds, as its README proposes. */
const expirationWindow = 300

/** Keeps a token and knows its end; requests with it are the caller's. */
export const simpleOauth2: Peer = {
  name: 'simple-oauth2',
  pattern:
    'README, "Refresh an access token": `expired(window)`, then `refresh()` or, for client credentials, another `getToken()`',
  startsFrom: ['endpoint'],
  renews: { ended: true, refused: false },
  async open(place) {
    const { obtain, renew } = tokensOf(place)
    let token = await obtain()
    return {
      async call(url) {
        if (token.expired(expirationWindow)) {
          try {
            token = await renew(token)
          } catch {
            // The README prints the error and goes on with what there is.
          }
        }
        return place.fetch(url, {
          headers: { authorization: `Bearer ${String(token.token['access_token'])}` },
        })
      },
    }
  },
}

function tokensOf({ clientId: id, clientSecret: secret, tokenEndpoint, scope, resourceUrl, login }: Place): {
  readonly obtain: () => Promise<AccessToken>
  readonly renew: (token: AccessToken) => Promise<AccessToken>
} {
  const { origin: tokenHost, pathname: tokenPath } = new URL(tokenEndpoint)
  const config = { client: { id, secret }, auth: { tokenHost, tokenPath } }
  if (login !== undefined) {
    const { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in } = login
    const kept = new AuthorizationCode(config).createToken({ access_token, refresh_token, expires_in })
    return { obtain: async () => kept, renew: (token) => token.refresh() }
  }
  const client = new ClientCredentials(config)
  // Whatever else is in the parameters is sent as well; its types list the scope alone.
  const parameters: { scope: string } = Object.assign({ scope }, { resource: resourceUrl })
  return { obtain: () => client.getToken(parameters), renew: () => client.getToken(parameters) }
}
