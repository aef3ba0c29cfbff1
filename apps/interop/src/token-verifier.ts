import { JWKSVerifier } from 'fastmcp/auth'

/** Whether an access token is a current one of `oidc-provider` for the audience, by FastMCP's verifier, which is by `jose`. */
export function createTokenVerifier(issuer: string, audience: string): (token: string) => Promise<boolean> {
  const verifier = new JWKSVerifier({ issuer, audience, jwksUri: `${issuer}/jwks` })
  return async (token) => (await verifier.verify(token)).valid
}

export function bearerToken(authorization: string | undefined): string {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
}
