import {
  ClientCredentialsAuth,
  clientSecretPost,
  DeviceCodeAuth,
  JwtBearerAuth,
  privateKeyJwt,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { testClients } from '@x/testbed/clients'
import type { Case } from './case.ts'
import { holds, refused, same } from './claims.ts'

const { worker, poster, cli } = testClients

export const grantCases: readonly Case[] = [
  {
    name: 'gets a token by client credentials, by Basic with a secret full of signs (RFC 6749 §2.3.1)',
    async run({ open }) {
      const { apiUrl, arrivals } = await open({ strictClientAuthentication: true })
      await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...worker })
      const response = await auth.fetch(`${apiUrl}/orders`)
      same(response.status, 200, 'status')
      same((await response.json()).client, worker.clientId, 'client')
      const [request] = (await arrivals('authorizationServer')).filter(({ method }) => method === 'POST')
      holds(request?.headers['authorization']?.startsWith('Basic ') === true, 'the secret is in the header')
    },
  },
  {
    name: 'gets one with the secret in the form',
    async run({ open }) {
      const { apiUrl } = await open({ strictClientAuthentication: true })
      const options = { resourceUrl: apiUrl, ...poster, clientAuthentication: clientSecretPost }
      await using auth = await ClientCredentialsAuth.fromResource(options)
      same((await auth.fetch(apiUrl)).status, 200, 'status')
    },
  },
  ...(['ES256', 'EdDSA', 'PS256'] as const).map(
    (algorithm): Case => ({
      name: `gets one by an assertion that this key has signed: ${algorithm} (RFC 7523 §2.2)`,
      async run({ open }) {
        const { publicKey, privateKey } = await keyPair(algorithm)
        const jwk = await crypto.subtle.exportKey('jwk', publicKey)
        const client = {
          client_id: 'signer',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: algorithm,
          jwks: { keys: [{ ...jwk, use: 'sig', key_ops: undefined, ext: undefined, alg: algorithm }] },
          grant_types: ['client_credentials'],
          response_types: [],
          redirect_uris: [],
        }
        const { apiUrl } = await open({ clients: [client] })
        await using auth = await ClientCredentialsAuth.fromResource({
          resourceUrl: apiUrl,
          clientId: 'signer',
          clientAuthentication: privateKeyJwt({ key: privateKey, algorithm }),
        })
        same((await auth.fetch(apiUrl)).status, 200, 'status')
      },
    }),
  ),
  {
    name: 'exchanges the token of a user for one of another resource (RFC 8693)',
    async run({ open }) {
      const { apiUrl, mcpUrl } = await open()
      const scope = 'mcp:tools api:read'
      const subject = await ClientCredentialsAuth.fromResource({ resourceUrl: mcpUrl, ...poster, scope })
      const { accessToken } = await subject.getToken()
      await using auth = await TokenExchangeAuth.fromResource({
        resourceUrl: apiUrl,
        ...worker,
        subjectToken: () => accessToken,
      })
      same((await auth.getToken()).issuedTokenType, 'urn:ietf:params:oauth:token-type:access_token')
      same((await auth.fetch(apiUrl)).status, 200, 'status')
    },
  },
  {
    name: 'gets a token when a person has confirmed a device elsewhere (RFC 8628)',
    async run({ open, agree }) {
      const { apiUrl } = await open()
      await using auth = await DeviceCodeAuth.fromResource({
        resourceUrl: apiUrl,
        ...cli,
        prompt: async ({ verificationUri, verificationUriComplete }) => {
          await agree(verificationUriComplete ?? verificationUri)
        },
      })
      await auth.getToken()
      same((await auth.fetch(apiUrl)).status, 200, 'status')
    },
  },
  {
    name: 'gets one for what a platform vouches for, without a client (RFC 7523 §2.1)',
    async run({ open }) {
      const { apiUrl, issuer, vouch } = await open()
      await using auth = await JwtBearerAuth.fromResource({
        resourceUrl: apiUrl,
        expectedIssuer: issuer,
        assertion: () => vouch(),
      })
      same((await auth.fetch(apiUrl)).status, 200, 'status')
    },
  },
  {
    name: 'finds its server with the first request, and not before',
    async run({ open }) {
      const { apiUrl, arrivals } = await open()
      await using auth = new ClientCredentialsAuth({ resourceUrl: apiUrl, ...worker })
      same(await arrivals('api'), [], 'requests')
      same((await auth.fetch(apiUrl)).status, 200, 'status')
      const [first] = await arrivals('api')
      same([first?.status, first?.headers['authorization']], [401, undefined], 'the first request')
    },
  },
  {
    name: 'asks nobody where the server is given',
    async run({ open }) {
      const { apiUrl, issuer, tokenEndpoint, arrivals } = await open()
      const serverMetadata = { issuer, token_endpoint: tokenEndpoint }
      await using auth = new ClientCredentialsAuth({
        serverMetadata,
        resource: apiUrl,
        scope: 'api:read',
        ...worker,
      })
      same((await auth.fetch(apiUrl)).status, 200, 'status')
      same(
        (await arrivals('authorizationServer')).map(({ path }) => path),
        ['/token'],
        'requests',
      )
    },
  },
  {
    name: 'sends the token to no other origin',
    async run({ open }) {
      const { apiUrl, mcpUrl, count } = await open()
      await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...worker })
      await refused(auth.fetch(mcpUrl), { name: 'AuthConfigError', code: 'origin_refused' })
      same(await count('mcp', { method: 'GET' }), 0, 'requests there')
    },
  },
]

/** Not extractable, as a program should keep it. */
async function keyPair(algorithm: 'ES256' | 'EdDSA' | 'PS256'): Promise<CryptoKeyPair> {
  const parameters = {
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
    EdDSA: { name: 'Ed25519' },
    PS256: {
      name: 'RSA-PSS',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
  }[algorithm]
  // The types do not tell that these three make pairs.
  return (await crypto.subtle.generateKey(parameters, false, ['sign', 'verify'])) as CryptoKeyPair
}
