import {
  fromJsonSchema,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { type McpServerOptions, type ResourceServer, startMcpServer } from '@x/testbed'

/** The note that can be subscribed to. */
export const noteUri = 'note://today'

/** A protected server of 2025 with sessions, which it may forget. */
export interface SessionServer extends AsyncDisposable {
  readonly url: string
  /** Of the one that runs now. */
  readonly running: ResourceServer
  /** How often each tool ran, each note was subscribed to, and a `stream` was opened. */
  readonly runs: Map<string, number>
  /** How many sessions there ever were. */
  readonly sessions: number
  /** As after a restart; what runs goes on. */
  forget(): void
  /** A new process at the same address: what ran there is cut off. */
  restart(): Promise<void>
  /** Lets all that waits in the tool `hold` go on. */
  release(): void
  /** Ends the streams by which it sends on its own. */
  cutStreams(): void
  /** Tells all sessions that have subscribed to the note. */
  change(): Promise<void>
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly server: McpServer
  readonly subscribed: Set<string>
  /** Tells that its stream is open. */
  readonly streams: () => void
}

export interface SessionServerOptions extends Pick<McpServerOptions, 'issuer'> {
  /** What it says of a session that it does not know; default: 404. */
  readonly unknown?: () => Response
}

export async function startSessionServer({
  issuer,
  unknown = () => new Response(null, { status: 404 }),
}: SessionServerOptions): Promise<SessionServer> {
  const runs = new Map<string, number>()
  const ran = (name: string) => void runs.set(name, (runs.get(name) ?? 0) + 1)
  let known = new Map<string, Session>()
  let held = Promise.withResolvers<void>()
  let sessions = 0

  async function open(): Promise<WebStandardStreamableHTTPServerTransport> {
    const streaming = Promise.withResolvers<void>()
    const server = createServer(ran, { held: () => held.promise, streaming: streaming.promise })
    const subscribed = answerSubscriptions(server, ran)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => `session-${++sessions}`,
      onsessioninitialized: (id) =>
        void known.set(id, { transport, server, subscribed, streams: streaming.resolve }),
    })
    await server.connect(transport)
    return transport
  }

  const answer: NonNullable<McpServerOptions['answer']> = async (request, given) => {
    const id = request.headers.get('mcp-session-id')
    if (id !== null) {
      const session = known.get(id)
      const response = (await session?.transport.handleRequest(request, given)) ?? unknown()
      if (request.method === 'GET' && response.ok) {
        ran('stream')
        session?.streams()
      }
      return response
    }
    const { method } = JSON.parse((await request.clone().text()) || '{}')
    if (method === 'initialize') return (await open()).handleRequest(request, given)
    return Response.json({ error: 'no session' }, { status: 400 })
  }

  let running = await startMcpServer({ issuer, answer })
  const { url, origin } = running
  return {
    url,
    runs,
    get running() {
      return running
    },
    get sessions() {
      return sessions
    },
    forget() {
      known = new Map()
    },
    async restart() {
      await running.close()
      known = new Map()
      running = await startMcpServer({ issuer, answer, port: Number(new URL(origin).port) })
    },
    release() {
      held.resolve()
      held = Promise.withResolvers()
    },
    cutStreams() {
      for (const { transport } of known.values()) transport.closeStandaloneSSEStream()
    },
    async change() {
      const told = [...known.values()].filter(({ subscribed }) => subscribed.has(noteUri))
      await Promise.all(told.map(({ server }) => server.server.sendResourceUpdated({ uri: noteUri })))
    },
    [Symbol.asyncDispose]: () => running.close(),
  }
}

function createServer(
  ran: (name: string) => void,
  { held, streaming }: { held: () => Promise<void>; streaming: Promise<void> },
): McpServer {
  const server = new McpServer(
    { name: 'sessions', version: '0' },
    { capabilities: { resources: { subscribe: true } } },
  )
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  const number = fromJsonSchema<{ n?: number }>({ type: 'object', properties: { n: { type: 'number' } } })
  server.registerTool('hello', { inputSchema: number }, ({ n }) => {
    ran(n === undefined ? 'hello' : `hello ${n}`)
    return text('hello')
  })
  server.registerTool('hold', {}, async ({ mcpReq }) => {
    ran('hold')
    // With this the answer has begun.
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 'hold', progress: 1 } })
    await held()
    return text('held')
  })
  server.registerTool('ask', {}, async ({ mcpReq }) => {
    // The question goes by the stream.
    await streaming
    const answer = await mcpReq.elicitInput({
      message: 'How much?',
      requestedSchema: { type: 'object', properties: { amount: { type: 'number' } } },
    })
    return text(JSON.stringify(answer))
  })
  server.registerResource('today', noteUri, {}, ({ href: uri }) => ({ contents: [{ uri, text: 'sunny' }] }))
  return server
}

/** @returns what is subscribed to */
function answerSubscriptions({ server }: McpServer, ran: (name: string) => void): Set<string> {
  const subscribed = new Set<string>()
  server.setRequestHandler('resources/subscribe', ({ params }) => {
    ran(params.uri)
    subscribed.add(params.uri)
    return {}
  })
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    subscribed.delete(params.uri)
    return {}
  })
  return subscribed
}
