import {
  Client,
  ClientCredentialsProvider,
  type ConnectOptions,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  withOAuth,
} from '@modelcontextprotocol/client'
import type { McpPeer, Memory, Peer } from '../peer.ts'
import type { Place } from '../place.ts'
import { LoginProvider } from './login-provider.ts'

/** Its own fetch middleware, over its own provider for client credentials; for a person, over the provider of the host. */
export const official: Peer = {
  name: '@modelcontextprotocol/client',
  pattern: 'documentation: `withOAuth(provider, baseUrl)(fetch)` with `ClientCredentialsProvider`',
  startsFrom: ['resource', 'issuer'],
  renews: { ended: true, refused: true },
  open(place) {
    const send = withOAuth(providerOf(place), place.resourceUrl)(place.fetch)
    return { call: (url) => send(url) }
  },
}

export const officialMcp: McpPeer = {
  name: '@modelcontextprotocol/client',
  pattern:
    'documentation: `authProvider` of the transport; for the next process the hooks of the provider and `prior`',
  async connect(place, memory) {
    const client = new Client({ name: 'bench', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    const authProvider = providerOf(place, memory)
    const transport = new StreamableHTTPClientTransport(new URL(place.resourceUrl), {
      authProvider,
      fetch: place.fetch,
    })
    const prior = memory?.get('prior') as ConnectOptions['prior'] // written below
    await client.connect(transport, prior && { prior })
    const discover = client.getDiscoverResult()
    if (discover) memory?.set('prior', { kind: 'modern', discover })
    return {
      listTools: () => client.listTools(),
      whoami: () => client.callTool({ name: 'whoami' }),
      close: () => client.close(),
    }
  },
}

function providerOf(place: Place, memory?: Memory): OAuthClientProvider {
  const { clientId, clientSecret, issuer, given, login } = place
  if (login !== undefined) return new LoginProvider(place, login)
  const options = { clientId, clientSecret, ...(given !== 'resource' && { expectedIssuer: issuer }) }
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
    return this.#memory.get('tokens') as StoredOAuthTokens | undefined
  }
  override saveTokens(tokens: StoredOAuthTokens) {
    this.#memory.set('tokens', tokens)
  }
  discoveryState() {
    return this.#memory.get('discovery') as OAuthDiscoveryState | undefined
  }
  saveDiscoveryState(state: OAuthDiscoveryState) {
    this.#memory.set('discovery', state)
  }
}
