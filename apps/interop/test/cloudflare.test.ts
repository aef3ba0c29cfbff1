import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CloudflareProvider, startCloudflareProvider } from '../src/cloudflare.ts'
import { authorize, obtainToken, redeem, redirectUri } from './code-flow.ts'
import { expectQuiet } from './quiet.ts'
import { basic, bearer, createPkce, jsonOf, postForm, type TokenAnswer } from './requests.ts'

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

expectQuiet()
let server: CloudflareProvider
beforeAll(async () => {
  server = await startCloudflareProvider()
})
afterAll(() => server.close())

function ask(form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
  return postForm(`${server.issuer}/token`, form, headers)
}

function askAsPublic(form: Record<string, string>): Promise<Response> {
  return ask({ client_id: server.publicClient.clientId, ...form })
}

function refresh(refreshToken: string): Promise<Response> {
  return askAsPublic({ grant_type: 'refresh_token', refresh_token: refreshToken })
}

async function exchange(form: Record<string, string>): Promise<Response> {
  const { access_token } = await obtainToken(server)
  const subject = { subject_token: access_token, subject_token_type: accessTokenType }
  return ask({ grant_type: tokenExchange, ...subject, ...form }, basic(server.confidentialClient))
}

function callApi(accessToken: string): Promise<Response> {
  return fetch(server.resource, { headers: bearer(accessToken) })
}

it('publishes what it can do (RFC 8414 §2)', async () => {
  const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)

  expect(await response.json()).toMatchObject({
    issuer: server.issuer,
    token_endpoint: `${server.issuer}/token`,
    revocation_endpoint: `${server.issuer}/token`,
    grant_types_supported: ['authorization_code', 'refresh_token', tokenExchange],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  })
})

it('leads from the resource to the issuer (RFC 9728 §5.1)', async () => {
  const refused = await fetch(server.resource)

  const challenge = refused.headers.get('www-authenticate') ?? ''
  const [, metadataUrl = ''] = /resource_metadata="([^"]*)"/.exec(challenge) ?? []
  const metadata = await fetch(metadataUrl)
  expect(refused.status).toBe(401)
  expect(await metadata.json()).toMatchObject({
    resource: server.resource,
    authorization_servers: [server.issuer],
    scopes_supported: ['api:read'],
  })
})

it('gives a token for a code, on whatever port the client listens (RFC 8252 §7.3)', async () => {
  const { verifier, challenge } = createPkce()

  const callback = await authorize(server, challenge)
  const token = await jsonOf<TokenAnswer>(await redeem(server, callback, verifier))

  expect(callback.href.split('?')[0]).toBe(redirectUri)
  expect(callback.searchParams.get('state')).toBe('a-state')
  expect(callback.searchParams.get('iss')).toBe(server.issuer)
  expect(token).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'api:read api:write' })
  const who = await callApi(token.access_token)
  const client = server.publicClient.clientId
  expect(await who.json()).toEqual({ user: 'the-user', client, scope: ['api:read', 'api:write'] })
})

it('wants the verifier of the challenge (RFC 7636 §4.6)', async () => {
  const callback = await authorize(server, createPkce().challenge)

  const response = await redeem(server, callback, createPkce().verifier)

  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: 'invalid_grant' })
})

it('rotates refresh tokens, and takes the one before until its successor is used', async () => {
  const first = await obtainToken(server)

  const lost = await jsonOf<TokenAnswer>(await refresh(first.refresh_token))
  const second = await jsonOf<TokenAnswer>(await refresh(first.refresh_token))
  const third = await refresh(second.refresh_token)
  const late = await refresh(first.refresh_token)

  expect(new Set([first, lost, second].map((token) => token.refresh_token)).size).toBe(3)
  expect(third.status).toBe(200)
  expect(late.status).toBe(400)
  expect(await late.json()).toMatchObject({ error: 'invalid_grant' })
})

it('exchanges the token of another client for a narrower one (RFC 8693 §2.2.1)', async () => {
  const token = await jsonOf<TokenAnswer>(await exchange({ scope: 'api:read' }))

  expect(token).toMatchObject({ issued_token_type: accessTokenType, token_type: 'bearer', scope: 'api:read' })
  const who = await callApi(token.access_token)
  const client = server.confidentialClient.clientId
  expect(await who.json()).toEqual({ user: 'the-user', client, scope: ['api:read'] })
})

it('exchanges for no other audience (RFC 8693 §2.2.2)', async () => {
  const response = await exchange({ resource: 'https://other.example/' })

  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: 'invalid_target' })
})

it('takes the registered client authentication and no other', async () => {
  const { clientId, clientSecret } = server.confidentialClient
  const form = { grant_type: 'refresh_token', refresh_token: 'any' }

  const response = await ask({ ...form, client_id: clientId, client_secret: clientSecret })

  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ error: 'invalid_client' })
})

it('revokes at the token endpoint, and with a refresh token all that came of it (RFC 7009 §2.1)', async () => {
  const { access_token, refresh_token } = await obtainToken(server)

  const revocation = await askAsPublic({ token: refresh_token, token_type_hint: 'refresh_token' })

  expect(revocation.status).toBe(200)
  const refused = await callApi(access_token)
  expect(refused.status).toBe(401)
  expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
})

it('can have a user who says no (RFC 6749 §4.1.2.1)', async () => {
  await using denying = await startCloudflareProvider({ answer: 'deny' })

  const callback = await authorize(denying, createPkce().challenge)

  expect(callback.searchParams.get('error')).toBe('access_denied')
  expect(callback.searchParams.get('state')).toBe('a-state')
})
