import { discoverAuthorizationServer, inspectResource, originAsServer } from '@x/oauth-discovery'
import { type AuthorizationServer, startAuthorizationServer } from '@x/testbed'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type FastMcpGate, startFastMcp } from '../src/fastmcp.ts'
import { answersOf, discoveriesOf, failureOf, sideBySide } from './discoveries.ts'
import { expectQuiet } from './quiet.ts'

const root = 'GET /.well-known/oauth-protected-resource'
/** What arrives where everything is where it should be, and at the authorization server. */
const atMcp = [`${root}/mcp`, 'GET /mcp']
const atServer = ['GET /.well-known/oauth-authorization-server']

expectQuiet()
let authorizationServer: AuthorizationServer
let issuer: string
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer()
  issuer = authorizationServer.issuer
})
afterAll(() => authorizationServer.close())

function start({ gate, ...options }: { hasSessions?: boolean; gate?: Omit<FastMcpGate, 'issuer'> }) {
  return startFastMcp({ ...options, ...(gate && { gate: { issuer, ...gate } }) })
}

const aboutOrigin = (origin: string) => origin
const pointingAtRoot = (origin: string) =>
  `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"`
const pointingAtPath = (origin: string) =>
  `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="mcp:tools"`

describe('fastmcp', () => {
  const { shows, isWhole } = discoveriesOf('`fastmcp`')

  shows('the MCP server, open', 'a 400 is no sign of being open (PR-02)', async (arrivals) => {
    await using server = await start({})
    const { statuses, onEvent } = answersOf(server.url)

    const error = await failureOf(inspectResource(server.url, { onEvent }))

    expect(statuses).toEqual([400])
    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(server.url)).toEqual([root, ...atMcp])
    return error
  })

  shows('its SSE address, open', 'it answers, and publishes nothing (RFC 9728 §5)', async (arrivals) => {
    await using server = await start({})
    const { statuses, onEvent } = answersOf(server.sseUrl)

    const found = await inspectResource(server.sseUrl, { onEvent })

    expect(statuses).toEqual([200])
    expect(found).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(server.url)).toEqual([root, `${root}/sse`, 'GET /sse'])
    return found
  })

  shows('the MCP server', 'each document is asked for once (CH-01, PR-01)', async (arrivals) => {
    await using server = await start({ gate: {} })
    const { url } = server

    const found = await inspectResource(url)

    expect(found).toMatchObject({
      challenge: { parameters: { error: 'invalid_token' } },
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atMcp)
    expect(arrivals.at(issuer)).toEqual(atServer)
    return found
  })

  shows(
    'the MCP server, its metadata about the origin',
    'the challenge counts, and what was asked for beside it does not (PR-02, PR-07)',
    async (arrivals) => {
      await using server = await start({ gate: { resource: aboutOrigin } })
      const { url, origin } = server

      const found = await inspectResource(url, { fetch: sideBySide(arrivals, url) })

      expect(found).toMatchObject({
        resourceMetadata: { resource: origin, authorization_servers: [issuer] },
        authorizationServerMetadata: { issuer },
        attempts: [{ url: `${origin}/.well-known/oauth-protected-resource`, outcome: 'used' }, {}],
      })
      expect(arrivals.at(url)).toEqual([root, ...atMcp])
      expect(arrivals.at(issuer)).toEqual(atServer)
      return found
    },
  )

  shows('its SSE address', 'from the challenge of its gate (CH-01, PR-07)', async (arrivals) => {
    await using server = await start({ gate: { resource: aboutOrigin, challenge: pointingAtRoot } })
    const { sseUrl, origin } = server

    const found = await inspectResource(sseUrl, { fetch: sideBySide(arrivals, sseUrl) })

    expect(found).toMatchObject({
      challenge: { parameters: { resource_metadata: `${origin}/.well-known/oauth-protected-resource` } },
      resourceMetadata: { resource: origin },
      authorizationServerMetadata: { issuer },
    })
    expect(arrivals.at(origin)).toEqual([root, `${root}/sse`, 'GET /sse'])
    return found
  })

  shows('its SSE address, without a challenge', 'a 401 is enough (CH-08, PR-07)', async (arrivals) => {
    await using server = await start({ gate: { resource: aboutOrigin } })
    const { sseUrl, origin } = server
    const { statuses, onEvent } = answersOf(sseUrl)

    const found = await inspectResource(sseUrl, { onEvent })

    expect(statuses).toEqual([401])
    expect(found).toMatchObject({
      challenge: undefined,
      resourceMetadata: { resource: origin },
      attempts: [{ url: `${origin}/.well-known/oauth-protected-resource/sse`, status: 404 }, {}, {}],
    })
    expect(arrivals.at(origin)).toEqual([root, `${root}/sse`, 'GET /sse'])
    return found
  })

  shows(
    'the MCP server, a refused POST in hand',
    'nothing is asked a second time (CH-01, PR-02)',
    async (arrivals) => {
      await using server = await start({ gate: { challenge: pointingAtPath } })
      const { url } = server
      const response = await initialize(url)

      const found = await discoverAuthorizationServer(url, { response })

      expect(found).toMatchObject({
        challenge: { scheme: 'bearer', parameters: { scope: 'mcp:tools' } },
        resourceMetadata: { resource: url },
        authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
      })
      expect(arrivals.at(url)).toEqual([`${root}/mcp`, 'POST /mcp'])
      return found
    },
  )

  shows(
    'the MCP server, a refused POST in hand, without a challenge',
    'a 401 is enough (CH-08)',
    async (arrivals) => {
      await using server = await start({ gate: {} })
      const { url } = server
      const response = await initialize(url)

      const found = await discoverAuthorizationServer(url, { response })

      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBeNull()
      expect(found).toMatchObject({
        challenge: undefined,
        resourceMetadata: { resource: url },
        authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
      })
      expect(arrivals.at(url)).toEqual([`${root}/mcp`, 'POST /mcp'])
      return found
    },
  )

  isWhole()
})

