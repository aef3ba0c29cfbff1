import { createTransport, MCPClient, MCPConnectionError } from '@x/mcp-client'
import { AuthorizationCodeAuth, ClientCredentialsAuth } from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { testClients } from '@x/testbed/clients'
import type { Case, Place } from './case.ts'
import { failureOf, holds, refused, same } from './claims.ts'

const { worker, cli } = testClients
const add = { name: 'add', arguments: { a: 40, b: 2 } }
const text = (value: string) => [{ type: 'text', text: value }]

const eras = [
  ['2026-07-28', 'auto'],
  ['2025-11-25', 'legacy'],
] as const

/** Beneath any program: it cannot be told, and not be told not to. */
const replays = {
  Deno: 'its `fetch` sends a POST again where a kept connection breaks before an answer. A client without kept connections does not: `fetch: (input, init) => fetch(input, { ...init, client: Deno.createHttpClient({ poolMaxIdlePerHost: 0 }) })`',
  Chromium: 'its `fetch` sends a POST again where a kept connection breaks before an answer, as browsers may',
}

const connect = ({ mcpUrl }: Place, mode: 'auto' | 'legacy' = 'auto') =>
  MCPClient.connect(mcpUrl, {
    auth: new ClientCredentialsAuth({ resourceUrl: mcpUrl, ...worker }),
    clientOptions: { versionNegotiation: { mode } },
  })

