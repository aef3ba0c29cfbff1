import type { OAuthClientProvider, OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js'
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { withOAuth } from '@modelcontextprotocol/sdk/client/middleware.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { McpPeer, Memory, Peer } from '../peer.ts'
import type { Place } from '../place.ts'
import { LoginProvider } from './login-provider.ts'

type Tokens = Parameters<OAuthClientProvider['saveTokens']>[0]

/** The official client before its second version, in the same ways. */
export const officialV1: Peer = {
  name: '@modelcontextprotocol/sdk (v1)',
  pattern: 'README: `withOAuth(provider, baseUrl)(fetch)` with `ClientCredentialsProvider`',
  startsFrom: ['resource', 'issuer'],
  renews: { ended: true, refused: true },
  open(place) {
    const send = withOAuth(providerOf(place), place.resourceUrl)(place.fetch)
    return { call: (url) => send(url) }
  },
}

/** Speaks no later revision than 2025-11-25. */
export const officialV1Mcp: McpPeer = {
  name: '@modelcontextprotocol/sdk (v1)',
  pattern: 'README: `authProvider` of the transport; for the next process the hooks of the provider',
  async connect(place, memory) {
    const client = new Client({ name: 'bench', version: '1.0.0' })
    const transport = new StreamableHTTPClientTransport(new URL(place.resourceUrl), {
      authProvider: providerOf(place, memory),
      fetch: place.fetch,
    })
    await client.connect(transport)
    return {
      listTools: () => client.listTools(),
      whoami: async () => ({ isError: (await client.callTool({ name: 'whoami' }))['isError'] }),
      close: () => client.close(),
    }
  },
}

function providerOf(place: Place, memory?: Memory): OAuthClientProvider {
  const { clientId, clientSecret, issuer, given, login, scope } = place
  if (login !== undefined) return new LoginProvider(place, login)
  // What the resource demands does not reach this provider: it has to be said.
  const options = { clientId, clientSecret, scope, ...(given !== 'resource' && { expectedIssuer: issuer }) }
  if (memory === undefined) return new ClientCredentialsProvider(options)
  return new RememberingProvider(options, memory)
}

/** What a host adds to keep tokens and what was found: the provider's optional hooks. */
class RememberingProvider extends ClientCredentialsProvider {
  readonly #memory: Memory
  constructor(options: ConstructorParameters<typeof ClientCredentialsProvider>[0], memory: Memory) {
    super(options)
    this.#memory = memory
  }
  override tokens() {
    return this.#memory.get('tokens') as Tokens | undefined
  }
  override saveTokens(tokens: Tokens) {
    this.#memory.set('tokens', tokens)
  }
  discoveryState() {
    return this.#memory.get('discovery') as OAuthDiscoveryState | undefined
  }
  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#memory.set('discovery', state)
  }
}
