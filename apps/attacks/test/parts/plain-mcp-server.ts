import { randomUUID } from 'node:crypto'
import type { RunningServer } from '@x/testbed'
import { type Asked, serve } from './serving.ts'

/** What a method answers: a result, an error, or a whole response. */
export type MethodAnswer = { readonly result: object } | { readonly error: object } | Response

interface PlainMcpServerOptions {
  /** Of the revisions of 2025, with a session for each who connects; default: of 2026-07-28. */
  readonly hasSessions?: boolean
  /** Who gives out the tokens; with it the server says so, and refuses whoever has none. */
  readonly issuer?: string
  readonly answer: (method: string, asked: Asked, params: Readonly<Record<string, unknown>>) => MethodAnswer
}

export interface PlainMcpServer extends RunningServer {
  readonly url: string
  /** All that there ever were, in order. */
  readonly sessions: readonly string[]
  /** From now on answers 404 to the sessions that there are. */
  forget(): void
}

/** An MCP server at `/mcp` that looks into no token: what it is told is what its test says. */
export async function startPlainMcpServer(options: PlainMcpServerOptions): Promise<PlainMcpServer> {
  const { hasSessions = false, issuer, answer } = options
  const sessions: string[] = []
  const known = new Set<string>()
  const capabilities = { tools: {} }
  const running = await serve((origin) => (asked) => {
    const { method, url, body, headers } = asked
    if (url.pathname === '/.well-known/oauth-protected-resource/mcp' && issuer !== undefined) {
      return Response.json({ resource: `${origin}/mcp`, authorization_servers: [issuer] })
    }
    if (url.pathname !== '/mcp') return new Response(null, { status: 404 })
    if (issuer !== undefined && !headers.has('authorization')) {
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } })
    }
    if (method !== 'POST') return new Response(null, { status: method === 'GET' ? 405 : 200 })
    const session = headers.get('mcp-session-id')
    if (session !== null && !known.has(session)) return new Response(null, { status: 404 })
    const { id, method: called, params = {} } = JSON.parse(body)
    if (id === undefined) return new Response(null, { status: 202 })
    const say = (said: object, more: Record<string, string> = {}) =>
      Response.json({ jsonrpc: '2.0', id, ...said }, { headers: more })
    if (called === 'server/discover' && !hasSessions) {
      const { serverInfo, fresh } = words
      return say({
        result: {
          supportedVersions: ['2026-07-28'],
          capabilities,
          resultType: 'complete',
          ...fresh,
          _meta: serverInfo,
        },
      })
    }
    if (called === 'initialize' && hasSessions) {
      const created = randomUUID()
      sessions.push(created)
      known.add(created)
      const result = {
        protocolVersion: '2025-11-25',
        capabilities,
        serverInfo: { name: 'plain', version: '0' },
      }
      return say({ result }, { 'mcp-session-id': created })
    }
    if (called === 'server/discover') return say({ error: { code: -32_601, message: 'Method not found' } })
    const said = answer(called, asked, params)
    return said instanceof Response ? said : say(said)
  })
  return { ...running, url: `${running.origin}/mcp`, sessions, forget: () => known.clear() }
}

const words = {
  serverInfo: { 'io.modelcontextprotocol/serverInfo': { name: 'plain', version: '0' } },
  fresh: { ttlMs: 60_000, cacheScope: 'private' },
}

/** A result of `tools/list` that may be kept for a minute, by whom it was given to. */
export function toolsNamed(...names: readonly string[]): MethodAnswer {
  const tools = names.map((name) => ({ name, inputSchema: { type: 'object' } }))
  return { result: { tools, resultType: 'complete', ...words.fresh } }
}
