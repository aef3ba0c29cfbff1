/**
 * Saying who we are by a JWT that only our key can sign: RFC 7523 §2.2.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import { type Clock, systemClock } from '@x/oauth-discovery/http'
import type { Client, ClientAuthentication } from './client-authentication.ts'
import { AuthConfigError } from './errors.ts'

export interface PrivateKeyJwtOptions {
  /** The private key: a PKCS#8 text (`-----BEGIN PRIVATE KEY-----`), or a key of WebCrypto, which need not be extractable. */
  key: string | CryptoKey
  /** An asymmetric JWS algorithm, such as `ES256`. */
  algorithm: string
  /** Which of its registered keys the server is to check with. */
  keyId?: string | undefined
  /** Default: the issuer. Some servers want the URL of their token endpoint. */
  audience?: string | undefined
  clock?: Clock | undefined
}

/** An assertion is made for one request: there is no need for it to live longer. */
const lifetimeSeconds = 60

/**
 * Authenticates by a signed assertion: a new one for each request, good for a minute, meant for the issuer only.
 *
 * @throws {AuthConfigError} `invalid_key` at once, for an algorithm that is not asymmetric; and with the first
 *   request for a key that does not fit, or `auth_method_not_supported` for a server that does not list the algorithm
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3
 */
export function privateKeyJwt(options: PrivateKeyJwtOptions): ClientAuthentication {
  const { key, algorithm, keyId, clock = systemClock } = options
  if (!/^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/.test(algorithm)) {
    throw invalidKey(`${JSON.stringify(algorithm)} is no asymmetric JWS algorithm, such as ES256`)
  }
  let imported: Promise<CryptoKey> | undefined

  const authenticate = async (
    { clientId }: Client,
    form: URLSearchParams,
    _headers: Headers,
    server: AuthorizationServerMetadata,
  ): Promise<void> => {
    const listed = server.token_endpoint_auth_signing_alg_values_supported
    if (listed?.includes(algorithm) === false) {
      const message = `The authorization server ${server.issuer} takes assertions signed by ${JSON.stringify(listed)}, and not by ${algorithm}.`
      throw new AuthConfigError('auth_method_not_supported', message)
    }
    // Loaded with the first request: whoever has a secret needs none of it.
    const { SignJWT, importPKCS8 } = await import('./jose.ts')
    imported ??= typeof key === 'string' ? importPKCS8(key, algorithm) : Promise.resolve(key)
    const signingKey = await imported.catch(() => {
      throw invalidKey(`it is no PKCS#8 private key for ${algorithm}`)
    })
    const now = Math.floor(clock.now() / 1000)
    const assertion = await new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: algorithm, ...(keyId !== undefined && { kid: keyId }) })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(options.audience ?? server.issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(signingKey)
      .catch(() => {
        throw invalidKey(`it could not sign with ${algorithm}`)
      })
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    form.set('client_assertion', assertion)
  }
  return Object.assign(authenticate, { method: 'private_key_jwt' })
}

function invalidKey(why: string): AuthConfigError {
  return new AuthConfigError(
    'invalid_key',
    `The key for private_key_jwt cannot be used: ${why} (RFC 7523 §3).`,
  )
}
