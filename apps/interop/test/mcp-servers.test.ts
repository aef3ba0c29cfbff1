import { MCPClient, type MCPEvent } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { testClients } from '@x/testbed'
import { describe, expect, it } from 'vitest'
import { watchArrivals } from '../src/arrivals.ts'
import { kinds } from './mcp-servers.ts'
import { useIssuer } from './quiet-issuer.ts'

const authorizationServer = useIssuer()

describe.each(kinds)('$name', ({ serve, mode, revision, hasSessions, ...kind }) => {
  it('is used from nothing but its address, with one token for all of it (RFC 9728 §5)', async () => {
    await using server = await serve(authorizationServer.issuer)
    await using auth = new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker })
    const events: MCPEvent[] = []
    using arrivals = watchArrivals()

    const client = await MCPClient.connect(server.url, {
      auth,
      clientOptions: { versionNegotiation: { mode } },
      onEvent: (event) => events.push(event),
    })
    const { name, ...call } = kind.call('one')
    const { tools } = await client.listTools()
    const { content } = await client.callTool({ name, ...call })
    const { resources } = await client.listResources()
    const { contents } = await client.readResource({ uri: kind.resource })
    const { prompts } = await client.listPrompts()
    const { messages } = await client.getPrompt({ name: kind.prompt })
    await client.ping()

    expect(client.client.getNegotiatedProtocolVersion()).toBe(revision)
    expect(tools.map((tool) => tool.name)).toContain(name)
    expect(content).toMatchObject([{ type: 'text', text: kind.answer('one') }])
    expect(resources.map(({ uri }) => uri)).toContain(kind.resource)
    expect(contents).toMatchObject([{ uri: kind.resource, text: expect.stringMatching(/./) }])
    expect(prompts.map((prompt) => prompt.name)).toContain(kind.prompt)
    expect(messages).toMatchObject([{ role: 'user', content: { type: 'text' } }])
    expect(events).toMatchObject([{ type: 'session', outcome: 'opened' }])
    expect(arrivals.at(authorizationServer.issuer)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'GET /jwks',
      'POST /token',
    ])
    expect(server.runs()).toEqual(new Map([['one', 1]]))

    await client.close()

    await expect(client.listTools()).rejects.toMatchObject({ code: 'closed' })
    const farewells = arrivals.at(server.url).filter((each) => each.startsWith('DELETE'))
    expect(farewells).toHaveLength(hasSessions ? 1 : 0)
  })
})
