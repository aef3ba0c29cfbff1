import { decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose'

/** What a proof says. */
export interface Claims {
  readonly jti?: string
  readonly htm?: string
  readonly htu?: string
  readonly iat?: number
  readonly ath?: string
  readonly nonce?: string
}

/** The claims of a proof that somebody sent, unverified. */
export function claimsOf(proof: string | null | undefined): Claims {
  return decodeJwt(proof ?? '')
}

/** Header and claims of a proof, after its signature was checked with the key that it shows. */
export async function verified(proof: string) {
  await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' })
  return { header: decodeProtectedHeader(proof), claims: claimsOf(proof) }
}

/** The proofs of requests, in order. */
export function proofsOf(arrivals: readonly { readonly headers: Headers }[]): Claims[] {
  return arrivals.map(({ headers }) => claimsOf(headers.get('dpop')))
}

/** What a token endpoint answers to a request with a proof. */
export const bound = { access_token: 'a-token', token_type: 'DPoP', expires_in: 3600 } as const

/** A server that wants this nonce. */
export const wantsNonce =
  (nonce: string, error = 'use_dpop_nonce') =>
  (): Response =>
    Response.json({ error }, { status: 400, headers: { 'dpop-nonce': nonce } })

/** A resource that wants this nonce. */
export const challenges =
  (nonce: string, error = 'use_dpop_nonce') =>
  (): Response =>
    new Response('no', {
      status: 401,
      headers: { 'www-authenticate': `DPoP error="${error}", algs="ES256"`, 'dpop-nonce': nonce },
    })
