import { ProtocolError } from '@modelcontextprotocol/client'
import {
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { ClientCredentialsAuth, memoryStore, type TokenStore } from '@x/oauth-grants'
import { type AuthorizationServer, startAuthorizationServer, startMcpServer, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, MCPClient, type MCPEvent } from '../src/index.ts'
import { type HandClock, handClock } from './hand-clock.ts'

let authorizationServer: AuthorizationServer
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer()
})
afterAll(() => authorizationServer.close())

const dayMs = 86_400_000
type Era = 'modern' | 'legacy'

/** A protected server that speaks one of both, and may learn or forget the other. */
async function startOf(first: Era) {
  let era = first
  const runs = new Map<string, number>()
  const create = () => createServer((name) => void runs.set(name, (runs.get(name) ?? 0) + 1))
  const modern = createMcpHandler(create, { legacy: 'reject' })
  const answer: McpHttpHandler['fetch'] = async (request, given) => {
    if (era === 'modern') return modern.fetch(request, given)
    // As one that has never heard of 2026-07-28.
    if (!(await isLegacyRequest(request.clone()))) return new Response('Bad Request', { status: 400 })
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
    await create().connect(transport)
    return request.method === 'POST' ? transport.handleRequest(request) : new Response(null, { status: 405 })
  }
  const running = await startMcpServer({ issuer: authorizationServer.issuer, answer })
  const { url, journal } = running
  const methods = () => journal.arrivals.flatMap(({ body }) => /"method":"([^"]*)"/.exec(body)?.[1] ?? [])
  return {
    url,
    runs,
    journal,
    become(next: Era) {
      era = next
      journal.clear()
    },
    /** How often a method was asked for, refusals for want of a token aside. */
    asked: (method: string) => methods().filter((each) => each === method).length - refused(method),
    [Symbol.asyncDispose]: () => running.close(),
  }

  function refused(method: string): number {
    return journal.arrivals.filter(({ body, status }) => status === 401 && body.includes(`"${method}"`))
      .length
  }
}

function createServer(ran: (name: string) => void): McpServer {
  const server = new McpServer({ name: 'changing', version: '0' })
  server.registerTool('hello', {}, () => {
    ran('hello')
    return { content: [{ type: 'text', text: 'hello' }] }
  })
  return server
}

const hello = { name: 'hello' }

interface Program {
  readonly store: TokenStore
  readonly clock?: HandClock
  readonly partition?: string
}

