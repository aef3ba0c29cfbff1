import { inspect } from 'node:util'
import {
  AuthRequiredError,
  BadRequestError,
  ForbiddenError,
  MCPClient,
  MCPConnectionError,
  ServerError,
  SessionExpiredError,
  TransportError,
} from '@x/mcp-client'
import {
  buildAuthorizationServerMetadataUrls,
  buildResourceMetadataUrl,
  discoverAuthorizationServer,
  type Fetch,
  fetchAuthorizationServerMetadata,
  fetchResourceMetadata,
  parseWwwAuthenticate,
  primaryAuthorizationServer,
  supportsGrantType,
} from '@x/oauth-discovery'
import {
  AuthConfigError,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  createToken,
  DeviceCodeAuth,
  DiscoveryError,
  publicClient,
  TokenError,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { names } from '../src/parity.ts'
import { leapingClock } from './leaping-clock.ts'
import { rowsOf } from './rows.ts'

const { worker, cli } = testClients
const redirectUri = 'http://127.0.0.1/callback'
const issuer = 'https://as.example.com'
const { shows, isWhole } = rowsOf(names)

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ strictClientAuthentication: true })
})
afterAll(() => testbed.close())
afterEach(() => void vi.useRealTimers())

shows('ClientCredentialsAuth(server_metadata=, client_id=, client_secret=, scope=, resource=)', async () => {
  const serverMetadata = await fetchAuthorizationServerMetadata(testbed.authorizationServer.issuer)

  const auth = new ClientCredentialsAuth({
    serverMetadata,
    clientId: worker.clientId,
    clientSecret: worker.clientSecret,
    scope: 'mcp:tools',
    resource: testbed.mcp.url,
  })
  const { scope, resource } = await auth.getToken()

  expect({ scope, resource }).toEqual({ scope: ['mcp:tools'], resource: testbed.mcp.url })
})

shows(
  'TokenExchangeAuth(server_metadata=, client_id=, subject_token=, subject_token_type=, actor_token=, actor_token_type=, scope=, resource=)',
  async () => {
    const serverMetadata = await fetchAuthorizationServerMetadata(testbed.authorizationServer.issuer)
    const itself = await credentialsFor(testbed.mcp.url)
    const { accessToken: ownToken } = await itself.getToken()
    const type = 'urn:ietf:params:oauth:token-type:access_token'

    const auth = new TokenExchangeAuth({
      serverMetadata,
      ...worker,
      subjectToken: ownToken,
      subjectTokenType: type,
      actorToken: ownToken,
      actorTokenType: type,
      scope: 'mcp:tools',
      resource: testbed.mcp.url,
    })
    const { issuedTokenType, scope } = await auth.getToken()

    expect({ issuedTokenType, scope }).toEqual({ issuedTokenType: type, scope: ['mcp:tools'] })
    const nameless = { serverMetadata, clientId: 'any', subjectToken: 'any' }
    expect(() => new TokenExchangeAuth(nameless)).toThrow('clientAuthentication')
    expect(() => new TokenExchangeAuth({ ...nameless, clientAuthentication: publicClient })).not.toThrow()
  },
)

shows('DeviceCodeAuth', async () => {
  const auth = await DeviceCodeAuth.fromResource({
    resourceUrl: testbed.api.url,
    ...cli,
    clock: leapingClock(),
    prompt: async ({ verificationUriComplete = '' }) => void (await agree(verificationUriComplete)),
  })

  expect((await auth.getToken()).scope).toEqual(['api:read'])
})

shows('AuthorizationCodeAuth', async () => {
  const options = { resourceUrl: testbed.api.url, ...cli, redirectUri, authorize: agree }
  const auth = await AuthorizationCodeAuth.fromResource(options)

  expect((await auth.getToken()).scope).toEqual(['api:read'])
})

shows('await X.from_resource(resource_url=, …)', async () => {
  const [resourceUrl, prompt] = [testbed.api.url, () => {}]

  const all = await Promise.all([
    ClientCredentialsAuth.fromResource({ resourceUrl, ...worker }),
    TokenExchangeAuth.fromResource({ resourceUrl, ...worker, subjectToken: 'any' }),
    DeviceCodeAuth.fromResource({ resourceUrl, ...cli, prompt }),
    AuthorizationCodeAuth.fromResource({ resourceUrl, ...cli }),
  ])

  const { origin } = new URL(resourceUrl)
  expect(all.map(({ origins }) => origins)).toEqual([[origin], [origin], [origin], [origin]])
})

shows('await auth.get_token()', async () => {
  const auth = await credentialsFor(testbed.api.url)

  expect((await auth.getToken()).accessToken).toMatch(/^ey/)
})

shows('TokenResponse(access_token, token_type, expires_in, refresh_token, scope)', async () => {
  const before = Date.now()
  const auth = await credentialsFor(testbed.api.url)

  const token = await auth.getToken()

  expect(token).toMatchObject({ tokenType: 'Bearer', scope: ['api:read'], refreshToken: undefined })
  expect(token.expiresAt).toBeGreaterThanOrEqual(before + 3_600_000)
  expect(createToken({ accessToken: 'at-the-least' }).expiresAt).toBeUndefined()
})

