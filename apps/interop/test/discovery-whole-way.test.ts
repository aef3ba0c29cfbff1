import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { watchArrivals } from '../src/arrivals.ts'
import { type Gate, startBearerGate } from '../src/bearer-gate.ts'
import { startFastMcp } from '../src/fastmcp.ts'
import { type ServerEverything, startServerEverything } from '../src/server-everything.ts'
import { expectQuiet } from './quiet.ts'
import { bearer } from './requests.ts'

const { worker } = testClients
/** For the client the metadata and one token, for the gate the keys. */
const atServer = ['GET /.well-known/oauth-authorization-server', 'GET /jwks', 'POST /token']

expectQuiet()
let authorizationServer: AuthorizationServer
let issuer: string
let everything: ServerEverything
let gate: Gate
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer()
  issuer = authorizationServer.issuer
  everything = await startServerEverything()
})
afterAll(() => Promise.all([everything.close(), authorizationServer.close()]))
// Each gate fetches the keys when it sees its first token.
beforeEach(async () => {
  gate = await startBearerGate({ issuer, target: everything.origin })
  return () => gate.close()
})

it('from nothing but its address, server-everything lists its tools and runs one (RFC 9728 §5)', async () => {
  using arrivals = watchArrivals()

  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: gate.url, ...worker })
  await using client = await MCPClient.connect(gate.url, { auth })
  const { tools } = await client.listTools()
  const { content } = await client.callTool({ name: 'echo', arguments: { message: 'hello' } })

  expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['echo', 'get-sum']))
  expect(content).toEqual([{ type: 'text', text: 'Echo: hello' }])
  expect(arrivals.at(issuer)).toEqual(atServer)
  // The probe of the discovery, and nothing after it.
  expect(gate.journal.count({ status: 401 })).toBe(1)
})

it('from nothing but its address, FastMCP lists its tool and runs it (RFC 9728 §3.1)', async () => {
  await using server = await startFastMcp({ hasSessions: false, gate: { issuer } })
  using arrivals = watchArrivals()

  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: server.url, ...worker })
  await using client = await MCPClient.connect(server.url, { auth })
  const { tools } = await client.listTools()
  const { content } = await client.callTool({ name: 'hello' })

  expect(tools).toMatchObject([{ name: 'hello', description: 'Says hello.' }])
  expect(content).toEqual([{ type: 'text', text: 'hello' }])
  expect(arrivals.at(issuer)).toEqual(atServer)
})

it('a server that is gone behind its gate is no token that was refused (RFC 9110 §15.6.3)', async () => {
  await using gone = await startServerEverything()
  await using before = await startBearerGate({ issuer, target: gone.origin })
  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: before.url, ...worker })
  using arrivals = watchArrivals()
  await gone.close()

  const attempt = MCPClient.connect(before.url, { auth })

  await expect(attempt).rejects.toMatchObject({ name: 'ServerError', status: 502 })
  expect(arrivals.at(issuer)).toEqual(['GET /jwks', 'POST /token'])
})

it.each(['server-everything', 'fastmcp'])(
  '%s gets no token for another resource in (RFC 8707 §2)',
  async (which) => {
    await using fastmcp = await startFastMcp({ hasSessions: false, gate: { issuer } })
    const { url, origin } = which === 'fastmcp' ? fastmcp : gate
    const resource = `${origin}/another`
    await using auth = await ClientCredentialsAuth.fromIssuer({
      issuer,
      ...worker,
      resource,
      scope: 'mcp:tools',
    })
    const { accessToken } = await auth.getToken()
    const headers = { ...bearer(accessToken), 'content-type': 'application/json' }

    const response = await fetch(url, { method: 'POST', headers, body: '{}' })

    expect(response.status).toBe(401)
  },
)
