import { ProtocolError } from '@modelcontextprotocol/client'
import { AuthorizationCodeAuth, ClientCredentialsAuth } from '@x/oauth-grants'
import {
  type AuthorizationServer,
  agree,
  type McpServerOptions,
  startAuthorizationServer,
  startMcpServer,
  testClients,
} from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, MCPClient, type MCPEvent, SessionExpiredError } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import {
  noteUri,
  type SessionServer,
  type SessionServerOptions,
  startSessionServer,
} from './session-server.ts'

let authorizationServer: AuthorizationServer
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer({ accessTokenSeconds: 600 })
})
afterAll(() => authorizationServer.close())

const tenMinutesMs = 600_000
const hello = { name: 'hello' }
const said = (text: string) => [{ type: 'text', text }]
/** The official client waits a second before it opens a stream again. */
const reconnectionOptions = {
  initialReconnectionDelay: 10,
  maxReconnectionDelay: 10,
  reconnectionDelayGrowFactor: 1,
  maxRetries: 2,
}

function start(options: Omit<SessionServerOptions, 'issuer'> = {}): Promise<SessionServer> {
  return startSessionServer({ issuer: authorizationServer.issuer, ...options })
}

/** A client in a session, and what happens to it. */
async function connectTo(server: SessionServer, options: ConnectOptions = {}) {
  const { url } = server
  const events: MCPEvent[] = []
  const client = await MCPClient.connect(url, {
    auth: new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker }),
    transportOptions: { reconnectionOptions },
    onEvent: (event) => events.push(event),
    ...options,
  })
  if (options.transport !== 'serverless') await streaming(server)
  return { client, events, told: () => events.map(({ type, outcome }) => `${type} ${outcome}`) }
}

/** Until the server may send on its own, for the nth time. */
function streaming({ runs }: SessionServer, times = 1): Promise<void> {
  return vi.waitFor(() => expect(runs.get('stream')).toBe(times))
}

