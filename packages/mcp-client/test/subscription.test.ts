import { createMcpHandler, InMemoryServerEventBus, McpServer } from '@modelcontextprotocol/server'
import { AuthorizationCodeAuth, ClientCredentialsAuth } from '@x/oauth-grants'
import {
  type AuthorizationServer,
  agree,
  startAuthorizationServer,
  startMcpServer,
  testClients,
} from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, MCPClient, type MCPEvent } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { noteUri, type SessionServer, startSessionServer } from './session-server.ts'

let authorizationServer: AuthorizationServer
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer({ accessTokenSeconds: 600 })
})
afterAll(() => authorizationServer.close())
beforeEach(() => {
  // The shortest pause of those that chance may choose.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const tenMinutesMs = 600_000

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'changing', version: '0' },
    { capabilities: { resources: { subscribe: true } } },
  )
  server.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }))
  server.registerResource('today', noteUri, {}, ({ href: uri }) => ({ contents: [{ uri, text: 'sunny' }] }))
  return server
}

/** A protected server of 2026-07-28 that tells of changes. */
async function startChanging() {
  const { issuer } = authorizationServer
  const bus = new InMemoryServerEventBus()
  const createHandler = () => createMcpHandler(createServer, { bus })
  let handler = createHandler()
  const answer: typeof handler.fetch = (request, given) => handler.fetch(request, given)
  let running = await startMcpServer({ issuer, answer })
  const { url, origin } = running
  const listens = () => running.journal.arrivals.filter(({ body }) => body.includes('subscriptions/listen'))
  return {
    url,
    listens,
    /** How many are open. */
    get streams() {
      return bus.listenerCount
    },
    get running() {
      return running
    },
    get notify() {
      return handler.notify
    },
    /** Ends all streams in good order, as before a shutdown. */
    async end() {
      const old = handler
      handler = createHandler()
      await old.close()
    },
    /** Breaks all streams off, and starts anew. */
    async cut() {
      await running.close()
      await handler.close()
      handler = createHandler()
      running = await startMcpServer({ issuer, answer, port: Number(new URL(origin).port) })
    },
    [Symbol.asyncDispose]: () => running.close(),
  }
}

/** A client whose time is moved by hand, and what it is told. */
async function connectTo({ url }: { url: string }, options: ConnectOptions = {}) {
  const clock = handClock()
  const events: MCPEvent[] = []
  const [toolsChanged, noteChanged] = [vi.fn(), vi.fn()]
  const client = await MCPClient.connect(url, {
    auth: new ClientCredentialsAuth({ resourceUrl: url, clock, ...testClients.worker }),
    clock,
    onEvent: (event) => events.push(event),
    prepare(each) {
      each.setNotificationHandler('notifications/tools/list_changed', toolsChanged)
      each.setNotificationHandler('notifications/resources/updated', noteChanged)
    },
    ...options,
  })
  return {
    client,
    clock,
    toolsChanged,
    noteChanged,
    /** What became of subscriptions, so far. */
    told: () => events.flatMap((each) => (each.type === 'subscription' ? [each.code ?? each.outcome] : [])),
    /** Until a pause of this length has begun, which is then over. */
    pause: async (ms: number) => {
      await vi.waitFor(() => expect(clock.sleeping).toEqual([ms]))
      clock.moveMs(ms)
    },
  }
}

const whoListens = { toolsListChanged: true }

