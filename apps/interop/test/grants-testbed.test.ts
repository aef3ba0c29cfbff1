import { MCPClient } from '@x/mcp-client'
import {
  type Auth,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  clientSecretPost,
  DeviceCodeAuth,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { column } from './column.ts'
import { leapingClock } from './leaping-clock.ts'
import { expectQuiet } from './quiet.ts'
import { claimsOf } from './requests.ts'

const { worker, poster, cli, app } = testClients
const redirectUri = 'http://127.0.0.1/callback'
const { works, isWhole } = column('testbed')

expectQuiet()
let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ strictClientAuthentication: true })
})
afterAll(() => testbed.close())
beforeEach(() => testbed.authorizationServer.journal.clear())
afterEach(() => void vi.useRealTimers())

works('client credentials', 'by a secret in the header, for the API (RFC 6749 §4.4)', async () => {
  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.api.url, ...worker })

  expect(await orders(auth)).toMatchObject({ client: worker.clientId })
})

works('client credentials', 'by a secret in the form, for the MCP server (RFC 6749 §2.3.1)', async () => {
  await using auth = await ClientCredentialsAuth.fromIssuer({
    issuer: testbed.authorizationServer.issuer,
    ...poster,
    // The server lists both ways, and each client is registered for one.
    clientAuthentication: clientSecretPost,
    resource: testbed.mcp.url,
    scope: 'mcp:tools',
  })

  expect(await whoami(auth)).toMatchObject({ client_id: poster.clientId, scopes: ['mcp:tools'] })
})

works('token exchange', 'a service acts for a user, with less scope (RFC 8693 §2.1)', async () => {
  await using user = await signIn({ resource: testbed.mcp.url, scope: 'mcp:tools mcp:write' })
  await using service = await TokenExchangeAuth.fromResource({
    resourceUrl: testbed.mcp.url,
    ...worker,
    subjectToken: user,
    scope: 'mcp:tools',
  })

  const who = await whoami(service)

  expect(who).toEqual({ client_id: worker.clientId, scopes: ['mcp:tools'], subject: 'the-user' })
})

works('token exchange', 'the token says who acts, and is for another resource (RFC 8693 §4.1)', async () => {
  await using user = await signIn({ resource: testbed.mcp.url, scope: 'mcp:tools api:read' })
  await using itself = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.api.url, ...worker })
  await using service = await TokenExchangeAuth.fromIssuer({
    issuer: testbed.authorizationServer.issuer,
    ...worker,
    subjectToken: user,
    actorToken: itself,
    resource: testbed.api.url,
    scope: 'api:read',
  })

  const { accessToken } = await service.getToken()

  expect(claimsOf(accessToken)).toMatchObject({
    sub: 'the-user',
    aud: testbed.api.url,
    act: { sub: worker.clientId },
  })
  expect(await orders(service)).toMatchObject({ client: worker.clientId })
})

works('device code', 'a public client, for the API (RFC 8628 §3)', async () => {
  await using auth = await DeviceCodeAuth.fromResource({
    resourceUrl: testbed.api.url,
    ...cli,
    clock: leapingClock(),
    prompt: async ({ verificationUriComplete = '' }) => void (await agree(verificationUriComplete)),
  })

  const { scope, refreshToken } = await auth.getToken()

  expect(scope).toEqual(['api:read'])
  expect(refreshToken).toBeDefined()
  expect(await orders(auth)).toMatchObject({ client: cli.clientId })
})

works('device code', 'a client with a secret, for the MCP server (RFC 8628 §3.1)', async () => {
  const approved = Promise.withResolvers<unknown>()
  await using auth = await DeviceCodeAuth.fromIssuer({
    issuer: testbed.authorizationServer.issuer,
    ...app,
    resource: testbed.mcp.url,
    scope: 'mcp:tools',
    clock: leapingClock(),
    prompt: ({ verificationUriComplete = '' }) => approved.resolve(agree(verificationUriComplete)),
  })

  const who = await whoami(auth)

  expect(who).toEqual({ client_id: app.clientId, scopes: ['mcp:tools'], subject: 'the-user' })
  await approved.promise
})

works('authorization code', 'a public client, for the API (RFC 6749 §4.1, RFC 7636)', async () => {
  await using auth = await AuthorizationCodeAuth.fromResource({
    resourceUrl: testbed.api.url,
    ...cli,
    redirectUri,
    authorize: agree,
  })

  const { scope, refreshToken } = await auth.getToken()

  expect(scope).toEqual(['api:read'])
  expect(refreshToken).toBeDefined()
  expect(await orders(auth)).toMatchObject({ client: cli.clientId })
})

works('authorization code', 'a client with a secret, for the MCP server (RFC 6749 §4.1.3)', async () => {
  await using auth = await AuthorizationCodeAuth.fromIssuer({
    issuer: testbed.authorizationServer.issuer,
    ...app,
    resource: testbed.mcp.url,
    scope: 'openid mcp:tools',
    redirectUri,
    authorize: agree,
  })

  // Nobody is signed in yet: connecting asks.
  const who = await whoami(auth)

  expect(who).toMatchObject({ client_id: app.clientId, subject: 'the-user' })
  const { idToken = '' } = await auth.getToken()
  expect(claimsOf(idToken)).toMatchObject({ sub: 'the-user', aud: app.clientId })
})

works('refresh', 'what the API refuses is renewed without a person (RFC 6749 §6)', async () => {
  await using auth = await signIn({ resource: testbed.api.url, scope: 'api:read' })
  const first = await auth.getToken()
  testbed.api.refuse(first.accessToken)

  expect(await orders(auth)).toMatchObject({ client: cli.clientId })

  const second = await auth.getToken()
  expect(tokenRequests(200)).toEqual(['authorization_code', 'refresh_token'])
  expect(second.refreshToken).not.toBe(first.refreshToken)
})

works('revocation', 'signing out ends the refresh token at the server (RFC 7009 §2.1)', async () => {
  await using auth = await signIn({ resource: testbed.api.url, scope: 'api:read' })
  const { refreshToken } = await auth.getToken()

  const isRevoked = await auth.signOut()

  expect(isRevoked).toBe(true)
  await using thief = await signIn({ resource: testbed.api.url, scope: 'api:read', refreshToken })
  const attempt = thief.getToken({ interactive: false })
  await expect(attempt).rejects.toMatchObject({ code: 'interaction_required' })
  expect(tokenRequests(400)).toEqual(['refresh_token'])
})

isWhole()

/** The user, at the public client; nobody is asked before the first token is. */
function signIn(options: {
  resource: string
  scope: string
  refreshToken?: string | undefined
}): Promise<AuthorizationCodeAuth> {
  const { issuer } = testbed.authorizationServer
  return AuthorizationCodeAuth.fromIssuer({ issuer, ...cli, redirectUri, authorize: agree, ...options })
}

async function orders(auth: Auth): Promise<unknown> {
  const response = await auth.fetch(`${testbed.api.url}/orders`)
  return response.json()
}

/** What the MCP server says of whoever shows it the token. */
async function whoami(auth: Auth): Promise<unknown> {
  await using client = await MCPClient.connect(testbed.mcp.url, { auth })
  const { content } = await client.callTool({ name: 'whoami' })
  const [text] = content
  return text?.type === 'text' ? JSON.parse(text.text) : content
}

/** The kinds of the token requests that were answered in that way. */
function tokenRequests(status: number): string[] {
  return testbed.authorizationServer.journal.arrivals
    .filter((arrival) => arrival.path === '/token' && arrival.status === status)
    .map(({ body }) => new URLSearchParams(body).get('grant_type') ?? '')
}
