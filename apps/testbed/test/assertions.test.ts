import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import {
  accessTokenType,
  claimsOf,
  jsonOf,
  postAs,
  postForm,
  type TokenAnswer,
  tokenExchange,
} from './requests.ts'
import { signIn } from './sign-in.ts'

const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`
const resource = 'https://resource.example/mcp'
const { app, worker, cli } = testClients

let provider: AuthorizationServer
let server: AuthorizationServer
beforeAll(async () => {
  provider = await startAuthorizationServer()
  server = await startAuthorizationServer({
    issuerPath: '/tenant1',
    strictClientAuthentication: true,
    identityProvider: provider.issuer,
  })
})
afterAll(() => Promise.all([provider.close(), server.close()]))

describe('a workload', () => {
  const sign = (more: { audience?: string; expiresIn?: number } = {}) =>
    server.platform.sign({ subject: 'job-7', audience: server.issuer, ...more })
  const ask = (form: Record<string, string>) =>
    postForm(server.tokenEndpoint, { grant_type, resource, ...form })

  it('gets a token without a name (RFC 7523 §2.1, RFC 7521 §4.1)', async () => {
    const response = await ask({ assertion: await sign(), scope: 'mcp:tools' })

    const answer = await jsonOf<TokenAnswer>(response)
    expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'mcp:tools' })
    expect(answer.refresh_token).toBeUndefined()
    expect(claimsOf(answer.access_token)).toMatchObject({ sub: 'job-7', aud: resource })
  })

  it.each([
    ['for another server', () => sign({ audience: 'https://other.example' })],
    ['that has ended', () => sign({ expiresIn: -1 })],
    ['of another platform', () => provider.platform.sign({ subject: 'job-7', audience: server.issuer })],
    ['that is none', async () => 'x.y.z'],
  ])('gets nothing for an assertion %s (RFC 7523 §3.1)', async (_, make) => {
    const response = await ask({ assertion: await make() })

    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('gets nothing for an assertion that was used before (RFC 7523 §3)', async () => {
    const assertion = await sign()
    const first = await ask({ assertion })

    const second = await ask({ assertion })

    expect([first.status, second.status]).toEqual([200, 400])
    expect(await second.json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('is told of a scope that the resource does not have (RFC 6749 §5.2)', async () => {
    const response = await ask({ assertion: await sign(), scope: 'mcp:nothing' })

    expect(await response.json()).toMatchObject({ error: 'invalid_scope' })
  })
})

describe('a user of the identity provider', () => {
  const exchange = async (form: Record<string, string> = {}) =>
    postAs(app, provider.tokenEndpoint, {
      grant_type: tokenExchange,
      requested_token_type: tokenType('id-jag'),
      subject_token_type: tokenType('id_token'),
      subject_token: await identityToken(app),
      audience: server.issuer,
      resource,
      scope: 'mcp:tools',
      ...form,
    })
  const identityToken = async (client: typeof app | typeof cli) =>
    (await signIn(provider, client, { scope: 'openid' })).id_token ?? ''
  const assertion = async () => (await jsonOf<TokenAnswer>(await exchange())).access_token

  it('gets an assertion, and by it a token of the other server (draft-ietf-oauth-identity-assertion-authz-grant §4)', async () => {
    const issued = await jsonOf<TokenAnswer>(await exchange())
    const form = { grant_type, assertion: issued.access_token }
    const answer = await jsonOf<TokenAnswer>(await postAs(app, server.tokenEndpoint, form))

    expect(issued).toMatchObject({
      issued_token_type: tokenType('id-jag'),
      token_type: 'N_A',
      expires_in: 300,
    })
    expect(claimsOf(issued.access_token)).toMatchObject({
      iss: provider.issuer,
      sub: 'the-user',
      aud: server.issuer,
      client_id: app.clientId,
      resource,
      scope: 'mcp:tools',
    })
    expect(answer).toMatchObject({ token_type: 'Bearer', scope: 'mcp:tools' })
    expect(claimsOf(answer.access_token)).toMatchObject({
      iss: server.issuer,
      sub: 'the-user',
      aud: resource,
    })
  })

  it.each([
    ['of another client', async () => ({ subject_token: await identityToken(cli) })],
    ['that is an access token', async () => ({ subject_token_type: accessTokenType })],
    ['that is none', async () => ({ subject_token: 'x.y.z' })],
  ])('gets no assertion for an ID token %s (RFC 8693 §2.2.2)', async (_, change) => {
    const response = await exchange(await change())

    expect(await response.json()).toMatchObject({ error: 'invalid_request' })
  })

  it('gets nothing for an assertion where no client comes with it', async () => {
    const response = await postForm(server.tokenEndpoint, { grant_type, assertion: await assertion() })

    expect(await response.json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('gets nothing where the client has no such grant', async () => {
    const form = { grant_type, assertion: await assertion() }

    const response = await postAs(worker, server.tokenEndpoint, form)

    expect(response.status).toBe(400)
  })

  it('is announced by the server that takes such assertions, and by no other', async () => {
    const documents = await Promise.all(
      [server, provider].map(async ({ issuer }) =>
        jsonOf<Record<string, unknown>>(await fetch(`${issuer}/.well-known/openid-configuration`)),
      ),
    )

    expect(documents.map((each) => each['authorization_grant_profiles_supported'])).toEqual([
      ['urn:ietf:params:oauth:grant-profile:id-jag'],
      undefined,
    ])
  })
})
