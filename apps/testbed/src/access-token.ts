import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'

/** What an access token says that was found good. */
export interface AccessToken {
  readonly token: string
  readonly clientId: string
  readonly subject: string
  readonly scopes: readonly string[]
  /** Of the key that it is bound to (RFC 9449 §6.1). */
  readonly thumbprint: string | undefined
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** Rejects a token that is not a current JWT of the issuer for the audience (RFC 9068 §4). */
export type Verifier = (token: string) => Promise<AccessToken>

/**
 * Fetches the keys now and keeps them: the issuer may be gone when a token comes.
 *
 * @param clockTolerance for how many seconds after its end a token is still taken
 */
export async function createVerifier(
  issuer: string,
  audience: string,
  clockTolerance: number = 0,
): Promise<Verifier> {
  const claims = { issuer, audience, typ: 'at+jwt', requiredClaims: ['exp'], clockTolerance }
  // An issuer that starts later is asked when the first token comes.
  let keys = await fetchKeys(issuer).catch(() => undefined)
  return async (token) => {
    keys ??= await fetchKeys(issuer)
    const { payload } = await jwtVerify(token, keys, claims)
    return {
      token,
      clientId: String(payload['client_id']),
      subject: String(payload.sub),
      scopes: scopesOf(payload),
      thumbprint: thumbprintOf(payload),
      expiresAt: Number(payload.exp),
    }
  }
}

export function scopesOf({ scope }: JWTPayload): string[] {
  return typeof scope === 'string' ? scope.split(' ') : []
}

function thumbprintOf({ cnf }: JWTPayload): string | undefined {
  const { jkt }: { jkt?: unknown } = typeof cnf === 'object' && cnf !== null ? cnf : {}
  return typeof jkt === 'string' ? jkt : undefined
}

/** The keys of an issuer, for as long as it lives. */
export async function fetchKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const response = await fetch(`${origin}/.well-known/oauth-authorization-server${path}`)
  const { jwks_uri: address }: { jwks_uri?: string } = JSON.parse(await response.text())
  if (address === undefined) throw new Error(`${issuer} publishes no keys`)
  const keys = createRemoteJWKSet(new URL(address), {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: 0,
  })
  await keys.reload()
  return keys
}
