import * as oauth from 'oauth4webapi'
import type { Peer } from '../peer.ts'
import type { Place } from '../place.ts'

/** A set of parts, which keeps nothing: what is done with the token is the caller's. */
export const oauth4webapi: Peer = {
  name: 'oauth4webapi',
  pattern:
    'README, client credentials example: discovery, `clientCredentialsGrantRequest`, `protectedResourceRequest`',
  startsFrom: ['resource', 'issuer', 'endpoint'],
  renews: { ended: false, refused: false },
  async open(place) {
    const { access_token } = await obtain(place)
    const options = insecure(place)
    return {
      call: (url) =>
        oauth.protectedResourceRequest(access_token, 'GET', new URL(url), undefined, undefined, options),
    }
  },
}

/** The servers are on this machine, without TLS. */
function insecure({ fetch }: Place) {
  return {
    [oauth.allowInsecureRequests]: true,
    // Its own type has a body that is there and undefined.
    [oauth.customFetch]: (url: string, init: object) => fetch(url, init),
  }
}

async function obtain(place: Place): Promise<oauth.TokenEndpointResponse> {
  const { clientId, clientSecret, scope, resourceUrl, login } = place
  const server = await serverOf(place)
  const client = { client_id: clientId }
  const me = oauth.ClientSecretBasic(clientSecret)
  if (login !== undefined) {
    const answer = await oauth.refreshTokenGrantRequest(
      server,
      client,
      me,
      login.refreshToken,
      insecure(place),
    )
    return oauth.processRefreshTokenResponse(server, client, answer)
  }
  const form = { scope, resource: resourceUrl }
  const answer = await oauth.clientCredentialsGrantRequest(server, client, me, form, insecure(place))
  return oauth.processClientCredentialsResponse(server, client, answer)
}

async function serverOf(place: Place): Promise<oauth.AuthorizationServer> {
  const { given, issuer, tokenEndpoint, resourceUrl } = place
  if (given === 'endpoint') return { issuer, token_endpoint: tokenEndpoint }
  const named = given === 'resource' ? await issuerOf(new URL(resourceUrl), place) : issuer
  const url = new URL(named)
  const answer = await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure(place) })
  return oauth.processDiscoveryResponse(url, answer)
}

async function issuerOf(resource: URL, place: Place): Promise<string> {
  const answer = await oauth.resourceDiscoveryRequest(resource, insecure(place))
  const { authorization_servers: [first = ''] = [] } = await oauth.processResourceDiscoveryResponse(
    resource,
    answer,
  )
  return first
}
