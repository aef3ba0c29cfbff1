import type { Peer } from '../peer.ts'
import { requestToken } from '../place.ts'

/** A token requested by hand, and a header. */
export const bareFetch: Peer = {
  name: 'bare fetch',
  pattern: 'a token request by hand, then `fetch(url, { headers: { authorization } })`',
  startsFrom: ['endpoint'],
  renews: { ended: false, refused: false },
  async open({ tokenEndpoint, scope, resourceUrl: resource, fetch, login }) {
    const form = login
      ? { grant_type: 'refresh_token', refresh_token: login.refreshToken }
      : { grant_type: 'client_credentials', scope, resource }
    const { access_token } = await requestToken(tokenEndpoint, form, fetch)
    return { call: (url) => fetch(url, { headers: { authorization: `Bearer ${access_token}` } }) }
  },
}
