import { randomUUID } from 'node:crypto'
import {
  type AuthInfo,
  createMcpHandler,
  fromJsonSchema,
  getOAuthProtectedResourceMetadataUrl,
  isLegacyRequest,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  oauthMetadataResponse,
  requireBearerAuth,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { type Handler, listen, type RunningServer } from './listening.ts'
import { createTokenVerifier } from './token-verifier.ts'
import { note, taskSchema, type Work } from './work.ts'

export interface OfficialMcpOptions {
  /** Whose tokens are good; default: it is open to everybody. */
  issuer?: string
  /** Whether those of the revisions before 2026-07-28 get a session; default `false`. */
  hasSessions?: boolean
  /** What its tool `work` does; default: there is neither that nor the note nor the prompt. */
  work?: Work
  /** Default: a free one. */
  port?: number
}

interface Facts {
  /** The MCP server. */
  readonly url: string
  /** Tells all who listen that the note is another one now. */
  readonly rewriteNote: () => Promise<void>
}

export interface OfficialMcpServer extends RunningServer, Facts {}

/** Starts the official MCP server, of both eras; with an issuer behind its own gate, with its own metadata. */
export async function startOfficialMcpServer({
  issuer,
  hasSessions = false,
  work,
  port,
}: OfficialMcpOptions = {}): Promise<OfficialMcpServer> {
  return listen(async (origin) => {
    const url = `${origin}/mcp`
    const guard = issuer === undefined ? undefined : createGuard(issuer, new URL(url))
    const make = () => createServer(work)
    const modern = createMcpHandler(make, { legacy: hasSessions ? 'reject' : 'stateless' })
    const sessions = createSessions(make)
    const handler: Handler = async (request) => {
      if (guard === undefined && new URL(request.url).pathname !== '/mcp')
        return new Response(null, { status: 404 })
      const refusal = await guard?.(request)
      if (refusal !== undefined) return refusal
      return hasSessions && (await isLegacyRequest(request))
        ? sessions.answer(request)
        : modern.fetch(request)
    }
    const rewriteNote = async () => {
      modern.notify.resourceUpdated(note)
      await sessions.rewriteNote()
    }
    return { handler, facts: { url, rewriteNote } }
  }, port)
}

function createServer(work: Work | undefined): McpServer {
  const capabilities = work === undefined ? {} : { resources: { subscribe: true } }
  const server = new McpServer({ name: 'official', version: '0.0.0' }, { capabilities })
  if (work === undefined) return server
  const inputSchema = fromJsonSchema<{ task: string }>(taskSchema)
  server.registerTool('work', { inputSchema }, async ({ task }) => ({
    content: [{ type: 'text', text: await work(task) }],
  }))
  server.registerResource('today', note, {}, () => ({ contents: [{ uri: note, text: 'Nothing.' }] }))
  server.registerPrompt('greet', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Say hello.' } }],
  }))
  return server
}

/** Those of 2025, which the library leaves to its user. */
function createSessions(make: () => McpServer) {
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>()
  const listeners = new Set<McpServer>()
  const open = async (): Promise<WebStandardStreamableHTTPServerTransport> => {
    const mcp = make()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    })
    mcp.server.setRequestHandler('resources/subscribe', () => {
      listeners.add(mcp)
      return {}
    })
    await mcp.connect(transport)
    return transport
  }
  return {
    async answer(request: Request): Promise<Response> {
      const id = request.headers.get('mcp-session-id')
      const transport = id === null ? await open() : transports.get(id)
      return transport?.handleRequest(request) ?? new Response(null, { status: 404 })
    },
    async rewriteNote() {
      await Promise.all([...listeners].map(({ server }) => server.sendResourceUpdated({ uri: note })))
    },
  }
}

function createGuard(issuer: string, resourceServerUrl: URL) {
  const isGood = createTokenVerifier(issuer, resourceServerUrl.href)
  const gate = requireBearerAuth({
    verifier: {
      async verifyAccessToken(token) {
        if (await isGood(token)) return readToken(token)
        throw new OAuthError(OAuthErrorCode.InvalidToken, 'not a good one')
      },
    },
    requiredScopes: ['mcp:tools'],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
  })
  const oauthMetadata = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
  }
  return async (request: Request): Promise<Response | undefined> => {
    const document = oauthMetadataResponse(request, { oauthMetadata, resourceServerUrl })
    if (document !== undefined) return document
    const admitted = await gate(request)
    return admitted instanceof Response ? admitted : undefined
  }
}

/** What the gate wants to know of a token that was verified. */
function readToken(token: string): AuthInfo {
  const { client_id, scope, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  return { token, clientId: client_id, scopes: String(scope).split(' '), expiresAt: exp }
}
