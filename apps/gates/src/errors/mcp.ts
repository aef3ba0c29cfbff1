/**
 * The errors of `@x/mcp-client`.
 *
 * @module
 */
import { createTransport, MCPClient, type MCPConnectionErrorCode } from '@x/mcp-client'
import { always, refuseConnection, status } from './answers.ts'
import { type Entries, type ErrorPage, secrets } from './entries.ts'

const url = 'https://mcp.example/mcp'

const connect = (answer: Parameters<typeof always>[0], auth?: string) =>
  MCPClient.connect(url, { fetch: always(answer), auth })

/** A server of 2025, which gives out sessions, and has forgotten each by the next call. */
const forgetful = always(async (request) => {
  if (request.method !== 'POST') return new Response(null, { status: 405 })
  const { id, method }: { id?: number; method: string } = await request.json()
  if (method.startsWith('notifications/')) return new Response(null, { status: 202 })
  if (method !== 'initialize')
    return new Response(null, { status: request.headers.has('mcp-session-id') ? 404 : 400 })
  const serverInfo = { name: 'forgetful', version: '1' }
  const result = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
  return Response.json({ jsonrpc: '2.0', id, result }, { headers: { 'mcp-session-id': 'one' } })
})

const connection: Entries<MCPConnectionErrorCode> = {
  bad_request: {
    when: 'The server answered 400: it did not understand the request.',
    what: 'Check that the URL is of an MCP server over streamable HTTP.',
    examples: [() => connect(status(400))],
  },
  auth_required: {
    when: 'The server answered 401: there is no token, or it refused a renewed one as well.',
    what: 'Pass the option `auth`. If there is one, check audience and scope of its tokens, and the clocks.',
    examples: [() => connect(status(401)), () => connect(status(401), secrets.accessToken)],
  },
  forbidden: {
    when: 'The server answered 403: the token is good, but not for this.',
    what: 'Ask for the scope that the message names; else ask the operator of the server.',
    examples: [
      () => connect(status(403), secrets.accessToken),
      () =>
        connect(
          status(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="files:write"' }),
          secrets.accessToken,
        ),
    ],
  },
  session_expired: {
    when: 'The server has forgotten the session, and the next one as well (revisions of 2025).',
    what: 'Connect again; if that comes often, see why the server forgets.',
    examples: [
      async () => {
        await using client = await MCPClient.connect(url, { fetch: forgetful })
        await client.listTools()
      },
    ],
  },
  server_error: {
    when: 'The server answered 429 or 5xx: it is down or overloaded.',
    what: 'Try again, after `retryAfterMs` where there is one.',
    examples: [() => connect(status(503)), () => connect(status(429, { 'retry-after': '7' }))],
  },
  transport_error: {
    when: 'There was no answer, none in time, or none that an MCP server gives. Where there was none, it is `transient`.',
    what: 'Check the address and the network; then try again. A call of a tool may have been done.',
    examples: [
      () => MCPClient.connect(url, { fetch: refuseConnection }),
      () => connect(() => new Response('<p>', { headers: { 'content-type': 'text/html' } })),
      () => connect(status(418)),
      () => MCPClient.connect(url, { fetch: () => new Promise(() => {}), timeoutMs: 10 }),
    ],
  },
  auth_failed: {
    when: 'The option `auth` is code of yours, and threw; `cause` is what it threw.',
    what: 'See the `cause`.',
    examples: [
      () =>
        MCPClient.connect(url, {
          auth: () => {
            throw new Error('no such file')
          },
        }),
    ],
  },
  invalid_url: {
    when: 'The URL of the MCP server is no https URL, or has a user name or a password in it.',
    what: 'Correct the URL; credentials go into the option `auth`.',
    examples: [
      () => createTransport('mcp.example/mcp'),
      () => createTransport(`https://me:${secrets.password}@mcp.example/`),
    ],
  },
  closed: {
    when: 'The connection was closed before or during the call.',
    what: 'Connect again.',
    examples: [
      async () => {
        const client = await MCPClient.connect(url, { fetch: forgetful })
        await client.close()
        await client.listTools()
      },
    ],
  },
}

export const mcpErrors: ErrorPage = {
  folder: 'packages/mcp-client',
  classes: { MCPConnectionError: connection },
}