describe('a session that the server has forgotten', () => {
  it.each<[string, () => Response]>([
    ['404', () => new Response(null, { status: 404 })],
    [
      '404 with an error of JSON-RPC',
      () => Response.json(jsonRpcError('Session not found'), { status: 404 }),
    ],
    ['400: no valid session', () => Response.json(jsonRpcError('No valid session ID'), { status: 400 })],
    ['400 in plain text', () => new Response('Unknown Mcp-Session-Id', { status: 400 })],
  ])('is opened again for 20 calls at once, each of which runs once (%s)', async (_, unknown) => {
    await using server = await start({ unknown })
    const { client, told } = await connectTo(server)
    server.forget()

    const answers = await Promise.all(Array.from({ length: 20 }, () => client.callTool(hello)))
    await client.close()

    expect(answers.map(({ content }) => content)).toEqual(Array.from({ length: 20 }, () => said('hello')))
    expect(server.runs.get('hello')).toBe(20)
    expect(server.sessions).toBe(2)
    expect(told()).toEqual(['session opened', 'session lost', 'session opened'])
  })

  it('is not opened a third time for a call that hears of it late', async () => {
    await using server = await start()
    const isOpen = Promise.withResolvers<void>()
    let refusals = 0
    const { client } = await connectTo(server, {
      async fetch(input, init) {
        const response = await fetch(input, init)
        if (response.status === 404 && refusals++ > 0) await isOpen.promise
        return response
      },
    })
    server.forget()

    const calls = [client.callTool(hello), client.callTool(hello)]
    await Promise.race(calls)
    isOpen.resolve()
    await Promise.all(calls)
    await client.close()

    expect(refusals).toBe(2)
    expect(server.runs.get('hello')).toBe(2)
    expect(server.sessions).toBe(2)
  })

  it('takes nothing away from the calls that it still answers', async () => {
    await using server = await start()
    const { client } = await connectTo(server)
    const held = client.callTool({ name: 'hold' })
    await vi.waitFor(() => expect(server.runs.get('hold')).toBe(1))
    server.forget()

    await client.callTool(hello)
    server.release()

    expect((await held).content).toEqual(said('held'))
    expect(server.runs.get('hold')).toBe(1)
    await client.close()
  })

  it('is not ended there by a client that is closed while one of its calls is still answered', async () => {
    await using server = await start()
    const { client } = await connectTo(server)
    const held = client.callTool({ name: 'hold' }).catch(() => {})
    await vi.waitFor(() => expect(server.runs.get('hold')).toBe(1))
    server.forget()
    await client.callTool(hello)

    await client.close()
    await held

    const ends = server.running.journal.arrivals.filter(({ method }) => method === 'DELETE')
    expect(ends.map(({ headers }) => headers['mcp-session-id'])).toEqual(['session-2'])
  })

  it('is not what a server means that has no such method', async () => {
    const missing = { jsonrpc: '2.0', error: { code: -32_601, message: 'Method not found' }, id: null }
    await using server = await start()
    const { client, told } = await connectTo(server)
    server.running.faults.add(
      { kind: 'status', status: 404, body: JSON.stringify(missing) },
      { method: 'POST', times: 1 },
    )

    await expect(client.callTool(hello)).rejects.toBeInstanceOf(ProtocolError)
    await client.callTool(hello)
    await client.close()

    expect(told()).toEqual(['session opened'])
  })

  it('is not what a server means by 404 that has no stream of its own (MCP 2025-11-25, Listening for Messages from the Server)', async () => {
    await using server = await start()
    server.running.faults.add({ kind: 'status', status: 404 }, { method: 'GET', path: '/mcp' })
    const events: MCPEvent[] = []
    await using client = await MCPClient.connect(server.url, {
      auth: new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker }),
      onEvent: (event) => events.push(event),
    })
    await vi.waitFor(() => expect(events).toContainEqual(expect.objectContaining({ code: '404' })))

    await client.callTool(hello)
    await client.callTool(hello)

    expect(events.map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
      'session opened',
      'stream failed',
    ])
    expect(server.sessions).toBe(1)
  })

  it('is the error of a call that loses the next one as well', async () => {
    await using server = await start()
    const { client } = await connectTo(server, {
      async fetch(input, init) {
        const isCall = bodyOf(init).includes('tools/call')
        return isCall ? new Response(null, { status: 404 }) : fetch(input, init)
      },
    })

    await expect(client.callTool(hello)).rejects.toBeInstanceOf(SessionExpiredError)

    expect(server.sessions).toBe(2)
    await client.close()
  })

  it('is noticed by the stream of the server as well, and opened again by the next call', async () => {
    await using server = await start()
    const { client, told } = await connectTo(server)
    server.cutStreams()
    server.forget()

    await vi.waitFor(() => expect(told()).toContain('session lost'))
    const { content } = await client.callTool(hello)
    await client.close()

    expect(content).toEqual(said('hello'))
    expect(told()).toEqual(['session opened', 'stream failed', 'session lost', 'session opened'])
    expect(server.running.journal.count({ method: 'POST', status: 404 })).toBe(0)
  })

  it('is given up for good where the caller named it, and a new one opened', async () => {
    await using server = await start()
    const { client } = await connectTo(server)
    const { sessionId } = client.client.transport ?? {}

    const resumed = await MCPClient.connect(server.url, {
      auth: new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker }),
      transportOptions: { sessionId },
    })
    await resumed.callTool(hello)
    expect(server.sessions).toBe(1)
    server.forget()
    await resumed.callTool(hello)

    expect(server.runs.get('hello')).toBe(2)
    await resumed.close()
    await client.close()
  })
})

