import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestbed, type Testbed, testClients } from '../src/index.ts'
import { basic, bearer, callTool, clientCredentials, jsonOf, postForm, rpc } from './requests.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())

const token = (resource: string, scope: string) =>
  clientCredentials(testbed.authorizationServer.tokenEndpoint, resource, scope)

it.each([
  ['client_secret_basic', { authorization: basic(testClients.worker) }, {}],
  [
    'client_secret_post',
    {},
    { client_id: testClients.poster.clientId, client_secret: testClients.poster.clientSecret },
  ],
])('leads from the first refusal to a tool result (%s)', async (method, headers, credentials) => {
  const refusal = await fetch(testbed.mcp.url, { method: 'POST' })
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(refusal.headers.get('www-authenticate') ?? '')?.[1]
  const resource = await jsonOf<{ resource: string; authorization_servers: string[] }>(
    await fetch(metadataUrl ?? ''),
  )
  const issuer = resource.authorization_servers[0] ?? ''
  const server = await jsonOf<{ token_endpoint: string; token_endpoint_auth_methods_supported: string[] }>(
    await fetch(`${issuer}/.well-known/oauth-authorization-server`),
  )
  const form = { grant_type: 'client_credentials', resource: resource.resource, scope: 'mcp:tools' }
  const granted = await postForm(server.token_endpoint, { ...form, ...credentials }, headers)
  const { access_token } = await jsonOf<{ access_token: string }>(granted)

  const answer = await callTool(resource.resource, access_token, 'add', { a: 2, b: 3 })

  expect(server.token_endpoint_auth_methods_supported).toContain(method)
  expect(await answer.json()).toMatchObject({ result: { content: [{ type: 'text', text: '5' }] } })
})

describe('the MCP server', () => {
  it('answers 401 with a challenge that names its metadata and no error (RFC 9728 §5.1, RFC 6750 §3.1)', async () => {
    const metadataUrl = `${testbed.mcp.origin}/.well-known/oauth-protected-resource/mcp`

    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await fetch(testbed.mcp.url, { method })

      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(
        `Bearer resource_metadata="${metadataUrl}", scope="mcp:tools"`,
      )
    }
  })

  it('publishes its metadata at the inserted path only (RFC 9728 §3.1)', async () => {
    const { origin, url } = testbed.mcp

    const [inserted, root, mirrored] = await Promise.all(
      ['oauth-protected-resource/mcp', 'oauth-protected-resource', 'oauth-authorization-server'].map((name) =>
        fetch(`${origin}/.well-known/${name}`),
      ),
    )

    expect(await inserted?.json()).toEqual({
      resource: url,
      authorization_servers: [testbed.authorizationServer.issuer],
      scopes_supported: ['mcp:tools', 'mcp:write'],
      bearer_methods_supported: ['header'],
    })
    expect([root?.status, mirrored?.status]).toEqual([404, 404])
  })

  it('says whom a token speaks for', async () => {
    const answer = await callTool(testbed.mcp.url, await token(testbed.mcp.url, 'mcp:tools'), 'whoami')

    const { result } = await jsonOf<{ result: { content: [{ text: string }] } }>(answer)
    expect(JSON.parse(result.content[0].text)).toEqual({
      client_id: testClients.worker.clientId,
      scopes: ['mcp:tools'],
      subject: testClients.worker.clientId,
    })
  })

  it.each([
    ['tools/list', {}, { tools: [{ name: 'whoami' }, { name: 'add' }, { name: 'write_note' }] }],
    ['tools/call', { name: 'add', arguments: { a: 1, b: 1 } }, { content: [{ text: '2' }] }],
    ['resources/list', {}, { resources: [{ uri: 'note://welcome' }] }],
    ['resources/read', { uri: 'note://welcome' }, { contents: [{ text: 'Welcome to the testbed.' }] }],
    ['prompts/list', {}, { prompts: [{ name: 'greet', arguments: [{ name: 'name', required: true }] }] }],
    ['prompts/get', { name: 'greet', arguments: { name: 'Ada' } }, { messages: [{ role: 'user' }] }],
    [
      'initialize',
      { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '0' } },
      { protocolVersion: '2025-11-25' },
    ],
  ])('answers %s of the 2025 revisions', async (method, params, result) => {
    const response = await rpc(testbed.mcp.url, await token(testbed.mcp.url, 'mcp:tools'), method, params)

    const [data = ''] = /\{.*\}/.exec(await response.text()) ?? []
    expect(JSON.parse(data)).toMatchObject({ result })
  })

  it('asks for more scope when a tool needs it, before the tool runs (RFC 6750 §3.1)', async () => {
    const [less, more] = await Promise.all([
      token(testbed.mcp.url, 'mcp:tools'),
      token(testbed.mcp.url, 'mcp:tools mcp:write'),
    ])

    const refused = await callTool(testbed.mcp.url, less, 'write_note', { text: 'milk' })
    const allowed = await callTool(testbed.mcp.url, more, 'write_note', { text: 'milk' })

    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    expect(refused.headers.get('www-authenticate')).toContain('scope="mcp:tools mcp:write"')
    expect(refused.headers.get('www-authenticate')).toContain('oauth-protected-resource/mcp"')
    expect(allowed.status).toBe(200)
    expect(testbed.mcp.runs.get('write_note')).toBe(1)
  })

  it('answers 403 to a token without its scope', async () => {
    const response = await callTool(testbed.mcp.url, await token(testbed.mcp.url, 'mcp:write'), 'whoami')

    expect(response.status).toBe(403)
    expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
  })

  it('refuses a token it was told to refuse, and no other', async () => {
    const [bad, good] = await Promise.all([
      token(testbed.mcp.url, 'mcp:tools'),
      token(testbed.mcp.url, 'mcp:tools'),
    ])
    testbed.mcp.refuse(bad)

    const [refused, accepted] = await Promise.all([
      callTool(testbed.mcp.url, bad, 'whoami'),
      callTool(testbed.mcp.url, good, 'whoami'),
    ])

    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(accepted.status).toBe(200)
  })

  it('refuses a token made for somebody else (RFC 9068 §4)', async () => {
    const foreign = await token(testbed.api.url, 'mcp:tools')

    expect((await callTool(testbed.mcp.url, foreign, 'whoami')).status).toBe(401)
  })
})

