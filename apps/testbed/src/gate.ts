import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessToken, Verifier } from './access-token.ts'
import { sendJson } from './json.ts'

/** Gives the token of a request that may pass; otherwise answers 401 or 403 and gives `undefined`. */
export type Gate = (request: IncomingMessage, response: ServerResponse) => Promise<AccessToken | undefined>

interface GateOptions {
  readonly verify: Verifier
  readonly refusals: Refusals
  readonly scope: string
  readonly metadataUrl: string
}

export function createGate({ verify, refusals, scope, metadataUrl }: GateOptions): Gate {
  const challenge = (response: ServerResponse, status: number, error?: string): undefined => {
    const parameters = [`resource_metadata="${metadataUrl}"`, `scope="${scope}"`]
    // "If the request lacks any authentication information ... the resource server SHOULD NOT
    // include an error code" (RFC 6750 §3.1)
    if (error !== undefined) parameters.push(`error="${error}"`)
    response.setHeader('www-authenticate', `Bearer ${parameters.join(', ')}`)
    sendJson(response, status, { error: error ?? 'unauthorized' })
  }
  return async (request, response) => {
    const token = bearerToken(request)
    if (token === undefined) return challenge(response, 401)
    const known = refusals.has(token) ? undefined : await verify(token).catch(() => undefined)
    if (known === undefined) return challenge(response, 401, 'invalid_token')
    if (!known.scopes.includes(scope)) return challenge(response, 403, 'insufficient_scope')
    return known
  }
}

function bearerToken({ headers }: IncomingMessage): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
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
