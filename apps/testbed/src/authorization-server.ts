import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type ClientMetadata } from 'oidc-provider'
import { approve } from './approval.ts'
import { clientMetadata } from './clients.ts'
import { askPerson } from './interaction-pages.ts'
import { pathnameOf } from './journal.ts'
import { type Handler, listen, type RunningServer } from './listening.ts'
import { providerConfiguration } from './provider-configuration.ts'
import { requireRegisteredAuthentication } from './registered-authentication.ts'
import { registerTokenExchange } from './token-exchange.ts'

export interface AuthorizationServerOptions {
  /** Default 0, any free one; always on 127.0.0.1. */
  port?: number
  /** `''`, or like `/tenant1`: what follows the origin in the issuer. */
  issuerPath?: string
  /** Default 3600. */
  accessTokenSeconds?: number
  /** Default 600. */
  deviceCodeSeconds?: number | undefined
  /** What a device is told to wait between its polls; default 1. Nobody is told to slow down. */
  deviceIntervalSeconds?: number | undefined
  /**
   * Who answers for the user: `approve`, the default, is one user who approves everything at once;
   * `pages` has a person sign in under any name, and allow or deny.
   */
  people?: 'approve' | 'pages' | undefined
  /** Default `false`: a secret in the header and one in the form are taken for each other, as the provider does. */
  strictClientAuthentication?: boolean | undefined
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
  const { port = 0, issuerPath = '', people = 'approve' } = options
  // Checked by the provider when a client is first used.
  const extraClients = (options.clients ?? []) as readonly ClientMetadata[]
  const clients = [...clientMetadata, ...extraClients]
  const running = await listen(port, async (origin) => {
    const provider = await createProvider(origin + issuerPath, clients, options)
    const handler = mount(provider, issuerPath, people === 'pages' ? askPerson : approve)
    if (options.strictClientAuthentication !== true) return handler
    const endpoints = ['/token', '/token/revocation', '/device/auth'].map((path) => issuerPath + path)
    return requireRegisteredAuthentication(clients, endpoints, handler)
  })
  const issuer = running.origin + issuerPath
  return { ...running, issuer, tokenEndpoint: `${issuer}/token` }
}

async function createProvider(
  issuer: string,
  clients: readonly ClientMetadata[],
  options: AuthorizationServerOptions,
): Promise<Provider> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const provider = new Provider(
    issuer,
    providerConfiguration({
      signingKey: { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' },
      clients,
      accessTokenSeconds: options.accessTokenSeconds ?? 3600,
      deviceCodeSeconds: options.deviceCodeSeconds ?? 600,
      isKnownResource: options.resources ?? (() => true),
    }),
  )
  registerTokenExchange(provider, publicKey)
  // Without an interval a client must wait 5 s between polls (RFC 8628 §3.2).
  const interval = options.deviceIntervalSeconds ?? 1
  provider.on('device_authorization.success', (_context, body) => Object.assign(body, { interval }))
  return provider
}

function mount(provider: Provider, issuerPath: string, answer: typeof approve): Handler {
  const callback = provider.callback()
  return (request, response) => {
    const { url = '' } = request
    const inner = innerPath(pathnameOf(url), issuerPath)
    if (inner === undefined) return response.writeHead(404).end()
    if (inner.startsWith('/interaction/')) return answer(provider, request, response)
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