describe('a session that is opened again', () => {
  it('answers what the server asks, as prepare has it', async () => {
    await using server = await start()
    const { client } = await connectTo(server, {
      clientOptions: { capabilities: { elicitation: {} } },
      prepare(each) {
        each.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { amount: 3 } }))
      },
    })
    const ask = async () => (await client.callTool({ name: 'ask' })).content
    const before = await ask()
    server.forget()

    const after = await ask()
    await client.close()

    expect(before).toEqual(said('{"action":"accept","content":{"amount":3}}'))
    expect(after).toEqual(before)
    expect(server.sessions).toBe(2)
  })

  it('tells of changes whom prepare has named, and nobody who was named on the old one', async () => {
    await using server = await start()
    const [named, byHand] = [vi.fn(), vi.fn()]
    const { client } = await connectTo(server, {
      prepare: (each) => each.setNotificationHandler('notifications/resources/updated', named),
    })
    const old = client.client
    old.setNotificationHandler('notifications/resources/updated', byHand)
    await old.subscribeResource({ uri: noteUri })
    await server.change()
    await vi.waitFor(() => expect(byHand).toHaveBeenCalledTimes(1))
    server.forget()
    await client.callTool(hello)
    await streaming(server, 2)

    expect(client.client).not.toBe(old)
    await client.client.subscribeResource({ uri: noteUri })
    await server.change()

    await vi.waitFor(() => expect(named).toHaveBeenCalledTimes(1))
    expect(byHand).toHaveBeenCalledTimes(1)
    await client.close()
  })

  it.each(['initialize', 'notifications/initialized'])(
    'is not left behind by a client that is closed meanwhile (%s)',
    async (method) => {
      await using server = await start()
      const reached = Promise.withResolvers<void>()
      let seen = 0
      const { client, told } = await connectTo(server, {
        async fetch(input, init) {
          if (!bodyOf(init).includes(`"${method}"`) || seen++ === 0) return fetch(input, init)
          const response = await fetch(input, { ...init, signal: null })
          reached.resolve()
          return new Promise((_resolve, reject) => {
            init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true })
            void response.body?.cancel()
          })
        },
      })
      server.forget()
      const call = expect(client.callTool(hello)).rejects.toMatchObject({ code: 'closed' })
      await reached.promise

      await client.close()

      await call
      expect(server.runs.get('hello')).toBeUndefined()
      expect(told()).toEqual(['session opened', 'session lost'])
    },
  )

  it('is not opened at all by a client that was closed while its store was read', async () => {
    await using server = await start()
    const reading = Promise.withResolvers<void>()
    const read = Promise.withResolvers<undefined>()
    let loads = 0
    const { client, told } = await connectTo(server, {
      store: {
        async load() {
          // The first two are of the first connection: to read, and to write.
          if (loads++ < 2) return undefined
          reading.resolve()
          return read.promise
        },
        save: async () => '1',
        clear: async () => true,
      },
      auth: new ClientCredentialsAuth({ resourceUrl: server.url, partition: 'one', ...testClients.worker }),
    })
    server.forget()
    const call = client.callTool(hello)
    await reading.promise

    await client.close()
    await expect(call).rejects.toMatchObject({ code: 'closed' })
    read.resolve(undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))

    expect(server.sessions).toBe(1)
    expect(told()).toEqual(['session opened', 'session lost'])
  })
})

it('has ended the session, once, when an attempt to connect that was called off is over (MCP 2025-11-25, Session Management)', async () => {
  await using server = await start()
  const reached = Promise.withResolvers<void>()
  const callOff = new AbortController()
  const attempt = connectTo(server, {
    signal: callOff.signal,
    async fetch(input, init) {
      const response = await fetch(input, init)
      if (!bodyOf(init).includes('notifications/initialized')) return response
      reached.resolve()
      return new Promise(() => {})
    },
  })
  const enough = new Error('enough')
  const ended = expect(attempt).rejects.toBe(enough)
  await reached.promise

  callOff.abort(enough)
  await ended

  expect(server.running.journal.count({ method: 'DELETE' })).toBe(1)
})