describe('the API', () => {
  it('answers 401 with its own challenge', async () => {
    const response = await fetch(`${testbed.api.url}/orders`)

    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${testbed.api.origin}/.well-known/oauth-protected-resource/api", scope="api:read"`,
    )
  })

  it('lists orders, echoes JSON, and knows nothing else', async () => {
    const headers = bearer(await token(testbed.api.url, 'api:read'))

    const orders = await fetch(`${testbed.api.url}/orders`, { headers })
    const echo = await fetch(`${testbed.api.url}/echo`, { method: 'POST', headers, body: '{"a":[1]}' })
    const noJson = await fetch(`${testbed.api.url}/echo`, { method: 'POST', headers, body: '{' })
    const unknown = await fetch(`${testbed.api.url}/none`, { headers })

    expect(await orders.json()).toMatchObject({ orders: [{}, {}], client: testClients.worker.clientId })
    expect(await echo.json()).toEqual({ a: [1] })
    expect([noJson.status, unknown.status]).toEqual([400, 404])
    expect(Object.fromEntries(testbed.api.runs)).toEqual({ '/api/orders': 1, '/api/echo': 1 })
  })
})

it('lets a browser of any origin ask, read the challenge and get a token', async () => {
  const headers = {
    origin: 'https://app.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization',
  }
  const { authorizationServer: server, mcp, api } = testbed

  const preflights = await Promise.all(
    [mcp.url, api.url, server.tokenEndpoint].map((url) => fetch(url, { method: 'OPTIONS', headers })),
  )
  const challenge = await fetch(mcp.url)

  expect(preflights.map(({ status }) => status)).toEqual([204, 204, 204])
  for (const preflight of preflights) {
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
  }
  expect(challenge.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
})
