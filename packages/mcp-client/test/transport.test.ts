import { Client } from '@modelcontextprotocol/client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AuthLike, createTransport, MCPClient } from '../src/index.ts'

let testbed: Testbed
let auth: ClientCredentialsAuth
beforeAll(async () => {
  testbed = await startTestbed()
  auth = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.mcp.url, ...testClients.worker })
})
afterAll(() => testbed.close())

describe('createTransport', () => {
  it('is all that a program on the official client needs', async () => {
    const client = new Client({ name: 'test', version: '0' }, { versionNegotiation: { mode: 'auto' } })

    await client.connect(createTransport(testbed.mcp.url, { auth }))
    const { tools } = await client.listTools()
    await client.close()

    expect(tools.map(({ name }) => name)).toEqual(['whoami', 'add', 'write_note'])
  })

  it.each<[string, () => AuthLike | Promise<AuthLike>]>([
    ['an auth object', () => auth],
    ['a source of tokens', () => ({ getToken: (options) => auth.getToken(options) })],
    ['anything with a fetch that authorizes', () => ({ fetch: auth.fetch })],
    ['a token', async () => (await auth.getToken()).accessToken],
    ['what gives a token', () => async () => (await auth.getToken()).accessToken],
  ])('takes %s', async (_, give) => {
    const client = await MCPClient.connect(testbed.mcp.url, { auth: await give() })

    const result = await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })
    await client.close()

    expect(result.content).toEqual([{ type: 'text', text: '5' }])
  })

  it.each(['auto', 'legacy'] as const)(
    'puts the token on every request, in the header and nowhere else (MC-01, MC-02, NS-12; %s)',
    async (mode) => {
      testbed.mcp.journal.clear()
      const client = await MCPClient.connect(testbed.mcp.url, {
        auth,
        clientOptions: { versionNegotiation: { mode } },
      })

      await client.listTools()
      await client.callTool({ name: 'whoami' })
      await client.close()

      const { accessToken } = await auth.getToken()
      const { arrivals } = testbed.mcp.journal
      expect(arrivals.length).toBeGreaterThan(2)
      for (const { headers, path, body } of arrivals) {
        expect(headers['authorization']).toBe(`Bearer ${accessToken}`)
        expect(headers).not.toHaveProperty('cookie')
        expect(path + body).not.toContain(accessToken)
      }
    },
  )

  it('asks for a token at each request, so that one from a vault may change', async () => {
    const given: string[] = []
    const client = await MCPClient.connect(testbed.mcp.url, {
      async auth() {
        given.push('asked')
        return (await auth.getToken()).accessToken
      },
    })
    const connected = given.length

    await client.callTool({ name: 'whoami' })
    await client.close()

    expect(given.length - connected).toBe(1)
  })

  it('sends by the fetch that it is given, also with an auth object', async () => {
    const sent: string[] = []
    const client = await MCPClient.connect(testbed.mcp.url, {
      auth,
      fetch(input, init) {
        sent.push(new Request(input).url)
        return fetch(input, init)
      },
    })
    await client.close()

    expect(new Set(sent)).toEqual(new Set([testbed.mcp.url]))
  })

  it('keeps the token from where a redirect leads (MC-05, CH-11)', async () => {
    await using elsewhere = await startTestbed()
    const client = await MCPClient.connect(testbed.mcp.url, { auth })
    testbed.mcp.faults.add({ kind: 'redirect', status: 307, location: elsewhere.mcp.url }, { times: 1 })

    await expect(client.callTool({ name: 'whoami' })).rejects.toMatchObject({ code: 'transport_error' })
    await client.close()

    expect(elsewhere.mcp.journal.arrivals).toEqual([])
  })
})

