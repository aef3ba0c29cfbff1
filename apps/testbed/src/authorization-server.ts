import type { EventEmitter } from 'node:events'
import { exportJWK, generateKeyPair } from 'jose'
import Provider, { type ClientMetadata } from 'oidc-provider'
import { approve } from './approval.ts'
import { clientMetadata } from './clients.ts'
import { askPerson } from './interaction-pages.ts'
import { pathnameOf } from './journal.ts'
import { allowNameless, registerJwtBearer } from './jwt-bearer.ts'
import { type Handler, listen, type RunningServer } from './listening.ts'
import { openToBrowsers } from './open-to-browsers.ts'
import { createPlatform, type Platform } from './platform.ts'
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
  /**
   * For how long a refresh token that was replaced is answered anew, by another one of the same family, before its use ends
   * them all; default 0.
   */
  refreshGraceSeconds?: number | undefined
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
  /** An issuer whose assertions of its users are taken (ID-JAG); default: none. */
  identityProvider?: string | undefined
  /** Whether anybody may register a client (RFC 7591); default `false`. */
  registers?: boolean | undefined
  /** Whether each proof (DPoP) has to hold a nonce that was given out here (RFC 9449 §8); default `false`. */
  requiresNonces?: boolean | undefined
  /** Which resource indicators are known; default: all. */
  resources?: (resource: string) => boolean
}

export interface AuthorizationServer extends RunningServer {
  readonly issuer: string
  readonly tokenEndpoint: string
  /** When a refresh token was replaced, in ms since the epoch; `undefined`: it was not. */
  refreshTokenUsedAt(refreshToken: string): number | undefined
  /** Whose word for workloads is taken here. */
  readonly platform: Platform
}

/** Starts an `oidc-provider` with a key and a store of its own. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const { port = 0, issuerPath = '', people = 'approve' } = options
  // Checked by the provider when a client is first used.
  const extraClients = (options.clients ?? []) as readonly ClientMetadata[]
  const clients = [...clientMetadata, ...extraClients]
  const platform = await createPlatform()
  const usedAt = new Map<string, number>()
  const running = await listen(port, async (origin) => {
    const provider = await createProvider(origin + issuerPath, clients, usedAt, options)
    registerJwtBearer(provider, { platform, identityProvider: options.identityProvider })
    const handler = mount(provider, issuerPath, people === 'pages' ? askPerson : approve)
    const endpoints = ['/token', '/token/revocation', '/device/auth'].map((path) => issuerPath + path)
    const isStrict = options.strictClientAuthentication === true
    const guarded = isStrict ? requireRegisteredAuthentication(clients, endpoints, handler) : handler
    return allowNameless(`${issuerPath}/token`, guarded)
  })
  const issuer = running.origin + issuerPath
  return {
    ...running,
    issuer,
    tokenEndpoint: `${issuer}/token`,
    refreshTokenUsedAt: (refreshToken) => usedAt.get(refreshToken),
    platform,
  }
}

async function createProvider(
  issuer: string,
  clients: readonly ClientMetadata[],
  usedAt: Map<string, number>,
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
      refreshTokenUses: { usedAt, graceMs: (options.refreshGraceSeconds ?? 0) * 1000 },
      takesUsers: options.identityProvider !== undefined,
      registers: options.registers === true,
      requiresNonces: options.requiresNonces === true,
      isKnownResource: options.resources ?? (() => true),
    }),
  )
  registerTokenExchange(provider, { publicKey, privateKey })
  // A client that went away before its answer came is no news; whatever else is, the provider prints by default.
  // Its types know its own events only.
  const emitter = provider as object as EventEmitter
  emitter.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') console.error(error)
  })
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
    // The one endpoint of them that the provider does not open to browsers.
    if (inner === '/reg') {
      openToBrowsers(response)
      if (request.method === 'OPTIONS') return response.writeHead(204).end()
    }
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
