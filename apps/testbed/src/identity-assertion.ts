import { randomUUID } from 'node:crypto'
import { type CryptoKey, jwtVerify, SignJWT } from 'jose'
import { errors } from 'oidc-provider'

const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const seconds = 300

/** What an identity provider issues by a token exchange (draft-ietf-oauth-identity-assertion-authz-grant). */
export const idJag = { tokenType: tokenType('id-jag'), typ: 'oauth-id-jag+jwt' } as const

export interface AssertionParameters {
  subject_token?: string
  subject_token_type?: string
  audience?: string | string[]
  resource?: string | string[] | undefined
  scope?: string | undefined
}

interface Keys {
  readonly publicKey: CryptoKey
  readonly privateKey: CryptoKey
}

/** Trades the ID token of a user of the client for an assertion that one other server takes from this client. */
export async function issueIdentityAssertion(
  { issuer, publicKey, privateKey }: Keys & { issuer: string },
  clientId: string,
  params: AssertionParameters,
): Promise<object> {
  const { audience, resource, scope } = params
  if (typeof audience !== 'string')
    throw new errors.InvalidRequest('audience is missing, or there are several')
  const claims = { jti: randomUUID(), client_id: clientId, resource, scope }
  const assertion = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: idJag.typ })
    .setIssuer(issuer)
    .setSubject(await userOf(params, publicKey, { issuer, audience: clientId }))
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${seconds}s`)
    .sign(privateKey)
  return {
    access_token: assertion,
    issued_token_type: idJag.tokenType,
    token_type: 'N_A',
    expires_in: seconds,
    scope,
  }
}

async function userOf(
  { subject_token = '', subject_token_type }: AssertionParameters,
  key: CryptoKey,
  expected: { issuer: string; audience: string },
): Promise<string> {
  try {
    if (subject_token_type !== tokenType('id_token')) throw new Error('the type is not supported')
    const { payload } = await jwtVerify(subject_token, key, { ...expected, requiredClaims: ['sub', 'exp'] })
    return String(payload.sub)
  } catch {
    throw new errors.InvalidRequest('the subject token is not an ID token of this client')
  }
}
