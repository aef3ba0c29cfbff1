import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken, Verifier } from './access-token.ts'
import { sendJson } from './json.ts'
import { type Proofs, proofAlgorithms } from './proof.ts'

/** Gives the token of a request that may pass; otherwise answers 401 or 403 and gives `undefined`. */
export type Gate = (request: IncomingMessage, response: ServerResponse) => Promise<AccessToken | undefined>

interface GateOptions {
  readonly verify: Verifier
  readonly refusals: Refusals
  readonly proofs: Proofs
  readonly boundTokensOnly: boolean
  readonly scope: string
  readonly origin: string
  readonly metadataUrl: string
}

export function createGate(options: GateOptions): Gate {
  const { verify, refusals, proofs, boundTokensOnly, scope, origin, metadataUrl } = options
  const challenge = (response: ServerResponse, scheme: string, status: number, error?: string): undefined => {
    const parameters = [`resource_metadata="${metadataUrl}"`, `scope="${scope}"`]
    // "If the request lacks any authentication information ... the resource server SHOULD NOT
    // include an error code" (RFC 6750 §3.1)
    if (error !== undefined) parameters.push(`error="${error}"`)
    if (scheme === 'DPoP') parameters.push(`algs="${proofAlgorithms.join(' ')}"`)
    response.setHeader('www-authenticate', `${scheme} ${parameters.join(', ')}`)
    sendJson(response, status, { error: error ?? 'unauthorized' })
  }
  return async (request, response) => {
    const { scheme = 'Bearer', token } = credentialsOf(request)
    const isBound = scheme === 'DPoP'
    const wanted = boundTokensOnly ? 'DPoP' : scheme
    if (isBound) proofs.giveNonce(response)
    if (token === undefined) return challenge(response, wanted, 401)
    const known = refusals.has(token) ? undefined : await verify(token).catch(() => undefined)
    // "such a request MUST be rejected": a bound token that comes as a bearer token (RFC 9449 §7.1), or the reverse.
    const isRight = (known?.thumbprint !== undefined) === isBound && (isBound || !boundTokensOnly)
    if (known === undefined || !isRight) return challenge(response, wanted, 401, 'invalid_token')
    const fault = isBound ? await proofs.check(request, origin, known) : undefined
    if (fault !== undefined) return challenge(response, wanted, 401, fault)
    if (!known.scopes.includes(scope)) return challenge(response, wanted, 403, 'insufficient_scope')
    return known
  }
}

function credentialsOf({ headers }: IncomingMessage): { scheme?: 'Bearer' | 'DPoP'; token?: string } {
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  if (token === '') return {}
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token }
}

/** Tokens that are good and refused all the same. */
export interface Refusals {
  readonly add: (accessToken: string) => void
  readonly has: (accessToken: string) => boolean
}

export function createRefusals(): Refusals {
  const digests = new Set<string>()
  return {
    add: (accessToken) => void digests.add(digest(accessToken)),
    has: (accessToken) => digests.has(digest(accessToken)),
  }
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
