import { OAuth2Client, OAuth2Fetch } from '@badgateway/oauth2-client'
import type { Peer } from '../peer.ts'

/** A fetch wrapper with one renewal at a time. */
export const badgateway: Peer = {
  name: '@badgateway/oauth2-client',
  pattern: 'README, "Fetch Wrapper" and "Fetch Middleware function": `OAuth2Fetch` with `getNewToken`',
  startsFrom: ['issuer', 'endpoint'],
  renews: { ended: true, refused: true },
  open({ given, issuer, tokenEndpoint, clientId, clientSecret, scope, resourceUrl: resource, fetch, login }) {
    const client = new OAuth2Client({
      server: issuer,
      clientId,
      clientSecret,
      authenticationMethod: 'client_secret_basic',
      fetch,
      ...(given === 'endpoint'
        ? { tokenEndpoint }
        : { discoveryEndpoint: '/.well-known/oauth-authorization-server' }),
    })
    const held = login && {
      accessToken: login.accessToken,
      refreshToken: login.refreshToken,
      expiresAt: Date.now() + login.expiresIn * 1000,
    }
    const wrapper = new OAuth2Fetch({
      client,
      getNewToken: () => (login ? null : client.clientCredentials({ scope: [scope], resource })),
      ...(held && { getStoredToken: () => held }),
      // Its timer would run by the true time, and keep this process alive.
      scheduleRefresh: false,
    })
    // What its own `fetch` does with the global one.
    const authorize = wrapper.mw()
    return { call: (url) => authorize(new Request(url), fetch) }
  },
}