it('fetches the rest of an answer that was broken off, also where it holds nothing open', async () => {
  const sent: string[] = []
  const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })
  const client = await MCPClient.connect('https://mcp.example/mcp', {
    transport: 'serverless',
    clientOptions: { versionNegotiation: { mode: 'legacy' } },
    transportOptions: { reconnectionScheduler: (reconnect) => reconnect() },
    async fetch(input, init) {
      const request = new Request(input, init)
      const { id, method } = JSON.parse((await request.text()) || '{}')
      sent.push(`${request.method} ${method ?? request.headers.get('last-event-id')}`)
      if (method === 'initialize') {
        const serverInfo = { name: 'polling', version: '0' }
        const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
        return Response.json({ jsonrpc: '2.0', id, result })
      }
      if (method === 'notifications/initialized') return new Response(null, { status: 202 })
      if (method === 'tools/call') return stream('id: event-1\ndata:\n\n')
      const result = { content: [{ type: 'text', text: 'late' }] }
      return stream(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result })}\n\n`)
    },
  })

  const { content } = await client.callTool({ name: 'anything' })
  await client.close()

  expect(content).toEqual([{ type: 'text', text: 'late' }])
  expect(sent).toEqual([
    'POST initialize',
    'POST notifications/initialized',
    'POST tools/call',
    'GET event-1',
  ])
})

it('shows nothing of an error but words, whatever its fetch put into it (NS-09)', async () => {
  const { inspect } = await import('node:util')
  const fetch = () =>
    Promise.reject(Object.assign(new Error('hunter2'), { name: 'hunter 2', code: 'Bearer hunter2' }))

  const failure: unknown = await MCPClient.connect(testbed.mcp.url, { auth: 'token', fetch }).catch(
    (error: unknown) => error,
  )

  expect(failure).toMatchObject({ code: 'transport_error' })
  expect(inspect(failure, { depth: 10, showHidden: true })).not.toMatch(/hunter ?2/)
})

describe('an auth of the caller that throws', () => {
  const sealed = new Error('the vault is sealed')

  it.each<[string, AuthLike]>([
    ['a function', () => Promise.reject(sealed)],
    [
      'a function that throws at once',
      () => {
        throw sealed
      },
    ],
    ['a source of tokens', { getToken: () => Promise.reject(sealed) }],
  ])('is heard, and not taken for a failure of the connection: %s', async (_, given) => {
    const failure = { name: 'MCPConnectionError', code: 'auth_failed', cause: sealed }

    await expect(MCPClient.connect(testbed.mcp.url, { auth: given })).rejects.toMatchObject(failure)
  })

  it('may give nothing, which is no token', async () => {
    // Programs without types get here, by an environment without the variable.
    const nothing = (() => undefined) as unknown as () => string

    await expect(MCPClient.connect(testbed.mcp.url, { auth: nothing })).rejects.toMatchObject({
      code: 'invalid_token',
    })
  })
})

describe('what cannot work is refused before anything is sent', () => {
  it.each([['nonsense'], ['/mcp'], ['ftp://mcp.example/'], ['https://user:hunter2@mcp.example/mcp']])(
    '%s is no URL of an MCP server',
    (url) => {
      const attempt = () => createTransport(url)

      expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_url', recovery: 'terminal' }))
      expect(attempt).not.toThrow('hunter2')
    },
  )

  it('an auth object that is meant for another origin (MC-03)', () => {
    const attempt = () => createTransport('https://mcp.example/mcp', { auth })

    expect(attempt).toThrow(expect.objectContaining({ code: 'origin_refused' }))
    expect(attempt).toThrow('https://mcp.example')
  })

  it('a token over plain http to another machine, unless it is allowed (MC-09)', () => {
    const url = 'http://mcp.example/mcp'

    expect(() => createTransport(url, { auth: 'a-token' })).toThrow(
      expect.objectContaining({ code: 'invalid_origin' }),
    )
    expect(() => createTransport(url, { auth: 'a-token', allowAddress: () => true })).not.toThrow()
    expect(() => createTransport(url)).not.toThrow()
  })

  it('two fetches', () => {
    const attempt = () => createTransport('https://mcp.example/mcp', { auth: { fetch }, fetch })

    expect(attempt).toThrow('pass one of them')
  })

  it.each([{}, 42, Promise.resolve({})])('%j, which is no auth', (nothing) => {
    const given = nothing as AuthLike

    expect(() => createTransport('https://mcp.example/mcp', { auth: given })).toThrow('auth is neither')
  })

  it('a token that no header can carry, which is not shown (TE-09, NS-09)', async () => {
    const attempt = MCPClient.connect(testbed.mcp.url, { auth: 'hunter2\r\nx: y' })

    await expect(attempt).rejects.toMatchObject({ code: 'invalid_token' })
    await expect(attempt).rejects.not.toThrow('hunter2')
  })
})
