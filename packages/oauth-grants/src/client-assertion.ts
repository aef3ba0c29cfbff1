/**
 * Saying who we are by a JWT that only our key can sign, or our secret: RFC 7523 §2.2.
 *
 * @module
 */
import { type Clock, quoteForeign, systemClock } from '@x/oauth-discovery/http'
import { type Client, type ClientAuthentication, requireSecret } from './client-authentication.ts'
import { AuthConfigError } from './errors.ts'

interface AssertionOptions {
  /** Default: the issuer. Some servers want the URL of their token endpoint. */
  audience?: string | undefined
  clock?: Clock | undefined
}

export interface PrivateKeyJwtOptions extends AssertionOptions {
  /** The private key: a PKCS#8 text (`-----BEGIN PRIVATE KEY-----`), or a key of WebCrypto, which need not be extractable. */
  key: string | CryptoKey
  /** An asymmetric JWS algorithm, such as `ES256`. */
  algorithm: string
  /** Which of its registered keys the server is to check with. */
  keyId?: string | undefined
}

export interface ClientSecretJwtOptions extends AssertionOptions {
  /** Default: `HS256`. */
  algorithm?: 'HS256' | 'HS384' | 'HS512' | undefined
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
export function privateKeyJwt({ key, ...options }: PrivateKeyJwtOptions): ClientAuthentication {
  const { algorithm } = options
  if (!/^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/.test(algorithm)) {
    throw invalidKey(
      `the option algorithm is ${JSON.stringify(algorithm)}, which is no asymmetric JWS algorithm such as ES256`,
    )
  }
  let imported: Promise<CryptoKey> | undefined
  return byAssertion('private_key_jwt', options, async () => {
    const { importPKCS8 } = await import('./jose.ts')
    imported ??= typeof key === 'string' ? importPKCS8(key, algorithm) : Promise.resolve(key)
    return imported.catch(() => {
      throw invalidKey(`it is no PKCS#8 private key for ${algorithm}`)
    })
  })
}

/**
 * Authenticates by an assertion that the client secret has signed, which so stays here. Otherwise as {@link privateKeyJwt}.
 *
 * @throws {AuthConfigError} with the first request: `client_secret_missing`, `auth_method_not_supported`
 * @see https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication
 */
export function clientSecretJwt({
  algorithm = 'HS256',
  ...options
}: ClientSecretJwtOptions = {}): ClientAuthentication {
  return byAssertion('client_secret_jwt', { ...options, algorithm }, async (client) =>
    new TextEncoder().encode(requireSecret(client)),
  )
}

function byAssertion(
  method: string,
  { algorithm, keyId, audience, clock = systemClock }: Omit<PrivateKeyJwtOptions, 'key'>,
  keyOf: (client: Client) => Promise<CryptoKey | Uint8Array>,
): ClientAuthentication {
  const authenticate: (...args: Parameters<ClientAuthentication>) => Promise<void> = async (
    client,
    form,
    _headers,
    server,
  ) => {
    const listed = server.token_endpoint_auth_signing_alg_values_supported
    if (listed?.includes(algorithm) === false) {
      const message = `The metadata of ${server.issuer} lists ${quoteForeign(String(listed))} in token_endpoint_auth_signing_alg_values_supported, not ${algorithm}. Sign with one of these, and name it in the option algorithm.`
      throw new AuthConfigError('auth_method_not_supported', message)
    }
    // Loaded with the first request: whoever has a secret needs none of it.
    const { SignJWT } = await import('./jose.ts')
    const key = await keyOf(client)
    const now = Math.floor(clock.now() / 1000)
    const assertion = await new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: algorithm, ...(keyId !== undefined && { kid: keyId }) })
      .setIssuer(client.clientId)
      .setSubject(client.clientId)
      .setAudience(audience ?? server.issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(key)
      .catch(() => {
        throw invalidKey(`it could not sign with ${algorithm}`)
      })
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    form.set('client_assertion', assertion)
  }
  return Object.assign(authenticate, { method })
}

function invalidKey(why: string): AuthConfigError {
  return new AuthConfigError(
    'invalid_key',
    `The option key of privateKeyJwt cannot be used: ${why} (RFC 7523 §3).`,
  )
}
