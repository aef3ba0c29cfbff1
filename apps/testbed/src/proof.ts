import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose'
import type { AccessToken } from './access-token.ts'
import { pathnameOf } from './journal.ts'

export const proofAlgorithms: readonly string[] = ['ES256', 'EdDSA', 'Ed25519']

/** How old a proof may be, or how far in the future, in seconds. */
const windowSeconds = 60

/** What a resource knows of the proofs that it was shown: RFC 9449 §4.3, §7, §9. */
export interface Proofs {
  /** @returns the error to answer with; undefined: the proof is good, and its token with it */
  readonly check: (
    request: IncomingMessage,
    origin: string,
    token: AccessToken,
  ) => Promise<ProofError | undefined>
  /** Each answer brings another nonce, where they are wanted. */
  readonly giveNonce: (response: ServerResponse) => void
  readonly forgetNonces: () => void
}

type ProofError = 'invalid_dpop_proof' | 'use_dpop_nonce'

export function createProofs({ requiresNonces }: { readonly requiresNonces: boolean }): Proofs {
  const [used, nonces] = [new Set<unknown>(), new Set<unknown>()]
  return {
    async check(request, origin, token) {
      const claims = await readProof(request).catch(() => undefined)
      if (claims === undefined || !isFor(claims, request, origin, token)) return 'invalid_dpop_proof'
      if (requiresNonces && !nonces.has(claims.nonce)) return 'use_dpop_nonce'
      if (used.has(claims.jti)) return 'invalid_dpop_proof'
      used.add(claims.jti)
      return undefined
    },
    giveNonce(response) {
      if (!requiresNonces) return
      const nonce = randomUUID()
      nonces.add(nonce)
      response.setHeader('dpop-nonce', nonce)
    },
    forgetNonces: () => nonces.clear(),
  }
}

interface ProofClaims extends JWTPayload {
  readonly htm?: unknown
  readonly htu?: unknown
  readonly ath?: unknown
  readonly nonce?: unknown
  /** Of the key in the header. */
  readonly thumbprint: string
}

/** Rejects what is not one JWT, signed by the key that it shows. */
async function readProof({ headers }: IncomingMessage): Promise<ProofClaims> {
  // Node joins two headers by a comma, and then it is no JWT.
  const { payload, protectedHeader } = await jwtVerify(String(headers['dpop']), EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: [...proofAlgorithms],
    requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
  })
  const { jwk = { kty: 'EC' } } = protectedHeader
  if ('d' in jwk) throw new Error('the private key was sent')
  return { ...payload, thumbprint: await calculateJwkThumbprint(jwk) }
}

function isFor(
  { htm, htu, iat = 0, ath, thumbprint }: ProofClaims,
  { method, url = '' }: IncomingMessage,
  origin: string,
  token: AccessToken,
): boolean {
  return (
    htm === method &&
    htu === origin + pathnameOf(url) &&
    Math.abs(Date.now() / 1000 - iat) <= windowSeconds &&
    ath === createHash('sha256').update(token.token).digest('base64url') &&
    thumbprint === token.thumbprint
  )
}