describe('a token that has ended', () => {
  it('is renewed for the end of the session (MC-01, MC-04)', async () => {
    await using server = await start()
    const clock = handClock()
    const auth = new ClientCredentialsAuth({ resourceUrl: server.url, clock, ...testClients.worker })
    const { client } = await connectTo(server, { auth })
    server.running.refuse((await auth.getToken()).accessToken)

    await client.close()

    const { journal } = server.running
    expect([
      journal.count({ method: 'DELETE', status: 401 }),
      journal.count({ method: 'DELETE', status: 200 }),
    ]).toEqual([1, 1])
  })

  it('is renewed for the stream of the server (MC-01)', async () => {
    await using server = await start()
    const clock = handClock()
    const auth = new ClientCredentialsAuth({ resourceUrl: server.url, clock, ...testClients.worker })
    const { client, told } = await connectTo(server, { auth })

    // Before it is sent, and after it was refused.
    clock.moveMs(tenMinutesMs)
    server.cutStreams()
    await streaming(server, 2)
    server.running.refuse((await auth.getToken()).accessToken)
    server.cutStreams()
    await streaming(server, 3)
    await client.close()

    expect(server.running.journal.count({ method: 'GET', path: '/mcp', status: 401 })).toBe(1)
    expect(told()).toEqual(['session opened'])
  })

  it('has nobody asked for the stream of the server: an event says why there is none', async () => {
    await using server = await start()
    const authorize = vi.fn((page: URL) => agree(page))
    const redirectUri = 'http://127.0.0.1/callback'
    const auth = new AuthorizationCodeAuth({
      resourceUrl: server.url,
      redirectUri,
      authorize,
      ...testClients.cli,
    })
    const { client, events } = await connectTo(server, { auth })
    await auth.signOut()

    server.cutStreams()

    await vi.waitFor(() =>
      expect(events).toContainEqual(
        expect.objectContaining({ type: 'stream', outcome: 'failed', code: 'interaction_required' }),
      ),
    )
    expect(authorize).toHaveBeenCalledTimes(1)
    // Nor for the end of the session, of which the server is to hear all the same.
    await client.close()
    expect(authorize).toHaveBeenCalledTimes(1)
  })
})

it('holds nothing open at a server that may sleep', async () => {
  await using server = await start()
  const { client } = await connectTo(server, { transport: 'serverless' })

  await client.callTool(hello)
  await client.close()

  expect(server.running.journal.count({ method: 'GET', path: '/mcp' })).toBe(0)
  expect(server.running.journal.count({ method: 'DELETE', status: 200 })).toBe(1)
})

it('says of an answer that breaks off that its call may have run, and of one that is whole nothing', async () => {
  await using server = await start()
  const onerror = vi.fn()
  const { client } = await connectTo(server, {
    prepare: (each) => void Object.assign(each, { onerror }),
  })
  await client.callTool(hello)
  expect(onerror).not.toHaveBeenCalled()

  const call = client.callTool({ name: 'hold' })
  const failed = expect(call).rejects.toMatchObject({
    code: 'transport_error',
    recovery: 'transient',
    message: expect.stringContaining('may have been done'),
  })
  await vi.waitFor(() => expect(server.runs.get('hold')).toBe(1))
  await server.restart()

  await failed
  expect(server.runs.get('hold')).toBe(1)
  await client.close()
})

it('gives up an answer that was broken off when it was asked for the rest eight times in vain, over three minutes', async () => {
  await using server = await startMcpServer({
    issuer: authorizationServer.issuer,
    answer: breakingOff,
  })
  const onerror = vi.fn()
  const delays: number[] = []
  await using client = await MCPClient.connect(server.url, {
    auth: new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker }),
    clientOptions: { versionNegotiation: { mode: 'legacy' } },
    prepare: (each) => void Object.assign(each, { onerror }),
    transportOptions: {
      reconnectionScheduler(reconnect, delay) {
        delays.push(delay)
        if (delays.length < 20) setImmediate(reconnect)
      },
    },
  })
  const call = client.callTool(hello, { timeout: 1_000 }).catch(() => {})

  await vi.waitFor(() =>
    expect(onerror).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining('Maximum reconnection attempts') }),
    ),
  )

  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  expect(server.journal.count({ method: 'GET', status: 503 })).toBe(8)
  await client.close()
  await call
})