shows('auth.client_id, auth.token_endpoint, auth.scope', async () => {
  const auth = await credentialsFor(testbed.api.url)

  expect(['clientId', 'tokenEndpoint', 'scope'].filter((name) => name in auth)).toEqual([])
  const { resource, scope } = await auth.getToken()
  expect({ resource, scope }).toEqual({ resource: testbed.api.url, scope: ['api:read'] })
})

shows('await discover_authorization_server(http, url) -> DiscoveryResult', async () => {
  const result = await discoverAuthorizationServer(testbed.mcp.url)

  expect(result).toMatchObject({
    challenge: { scheme: 'bearer' },
    resourceMetadata: { resource: testbed.mcp.url },
    authorizationServerMetadata: { issuer: testbed.authorizationServer.issuer },
  })
})

shows('await fetch_resource_metadata(http, metadata_url)', async () => {
  const metadataUrl = `${new URL(testbed.mcp.url).origin}/.well-known/oauth-protected-resource/mcp`

  const metadata = await fetchResourceMetadata(testbed.mcp.url, { metadataUrl })

  expect(metadata.authorization_servers).toEqual([testbed.authorizationServer.issuer])
  const attempt = fetchResourceMetadata(testbed.api.url, { metadataUrl })
  await expect(attempt).rejects.toMatchObject({ code: 'resource_mismatch' })
})

shows('await fetch_authorization_server_metadata(http, issuer)', async () => {
  const metadata = await fetchAuthorizationServerMetadata(testbed.authorizationServer.issuer)

  expect(metadata.token_endpoint).toBe(testbed.authorizationServer.tokenEndpoint)
})

shows('parse_www_authenticate(header) -> WWWAuthenticateChallenge', () => {
  const header =
    'Bearer error="invalid_token", resource_metadata="https://mcp.example.com/m", Basic realm="x"'

  const [bearer, basic] = parseWwwAuthenticate(header)

  const parameters = { error: 'invalid_token', resource_metadata: 'https://mcp.example.com/m' }
  expect(bearer).toEqual({ scheme: 'bearer', parameters })
  expect(basic).toEqual({ scheme: 'basic', parameters: { realm: 'x' } })
})

shows('build_resource_metadata_url(base_url, path)', () => {
  const url = buildResourceMetadataUrl('https://mcp.example.com/mcp')

  expect(url).toBe('https://mcp.example.com/.well-known/oauth-protected-resource/mcp')
})

shows('build_authorization_server_metadata_url(issuer)', () => {
  const [first, ...others] = buildAuthorizationServerMetadataUrls(issuer)

  expect(first).toBe('https://as.example.com/.well-known/oauth-authorization-server')
  expect(others).toEqual(['https://as.example.com/.well-known/openid-configuration'])
})

shows('ResourceMetadata.primary_authorization_server', () => {
  const metadata = {
    resource: 'https://mcp.example.com',
    authorization_servers: ['https://a.example', issuer],
  }

  expect(primaryAuthorizationServer(metadata)).toBe('https://a.example')
})

shows('AuthorizationServerMetadata.supports_grant_type(grant_type)', () => {
  const listing = { issuer, grant_types_supported: ['client_credentials'] }

  expect(supportsGrantType(listing, 'client_credentials')).toBe(true)
  expect(supportsGrantType(listing, 'refresh_token')).toBe(false)
  expect(supportsGrantType({ issuer }, 'client_credentials')).toBe(true)
})

shows('DiscoveryError', async () => {
  const attempt = ClientCredentialsAuth.fromResource({ resourceUrl: `${testbed.api.url}-not`, ...worker })

  await expect(attempt).rejects.toBeInstanceOf(DiscoveryError)
})

shows('AuthConfigError', () => {
  const serverMetadata = { issuer, token_endpoint: `${issuer}/token` }

  expect(() => new ClientCredentialsAuth({ serverMetadata, clientId: 'any' })).toThrow(AuthConfigError)
})

shows('TokenError', async () => {
  const wrong = { clientId: worker.clientId, clientSecret: 'wrong' }
  const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.api.url, ...wrong })

  await expect(auth.getToken()).rejects.toBeInstanceOf(TokenError)
})

shows('await MCPClient.connect(url, auth=auth)', async () => {
  const auth = await credentialsFor(testbed.mcp.url)

  const client = await MCPClient.connect(testbed.mcp.url, { auth })
  const { tools } = await client.listTools()
  await client.close()

  expect(tools.map(({ name }) => name)).toContain('whoami')
})

