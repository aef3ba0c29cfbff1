/**
 * The pair of keys behind proofs, and the one thing that the private one does: RFC 9449 §4.2.
 *
 * @module
 */
import type { JWK } from 'jose'
import { type AuthConfigError, unusable } from './errors.ts'

export interface ProofKey {
  readonly algorithm: string
  /** RFC 7638. */
  readonly thumbprint: string
  /** @param at ms since the epoch */
  sign(claims: Readonly<Record<string, string | undefined>>, at: number): Promise<string>
}

/** @param given default: a new pair, of which the private key can be exported by nobody */
export async function createProofKey(algorithm: string, given: CryptoKeyPair | undefined): Promise<ProofKey> {
  if (!/^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/.test(algorithm)) {
    throw unfitKey(
      `the option algorithm is ${JSON.stringify(algorithm)}, which is no asymmetric JWS algorithm such as ES256`,
    )
  }
  try {
    const { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } = await import('./jose-proof.ts')
    const { privateKey, publicKey } = given ?? (await generateKeyPair(algorithm))
    const jwk = publicMembers(await exportJWK(publicKey))
    const sign: ProofKey['sign'] = (claims, at) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk })
        .setIssuedAt(Math.floor(at / 1000))
        .sign(privateKey)
    // A pair that cannot sign is told now, and not with the first request.
    await sign({}, 0)
    return { algorithm, thumbprint: await calculateJwkThumbprint(jwk), sign }
  } catch {
    throw unfitKey(`it is no CryptoKeyPair for ${algorithm}, or this runtime cannot make one`)
  }
}

/** Of a private key that stands in the place of the public one nothing else must get out. */
function publicMembers(jwk: JWK): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => /^(?:kty|crv|x|y|e|n)$/.test(name)))
}

export function unfitKey(why: string): AuthConfigError {
  return unusable('invalid_key', 'key of dpop', `${why} (RFC 9449 §5.1)`)
}
