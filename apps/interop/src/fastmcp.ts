import { FastMCP, jsonSchemaAdapter } from 'fastmcp'
import { startOnFreePort } from './free-port.ts'
import { bearerToken, createTokenVerifier } from './token-verifier.ts'
import { note, taskSchema, type Work } from './work.ts'

export interface FastMcpOptions {
  /** Whether there are sessions; default `true`. Without them a GET of the MCP server is answered with 405. */
  hasSessions?: boolean
  /** Default: open to everybody. */
  gate?: FastMcpGate
  /** What its tool `work` does; default: there is no such tool. */
  work?: Work
  /** Default: a free one. */
  port?: number
}

export interface FastMcpGate {
  /** Whose tokens are good. */
  issuer: string
  /** What is published: RFC 9728, the default, or, as before there was that, RFC 8414 of an issuer of that name. */
  publishes?: 'resource' | { serverNamed: (origin: string) => string }
  /** Whom the metadata of RFC 9728 is about; default: the MCP server's URL. */
  resource?: (origin: string) => string
  /** The challenge to whoever has no good token; default: none. FastMCP itself challenges a GET without a session. */
  challenge?: (origin: string) => string
}

export interface FastMcpServer extends AsyncDisposable {
  readonly origin: string
  /** The MCP server. */
  readonly url: string
  /** The same by the transport of 2024-11-05, which FastMCP serves beside it. */
  readonly sseUrl: string
  /** Tells all who listen that the note is another one now. */
  rewriteNote(): Promise<void>
  close(): Promise<void>
}

/** Starts FastMCP for TypeScript with the tool `hello`; with `work`, that tool, the note and the prompt as well. */
export async function startFastMcp(options: FastMcpOptions = {}): Promise<FastMcpServer> {
  const { port } = options
  return port === undefined ? startOnFreePort((free) => startAt(free, options)) : startAt(port, options)
}

async function startAt(
  port: number,
  { hasSessions = true, gate, work }: FastMcpOptions,
): Promise<FastMcpServer> {
  const origin = `http://127.0.0.1:${port}`
  const server = new FastMCP({ ...common, ...(gate && guard(gate, origin)) })
  server.addTool({ name: 'hello', description: 'Says hello.', execute: async () => 'hello' })
  if (work !== undefined) addWork(server, work)
  const httpStream = { port, host: '127.0.0.1', stateless: !hasSessions } as const
  await server.start({ transportType: 'httpStream', httpStream })
  const close = () => server.stop()
  return {
    origin,
    url: `${origin}/mcp`,
    sseUrl: `${origin}/sse`,
    rewriteNote: () => server.sendResourceUpdated(note),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function addWork(server: FastMCP, work: Work): void {
  const parameters = jsonSchemaAdapter(taskSchema)
  server.addTool({ name: 'work', parameters, execute: async (given) => work(String(Object(given).task)) })
  server.addResource({ uri: note, name: 'today', load: async () => ({ text: 'Nothing.' }) })
  server.addPrompt({ name: 'greet', load: async () => 'Say hello.' })
}

const quiet = () => {}
const common = {
  name: 'fastmcp',
  version: '0.0.0',
  logger: { debug: quiet, error: quiet, info: quiet, log: quiet, warn: quiet },
} as const

function guard(gate: FastMcpGate, origin: string) {
  const { issuer, publishes = 'resource', resource, challenge } = gate
  const url = resource?.(origin) ?? `${origin}/mcp`
  const isGood = createTokenVerifier(issuer, url)
  const headers: HeadersInit = challenge === undefined ? {} : { 'www-authenticate': challenge(origin) }
  return {
    oauth: {
      enabled: true,
      ...(publishes === 'resource'
        ? { protectedResource: { resource: url, authorizationServers: [issuer] } }
        : { authorizationServer: describeServer(publishes.serverNamed(origin), issuer) }),
    },
    authenticate: async (request: { headers: { authorization?: string | undefined } }) => {
      if (await isGood(bearerToken(request.headers.authorization))) return { isKnown: true }
      // A response that is thrown is given as it is.
      throw new Response(null, { status: 401, headers })
    },
  }
}

function describeServer(name: string, issuer: string) {
  return {
    issuer: name,
    authorizationEndpoint: `${issuer}/auth`,
    tokenEndpoint: `${issuer}/token`,
    responseTypesSupported: ['code'],
  }
}
