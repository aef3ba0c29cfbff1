import { OAuth2Client } from 'google-auth-library'
import type { Peer } from '../peer.ts'
import { requestToken } from '../place.ts'

/** A client for the servers of its maker, which takes the endpoint of another. */
export const google: Peer = {
  name: 'google-auth-library',
  pattern:
    'README: `OAuth2Client` with `setCredentials` (refresh token) or `refreshHandler`, then `client.fetch`; `forceRefreshOnFailure` for refused tokens',
  startsFrom: ['endpoint'],
  renews: { ended: true, refused: true },
  open({ tokenEndpoint, clientId, clientSecret, scope, resourceUrl: resource, fetch, login }) {
    const client = new OAuth2Client({
      clientId,
      clientSecret,
      endpoints: { oauth2TokenUrl: tokenEndpoint },
      forceRefreshOnFailure: true,
      transporterOptions: { fetchImplementation: fetch },
    })
    if (login === undefined) {
      client.refreshHandler = async () => {
        const form = { grant_type: 'client_credentials', scope, resource }
        const { access_token, expires_in } = await requestToken(tokenEndpoint, form, fetch)
        return { access_token, expiry_date: Date.now() + expires_in * 1000 }
      }
    } else {
      const { accessToken: access_token, refreshToken: refresh_token, expiresIn } = login
      client.setCredentials({ access_token, refresh_token, expiry_date: Date.now() + expiresIn * 1000 })
    }
    return { call: (url) => client.fetch(url) }
  },
}