shows(
  'list_tools(), call_tool(), list_resources(), read_resource(), list_prompts(), get_prompt(), ping()',
  async () => {
    await using client = await connect()

    await client.ping()
    const { tools } = await client.listTools()
    const called = await client.callTool({ name: 'add', arguments: { a: 40, b: 2 } })
    const { resources } = await client.listResources()
    const read = await client.readResource({ uri: 'note://welcome' })
    const { prompts } = await client.listPrompts()
    const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })

    expect([tools.length, resources.length, prompts.length]).toEqual([3, 1, 1])
    expect(called.content).toEqual([{ type: 'text', text: '42' }])
    expect(read.contents).toMatchObject([{ text: 'Welcome to the testbed.' }])
    expect(prompt.messages).toMatchObject([{ content: { text: 'Say hello to Ada.' } }])
  },
)

shows('async with await MCPClient.connect(…) as client', async () => {
  let kept: MCPClient | undefined
  {
    await using client = await connect()
    kept = client
    expect((await client.listTools()).tools).toHaveLength(3)
  }

  await expect(kept.listTools()).rejects.toMatchObject({ code: 'closed' })
})

shows('transport="lambda-http"', async () => {
  const clientOptions = { versionNegotiation: { mode: 'legacy' } } as const
  const auth = await credentialsFor(testbed.mcp.url)
  testbed.mcp.journal.clear()

  await using client = await MCPClient.connect(testbed.mcp.url, {
    auth,
    clientOptions,
    transport: 'serverless',
  })
  const { tools } = await client.listTools()

  expect(tools).toHaveLength(3)
  expect(testbed.mcp.journal.count({ method: 'GET' })).toBe(0)
})

shows('MCPConnectionError, status_code', async () => {
  const failure = await failureOf(418)

  expect(failure).toBeInstanceOf(MCPConnectionError)
  expect(failure).toBeInstanceOf(TransportError)
  expect(failure).toMatchObject({ status: 418 })
  const fetch = () => Promise.reject(new TypeError('fetch failed'))
  await expect(MCPClient.connect('https://mcp.example.com/mcp', { fetch })).rejects.toThrow(TransportError)
})

shows('BadRequestError: 400, 422', async () => {
  expect(await failureOf(400)).toBeInstanceOf(BadRequestError)
  expect(await failureOf(422)).toBeInstanceOf(TransportError)
})

shows('AuthRequiredError: 401', async () => {
  expect(await failureOf(401)).toBeInstanceOf(AuthRequiredError)
})

shows('ForbiddenError: 403', async () => {
  expect(await failureOf(403)).toBeInstanceOf(ForbiddenError)
})

shows('SessionExpiredError: 404 of a session', async () => {
  let isForgotten = false
  const sessions: string[] = []
  const auth = await credentialsFor(testbed.mcp.url)
  const fetch: Fetch = async (input, init) => {
    const asked = typeof init?.body === 'string' ? init.body : ''
    if (isForgotten && asked.includes('tools/list')) return new Response(null, { status: 404 })
    const response = await auth.fetch(input, init)
    const headers = new Headers([...response.headers, ['mcp-session-id', 'a-session']])
    return new Response(response.body, { status: response.status, headers })
  }
  const clientOptions = { versionNegotiation: { mode: 'legacy' } } as const
  await using client = await MCPClient.connect(testbed.mcp.url, {
    fetch,
    clientOptions,
    onEvent: (event) => event.type === 'session' && sessions.push(event.outcome),
  })
  isForgotten = true

  await expect(client.listTools()).rejects.toBeInstanceOf(SessionExpiredError)
  expect(sessions).toEqual(['opened', 'lost', 'opened'])
})

shows('TransportError: 405, 415', async () => {
  expect(await failureOf(405)).toBeInstanceOf(TransportError)
  expect(await failureOf(415)).toBeInstanceOf(TransportError)
})

shows('ServerError: 5xx', async () => {
  const failures = await Promise.all([500, 502, 503, 504, 429].map((status) => failureOf(status)))

  expect(failures.every((failure) => failure instanceof ServerError)).toBe(true)
})

shows('AuthRequiredError.www_authenticate, ServerError.retry_after', async () => {
  const refusal = await failureOf(401, { 'www-authenticate': 'Bearer realm="mcp"' })
  const outage = await failureOf(503, { 'retry-after': '60' })

  expect(refusal).toMatchObject({ challenge: { scheme: 'bearer', parameters: { realm: 'mcp' } } })
  expect(inspect(refusal)).not.toContain('realm')
  expect(outage).toMatchObject({ recovery: 'transient', retryAfterMs: 60_000 })
})

isWhole()

function credentialsFor(resourceUrl: string): Promise<ClientCredentialsAuth> {
  return ClientCredentialsAuth.fromResource({ resourceUrl, ...worker })
}

async function connect(): Promise<MCPClient> {
  return MCPClient.connect(testbed.mcp.url, { auth: await credentialsFor(testbed.mcp.url) })
}

/** What connecting to a server comes to that answers nothing else. */
async function failureOf(status: number, headers: Record<string, string> = {}): Promise<object> {
  const fetch = async () => new Response(null, { status, headers })
  const outcome: unknown = await MCPClient.connect('https://mcp.example.com/mcp', { fetch }).catch(
    (error: unknown) => error,
  )
  return outcome instanceof Error ? outcome : {}
}
