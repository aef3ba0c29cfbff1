import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth, authorizedFetch, ClientCredentialsAuth, memoryStore } from '@x/oauth-grants'
import type { McpPeer, Memory, Peer } from '../peer.ts'
import type { Place } from '../place.ts'

/** As the README has it: an auth object, and its `fetch`. */
export const ours: Peer = {
  name: 'ours: auth.fetch',
  pattern: 'README: `new ClientCredentialsAuth({ resourceUrl, … })`, then `auth.fetch`',
  startsFrom: ['resource', 'issuer', 'endpoint'],
  renews: { ended: true, refused: true },
  open(place) {
    const auth = authOf(place)
    return { call: (url) => auth.fetch(url), close: () => auth.close() }
  },
}

/** For sources of tokens that are not ours, or have no `fetch`. */
export const oursByHand: Peer = {
  ...ours,
  name: 'ours: authorizedFetch',
  pattern: 'README: `authorizedFetch(source, { origins })`',
  open(place) {
    const auth = authOf(place)
    const call = authorizedFetch(auth, { origins: [new URL(place.resourceUrl).origin], fetch: place.fetch })
    return { call, close: () => auth.close() }
  },
}

/** Where nobody has to be asked what the resource is called, and what scope it wants. */
export const oursFromIssuer: Peer = {
  ...ours,
  name: 'ours: fromIssuer',
  pattern: 'README: `ClientCredentialsAuth.fromIssuer({ issuer, resource, scope, … })`, then `auth.fetch`',
  startsFrom: ['issuer'],
  async open({ issuer, clientId, clientSecret, fetch, resourceUrl: resource, scope }) {
    const auth = await ClientCredentialsAuth.fromIssuer({
      issuer,
      clientId,
      clientSecret,
      fetch,
      resource,
      scope,
    })
    return { call: (url) => auth.fetch(url), close: () => auth.close() }
  },
}

export const oursMcp: McpPeer = {
  name: 'ours',
  pattern: 'README: `MCPClient.connect(url, { auth })`; for the next process a `store` and a `partition`',
  async connect(place, memory) {
    const store = memory && storeIn(memory)
    const auth = authOf(place, store && { store, partition: 'bench' })
    const client = await MCPClient.connect(place.resourceUrl, { auth, store })
    return {
      listTools: () => client.listTools(),
      whoami: () => client.callTool({ name: 'whoami' }),
      async close() {
        await client.close()
        await auth.close()
      },
    }
  },
}

type Keeping = Pick<ConstructorParameters<typeof ClientCredentialsAuth>[0], 'store' | 'partition'>

function authOf(place: Place, keeping: Keeping = {}) {
  const { given, login, issuer, tokenEndpoint, resourceUrl, clientId, clientSecret, scope, fetch } = place
  const me = { clientId, clientSecret, fetch, ...keeping }
  const found = { ...me, resourceUrl, expectedIssuer: given === 'resource' ? undefined : issuer }
  if (login !== undefined) {
    const authorize = () => Promise.reject(new Error('nobody is there to sign in'))
    const redirectUri = 'http://127.0.0.1/callback'
    return new AuthorizationCodeAuth({ ...found, redirectUri, authorize, refreshToken: login.refreshToken })
  }
  if (given !== 'endpoint') return new ClientCredentialsAuth(found)
  const serverMetadata = { issuer, token_endpoint: tokenEndpoint }
  return new ClientCredentialsAuth({ ...me, serverMetadata, resource: resourceUrl, scope })
}

function storeIn(memory: Memory) {
  const store = (memory.get('store') ?? memoryStore()) as ReturnType<typeof memoryStore> // nobody else writes it
  memory.set('store', store)
  return store
}