/** Connects as a program of its own, which has nothing in common with others but the store. */
async function connectTo(
  { url }: { url: string },
  { store, clock = handClock(), partition = 'one' }: Program,
  options: ConnectOptions = {},
) {
  const events: MCPEvent[] = []
  const client = await MCPClient.connect(url, {
    auth: new ClientCredentialsAuth({ resourceUrl: url, store, clock, partition, ...testClients.worker }),
    store,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const eras = () =>
    events.flatMap((each) => (each.type === 'session' ? [each.outcome === 'lost' ? 'lost' : each.era] : []))
  return { client, eras }
}

/** Connects and calls, once. */
async function callOnce(...args: Parameters<typeof connectTo>): Promise<readonly unknown[]> {
  const { client, eras } = await connectTo(...args)
  await client.callTool(hello)
  await client.close()
  return eras()
}

describe('what a server has said of itself', () => {
  it('is believed for a day, and not longer', async () => {
    await using server = await startOf('modern')
    const program = { store: memoryStore(), clock: handClock() }
    await callOnce(server, program)
    expect(server.asked('server/discover')).toBe(1)

    program.clock.moveMs(dayMs - 60_000)
    await callOnce(server, program)
    expect(server.asked('server/discover')).toBe(1)

    program.clock.moveMs(60_000)
    await callOnce(server, program)
    expect(server.asked('server/discover')).toBe(2)

    // A day from then on, and not from the first.
    program.clock.moveMs(60_000)
    await callOnce(server, program)
    expect(server.asked('server/discover')).toBe(2)
  })

  it('is not renewed by those who believe it: a server may have learned more', async () => {
    await using server = await startOf('legacy')
    const program = { store: memoryStore(), clock: handClock() }
    await callOnce(server, program)
    program.clock.moveMs(dayMs - 60_000)
    await callOnce(server, program)
    program.clock.moveMs(60_000)
    server.become('modern')

    expect(await callOnce(server, program)).toEqual(['modern'])
    expect(server.asked('initialize')).toBe(0)
  })

  it('is not told to another principal', async () => {
    await using server = await startOf('modern')
    const store = memoryStore()

    await callOnce(server, { store, partition: 'one' })
    await callOnce(server, { store, partition: 'two' })

    expect(server.asked('server/discover')).toBe(2)
  })

  it('is kept for nobody whose name is not known', async () => {
    await using server = await startOf('modern')
    const spies = {
      load: vi.fn(async () => undefined),
      save: vi.fn(async () => '1'),
      clear: vi.fn(async () => true),
    }
    const { accessToken } = await new ClientCredentialsAuth({
      resourceUrl: server.url,
      ...testClients.worker,
    }).getToken()

    await callOnce(server, { store: memoryStore() }, { auth: accessToken, store: spies })

    for (const spy of Object.values(spies)) expect(spy).not.toHaveBeenCalled()
  })

  it('is found again by auth objects of one partition only', async () => {
    await using server = await startOf('modern')
    const store = memoryStore()
    const auth = () => new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker })

    await callOnce(server, { store }, { auth: auth() })
    await callOnce(server, { store }, { auth: auth() })

    expect(server.asked('server/discover')).toBe(2)
  })

  it('is of no use to a caller who has named another protocol', async () => {
    await using server = await startOf('modern')
    const store = memoryStore()
    await callOnce(server, { store })
    server.become('legacy')
    const clientOptions = { versionNegotiation: { mode: 'legacy' } } as const

    expect(await callOnce(server, { store }, { clientOptions })).toEqual(['legacy'])
    server.become('modern')

    expect(await callOnce(server, { store })).toEqual(['modern'])
    expect(server.asked('initialize')).toBe(0)
  })

  it('takes no changes away from who wants to be told of them', async () => {
    await using server = await startOf('modern')
    const store = memoryStore()
    const clientOptions = { listChanged: { tools: { onChanged() {} } } }

    for (let times = 0; times < 2; times += 1) {
      const { client } = await connectTo(server, { store }, { clientOptions })
      expect(client.client.autoOpenedSubscription).toBeDefined()
      await client.close()
    }
  })

  it('is not needed: what else lies in the store is passed over', async () => {
    await using server = await startOf('modern')
    const entries = new Map<string, string>()
    const store: TokenStore = {
      load: async (key) => {
        const value = entries.get(key)
        return value === undefined ? undefined : { value, revision: value }
      },
      save: async (key, value) => {
        entries.set(key, value)
        return value
      },
      clear: async (key) => entries.delete(key),
    }
    await callOnce(server, { store })
    const [key = ''] = [...entries.keys()].filter((each) => each.startsWith('["mcp"'))
    const { prior, ...rest } = JSON.parse(entries.get(key) ?? '')
    const withPrior = (other: unknown) => JSON.stringify({ ...rest, prior: other })

    for (const garbage of [
      '',
      'null',
      '[]',
      '{}',
      'hunter2',
      JSON.stringify({ ...rest, prior, version: 2 }),
      ...[null, 7, 'modern', {}, { kind: 'modern' }, { kind: 'future' }, { ...prior, kind: 'legacy' }].map(
        withPrior,
      ),
      withPrior({ ...prior, discover: {} }),
      withPrior({ ...prior, discover: { ...prior.discover, supportedVersions: ['2099-01-01'] } }),
    ]) {
      entries.set(key, garbage)
      const before = server.asked('server/discover')
      expect(await callOnce(server, { store }), garbage).toEqual(['modern'])
      expect(server.asked('server/discover'), garbage).toBe(before + 1)
      expect(JSON.parse(entries.get(key) ?? ''), garbage).toMatchObject({ version: 1, prior })
    }
  })
})

describe('a store', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it.each<[string, Partial<TokenStore>]>([
    ['read: it fails', { load: () => Promise.reject(new Error('down')) }],
    ['read: it hangs', { load: () => new Promise(() => {}) }],
    ['written: it fails', { save: () => Promise.reject(new Error('down')) }],
    ['written: it hangs', { save: () => new Promise(() => {}) }],
  ])('keeps nobody from a server where it cannot be %s', async (_, broken) => {
    await using server = await startOf('modern')
    // What is waited for at most is over at once.
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      const over = new AbortController()
      setImmediate(() => over.abort())
      return over.signal
    })
    const store = { ...memoryStore(), ...broken }

    expect(await callOnce(server, { store: memoryStore() }, { store })).toEqual(['modern'])

    expect(server.runs.get('hello')).toBe(1)
  })
})