describe('a subscription (MCP 2026-07-28, Subscriptions)', () => {
  it.each(['end', 'cut'] as const)(
    'that the server ends together with the token is begun again with another one (%s)',
    async (end) => {
      await using server = await startChanging()
      const { client, clock, toolsChanged, told, pause } = await connectTo(server)
      await client.listen(whoListens)
      server.notify.toolsChanged()
      await vi.waitFor(() => expect(toolsChanged).toHaveBeenCalledTimes(1))
      const [first] = server.listens()

      clock.moveMs(tenMinutesMs)
      await server[end]()
      await pause(500)
      await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'listening']))
      server.notify.toolsChanged()

      await vi.waitFor(() => expect(toolsChanged).toHaveBeenCalledTimes(2))
      const token = server.listens().at(-1)?.headers['authorization']
      expect(token).toMatch(/^Bearer /)
      expect(token).not.toBe(first?.headers['authorization'])
      expect(server.running.journal.count({ status: 401 })).toBe(end === 'end' ? 1 : 0) // the very first request
      await client.close()
    },
  )

  it('waits longer from time to time for a server that is down, up to a minute, and says why', async () => {
    await using server = await startChanging()
    const { client, clock, told, pause } = await connectTo(server)
    await client.listen(whoListens)
    server.running.faults.add({ kind: 'status', status: 503 })
    await server.end()

    const pauses = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]
    for (const each of pauses) await pause(each)
    await vi.waitFor(() => expect(clock.sleeping).toEqual([30_000]))
    expect(told()).toEqual(['listening', 'ended', ...pauses.map(() => 'server_error')])
    server.running.faults.heal()
    await pause(30_000)
    await vi.waitFor(() => expect(told().at(-1)).toBe('listening'))

    // One that was soon over was of no use; one that has lasted was.
    await server.end()
    await pause(30_000)
    await vi.waitFor(() => expect(told().slice(-2)).toEqual(['ended', 'listening']))
    clock.moveMs(60_000)
    await server.end()
    await pause(500)
    await vi.waitFor(() => expect(told().slice(-2)).toEqual(['ended', 'listening']))
    await client.close()
  })

  it('spreads those who wait for the same server', async () => {
    await using server = await startChanging()
    vi.mocked(Math.random).mockReturnValue(0.5)
    const { client, pause } = await connectTo(server)
    await client.listen(whoListens)

    await server.end()

    await pause(750)
    await client.close()
  })

  it.each<
    [
      string,
      (ending: { client: MCPClient; subscription: AsyncDisposable; abort: AbortController }) => unknown,
    ]
  >([
    ['it is closed', ({ subscription }) => subscription[Symbol.asyncDispose]()],
    ['its client is closed', ({ client }) => client.close()],
    ['its signal is aborted', ({ abort }) => abort.abort()],
  ])('is over for good when %s, also between two streams', async (_, end) => {
    await using server = await startChanging()
    for (const isPausing of [false, true]) {
      const { client, clock, told } = await connectTo(server)
      const abort = new AbortController()
      const subscription = await client.listen(whoListens, { signal: abort.signal })
      if (isPausing) {
        await server.end()
        await vi.waitFor(() => expect(clock.sleeping).toEqual([500]))
      }
      const before = server.listens().length

      await end({ client, subscription, abort })
      await vi.waitFor(() => expect(server.streams).toBe(0))
      expect(clock.sleeping).toEqual([])
      clock.moveMs(tenMinutesMs)
      await client.close()

      expect(server.listens()).toHaveLength(before)
      expect(told()).toEqual(isPausing ? ['listening', 'ended'] : ['listening'])
    }
  })

  it('gives up the first time with the limit and the signal of whoever asks', async () => {
    await using server = await startChanging()
    const { client, told } = await connectTo(server)
    server.running.faults.add({ kind: 'hang' })
    const abort = new AbortController()
    const enough = new Error('enough')

    const late = client.listen(whoListens, { timeout: 50 })
    await expect(late).rejects.toMatchObject({ code: 'transport_error', cause: { code: 'REQUEST_TIMEOUT' } })
    const ended = client.listen(whoListens, { signal: abort.signal })
    abort.abort(enough)
    await expect(ended).rejects.toBe(enough)

    expect(told()).toEqual([])
    await client.close()
  })

  it('asks nobody: it waits until a call has', async () => {
    await using server = await startChanging()
    const authorize = vi.fn((page: URL) => agree(page))
    const redirectUri = 'http://127.0.0.1/callback'
    const auth = new AuthorizationCodeAuth({
      resourceUrl: server.url,
      redirectUri,
      authorize,
      ...testClients.cli,
    })
    const { client, told, pause } = await connectTo(server, { auth })
    await client.listen(whoListens)
    await auth.signOut()
    await server.end()

    await pause(500)
    await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'interaction_required']))
    expect(authorize).toHaveBeenCalledTimes(1)
    await client.callTool({ name: 'hello' })
    await pause(1_000)

    await vi.waitFor(() => expect(told().at(-1)).toBe('listening'))
    expect(authorize).toHaveBeenCalledTimes(2)
    await client.close()
  })

  it('of the official client for its option listChanged is kept as well', async () => {
    await using server = await startChanging()
    const onChanged = vi.fn()
    const listChanged = { tools: { onChanged, debounceMs: 0 } }
    const { client, told, pause } = await connectTo(server, {
      clientOptions: { listChanged },
      prepare: undefined,
    })
    server.notify.toolsChanged()
    await vi.waitFor(() => expect(onChanged).toHaveBeenCalledTimes(1))

    await server.end()
    await pause(500)
    await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'listening']))
    server.notify.toolsChanged()

    await vi.waitFor(() => expect(onChanged).toHaveBeenCalledTimes(2))
    await client.close()
  })
})

