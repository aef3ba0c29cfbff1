import { inspect } from 'node:util'
import { InMemoryResponseCacheStore, ProtocolError } from '@modelcontextprotocol/client'
import { McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { type Fault, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthLike,
  AuthRequiredError,
  BadRequestError,
  ForbiddenError,
  MCPClient,
  MCPConnectionError,
  ServerError,
  SessionExpiredError,
  TransportError,
} from '../src/index.ts'

let testbed: Testbed
let auth: ClientCredentialsAuth
beforeAll(async () => {
  testbed = await startTestbed()
  auth = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.mcp.url, ...testClients.worker })
})
afterAll(() => testbed.close())
afterEach(() => testbed.mcp.faults.heal())

const shown = (value: unknown) => inspect(value, { depth: 10, showHidden: true })

const connect = (mode: 'auto' | 'legacy' = 'auto') =>
  MCPClient.connect(testbed.mcp.url, { auth, clientOptions: { versionNegotiation: { mode } } })

it('connects by a function that needs no this, to be handed around', async () => {
  const handedAround = MCPClient.connect.bind(undefined)

  const client = await handedAround(testbed.mcp.url, { auth })
  await client.close()

  expect(client).toBeInstanceOf(MCPClient)
})

describe.each([
  ['2026-07-28', 'auto'],
  ['2025-11-25', 'legacy'],
] as const)('a connection by revision %s', (revision, mode) => {
  it('announces by which extensions it can authorize, beside what the caller announces (CC-08)', async () => {
    testbed.mcp.journal.clear()
    const capabilities = { roots: {}, extensions: { 'com.example/own': {} } }
    const clientOptions = { versionNegotiation: { mode }, capabilities }
    const client = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions })
    await client.listTools()
    await client.close()

    const announced = testbed.mcp.journal.arrivals.flatMap(({ body }) => {
      const { params = {} } = JSON.parse(body || '{}')
      return params.capabilities ?? params['_meta']?.['io.modelcontextprotocol/clientCapabilities'] ?? []
    })
    // By 2025 once, as part of the handshake; since then with each request.
    expect(announced).toHaveLength(mode === 'legacy' ? 1 : 2)
    for (const each of announced) {
      expect(each).toMatchObject({ roots: {} })
      expect(Object.keys(each.extensions).toSorted()).toEqual([
        'com.example/own',
        'io.modelcontextprotocol/auth/dpop',
        'io.modelcontextprotocol/auth/wif',
        'io.modelcontextprotocol/enterprise-managed-authorization',
        'io.modelcontextprotocol/oauth-client-credentials',
      ])
    }
  })

  it('does what the server offers', async () => {
    const client = await connect(mode)

    const { tools } = await client.listTools()
    const called = await client.callTool({ name: 'add', arguments: { a: 40, b: 2 } })
    const { resources } = await client.listResources()
    const read = await client.readResource({ uri: 'note://welcome' })
    const { prompts } = await client.listPrompts()
    const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
    await client.ping()
    const spoken = client.client.getNegotiatedProtocolVersion()
    await client.close()

    expect(spoken).toBe(revision)
    expect(tools.map(({ name }) => name)).toEqual(['whoami', 'add', 'write_note'])
    expect(called.content).toEqual([{ type: 'text', text: '42' }])
    expect(resources.map(({ uri }) => uri)).toEqual(['note://welcome'])
    expect(read.contents).toMatchObject([{ text: 'Welcome to the testbed.' }])
    expect(prompts.map(({ name }) => name)).toEqual(['greet'])
    expect(prompt.messages).toMatchObject([{ content: { text: 'Say hello to Ada.' } }])
  })

  it.each<[Fault, typeof MCPConnectionError, object]>([
    [{ kind: 'status', status: 400 }, BadRequestError, { code: 'bad_request', status: 400 }],
    [
      { kind: 'status', status: 401 },
      AuthRequiredError,
      { code: 'auth_required', status: 401, recovery: 'terminal' },
    ],
    [
      { kind: 'status', status: 403 },
      ForbiddenError,
      { code: 'forbidden', status: 403, recovery: 'terminal' },
    ],
    [
      { kind: 'status', status: 404 },
      TransportError,
      { code: 'transport_error', status: 404, recovery: 'terminal' },
    ],
    [
      { kind: 'status', status: 429 },
      ServerError,
      { code: 'server_error', status: 429, recovery: 'transient' },
    ],
    [
      { kind: 'status', status: 503 },
      ServerError,
      { code: 'server_error', status: 503, recovery: 'transient' },
    ],
    [{ kind: 'html' }, TransportError, { code: 'transport_error', status: undefined, recovery: 'terminal' }],
    [{ kind: 'reset' }, TransportError, { code: 'transport_error', recovery: 'transient' }],
    [{ kind: 'lost-answer' }, TransportError, { code: 'transport_error', recovery: 'transient' }],
  ])('gives the failure %j its name, and runs nothing twice', async (fault, kind, members) => {
    const client = await connect(mode)
    testbed.mcp.faults.add(fault)
    testbed.mcp.journal.clear()

    const failure: unknown = await client.callTool({ name: 'whoami' }).catch((error: unknown) => error)
    await client.close()

    expect(failure).toBeInstanceOf(kind)
    expect(failure).toMatchObject({ name: kind.name, url: testbed.mcp.url, ...members })
    // A refusal is the one thing that is answered by a second try.
    const isRefusal = failure instanceof AuthRequiredError
    expect(testbed.mcp.journal.count({ method: 'POST' })).toBe(isRefusal ? 2 : 1)
  })
})

