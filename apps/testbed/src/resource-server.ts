import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AccessToken, createVerifier } from './access-token.ts'
import { createGate, createRefusals, type Gate } from './gate.ts'
import { pathnameOf } from './journal.ts'
import { sendJson } from './json.ts'
import { type Handler, listen, type RunningServer } from './listening.ts'
import { openToBrowsers } from './open-to-browsers.ts'
import { createProofs, proofAlgorithms } from './proof.ts'

export interface ResourceServerOptions {
  port?: number
  /** Whose tokens are accepted. */
  issuer: string
  /** What the metadata lists; default: the scopes this server knows. */
  scopesSupported?: readonly string[]
  /** What the metadata lists; default: the issuer. */
  authorizationServers?: readonly string[]
  /**
   * For how many seconds after its end a token is still taken; default 0. Tokens say their end in whole seconds, rounded
   * down: without it they end up to a second before what the token endpoint promised.
   */
  clockToleranceSeconds?: number | undefined
  /** Whether tokens that are not bound (DPoP) are refused, and the metadata says so; default `false`. */
  boundTokensOnly?: boolean | undefined
  /** Whether each proof has to hold a nonce that was given out here (RFC 9449 §9); default `false`. */
  requiresNonces?: boolean | undefined
}

export interface ResourceServer extends RunningServer {
  /** The protected address: the resource identifier, and the audience its tokens must have. */
  readonly url: string
  /** From now on answers 401 `invalid_token` to this access token; only its SHA-256 is kept. */
  refuse(accessToken: string): void
  /** From now on refuses proofs with a nonce that was given out before. */
  forgetNonces(): void
  /** How often each tool ran; for the API, how often each path was answered with 200. */
  readonly runs: ReadonlyMap<string, number>
}

export interface Protected {
  readonly path: `/${string}`
  /** What every request needs. */
  readonly scope: string
  readonly scopes: readonly string[]
  /** Answers a request that was let in. */
  readonly createService: (place: { metadataUrl: string; ran: (name: string) => void }) => Service
}

type Service = (token: AccessToken, request: IncomingMessage, response: ServerResponse) => unknown

/** Starts a server with one protected path, and its metadata (RFC 9728). */
export async function startResourceServer(
  options: ResourceServerOptions,
  { path, scope, scopes, createService }: Protected,
): Promise<ResourceServer> {
  const { port = 0, issuer, authorizationServers = [issuer], scopesSupported = scopes } = options
  const { boundTokensOnly = false, requiresNonces = false } = options
  const [runs, refusals] = [new Map<string, number>(), createRefusals()]
  const proofs = createProofs({ requiresNonces })
  const metadataPath = `/.well-known/oauth-protected-resource${path}`
  const running = await listen(port, async (origin) => {
    const metadataUrl = origin + metadataPath
    const verify = await createVerifier(issuer, origin + path, options.clockToleranceSeconds)
    return route(path, {
      gate: createGate({ verify, refusals, proofs, boundTokensOnly, scope, origin, metadataUrl }),
      service: createService({ metadataUrl, ran: (name) => void runs.set(name, (runs.get(name) ?? 0) + 1) }),
      metadataPath,
      metadata: {
        resource: origin + path,
        authorization_servers: authorizationServers,
        scopes_supported: scopesSupported,
        bearer_methods_supported: ['header'],
        ...(boundTokensOnly && {
          dpop_signing_alg_values_supported: proofAlgorithms,
          dpop_bound_access_tokens_required: true,
        }),
      },
    })
  })
  return {
    ...running,
    url: running.origin + path,
    refuse: refusals.add,
    forgetNonces: proofs.forgetNonces,
    runs,
  }
}

interface Parts {
  readonly gate: Gate
  readonly service: Service
  readonly metadataPath: string
  readonly metadata: object
}

function route(path: string, { gate, service, metadataPath, metadata }: Parts): Handler {
  return async (request, response) => {
    const pathname = pathnameOf(request.url ?? '')
    openToBrowsers(response)
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    if (pathname === metadataPath) return sendJson(response, 200, metadata)
    if (pathname !== path && !pathname.startsWith(`${path}/`)) {
      return sendJson(response, 404, { error: 'not_found' })
    }
    const token = await gate(request, response)
    if (token) await service(token, request, response)
  }
}
