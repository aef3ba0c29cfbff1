import {
  McpServer,
  WebStandardStreamableHTTPServerTransport as Transport,
} from '@modelcontextprotocol/server'
import { startMcpServer } from '@x/testbed'

/** A protected MCP server of 2025 with sessions and the tool `hello`. */
export async function startSessionServer(issuer: string) {
  const known = new Map<string, Transport>()
  const runs = new Map<string, number>()
  let sessions = 0

  async function begin(): Promise<Transport> {
    const server = new McpServer({ name: 'sessions', version: '0' })
    server.registerTool('hello', {}, () => {
      runs.set('hello', (runs.get('hello') ?? 0) + 1)
      return { content: [{ type: 'text', text: 'hello' }] }
    })
    const transport = new Transport({
      sessionIdGenerator: () => `session-${++sessions}`,
      onsessioninitialized: (id) => void known.set(id, transport),
    })
    await server.connect(transport)
    return transport
  }

  const running = await startMcpServer({
    issuer,
    async answer(request, given) {
      const id = request.headers.get('mcp-session-id')
      const transport = id === null ? await begin() : known.get(id)
      return transport?.handleRequest(request, given) ?? new Response(null, { status: 404 })
    },
  })
  return { ...running, runs, forget: () => known.clear() }
}
