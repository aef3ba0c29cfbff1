import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import {
  accessTokenType,
  askForToken,
  basic,
  claimsOf,
  clientCredentials,
  jsonOf,
  postAs,
  postForm,
  tokenExchange,
} from './requests.ts'
import { signIn } from './sign-in.ts'

const resource = 'https://resource.example/mcp'
const { cli } = testClients

let server: AuthorizationServer
beforeAll(async () => {
  server = await startAuthorizationServer({
    accessTokenSeconds: 7,
    clients: [
      {
        client_id: 'extra',
        client_secret: 'extra-secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    resources: (asked) => asked.startsWith('https://resource.example/'),
  })
})
afterAll(() => server.close())

const consoles = ['log', 'info', 'warn', 'error'] as const
beforeEach(() => {
  for (const name of consoles) vi.spyOn(console, name)
})
afterEach(() => {
  // Every test here is also a test that the provider keeps quiet.
  for (const name of consoles) expect(console[name]).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

it('gives a JWT for the resource that lives as long as it was told (RFC 9068)', async () => {
  const form = { grant_type: 'client_credentials', resource, scope: 'mcp:tools' }

  const answer = await askForToken(server.tokenEndpoint, form)

  expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: 7, scope: 'mcp:tools' })
  const { iss, aud, client_id, exp, iat } = claimsOf(answer.access_token)
  expect({ iss, aud, client_id }).toEqual({
    iss: server.issuer,
    aud: resource,
    client_id: testClients.worker.clientId,
  })
  expect(Number(exp) - Number(iat)).toBe(7)
})

it('gives a token also when no resource is named', async () => {
  const answer = await askForToken(server.tokenEndpoint, {
    grant_type: 'client_credentials',
    scope: 'mcp:tools',
  })

  expect(answer).toMatchObject({ access_token: expect.any(String), expires_in: 7 })
})

it('refuses a resource it does not know (RFC 8707 §2)', async () => {
  const attempt = clientCredentials(server.tokenEndpoint, 'https://other.example/', 'mcp:tools')

  await expect(attempt).rejects.toThrow('invalid_target')
})

it('refuses a secret that is wrong, and one that was not form-encoded (RFC 6749 §2.3.1)', async () => {
  const { clientId, clientSecret } = testClients.worker
  const raw = `Basic ${btoa(`${clientId}:${clientSecret}`)}`
  const wrong = basic({ clientId, clientSecret: 'wrong' })

  for (const authorization of [raw, wrong]) {
    const response = await postForm(
      server.tokenEndpoint,
      { grant_type: 'client_credentials' },
      { authorization },
    )
    expect([400, 401]).toContain(response.status)
  }
})

it('knows clients it was given beside its own', async () => {
  const authorization = basic({ clientId: 'extra', clientSecret: 'extra-secret' })

  const response = await postForm(
    server.tokenEndpoint,
    { grant_type: 'client_credentials' },
    { authorization },
  )

  expect(response.status).toBe(200)
})

describe('token exchange', () => {
  const subjectToken = () => clientCredentials(server.tokenEndpoint, resource, 'mcp:tools api:read')
  const exchange = (form: Record<string, string>) =>
    askForToken(server.tokenEndpoint, {
      grant_type: tokenExchange,
      subject_token_type: accessTokenType,
      ...form,
    })

  it('narrows the scope and changes the audience (RFC 8693 §2.2.1)', async () => {
    const other = 'https://resource.example/api'
    const form = { subject_token: await subjectToken(), resource: other, scope: 'api:read mcp:write' }

    const answer = await exchange(form)

    expect(answer).toMatchObject({
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      scope: 'api:read',
    })
    expect(claimsOf(answer.access_token)).toMatchObject({ aud: other, sub: testClients.worker.clientId })
  })

  it('notes who acts (RFC 8693 §4.1)', async () => {
    const [subject_token, actor_token] = await Promise.all([subjectToken(), subjectToken()])

    const answer = await exchange({ subject_token, actor_token, actor_token_type: accessTokenType })

    expect(claimsOf(answer.access_token)).toMatchObject({
      aud: resource,
      act: { sub: testClients.worker.clientId },
    })
  })

  it('calls a bad subject token an invalid request (RFC 8693 §2.2.2)', async () => {
    await expect(exchange({ subject_token: 'x.y.z' })).rejects.toThrow('invalid_request')
  })

  it('refuses a target it does not know (RFC 8693 §2.2.2)', async () => {
    const attempt = exchange({ subject_token: await subjectToken(), resource: 'https://other.example/' })

    await expect(attempt).rejects.toThrow('invalid_target')
  })
})

describe('an issuer with a path', () => {
  it('is found where RFC 8414 and OpenID Connect put it, and not at the root', async () => {
    await using tenant = await startAuthorizationServer({ issuerPath: '/tenant1' })
    const { origin, issuer } = tenant

    const found = await Promise.all(
      ['/.well-known/oauth-authorization-server/tenant1', '/tenant1/.well-known/openid-configuration'].map(
        async (path) => jsonOf<{ issuer: string; token_endpoint: string }>(await fetch(origin + path)),
      ),
    )
    const absent = await Promise.all(
      [
        '/.well-known/oauth-authorization-server',
        '/.well-known/openid-configuration',
        '/tenant1/.well-known/oauth-authorization-server',
      ].map(async (path) => (await fetch(origin + path)).status),
    )

    expect(issuer).toBe(`${origin}/tenant1`)
    for (const metadata of found) {
      expect(metadata).toMatchObject({ issuer, token_endpoint: tenant.tokenEndpoint })
    }
    expect(absent).toEqual([404, 404, 404])
    expect(claimsOf(await clientCredentials(tenant.tokenEndpoint, resource, 'mcp:tools'))['iss']).toBe(issuer)
  })

  it('takes the user through its own pages', async () => {
    await using tenant = await startAuthorizationServer({ issuerPath: '/tenant1' })

    expect(await signIn(tenant, cli)).toMatchObject({ refresh_token: expect.any(String) })
  })
})

it('takes a user from the login to a refreshed token (RFC 6749 §4.1, §6)', async () => {
  const { access_token, refresh_token = '' } = await signIn(server, cli)

  const refreshed = await postAs(cli, server.tokenEndpoint, { grant_type: 'refresh_token', refresh_token })

  const { access_token: next } = await jsonOf<{ access_token: string }>(refreshed)
  expect(claimsOf(access_token)).toMatchObject({ sub: 'the-user', aud: resource, scope: 'mcp:tools' })
  expect(claimsOf(next)).toMatchObject({ sub: 'the-user', aud: resource, scope: 'mcp:tools' })
})

it('shows the user an error that cannot go back to the client (RFC 6749 §4.1.2.1)', async () => {
  const response = await fetch(`${server.issuer}/auth?client_id=nobody`)

  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: 'invalid_client' })
})