describe('a server that is restarted under load', () => {
  it('with sessions: runs nothing twice, answers or fails at once, and serves the next calls', async () => {
    await using server = await start()
    const { client } = await connectTo(server)
    const call = (n: number) => client.callTool({ name: 'hello', arguments: { n } })
    const broken = [1, 2].map(() => client.callTool({ name: 'hold' }))
    // Their answers have begun, and end in the middle.
    await vi.waitFor(() => expect(server.runs.get('hold')).toBe(2))

    const during = Promise.allSettled([...broken, ...Array.from({ length: 50 }, (_, n) => call(n))])
    await server.restart()
    const outcomes = await during
    const after = await Promise.all(Array.from({ length: 50 }, (_, n) => call(50 + n)))
    await client.close()

    expect(failuresOf(outcomes)).toEqual(failuresOf(outcomes).map(() => 'transport_error'))
    expect(outcomes.slice(0, 2).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(server.runs.get('hold')).toBe(2)
    for (let n = 0; n < 50; n += 1) expect(server.runs.get(`hello ${n}`) ?? 0).toBeLessThan(2)
    for (let n = 50; n < 100; n += 1) expect(server.runs.get(`hello ${n}`)).toBe(1)
    expect(after).toHaveLength(50)
    expect(server.sessions).toBe(2)
  })

  it.each(['auto', 'legacy'] as const)(
    'without sessions: runs nothing twice, and serves the next calls (%s)',
    async (mode) => {
      const { issuer } = authorizationServer
      const before = await startMcpServer({ issuer })
      const { url, origin } = before
      const client = await MCPClient.connect(url, {
        auth: new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker }),
        clientOptions: { versionNegotiation: { mode } },
      })
      const call = (a: number) => client.callTool({ name: 'add', arguments: { a, b: 0 } })

      const during = Promise.allSettled(Array.from({ length: 50 }, (_, n) => call(n)))
      await before.close()
      await using server = await startMcpServer({ issuer, port: Number(new URL(origin).port) })
      const outcomes = await during
      const after = await Promise.all(Array.from({ length: 50 }, (_, n) => call(50 + n)))
      await client.close()

      expect(failuresOf(outcomes)).toEqual(failuresOf(outcomes).map(() => 'transport_error'))
      expect(after.map(({ content }) => content)).toEqual(
        Array.from({ length: 50 }, (_, n) => said(`${50 + n}`)),
      )
      const sent = [before, server]
        .flatMap(({ journal }) => [...journal.arrivals])
        .flatMap(({ body }) => /"a":\d+/.exec(body) ?? [])
      expect(sent.length).toBe(new Set(sent).size)
    },
  )
})

/** Answers a call with the beginning of a stream, and never with the rest. */
const breakingOff: NonNullable<McpServerOptions['answer']> = async (request) => {
  if (request.method !== 'POST')
    return new Response(null, { status: request.headers.has('last-event-id') ? 503 : 405 })
  const { id, method } = JSON.parse(await request.text())
  if (method === 'tools/call')
    return new Response('id: 1\ndata: \n\n', { headers: { 'content-type': 'text/event-stream' } })
  if (id === undefined) return new Response(null, { status: 202 })
  const serverInfo = { name: 'breaking off', version: '0' }
  const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
  return Response.json({ jsonrpc: '2.0', id, result })
}

function failuresOf(outcomes: readonly PromiseSettledResult<unknown>[]): string[] {
  return outcomes.flatMap((each) => (each.status === 'rejected' ? [String(each.reason.code)] : []))
}

function jsonRpcError(message: string) {
  return { jsonrpc: '2.0', error: { code: -32_000, message }, id: null }
}

function bodyOf(init: RequestInit | undefined): string {
  return typeof init?.body === 'string' ? init.body : ''
}
