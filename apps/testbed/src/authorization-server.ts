import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type ClientMetadata } from 'oidc-provider'
import { approve } from './approval.ts'
import { clientMetadata } from './clients.ts'
import { pathnameOf } from './journal.ts'
import { type Handler, listen, type RunningServer } from './listening.ts'
import { providerConfiguration } from './provider-configuration.ts'
import { registerTokenExchange } from './token-exchange.ts'

export interface AuthorizationServerOptions {
  /** Default 0, any free one; always on 127.0.0.1. */
  port?: number
  /** `''`, or like `/tenant1`: what follows the origin in the issuer. */
  issuerPath?: string
  /** Default 3600. */
  accessTokenSeconds?: number
  /** Client metadata (RFC 7591 names) of clients known beside the `testClients`. */
  clients?: readonly object[]
  /** Which resource indicators are known; default: all. */
  resources?: (resource: string) => boolean
}

export interface AuthorizationServer extends RunningServer {
  readonly issuer: string
  readonly tokenEndpoint: string
}

/** Starts an `oidc-provider` with a key and a store of its own. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const { port = 0, issuerPath = '' } = options
  const running = await listen(port, async (origin) => {
    const provider = await createProvider(origin + issuerPath, options)
    return mount(provider, issuerPath)
  })
  const issuer = running.origin + issuerPath
  return { ...running, issuer, tokenEndpoint: `${issuer}/token` }
}

async function createProvider(issuer: string, options: AuthorizationServerOptions): Promise<Provider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const signingKey = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }
  // Checked by the provider when the client is first used.
  const extraClients = (options.clients ?? []) as readonly ClientMetadata[]
  const provider = new Provider(
    issuer,
    providerConfiguration({
      signingKey,
      clients: [...clientMetadata, ...extraClients],
      accessTokenSeconds: options.accessTokenSeconds ?? 3600,
      isKnownResource: options.resources ?? (() => true),
    }),
  )
  registerTokenExchange(provider, publicKey)
  // Without an interval a client must wait 5 s between polls (RFC 8628 §3.2).
  provider.on('device_authorization.success', (_context, body) => Object.assign(body, { interval: 1 }))
  return provider
}

function mount(provider: Provider, issuerPath: string): Handler {
  const callback = provider.callback()
  return (request, response) => {
    const { url = '' } = request
    const inner = innerPath(pathnameOf(url), issuerPath)
    if (inner === undefined) return response.writeHead(404).end()
    if (inner.startsWith('/interaction/')) return approve(provider, request, response)
    // The provider derives the address of its endpoints from the difference of the two.
    const innerUrl = inner + url.slice(pathnameOf(url).length)
    return callback(Object.assign(request, { url: innerUrl, originalUrl: issuerPath + innerUrl }), response)
  }
}

const metadataPath = '/.well-known/oauth-authorization-server'

/** Where an issuer with a path is asked: RFC 8414 inserts the well-known path, OpenID Connect appends it. */
function innerPath(pathname: string, issuerPath: string): string | undefined {
  if (pathname === metadataPath + issuerPath) return metadataPath
  if (!pathname.startsWith(`${issuerPath}/`)) return undefined
  const inner = pathname.slice(issuerPath.length)
  return inner === metadataPath ? undefined : inner
}