export const mcpCases: readonly Case[] = [
  ...eras.flatMap(([revision, mode]): Case[] => [
    {
      name: `connects, lists and calls over MCP ${revision}`,
      async run({ open }) {
        await using client = await connect(await open(), mode)
        same(client.client.getNegotiatedProtocolVersion(), revision, 'revision')
        same(
          (await client.listTools()).tools.map(({ name }) => name),
          ['whoami', 'add', 'write_note'],
          'tools',
        )
        same((await client.callTool(add)).content, text('42'), 'answer')
        same((await client.readResource({ uri: 'note://welcome' })).contents.length, 1, 'contents')
        await client.ping()
      },
    },
    {
      name: `goes on with a new token after a refusal over MCP ${revision}, and runs no tool twice`,
      async run({ open }) {
        const place = await open()
        const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: place.mcpUrl, ...worker })
        const clientOptions = { versionNegotiation: { mode } }
        await using client = await MCPClient.connect(place.mcpUrl, { auth, clientOptions })
        await place.refuse('mcp', (await auth.getToken()).accessToken)
        same((await client.callTool(add)).content, text('42'), 'answer')
        same(await place.runs('mcp', 'add'), 1, 'runs')
      },
    },
    {
      name: `asks for the scope that a tool needs besides over MCP ${revision} (step-up)`,
      async run({ open }) {
        const place = await open()
        const options = { resourceUrl: place.mcpUrl, ...worker, scope: 'mcp:tools' }
        const auth = await ClientCredentialsAuth.fromResource(options)
        const clientOptions = { versionNegotiation: { mode } }
        await using client = await MCPClient.connect(place.mcpUrl, { auth, clientOptions })
        const answer = await client.callTool({ name: 'write_note', arguments: { text: 'milk' } })
        same(answer.content, text('Noted: milk'), 'answer')
        same(await place.runs('mcp', 'write_note'), 1, 'runs')
      },
    },
    {
      name: `ends a call over MCP ${revision} when its caller does`,
      async run({ open }) {
        const place = await open()
        await using client = await connect(place, mode)
        await place.break('mcp', { kind: 'hang' }, { method: 'POST', times: 1 })
        const controller = new AbortController()
        const reason = new Error('enough')
        setTimeout(() => controller.abort(reason), 100)
        const failure = await failureOf(client.callTool(add, { signal: controller.signal }))
        holds(failure === reason, `the reason itself comes back, and not ${failure.message}`)
        await place.heal()
        same((await client.callTool(add)).content, text('42'), 'answer to the next call')
      },
    },
    {
      name: `names a server that fails over MCP ${revision}`,
      async run({ open }) {
        const place = await open()
        await using client = await connect(place, mode)
        await place.break('mcp', { kind: 'status', status: 503 }, { method: 'POST', times: 1 })
        await refused(client.callTool(add), { name: 'ServerError', code: 'server_error', status: 503 })
        holds((await client.callTool(add)).isError !== true, 'it answers again')
      },
    },
    {
      name: `runs no tool twice over MCP ${revision} whose answer was lost`,
      except: replays,
      async run({ open }) {
        const place = await open()
        await using client = await connect(place, mode)
        await place.break('mcp', { kind: 'lost-answer' }, { method: 'POST', times: 1 })
        const failure = client.callTool(add)
        await refused(failure, { name: 'TransportError', code: 'transport_error', recovery: 'transient' })
        same(await place.runs('mcp', 'add'), 1, 'runs')
      },
    },
  ]),
  {
    name: 'has a person sign in as part of connecting',
    async run({ open, agree }) {
      const { mcpUrl } = await open()
      let asked = 0
      const auth = new AuthorizationCodeAuth({
        resourceUrl: mcpUrl,
        ...cli,
        redirectUri: 'http://127.0.0.1/callback',
        authorize: (url) => {
          asked += 1
          return agree(url)
        },
      })
      await using client = await MCPClient.connect(mcpUrl, { auth })
      same((await client.callTool(add)).content, text('42'), 'answer')
      same(asked, 1, 'how often somebody was asked')
    },
  },
  {
    name: 'proves its token to an MCP server that wants nonces (RFC 9449)',
    async run({ open }) {
      const { mcpUrl } = await open({ boundTokensOnly: true, requiresNonces: true })
      const auth = new ClientCredentialsAuth({ resourceUrl: mcpUrl, ...worker, binding: await dpop() })
      await using client = await MCPClient.connect(mcpUrl, { auth })
      same((await client.callTool(add)).content, text('42'), 'answer')
    },
  },
  {
    name: 'begins another session where the server has lost one, and runs no tool twice',
    async run({ open }) {
      const place = await open()
      const { sessionsUrl } = place
      const auth = new ClientCredentialsAuth({ resourceUrl: sessionsUrl, ...worker })
      await using client = await MCPClient.connect(sessionsUrl, { auth })
      same((await client.callTool({ name: 'hello' })).content, text('hello'), 'answer')
      await place.forgetSessions()
      const calls = Array.from({ length: 10 }, () => client.callTool({ name: 'hello' }))
      for (const { content } of await Promise.all(calls)) same(content, text('hello'), 'answer')
      same(await place.runs('sessions', 'hello'), 11, 'runs')
    },
  },
  {
    name: 'serves many requests by one connection, also after one that ended in the middle of a call',
    async run({ open, request }) {
      const place = await open()
      const auth = new ClientCredentialsAuth({ resourceUrl: place.mcpUrl, ...worker })
      let client: MCPClient | undefined
      await request(async () => {
        client = await MCPClient.connect(place.mcpUrl, { auth })
      })
      const call = async () => same((await client?.callTool(add))?.content, text('42'), 'answer')
      await Promise.all([request(call), request(call)])
      await place.break('mcp', { kind: 'delay', ms: 200 }, { method: 'POST', times: 1 })
      await request(async () => {
        call().catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 50))
      })
      await Promise.all([request(call), request(call)])
      await request(async () => client?.close())
    },
  },
  {
    name: 'begins another session after a request that ended while it was doing that',
    async run({ open, request }) {
      const place = await open()
      const { sessionsUrl } = place
      const auth = new ClientCredentialsAuth({ resourceUrl: sessionsUrl, ...worker })
      let client: MCPClient | undefined
      await request(async () => {
        client = await MCPClient.connect(sessionsUrl, { auth })
      })
      const call = async () =>
        same((await client?.callTool({ name: 'hello' }))?.content, text('hello'), 'answer')
      await place.forgetSessions()
      // The first is told of it, and the next is to begin the session.
      await place.break('sessions', { kind: 'status', status: 404 }, { method: 'POST', times: 1 })
      await place.break('sessions', { kind: 'delay', ms: 300 }, { method: 'POST', times: 1 })
      await request(async () => {
        call().catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 100))
      })
      await Promise.all([request(call), request(call)])
      await request(async () => client?.close())
    },
  },
  {
    name: 'gives up connecting at its deadline',
    async run({ open }) {
      const place = await open()
      await place.break('mcp', { kind: 'hang' }, { method: 'POST' })
      const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: place.mcpUrl, ...worker })
      const attempt = MCPClient.connect(place.mcpUrl, { auth, timeoutMs: 500 })
      await refused(attempt, { name: 'TransportError', recovery: 'transient' })
    },
  },
  {
    name: 'names an address where no MCP server is',
    async run({ open }) {
      const { apiUrl } = await open()
      const auth = new ClientCredentialsAuth({ resourceUrl: apiUrl, ...worker })
      const error = await failureOf(MCPClient.connect(`${apiUrl}/orders`, { auth }))
      holds(error instanceof MCPConnectionError, `it is of its class, and not ${error.name}`)
    },
  },
  {
    name: 'is a transport for the official client too, and ends with it',
    async run({ open }) {
      const { mcpUrl } = await open()
      const auth = new ClientCredentialsAuth({ resourceUrl: mcpUrl, ...worker })
      const transport = createTransport(mcpUrl, { auth })
      const answered = Promise.withResolvers<unknown>()
      Object.assign(transport, { onmessage: answered.resolve, onerror: answered.reject })
      await transport.start()
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'm', version: '0' },
      }
      // It ends with the stream that brings the answer.
      transport.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params }).catch(answered.reject)
      const answer = await answered.promise
      holds(JSON.stringify(answer).includes('"serverInfo"'), 'the server says who it is')
      await transport.close()
    },
  },
]
