import { inspectResource } from '@x/oauth-discovery'
import { startTestbed, type Testbed } from '@x/testbed'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { type Gate, startBearerGate } from '../src/bearer-gate.ts'
import { startOfficialMcpServer } from '../src/official-mcp-server.ts'
import { type ServerEverything, startServerEverything } from '../src/server-everything.ts'
import { answersOf, discoveriesOf, failureOf, sideBySide } from './discoveries.ts'
import { expectQuiet } from './quiet.ts'

/** What arrives at an MCP server with everything where it should be, and at its authorization server. */
const atMcp = ['GET /.well-known/oauth-protected-resource/mcp', 'GET /mcp']
const atServer = ['GET /.well-known/oauth-authorization-server']

expectQuiet()
let testbed: Testbed
let issuer: string
beforeAll(async () => {
  testbed = await startTestbed()
  issuer = testbed.authorizationServer.issuer
})
afterAll(() => testbed.close())

describe('@modelcontextprotocol/server', () => {
  const { shows, isWhole } = discoveriesOf('`@modelcontextprotocol/server`')

  shows('the MCP server', 'each document is asked for once (CH-01, PR-01)', async (arrivals) => {
    const { url } = testbed.mcp

    const found = await inspectResource(url)

    expect(found).toMatchObject({
      challenge: { parameters: { scope: 'mcp:tools' } },
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atMcp)
    expect(arrivals.at(issuer)).toEqual(atServer)
    return found
  })

  shows('the MCP server, its own gate', 'an error that is none misleads nobody (CH-01)', async (arrivals) => {
    await using server = await startOfficialMcpServer({ issuer })
    const { url } = server

    const found = await inspectResource(url)

    expect(found).toMatchObject({
      challenge: { scheme: 'bearer', parameters: { error: 'invalid_token', scope: 'mcp:tools' } },
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atMcp)
    expect(arrivals.at(issuer)).toEqual(atServer)
    return found
  })

  shows('the MCP server, open', 'a 405 is no sign of being open (PR-02)', async (arrivals) => {
    await using server = await startOfficialMcpServer()
    const { url } = server
    const { statuses, onEvent } = answersOf(url)

    const error = await failureOf(inspectResource(url, { onEvent }))

    expect(statuses).toEqual([405])
    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(url)).toEqual(['GET /.well-known/oauth-protected-resource', ...atMcp])
    return error
  })

  shows('the MCP server, as localhost', 'is another resource (PR-05, PR-16)', async (arrivals) => {
    const { url } = testbed.mcp
    const asked = url.replace('127.0.0.1', 'localhost')

    const error = await failureOf(inspectResource(asked, { fetch: sideBySide(arrivals, url) }))

    expect(error).toMatchObject({
      message: expect.stringContaining(`is about the resource "${url}", not "${asked}"`),
    })
    // The place of the name that was asked, and the one in the challenge.
    const [place, probe] = atMcp
    expect(arrivals.at(url)).toEqual([place, place, probe])
    expect(arrivals.at(issuer)).toEqual([])
    return error
  })

  isWhole()
})

describe('server-everything', () => {
  const { shows, isWhole } = discoveriesOf('`@modelcontextprotocol/server-everything`')
  let server: ServerEverything
  let gate: Gate
  beforeAll(async () => {
    server = await startServerEverything()
    gate = await startBearerGate({ issuer, target: server.origin })
  })
  afterAll(() => Promise.all([server.close(), gate.close()]))

  shows('the MCP server, open', 'a 400 is no sign of being open (PR-02)', async (arrivals) => {
    const { url } = server
    const { statuses, onEvent } = answersOf(url)

    const error = await failureOf(inspectResource(url, { fetch: arrivals.fetch, onEvent }))

    expect(statuses).toEqual([400])
    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(url)).toEqual(['GET /.well-known/oauth-protected-resource', ...atMcp])
    return error
  })

  shows('the MCP server', 'from the challenge of the gate (CH-01, RFC 9728 §5.1)', async (arrivals) => {
    const { url } = gate

    const found = await inspectResource(url)

    expect(found).toMatchObject({
      challenge: { scheme: 'bearer' },
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atMcp)
    expect(arrivals.at(issuer)).toEqual(atServer)
    return found
  })

  shows('the MCP server, after its end', 'is not taken for open (AS-08)', async (arrivals) => {
    await server.close()

    const error = await failureOf(inspectResource(server.url, { fetch: arrivals.fetch }))

    expect(error).toMatchObject({
      recovery: 'transient',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect(arrivals.at(server.url)).toEqual(atMcp)
    return error
  })

  shows(
    'the MCP server, after its end, the gate still there',
    'what is published is found (PR-01)',
    async (arrivals) => {
      await server.close()

      const found = await inspectResource(gate.url)

      expect(found).toMatchObject({ resourceMetadata: { resource: gate.url } })
      expect(arrivals.at(gate.url)).toEqual(atMcp)
      return found
    },
  )

  isWhole()
})