it('takes undefined for any option that may be absent, as programs pass their own on', async () => {
  const signal = undefined as AbortSignal | undefined
  const none = undefined

  const client = await MCPClient.connect(testbed.mcp.url, {
    auth,
    signal,
    timeoutMs: none,
    clientOptions: { capabilities: none, cachePartition: none },
    transportOptions: { sessionId: none, reconnectionOptions: none },
  })
  const { tools } = await client.listTools(undefined, { signal, timeout: none })
  const called = await client.callTool({ name: 'add', arguments: { a: 1, b: 1 } }, { signal })
  await client.ping({ signal })
  await client.close()

  expect(tools).toHaveLength(3)
  expect(called.content).toEqual([{ type: 'text', text: '2' }])
})

describe('an error', () => {
  it('that the MCP server answers with stays what it is', async () => {
    const client = await connect()

    await expect(client.callTool({ name: 'nothing' })).rejects.toBeInstanceOf(ProtocolError)
    await client.close()
  })

  it('says which scope a tool needs, where nobody can get it (RFC 6750 §3.1)', async () => {
    const { accessToken } = await auth.getToken()
    const client = await MCPClient.connect(testbed.mcp.url, { auth: accessToken })

    const attempt = client.callTool({ name: 'write_note', arguments: { text: 'milk' } })

    await expect(attempt).rejects.toThrow('"mcp:tools mcp:write"')
    await expect(attempt).rejects.toBeInstanceOf(ForbiddenError)
    await client.close()
  })

  it('of the token endpoint or the configuration comes through connect as it is', async () => {
    const { origin } = testbed.authorizationServer
    const server = { issuer: origin, token_endpoint: `${origin}/token` }
    const wrong = { clientId: 'nobody', clientSecret: 'hunter2', resource: testbed.mcp.url }
    const stranger = new ClientCredentialsAuth({ serverMetadata: server, ...wrong })

    const attempt = MCPClient.connect(testbed.mcp.url, { auth: stranger })

    await expect(attempt).rejects.toMatchObject({ name: 'TokenError', error: 'invalid_client' })
    await expect(attempt).rejects.not.toThrow('hunter2')
  })

  it('holds nothing of the body that came with it (NS-09)', async () => {
    const client = await connect()
    testbed.mcp.faults.add({ kind: 'status', status: 500, body: 'stack trace with hunter2' })

    const failure: unknown = await client.callTool({ name: 'whoami' }).catch((error: unknown) => error)
    await client.close()

    expect(failure).toBeInstanceOf(ServerError)
    expect(shown(failure)).not.toContain('hunter2')
  })

  it.each([401, 403])('shows nothing of error_description and error_uri (CH-12; %i)', async (status) => {
    const client = await connect()
    const description = 'error_description="hunter2", error_uri="https://evil.example/hunter2"'
    const challenge = `Bearer error="insufficient_scope", ${description}`
    testbed.mcp.faults.add({ kind: 'status', status, headers: { 'www-authenticate': challenge } })

    const failure: unknown = await client.callTool({ name: 'whoami' }).catch((error: unknown) => error)
    await client.close()

    expect(failure).toMatchObject({ status })
    expect(shown(failure)).not.toContain('hunter2')
  })

  it.each([401, 403])(
    'has what the answer demanded, and shows it to nobody (RFC 6750 §3; %i)',
    async (status) => {
      const { accessToken } = await auth.getToken()
      const client = await MCPClient.connect(testbed.mcp.url, { auth: accessToken })
      const bearer = 'Bearer error="insufficient_scope", scope="mcp:hunter2", realm="hunter2"'
      const headers = { 'www-authenticate': `Basic realm="other", ${bearer}` }
      testbed.mcp.faults.add({ kind: 'status', status, headers })

      const failure: unknown = await client.callTool({ name: 'add' }).catch((error: unknown) => error)
      await client.close()

      if (!(failure instanceof MCPConnectionError)) throw failure
      expect(failure.status).toBe(status)
      expect(failure.challenge).toMatchObject({
        scheme: 'bearer',
        parameters: { error: 'insufficient_scope', scope: 'mcp:hunter2' },
      })
      // What is needed is part of the message, and of it no more than the scope.
      expect(failure.message.includes('mcp:hunter2')).toBe(status === 403)
      const rest = shown(failure).replaceAll('mcp:hunter2', '') + JSON.stringify(failure)
      expect(rest).not.toContain('hunter2')
      expect(rest).not.toContain('realm')
    },
  )

  it('has no challenge where the answer demanded nothing', async () => {
    const client = await connect()
    testbed.mcp.faults.add({ kind: 'status', status: 403 })

    await expect(client.callTool({ name: 'add' })).rejects.toMatchObject({ challenge: undefined })
    await client.close()
  })

  it.each([
    [429, { 'retry-after': '7' }, 7_000],
    [503, { 'retry-after': '120' }, 120_000],
    [503, {}, undefined],
    [500, { 'retry-after': 'soon' }, undefined],
  ])('says when to come again (RFC 9110 §10.2.3; %i %j)', async (status, headers, retryAfterMs) => {
    const client = await connect()
    testbed.mcp.faults.add({ kind: 'status', status, headers })

    const attempt = client.callTool({ name: 'add' })

    await expect(attempt).rejects.toMatchObject({ status, retryAfterMs, recovery: 'transient' })
    const text = retryAfterMs === undefined ? 'later' : `in ${retryAfterMs / 1000} s`
    await expect(attempt).rejects.toThrow(`Try again ${text}.`)
    await client.close()
  })

  it('says when to come again by a date as well (RFC 9110 §5.6.7)', async () => {
    const client = await connect()
    const headers = { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }
    testbed.mcp.faults.add({ kind: 'status', status: 503, headers })

    const failure: unknown = await client.callTool({ name: 'add' }).catch((error: unknown) => error)
    await client.close()

    if (!(failure instanceof ServerError)) throw failure
    expect(failure.retryAfterMs).toBeGreaterThan(50_000)
    expect(failure.retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  it.each([
    [undefined, 'Pass the option auth.'],
    ['not-a-good-token', 'It refuses the token'],
  ])('of a server that wants a token says so (auth: %s)', async (given, text) => {
    const attempt = MCPClient.connect(testbed.mcp.url, { auth: given })

    await expect(attempt).rejects.toBeInstanceOf(AuthRequiredError)
    await expect(attempt).rejects.toThrow(new RegExp(text, 'i'))
  })

  it.each([
    ['nobody', 'http://127.0.0.1:9/mcp', 'transient'],
    ['a web page', 'html', 'terminal'],
  ])('of an address with %s names it', async (_, url, recovery) => {
    if (url === 'html') testbed.mcp.faults.add({ kind: 'html' })
    const target = url === 'html' ? testbed.mcp.url : url

    await expect(MCPClient.connect(target, { auth: 'token' })).rejects.toMatchObject({
      code: 'transport_error',
      message: expect.stringContaining(target),
      recovery,
    })
  })
})

describe('a connection that ends', () => {
  it("leaves with the signal's own reason", async () => {
    const reason = new Error('enough')
    testbed.mcp.faults.add({ kind: 'hang' })
    const controller = new AbortController()

    const attempt = MCPClient.connect(testbed.mcp.url, { auth, signal: controller.signal })
    controller.abort(reason)

    await expect(attempt).rejects.toBe(reason)
    await expect(
      MCPClient.connect(testbed.mcp.url, { auth, signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
  })

  it('stops waiting for a server that does not answer', async () => {
    testbed.mcp.faults.add({ kind: 'hang' })

    await expect(MCPClient.connect(testbed.mcp.url, { auth, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'transport_error',
      recovery: 'transient',
      message: expect.stringContaining('timeoutMs'),
      cause: { code: 'REQUEST_TIMEOUT' },
    })
  })

  it('may take as long as it likes to connect', async () => {
    testbed.mcp.faults.add({ kind: 'delay', ms: 20 }, { times: 1 })

    const client = await MCPClient.connect(testbed.mcp.url, { auth, timeoutMs: Number.POSITIVE_INFINITY })

    await expect(client.ping()).resolves.toBeUndefined()
    await client.close()
  })

  it('counts the whole attempt to connect, and not each message of it', async () => {
    testbed.mcp.faults.add({ kind: 'status', status: 400 }, { times: 1 })
    testbed.mcp.faults.add({ kind: 'delay', ms: 150 })
    const started = performance.now()

    const attempt = MCPClient.connect(testbed.mcp.url, { auth, timeoutMs: 200 })

    // initialize and initialized take 150 ms each: neither is too late, both are.
    await expect(attempt).rejects.toMatchObject({
      code: 'transport_error',
      cause: { code: 'REQUEST_TIMEOUT' },
    })
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('can be closed twice, and says afterwards that it was', async () => {
    const client = await connect()

    await client.close()
    await client[Symbol.asyncDispose]()

    await expect(client.listTools()).rejects.toMatchObject({ code: 'closed', recovery: 'terminal' })
  })

  it('is closed at the end of its block, and leaves the auth object as it is', async () => {
    let outside: MCPClient
    {
      await using client = await connect()
      outside = client
    }

    await expect(outside.ping()).rejects.toMatchObject({ code: 'closed' })
    await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'Bearer' })
  })
})

describe('a session of the 2025 revisions', () => {
  /** The official server with sessions, without a network in between. */
  async function startSessionServer(session = 'session-1') {
    const server = new McpServer({ name: 'sessions', version: '0' })
    server.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }))
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => session })
    await server.connect(transport)
    const requests: Request[] = []
    let isForgetful = false
    return {
      requests,
      forget() {
        isForgetful = true
      },
      fetch: async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
        const request = new Request(input, init)
        requests.push(request)
        if (!isForgetful) return transport.handleRequest(request)
        const { id, method } = JSON.parse((await request.text()) || '{}')
        if (method === 'notifications/initialized') return new Response(null, { status: 202 })
        if (method !== 'initialize') return new Response(null, { status: 404 })
        const serverInfo = { name: 'forgetful', version: '0' }
        const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
        return Response.json({ jsonrpc: '2.0', id, result }, { headers: { 'mcp-session-id': 'short-lived' } })
      },
    }
  }
  const url = 'https://sessions.example/mcp'

  it('is ended at the server when the connection is closed', async () => {
    const server = await startSessionServer()
    const client = await MCPClient.connect(url, { auth: 'token', fetch: server.fetch })
    await client.callTool({ name: 'hello' })

    await client.close()

    expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
  })

  it('is ended as well when the rest of the attempt to connect fails', async () => {
    const server = await startSessionServer()
    // As over the wire: what was called off is not sent.
    const fetch: typeof server.fetch = async (input, init) => {
      init?.signal?.throwIfAborted()
      const text = await new Request(input, init).text()
      const isTooMuch = text.includes('notifications/initialized')
      return isTooMuch ? new Response(null, { status: 500 }) : server.fetch(input, init)
    }

    await expect(MCPClient.connect(url, { auth: 'token', fetch })).rejects.toBeInstanceOf(ServerError)

    expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
  })

  it('has a name for its loss, where a new one is lost as well', async () => {
    const server = await startSessionServer()
    const client = await MCPClient.connect(url, { auth: 'token', fetch: server.fetch })
    server.forget()

    const attempt = client.callTool({ name: 'hello' })

    await expect(attempt).rejects.toBeInstanceOf(SessionExpiredError)
    await expect(attempt).rejects.toMatchObject({
      code: 'session_expired',
      status: 404,
      recovery: 'transient',
    })
    await client.close()
  })

  it('binds no token to a session (MC-11)', async () => {
    const servers = [await startSessionServer('session-1'), await startSessionServer('session-2')]
    const source: AuthLike = { getToken: (options) => auth.getToken(options) }
    for (const { fetch } of servers) {
      await using client = await MCPClient.connect(url, { auth: source, fetch })
      await client.callTool({ name: 'hello' })
    }
    const requests = servers.flatMap((server) => server.requests)
    const seen = (name: string) => new Set(requests.map(({ headers }) => headers.get(name)))

    expect(seen('mcp-session-id')).toEqual(new Set([null, 'session-1', 'session-2']))
    expect(seen('authorization')).toEqual(new Set([`Bearer ${(await auth.getToken()).accessToken}`]))
  })
})

it('takes part in no session by revision 2026-07-28, also where the server names one (MC-11)', async () => {
  testbed.mcp.journal.clear()
  await using client = await MCPClient.connect(testbed.mcp.url, {
    auth,
    async fetch(input, init) {
      const { body, status, headers } = await fetch(input, init)
      return new Response(body, { status, headers: [...headers, ['mcp-session-id', 'session-1']] })
    },
  })
  await client.callTool({ name: 'whoami' })

  expect(client.client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
  const { arrivals } = testbed.mcp.journal
  expect(arrivals.filter(({ headers }) => 'mcp-session-id' in headers)).toEqual([])
})

it.each<[string, () => AuthLike | Promise<AuthLike>]>([
  ['a token', async () => (await auth.getToken()).accessToken],
  ['ClientCredentialsAuth', () => auth],
])('shows neither token nor secret while it is connected: %s (NS-09)', async (_, give) => {
  const { accessToken } = await auth.getToken()
  await using connected = await MCPClient.connect(testbed.mcp.url, { auth: await give() })
  await connected.callTool({ name: 'whoami' })

  for (const object of [connected, connected.client]) {
    expect(shown(object)).not.toContain(accessToken)
    expect(shown(object)).not.toContain(testClients.worker.clientSecret)
  }
  // Or nothing was shown at all.
  expect(shown(connected.client)).toContain(testbed.mcp.url)
  expect(JSON.stringify(connected)).toBe('{}')
})

it('keeps what is private to one principal from another, in a cache that both share', async () => {
  const responseCacheStore = new InMemoryResponseCacheStore()
  const partitions: string[] = []
  const spy = new Proxy(responseCacheStore, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        partitions.push(JSON.stringify(args[0]))
        return Reflect.apply(member, target, args)
      }
    },
  })
  const clientOptions = { responseCacheStore: spy, cachePartition: undefined, versionNegotiation: undefined }

  const first = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions })
  await first.listTools()
  const spoken = first.client.getNegotiatedProtocolVersion()
  await first.close()

  expect(spoken).toBe('2026-07-28')
  expect(partitions.join()).toContain(auth.partition)
})