describe('a server that has changed since', () => {
  it.each<[Era, Era]>([
    ['modern', 'legacy'],
    ['legacy', 'modern'],
  ])('from %s to %s costs one more connection, and runs each of 20 calls once', async (before, after) => {
    await using server = await startOf(before)
    const program = { store: memoryStore() }
    await callOnce(server, program)
    server.become(after)
    server.runs.clear()

    const { client, eras } = await connectTo(server, program)
    await Promise.all(Array.from({ length: 20 }, () => client.callTool(hello)))
    await client.close()

    expect(server.runs.get('hello')).toBe(20)
    // By the older ones it is asked who it is as part of connecting.
    expect(eras()).toEqual(before === 'modern' ? ['modern', 'lost', 'legacy'] : ['modern'])

    // That is remembered in its place, also when it changes back.
    expect(await callOnce(server, program)).toEqual([after])
    server.become(before)
    const back = before === 'legacy' ? ['modern', 'lost', 'legacy'] : ['modern']
    expect(await callOnce(server, program)).toEqual(back)
    expect(server.runs.get('hello')).toBe(22)
  })

  it('is asked again for all calls that hear of it, the late ones too', async () => {
    await using server = await startOf('modern')
    const program = { store: memoryStore() }
    await callOnce(server, program)
    server.become('legacy')
    const isOpen = Promise.withResolvers<void>()
    let refusals = 0

    const { client, eras } = await connectTo(server, program, {
      async fetch(input, init) {
        const response = await fetch(input, init)
        if (response.status === 400 && bodyOf(init).includes('tools/call') && refusals++ > 0)
          await isOpen.promise
        return response
      },
    })
    const calls = [client.callTool(hello), client.callTool(hello)]
    await Promise.race(calls)
    isOpen.resolve()
    await Promise.all(calls)
    await client.close()

    expect(refusals).toBe(2)
    expect(eras()).toEqual(['modern', 'lost', 'legacy'])
    expect(await callOnce(server, program)).toEqual(['legacy'])
  })

  it.each([-32_600, -32_601, -32_022])(
    'is not taken for one by what a tool says, which has run: %i (MCP 2026-07-28, Tools, Error Handling)',
    async (code) => {
      await using server = await startOf('modern')
      const program = { store: memoryStore() }
      await callOnce(server, program)
      server.runs.clear()
      let declined = false
      const { client, eras } = await connectTo(server, program, {
        async fetch(input, init) {
          const response = await fetch(input, init)
          if (response.status !== 200 || !bodyOf(init).includes('tools/call') || declined) return response
          declined = true
          void response.body?.cancel()
          const { id } = JSON.parse(bodyOf(init))
          return Response.json({ jsonrpc: '2.0', id, error: { code, message: 'declined' } })
        },
      })

      await expect(client.callTool(hello)).rejects.toBeInstanceOf(ProtocolError)
      expect(server.runs.get('hello')).toBe(1)
      await client.callTool(hello)
      await client.close()

      // Where it may have been the memory after all, the next call does without.
      expect(eras()).toEqual(code === -32_600 ? ['modern'] : ['modern', 'lost', 'modern'])
      expect(server.runs.get('hello')).toBe(2)
    },
  )

  it('is not taken for one by an error of its own, but for the very first', async () => {
    await using server = await startOf('modern')
    const program = { store: memoryStore() }
    await callOnce(server, program)
    const [one, other] = [await connectTo(server, program), await connectTo(server, program)]
    // It has no prompts: method not found, as from one that does not know the protocol.
    const ask = ({ client }: typeof one) =>
      expect(client.getPrompt({ name: 'nothing' })).rejects.toBeInstanceOf(ProtocolError)

    await ask(one)
    await ask(one)
    await other.client.callTool(hello)
    await ask(other)
    await one.client.close()
    await other.client.close()

    expect(one.eras()).toEqual(['modern', 'lost', 'modern'])
    expect(other.eras()).toEqual(['modern'])
    expect(server.asked('prompts/get')).toBe(4)
  })
})

function bodyOf(init: RequestInit | undefined): string {
  return typeof init?.body === 'string' ? init.body : ''
}