describe('fastmcp, without sessions', () => {
  const { shows, isWhole } = discoveriesOf('`fastmcp`, without sessions')

  shows('the MCP server, open', 'a 405 is no sign of being open (PR-02)', async (arrivals) => {
    await using server = await start({ hasSessions: false })
    const { statuses, onEvent } = answersOf(server.url)

    const error = await failureOf(inspectResource(server.url, { onEvent }))

    expect(statuses).toEqual([405])
    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(server.url)).toEqual([root, ...atMcp])
    return error
  })

  shows('the MCP server', 'a 405 hides nothing (CH-08, PR-02)', async (arrivals) => {
    await using server = await start({ hasSessions: false, gate: { challenge: pointingAtPath } })
    const { url } = server
    const { statuses, onEvent } = answersOf(url)

    const found = await inspectResource(url, { onEvent })

    expect(statuses).toEqual([405])
    expect(found).toMatchObject({
      challenge: undefined,
      resourceMetadata: { resource: url },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atMcp)
    expect(arrivals.at(issuer)).toEqual(atServer)
    return found
  })

  shows(
    'the MCP server, its metadata about the origin',
    'at the place of the path it is about another resource (PR-05, PR-08, RFC 9728 §3.3)',
    async (arrivals) => {
      await using server = await start({ hasSessions: false, gate: { resource: aboutOrigin } })
      const { url, origin } = server

      const error = await failureOf(inspectResource(url))

      expect(error).toMatchObject({
        message: expect.stringContaining(`is about the resource "${origin}", not "${url}"`),
      })
      expect(arrivals.at(url)).toEqual(atMcp)
      expect(arrivals.at(issuer)).toEqual([])
      return error
    },
  )

  isWhole()
})

describe('fastmcp, publishing its authorization server only', () => {
  const { shows, isWhole } = discoveriesOf('`fastmcp`, publishing its authorization server only')
  const ofOrigin = { publishes: { serverNamed: (origin: string) => origin } }

  shows('the MCP server', 'no server is guessed (PR-02, PR-09)', async (arrivals) => {
    await using server = await start({ gate: ofOrigin })

    const error = await failureOf(inspectResource(server.url))

    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(server.url)).toEqual([root, ...atMcp])
    return error
  })

  shows(
    'the MCP server, by the rule of 2025-03-26',
    'its origin is its authorization server (MCP 2025-03-26 Authorization, Server Metadata Discovery)',
    async (arrivals) => {
      await using server = await start({ gate: ofOrigin })
      const { url, origin } = server

      const found = await inspectResource(url, { legacy: originAsServer })

      expect(found).toMatchObject({
        challenge: { parameters: { error: 'invalid_token' } },
        authorizationServerMetadata: { issuer: origin, token_endpoint: `${issuer}/token` },
      })
      expect(arrivals.at(url)).toEqual([...atServer, root, ...atMcp])
      expect(arrivals.at(issuer)).toEqual([])
      return found
    },
  )

  shows(
    'the MCP server, by that rule, another issuer named',
    'none of it is used (AS-05, RFC 8414 §3.3)',
    async (arrivals) => {
      await using server = await start({ gate: { publishes: { serverNamed: () => issuer } } })
      const { url, origin } = server

      const error = await failureOf(inspectResource(url, { legacy: originAsServer }))

      expect(error).toMatchObject({
        message: expect.stringContaining(`names the issuer "${issuer}", not "${origin}"`),
      })
      expect(arrivals.at(url)).toEqual([...atServer, root, ...atMcp])
      expect(arrivals.at(issuer)).toEqual([])
      return error
    },
  )

  isWhole()
})

/** The first message of an MCP client, without a token. */
function initialize(url: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '0' },
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
  return fetch(url, { method: 'POST', headers, body })
}
