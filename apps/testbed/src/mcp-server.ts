import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  type AuthInfo,
  createMcpHandler,
  fromJsonSchema,
  type JsonSchemaType,
  type McpHttpHandler,
  McpServer,
  requireScopes,
} from '@modelcontextprotocol/server'
import { type ResourceServer, type ResourceServerOptions, startResourceServer } from './resource-server.ts'

type Ran = (tool: string) => void

export interface McpServerOptions extends ResourceServerOptions {
  /** Answers what was let in, in place of the server of the testbed. */
  answer?: McpHttpHandler['fetch']
}

/**
 * Starts a protected MCP server: 2026-07-28 and the 2025 revisions at one address, without sessions; or whichever server
 * answers.
 */
export function startMcpServer(options: McpServerOptions): Promise<ResourceServer> {
  return startResourceServer(options, {
    path: '/mcp',
    scope: 'mcp:tools',
    scopes: ['mcp:tools', 'mcp:write'],
    createService({ metadataUrl, ran }) {
      const ours = createMcpHandler(({ authInfo }) => createServer(authInfo, ran))
      const handle = toNodeHandler(options.answer ? { fetch: options.answer } : ours)
      return ({ scopes, subject, ...token }, request, response) => {
        const auth = {
          ...token,
          scopes: [...scopes],
          resourceMetadataUrl: metadataUrl,
          extra: { subject },
        }
        // A request that was received has both; the adapter's types insist.
        const { method = '', url = '' } = request
        return handle(Object.assign(request, { method, url, auth }), response)
      }
    },
  })
}

function createServer(authInfo: AuthInfo | undefined, ran: Ran): McpServer {
  const server = new McpServer({ name: 'testbed', version: '0.0.0' })
  registerTools(server, authInfo, ran)
  registerTexts(server)
  return server
}

function registerTools(server: McpServer, authInfo: AuthInfo | undefined, ran: Ran): void {
  const whoami = { description: 'Who the access token speaks for.', annotations: { readOnlyHint: true } }
  server.registerTool('whoami', whoami, () => {
    ran('whoami')
    const { clientId: client_id, scopes, extra } = authInfo ?? {}
    return text(JSON.stringify({ client_id, scopes, subject: extra?.['subject'] }))
  })
  const operands = objectOf<{ a: number; b: number }>({ a: { type: 'number' }, b: { type: 'number' } })
  server.registerTool('add', { description: 'Adds two numbers.', inputSchema: operands }, ({ a, b }) => {
    ran('add')
    return text(String(a + b))
  })
  const writeNote = {
    description: 'Writes a note; needs one scope more than the rest.',
    inputSchema: objectOf<{ text: string }>({ text: { type: 'string' } }),
    // Both, so that a client which asks for exactly these keeps what it had.
    scopeChallenge: requireScopes('mcp:tools', 'mcp:write'),
  }
  server.registerTool('write_note', writeNote, (note) => {
    ran('write_note')
    return text(`Noted: ${note.text}`)
  })
}

function registerTexts(server: McpServer): void {
  server.registerResource('welcome', 'note://welcome', { mimeType: 'text/plain' }, ({ href: uri }) => ({
    contents: [{ uri, mimeType: 'text/plain', text: 'Welcome to the testbed.' }],
  }))
  const argsSchema = objectOf<{ name: string }>({ name: { type: 'string' } })
  server.registerPrompt('greet', { description: 'Greets somebody.', argsSchema }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Say hello to ${name}.` } }],
  }))
}

function objectOf<Shape>(properties: Record<keyof Shape & string, JsonSchemaType>) {
  return fromJsonSchema<Shape>({ type: 'object', properties, required: Object.keys(properties) })
}

function text(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: value }] }
}
