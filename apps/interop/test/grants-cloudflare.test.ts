import {
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  DeviceCodeAuth,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { afterEach, beforeEach, expect } from 'vitest'
import { type CloudflareProvider, startCloudflareProvider } from '../src/cloudflare.ts'
import { column } from './column.ts'
import { expectQuiet } from './quiet.ts'
import { basic, bearer, postForm, redirectOf } from './requests.ts'

const redirectUri = 'http://127.0.0.1:4711/callback'
const everything = 'api:read api:write'
const { works, isMissing, isWhole } = column('cloudflare')

expectQuiet()
let server: CloudflareProvider
// Each authorization of the one user there is ends those before it at the same client.
beforeEach(async () => {
  server = await startCloudflareProvider()
})
afterEach(() => server.close())

isMissing('client credentials', 'the client is told before anything is sent (RFC 8414 §2)', async () => {
  const { issuer, confidentialClient } = server

  const attempt = ClientCredentialsAuth.fromIssuer({ issuer, ...confidentialClient })

  await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code: 'grant_not_supported' })
  expect(server.journal.count({ method: 'POST' })).toBe(0)
  // And so it is, whatever the list says.
  const form = { grant_type: 'client_credentials', scope: 'api:read' }
  const response = await postForm(`${issuer}/token`, form, basic(confidentialClient))
  expect(await response.json()).toMatchObject({ error: 'unsupported_grant_type' })
})

works('token exchange', 'a service acts for a user, with less scope (RFC 8693 §2.1)', async () => {
  await using user = await signIn()
  await user.getToken()
  await using service = await TokenExchangeAuth.fromResource({
    resourceUrl: server.resource,
    ...server.confidentialClient,
    subjectToken: user,
    scope: 'api:read',
  })

  const response = await service.fetch(server.resource)

  const client = server.confidentialClient.clientId
  expect(await response.json()).toEqual({ user: 'the-user', client, scope: ['api:read'] })
})

isMissing('device code', 'the client is told before anything is sent (RFC 8628 §4)', async () => {
  const { issuer, resource, publicClient } = server

  const attempt = DeviceCodeAuth.fromResource({ resourceUrl: resource, ...publicClient, prompt: () => {} })

  await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code: 'grant_not_supported' })
  expect(server.journal.count({ method: 'POST' })).toBe(0)
  const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`)
  expect(await response.json()).not.toHaveProperty('device_authorization_endpoint')
})

works('authorization code', 'a public client, found from the resource (RFC 7636)', async () => {
  await using user = await signIn()

  await user.getToken()
  const response = await user.fetch(server.resource)

  const client = server.publicClient.clientId
  expect(await response.json()).toEqual({ user: 'the-user', client, scope: ['api:read', 'api:write'] })
})

works('authorization code', 'a client with a secret, found from the issuer (RFC 6749 §4.1)', async () => {
  const { issuer, resource, confidentialClient } = server
  await using user = await AuthorizationCodeAuth.fromIssuer({
    issuer,
    ...confidentialClient,
    resource,
    scope: 'api:read',
    redirectUri,
    authorize,
  })

  await user.getToken()
  const response = await user.fetch(resource)

  expect(await response.json()).toMatchObject({ client: confidentialClient.clientId, scope: ['api:read'] })
})

works('refresh', 'rotates, and what came first is no longer good then (RFC 6749 §6)', async () => {
  await using user = await signIn()
  const first = await user.getToken()
  const second = await user.getToken({ rejected: first, interactive: false })
  const third = await user.getToken({ rejected: second, interactive: false })

  const refreshTokens = [first, second, third].map(({ refreshToken }) => refreshToken)
  expect(new Set(refreshTokens).size).toBe(3)
  expect(await statusOf(third.accessToken)).toBe(200)
  await using late = await signIn(first.refreshToken)
  const attempt = late.getToken({ interactive: false })
  await expect(attempt).rejects.toMatchObject({ code: 'interaction_required' })
})

works('revocation', 'signing out ends the access token as well (RFC 7009 §2.1)', async () => {
  await using user = await signIn()
  const { accessToken } = await user.getToken()
  expect(await statusOf(accessToken)).toBe(200)

  const isRevoked = await user.signOut()

  expect(isRevoked).toBe(true)
  expect(await statusOf(accessToken)).toBe(401)
})

isWhole()

/** The user, at the public client; nobody is asked before the first token is. */
function signIn(refreshToken?: string): Promise<AuthorizationCodeAuth> {
  const { resource, publicClient } = server
  const options = { resourceUrl: resource, ...publicClient, scope: everything, redirectUri, authorize }
  return AuthorizationCodeAuth.fromResource({ ...options, refreshToken })
}

/** The page that the browser is sent to approves at once. */
function authorize({ origin, pathname, searchParams }: URL): Promise<URL> {
  return redirectOf(origin + pathname, Object.fromEntries(searchParams))
}

async function statusOf(accessToken: string): Promise<number> {
  const response = await fetch(server.resource, { headers: bearer(accessToken) })
  await response.text()
  return response.status
}
