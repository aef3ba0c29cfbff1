import { randomUUID } from 'node:crypto'
import { type CryptoKey, generateKeyPair, SignJWT } from 'jose'

/** Where workloads run: it signs who they are. */
export interface Platform {
  readonly issuer: string
  readonly publicKey: CryptoKey
  /** Gives a new JWT each time, good for `expiresIn` seconds, by default 300. */
  sign(workload: { subject: string; audience: string; expiresIn?: number }): Promise<string>
}

export async function createPlatform(): Promise<Platform> {
  const issuer = 'https://platform.example'
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  return {
    issuer,
    publicKey,
    sign: ({ subject, audience, expiresIn = 300 }) =>
      new SignJWT({ jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
        .sign(privateKey),
  }
}
