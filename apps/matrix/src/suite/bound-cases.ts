import { discoverAuthorizationServer } from '@x/oauth-discovery'
import { ClientCredentialsAuth, finishAuthorization, memoryStore, startAuthorization } from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { testClients } from '@x/testbed/clients'
import type { Case } from './case.ts'
import { failureOf, holds, refused, same } from './claims.ts'

const { worker, cli } = testClients

export const boundCases: readonly Case[] = [
  ...(['ES256', 'EdDSA'] as const).map(
    (algorithm): Case => ({
      name: `binds tokens to a key, and proves it with the nonces of both servers: ${algorithm} (RFC 9449)`,
      async run({ open }) {
        const { apiUrl, arrivals } = await open({ boundTokensOnly: true, requiresNonces: true })
        const binding = await dpop({ algorithm })
        await using auth = await ClientCredentialsAuth.fromResource({
          resourceUrl: apiUrl,
          ...worker,
          binding,
        })
        same((await auth.getToken()).tokenType, 'DPoP', 'type')
        for (let call = 0; call < 3; call += 1) same((await auth.fetch(apiUrl)).status, 200, 'status')
        const statuses = (await arrivals('api'))
          .filter(({ path }) => path === '/api')
          .map(({ status }) => status)
        // The look for the server, the first proof, which knew no nonce, and then none for nothing.
        same(statuses, [401, 401, 200, 200, 200], 'statuses')
      },
    }),
  ),
  {
    name: 'cannot export the key, and takes one that somebody keeps',
    async run({ open }) {
      const { apiUrl, count } = await open({ boundTokensOnly: true })
      const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
        'sign',
        'verify',
      ])
      await failureOf(crypto.subtle.exportKey('jwk', pair.privateKey))
      const store = memoryStore()
      for (let process = 0; process < 2; process += 1) {
        const binding = await dpop({ keyPair: pair })
        await using auth = await ClientCredentialsAuth.fromResource({
          resourceUrl: apiUrl,
          ...worker,
          binding,
          store,
        })
        same((await auth.fetch(apiUrl)).status, 200, 'status')
      }
      same(await count('authorizationServer', { method: 'POST', path: '/token' }), 1, 'token requests')
    },
  },
  {
    name: 'binds the sign-in of a person, from the first half to the second (RFC 9449 §10)',
    async run({ open, agree }) {
      const { apiUrl } = await open()
      const binding = await dpop()
      const { authorizationServerMetadata: serverMetadata } = await discoverAuthorizationServer(apiUrl)
      const { url, pending } = await startAuthorization({
        serverMetadata,
        ...cli,
        redirectUri: 'http://127.0.0.1/callback',
        scope: 'api:read',
        resource: apiUrl,
        binding,
      })
      const callback = await agree(url)
      await refused(finishAuthorization(callback, pending, { binding: await dpop() }), {
        code: 'invalid_key',
      })
      const token = await finishAuthorization(callback, pending, { binding })
      same(token.tokenType, 'DPoP', 'type')
    },
  },
  {
    name: 'is of no use to who steals the token',
    async run({ open }) {
      const { apiUrl } = await open({ boundTokensOnly: true })
      const binding = await dpop()
      await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...worker, binding })
      const { accessToken } = await auth.getToken()
      const thief = await dpop()
      const proof = await thief.proof({ method: 'GET', url: apiUrl, accessToken })
      const headers = { authorization: `DPoP ${accessToken}`, dpop: proof }
      const response = await fetch(apiUrl, { headers })
      same(response.status, 401, 'status')
      holds(
        response.headers.get('www-authenticate')?.startsWith('DPoP') === true,
        'the challenge can be read',
      )
    },
  },
]