describe('by the revisions of 2025, in a session that is lost', () => {
  /** Until the server may send on its own, for the nth time. */
  function streaming({ runs }: SessionServer, times: number): Promise<void> {
    return vi.waitFor(() => expect(runs.get('stream')).toBe(times))
  }
  const start = () => startSessionServer({ issuer: authorizationServer.issuer })

  it.each([{ kind: 'status', status: 503 } as const, { kind: 'reset' } as const])(
    'what the server has to tell is heard also where its stream cannot be opened at first: %j',
    async (fault) => {
      await using server = await start()
      server.running.faults.add(fault, { method: 'GET', path: '/mcp', times: 2 })
      const failures: string[] = []
      const { client, noteChanged, pause } = await connectTo(server, {
        onEvent: (event) => void (event.type === 'stream' && failures.push(event.code)),
      })
      await client.listen({ resourceSubscriptions: [noteUri] })

      await pause(500)
      await pause(1_000)
      await streaming(server, 1)
      await server.change()

      await vi.waitFor(() => expect(noteChanged).toHaveBeenCalledTimes(1))
      expect(failures).toEqual(fault.kind === 'reset' ? ['ECONNRESET', 'ECONNRESET'] : ['503', '503'])
      await client.close()
    },
  )

  it('a resource that was subscribed to is subscribed to in the next one', async () => {
    await using server = await start()
    const { client, noteChanged, told, pause } = await connectTo(server)
    const subscription = await client.listen({ resourceSubscriptions: [noteUri] })
    await streaming(server, 1)
    await server.change()
    await vi.waitFor(() => expect(noteChanged).toHaveBeenCalledTimes(1))

    server.forget()
    await client.callTool({ name: 'hello' })
    await pause(500)
    await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'listening']))
    await streaming(server, 2)
    await server.change()
    await vi.waitFor(() => expect(noteChanged).toHaveBeenCalledTimes(2))
    await subscription.close()
    await server.change()
    await client.callTool({ name: 'hello' })

    expect(noteChanged).toHaveBeenCalledTimes(2)
    expect(server.runs.get(noteUri)).toBe(2)
    expect(server.sessions).toBe(2)
    await client.close()
  })

  it('a resource is subscribed to in the next one also where its answer comes from the one before', async () => {
    await using server = await start()
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { client, told, pause } = await connectTo(server, {
      async fetch(input, init) {
        const response = await fetch(input, init)
        if (typeof init?.body !== 'string' || !init.body.includes('resources/subscribe')) return response
        asked.resolve()
        await answered.promise
        return response
      },
    })
    const listening = client.listen({ resourceSubscriptions: [noteUri] })
    await asked.promise
    server.forget()
    await client.callTool({ name: 'hello' })
    answered.resolve()
    await listening

    await pause(500)

    await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'listening']))
    expect(server.runs.get(noteUri)).toBe(2)
    expect(server.sessions).toBe(2)
    await client.close()
  })

  it('nothing is listened for where the signal is aborted already', async () => {
    await using server = await start()
    const { client, told } = await connectTo(server)
    const enough = new Error('enough')

    const attempt = client.listen(whoListens, { signal: AbortSignal.abort(enough) })

    await expect(attempt).rejects.toBe(enough)
    expect(told()).toEqual([])
    await client.close()
  })

  it('nothing is listened for any longer where the signal is aborted before it began', async () => {
    await using server = await start()
    const { client, clock, told } = await connectTo(server)
    const [abort, enough] = [new AbortController(), new Error('enough')]

    const attempt = client.listen(whoListens, { signal: abort.signal })
    abort.abort(enough)

    await expect(attempt).rejects.toBe(enough)
    server.forget()
    await client.callTool({ name: 'hello' })
    expect([told().includes('ended'), clock.sleeping]).toEqual([false, []])
    await client.close()
  })

  it('the next ones are opened ever later where the server forgets them all, for the option listChanged', async () => {
    await using server = await start()
    const { client, pause } = await connectTo(server, {
      transportOptions: { reconnectionScheduler: (reconnect) => void setTimeout(reconnect, 1) },
      clientOptions: { listChanged: { tools: { onChanged() {} } } },
      prepare: undefined,
    })

    for (const [index, ms] of [500, 1_000, 2_000].entries()) {
      await streaming(server, index + 1)
      server.cutStreams()
      server.forget()
      await pause(ms)
    }

    await vi.waitFor(() => expect(server.sessions).toBe(4))
    await client.close()
  })

  it.each<[string, (client: MCPClient) => unknown, ConnectOptions]>([
    ['listen', (client) => client.listen({ toolsListChanged: true }), {}],
    [
      'the option listChanged',
      () => {},
      { clientOptions: { listChanged: { tools: { onChanged() {} } } }, prepare: undefined },
    ],
  ])('the next one is opened without a call, for changes to be told (%s)', async (_, listen, options) => {
    await using server = await start()
    const { client, told, clock } = await connectTo(server, {
      // As long as the server is down, and longer than the official client tries.
      transportOptions: { reconnectionScheduler: (reconnect) => void setTimeout(reconnect, 1) },
      ...options,
    })
    await listen(client)
    await streaming(server, 1)

    server.running.faults.add({ kind: 'reset' }, { method: 'GET', times: 5 })
    server.cutStreams()
    server.forget()
    await vi.waitFor(() => {
      clock.moveMs(60_000)
      expect(server.sessions).toBe(2)
    })
    await vi.waitFor(() => expect(told()).toEqual(['listening', 'ended', 'listening']))

    // And once more, for there is still but one.
    await streaming(server, 2)
    server.cutStreams()
    server.forget()
    await vi.waitFor(() => expect(told().at(-1)).toBe('ended'))
    await client.close()
    expect(told()).toEqual(['listening', 'ended', 'listening', 'ended'])
  })
})
