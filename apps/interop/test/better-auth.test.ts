import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { type BetterAuthServer, startBetterAuth } from '../src/better-auth.ts'
import { expectQuiet } from './quiet.ts'
import { basic, jsonOf, postForm, type TokenAnswer } from './requests.ts'

const deviceCode = 'urn:ietf:params:oauth:grant-type:device_code'

expectQuiet()
let server: BetterAuthServer
beforeAll(async () => {
  server = await startBetterAuth({ intervalSeconds: 5 })
})
afterAll(() => server.close())
afterEach(() => void vi.useRealTimers())

interface DeviceAnswer {
  readonly device_code: string
  readonly user_code: string
}

function askForCode(form: Record<string, string> = {}): Promise<Response> {
  const common = { client_id: server.deviceClient.clientId, scope: 'api:read offline_access' }
  return postForm(`${server.issuer}/device/code`, { ...common, ...form })
}

function ask(form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return postForm(`${server.issuer}/oauth2/token`, form, headers)
}

function poll({ device_code }: DeviceAnswer): Promise<Response> {
  return ask({ grant_type: deviceCode, device_code, client_id: server.deviceClient.clientId })
}

function refresh(refreshToken: string): Promise<Response> {
  const client_id = server.deviceClient.clientId
  return ask({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id })
}

/** The server runs in this process, so that this is its clock too. */
function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
}

it('is found under an issuer with a path, and knows the device flow (RFC 8414 §3.1, RFC 8628 §4)', async () => {
  const response = await fetch(`${server.origin}/.well-known/oauth-authorization-server/api/auth`)

  expect(await response.json()).toMatchObject({
    issuer: `${server.origin}/api/auth`,
    token_endpoint: `${server.issuer}/oauth2/token`,
    device_authorization_endpoint: `${server.issuer}/device/code`,
    grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token', deviceCode],
    // Public clients there are all the same.
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  })
})

it('gives a code for the device and one for the user (RFC 8628 §3.2)', async () => {
  const response = await askForCode()

  const answer = await jsonOf<DeviceAnswer>(response)
  expect(answer).toMatchObject({
    verification_uri: `${server.issuer}/device`,
    verification_uri_complete: `${server.issuer}/device?user_code=${answer.user_code}`,
    expires_in: 1800,
    interval: 5,
  })
  expect(answer.user_code).toMatch(/^[A-Z2-9]{8}$/)
  expect(response.headers.get('cache-control')).toBe('no-store')
})

it('has the device wait, more slowly if it asks too early, until the user says yes (RFC 8628 §3.5)', async () => {
  const device = await jsonOf<DeviceAnswer>(await askForCode())
  const first = await poll(device)
  const hasty = await poll(device)
  await server.approve(device.user_code)
  const stillHasty = await poll(device)
  pass(5)
  const patient = await poll(device)

  expect([first.status, hasty.status, stillHasty.status]).toEqual([400, 400, 400])
  expect(await first.json()).toMatchObject({ error: 'authorization_pending' })
  expect(await hasty.json()).toMatchObject({ error: 'slow_down' })
  expect(await stillHasty.json()).toMatchObject({ error: 'slow_down' })
  expect(await patient.json()).toMatchObject({
    access_token: expect.any(String),
    refresh_token: expect.any(String),
    token_type: 'Bearer',
    expires_in: 3600,
    scope: 'api:read offline_access',
  })
  const { journal } = server
  expect(journal.count({ path: '/api/auth/oauth2/token' })).toBe(4)
  expect(journal.count({ path: '/api/auth/device/approve', status: 200 })).toBe(1)
})

it('tells the device that the user said no (RFC 8628 §3.5)', async () => {
  const device = await jsonOf<DeviceAnswer>(await askForCode())
  await server.deny(device.user_code)

  const response = await poll(device)

  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: 'access_denied' })
})

it('tells the device that the code is too old (RFC 8628 §3.5)', async () => {
  const device = await jsonOf<DeviceAnswer>(await askForCode())
  pass(1801)

  const response = await poll(device)

  expect(await response.json()).toMatchObject({ error: 'expired_token' })
})

it('gives a JWT to a device that named a resource (RFC 8707 §2, RFC 9068 §2)', async () => {
  const device = await jsonOf<DeviceAnswer>(await askForCode({ resource: server.resource }))
  await server.approve(device.user_code)

  const { access_token } = await jsonOf<TokenAnswer>(await poll(device))

  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
  expect(claims).toMatchObject({ iss: server.issuer, aud: server.resource, scope: 'api:read offline_access' })
})

it('rotates refresh tokens, and revokes all of them when one comes twice (RFC 9700 §4.14.2)', async () => {
  const device = await jsonOf<DeviceAnswer>(await askForCode())
  await server.approve(device.user_code)
  const first = await jsonOf<TokenAnswer>(await poll(device))

  const second = await jsonOf<TokenAnswer>(await refresh(first.refresh_token))
  const again = await refresh(first.refresh_token)
  const late = await refresh(second.refresh_token)

  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect(await again.json()).toMatchObject({ error: 'invalid_grant' })
  expect(await late.json()).toMatchObject({ error: 'invalid_grant' })
})

it('gives a machine a token in its own name (RFC 6749 §4.4)', async () => {
  const form = { grant_type: 'client_credentials', scope: 'api:read' }

  const response = await ask(form, basic(server.machineClient))

  const token = await jsonOf<TokenAnswer>(response)
  expect(token).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'api:read' })
  expect(token).not.toHaveProperty('refresh_token')
})
