import { generateKeyPairSync } from 'node:crypto'

/** A client that signs who it is, by a key of its own; and what a server has to know of it, which is no secret. */
export function createSigner() {
  const [clientId, algorithm, keyId] = ['testbed-signer', 'ES256', 'key-1']
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithm, use: 'sig' }
  return {
    clientId,
    key: { key, algorithm, keyId },
    registered: {
      client_id: clientId,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: algorithm,
      jwks: { keys: [jwk] },
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
  }
}
