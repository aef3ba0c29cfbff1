import {
  type Auth,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  DeviceCodeAuth,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { type ResourceServer, startApi } from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { type BetterAuthServer, startBetterAuth } from '../src/better-auth.ts'
import { column } from './column.ts'
import { leapingClock } from './leaping-clock.ts'
import { expectQuiet } from './quiet.ts'
import { basic, postForm } from './requests.ts'

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const { works, isMissing, isWhole } = column('better-auth')

expectQuiet()
let server: BetterAuthServer
let api: ResourceServer
beforeAll(async () => {
  server = await startBetterAuth({
    intervalSeconds: 8,
    async startResource(issuer) {
      api = await startApi({ issuer })
      return api.url
    },
  })
})
afterAll(async () => {
  await server.close()
  await api.close()
})
beforeEach(() => server.journal.clear())
afterEach(() => void vi.useRealTimers())

works('client credentials', 'found from the issuer, which has a path (RFC 6749 §4.4)', async () => {
  const { issuer, resource, machineClient } = server
  await using auth = await ClientCredentialsAuth.fromIssuer({
    issuer,
    ...machineClient,
    resource,
    scope: 'api:read',
  })

  expect(await orders(auth)).toMatchObject({ client: machineClient.clientId })
})

works('client credentials', 'found from the resource, which is elsewhere (RFC 9728 §3)', async () => {
  const { resource, machineClient } = server
  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: resource, ...machineClient })

  expect(await orders(auth)).toMatchObject({ client: machineClient.clientId })
})

isMissing('token exchange', 'the client is told before anything is sent (RFC 8414 §2)', async () => {
  const { issuer, machineClient } = server

  const attempt = TokenExchangeAuth.fromIssuer({ issuer, ...machineClient, subjectToken: 'a-token' })

  await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code: 'grant_not_supported' })
  expect(server.journal.count({ method: 'POST' })).toBe(0)
  // And so it is, whatever the list says.
  const form = { grant_type: tokenExchange, subject_token: 'a-token', subject_token_type: 'any' }
  const response = await postForm(`${issuer}/oauth2/token`, form, basic(machineClient))
  expect(await response.json()).toMatchObject({ error: 'unsupported_grant_type' })
})

works('device code', 'a public client, though the server lists none (RFC 8628 §3)', async () => {
  const { resource, deviceClient } = server
  await using auth = await DeviceCodeAuth.fromResource({
    resourceUrl: resource,
    ...deviceClient,
    clock: leapingClock(),
    prompt: ({ userCode }) => server.approve(userCode),
  })

  await auth.getToken()

  expect(await orders(auth)).toMatchObject({ client: deviceClient.clientId })
})

works('device code', 'a person who says no ends it (RFC 8628 §3.5)', async () => {
  await using auth = await device({ prompt: ({ userCode }) => server.deny(userCode) })

  await expect(auth.getToken()).rejects.toMatchObject({ code: 'access_denied', error: 'access_denied' })
})

works('device code', 'each slow_down adds 5 s, for all polls from then on (RFC 8628 §3.5)', async () => {
  const clock = leapingClock()
  const answers: string[] = []
  let userCode = ''
  await using auth = await device({
    clock,
    prompt: (verification) => {
      userCode = verification.userCode
    },
    async fetch(input, init) {
      const url = input instanceof Request ? input.url : String(input)
      const response = await fetch(input, init)
      // The server wants 8 s, and the client is told that 1 s will do.
      if (url.endsWith('/device/code')) return withInterval(1, response)
      if (url.endsWith('/token')) answers.push(await errorOf(response))
      if (answers.length === 5) await server.approve(userCode)
      return response
    },
  })

  await auth.getToken()

  const pending = 'authorization_pending'
  expect(answers).toEqual([pending, 'slow_down', 'slow_down', pending, pending, 'none'])
  expect(clock.waits).toEqual([1000, 1000, 6000, 11_000, 11_000, 11_000])
})

works('authorization code', 'a public client, found from the resource (RFC 7636)', async () => {
  await using user = await signIn()

  await user.getToken()

  expect(await orders(user)).toMatchObject({ client: server.codeClient.clientId })
})

works('refresh', 'what the API refuses is renewed without a person (RFC 6749 §6)', async () => {
  await using user = await signIn()
  const first = await user.getToken()
  api.refuse(first.accessToken)

  expect(await orders(user)).toMatchObject({ client: server.codeClient.clientId })

  const second = await user.getToken()
  expect(second.refreshToken).not.toBe(first.refreshToken)
})

works('refresh', 'one that comes twice ends all, and a person is needed (RFC 9700 §4.14.2)', async () => {
  await using user = await signIn()
  const first = await user.getToken()
  const second = await user.getToken({ rejected: first, interactive: false })
  await using thief = await signIn(first.refreshToken)

  const theft = thief.getToken({ interactive: false })
  await expect(theft).rejects.toMatchObject({ code: 'interaction_required' })

  const attempt = user.getToken({ rejected: second, interactive: false })
  await expect(attempt).rejects.toMatchObject({ code: 'interaction_required' })
})

works('revocation', 'signing out ends the refresh token at the server (RFC 7009 §2.1)', async () => {
  await using user = await signIn()
  const { refreshToken } = await user.getToken()

  const isRevoked = await user.signOut()

  expect(isRevoked).toBe(true)
  await using thief = await signIn(refreshToken)
  const attempt = thief.getToken({ interactive: false })
  await expect(attempt).rejects.toMatchObject({ code: 'interaction_required' })
})

works('revocation', 'a JWT cannot be revoked, and is forgotten all the same (RFC 7009 §2.2.1)', async () => {
  await using auth = await device({ scope: 'api:read', prompt: ({ userCode }) => server.approve(userCode) })
  await auth.getToken()

  await expect(auth.signOut()).rejects.toMatchObject({
    name: 'TokenError',
    error: 'unsupported_token_type',
  })

  const attempt = auth.getToken({ interactive: false })
  await expect(attempt).rejects.toMatchObject({ code: 'interaction_required' })
})

isWhole()

/** The user, at the client for browsers; nobody is asked before the first token is. */
function signIn(refreshToken?: string): Promise<AuthorizationCodeAuth> {
  return AuthorizationCodeAuth.fromResource({
    resourceUrl: server.resource,
    ...server.codeClient,
    scope: 'api:read offline_access',
    redirectUri: 'http://127.0.0.1:4711/callback',
    authorize: server.consent,
    refreshToken,
  })
}

function device(
  options: Pick<Parameters<typeof DeviceCodeAuth.fromIssuer>[0], 'prompt' | 'clock' | 'fetch' | 'scope'>,
): Promise<DeviceCodeAuth> {
  const { issuer, resource, deviceClient } = server
  return DeviceCodeAuth.fromIssuer({ issuer, ...deviceClient, resource, clock: leapingClock(), ...options })
}

async function withInterval(interval: number, response: Response): Promise<Response> {
  const answer: object = await response.json()
  return Response.json({ ...answer, interval })
}

async function errorOf(response: Response): Promise<string> {
  const { error = 'none' }: { error?: string } = await response.clone().json()
  return error
}

async function orders(auth: Auth): Promise<unknown> {
  const response = await auth.fetch(`${api.url}/orders`)
  return response.json()
}
