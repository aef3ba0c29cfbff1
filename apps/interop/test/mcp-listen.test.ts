import { MCPClient } from '@x/mcp-client'
import { systemClock } from '@x/oauth-discovery/http'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { testClients } from '@x/testbed'
import { describe, expect, it, vi } from 'vitest'
import { type Kind, kinds, type Served } from './mcp-servers.ts'
import { useIssuer } from './quiet-issuer.ts'
import { bearer } from './requests.ts'

const authorizationServer = useIssuer()

/** Each pause takes no more than a moment. */
const clock = {
  ...systemClock,
  sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(10, signal),
}

/** The same for the stream of the older protocol. */
const reconnectionOptions = {
  initialReconnectionDelay: 10,
  maxReconnectionDelay: 10,
  reconnectionDelayGrowFactor: 1,
  maxRetries: 1_000,
}

async function connect({ mode }: Kind, { url }: Served) {
  const updates: string[] = []
  const subscriptions: string[] = []
  const auth = new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker })
  const client = await MCPClient.connect(url, {
    auth,
    clientOptions: { versionNegotiation: { mode } },
    transportOptions: { reconnectionOptions },
    clock,
    prepare: (official) =>
      official.setNotificationHandler('notifications/resources/updated', ({ params }) => {
        updates.push(params.uri)
      }),
    onEvent: (event) => event.type === 'subscription' && subscriptions.push(event.outcome),
  })
  /** What is said before the client has a stream is said to nobody. */
  const untilTold = async (server: Served): Promise<void> => {
    const before = updates.length
    await vi.waitFor(async () => {
      await server.touch(client)
      await vi.waitFor(() => expect(updates.length).toBeGreaterThan(before), 200)
    }, 10_000)
  }
  return { client, auth, updates, subscriptions, untilTold }
}

const filterOf = ({ resource }: Kind) => ({ resourceSubscriptions: [resource] })

describe.each(kinds.filter(({ listening }) => listening === 'told'))('$name', (kind) => {
  it('tells of a resource that has changed, and when it was away, tells again (MCP 2026-07-28, subscriptions/listen; 2025-11-25, Resources)', async () => {
    await using server = await kind.serve(authorizationServer.issuer)
    const { client, updates, subscriptions, untilTold } = await connect(kind, server)

    await using subscription = await client.listen(filterOf(kind))
    await untilTold(server)
    await server.stop()
    await server.start()
    // Some sessions are not known to be lost before they are wanted, and some connections not to be cut.
    await vi.waitFor(() => client.ping(), 10_000)
    await untilTold(server)
    const told = subscriptions.filter((outcome) => outcome !== 'failed')
    await subscription.close()
    await client.close()

    expect(new Set(updates)).toEqual(new Set([kind.resource]))
    expect(told).toEqual(['listening', 'ended', 'listening'])
  })
})

describe.each(kinds.filter(({ listening }) => listening === 'refused'))('$name', (kind) => {
  it('says that it does not tell of changes (MCP 2025-11-25, Resources)', async () => {
    await using server = await kind.serve(authorizationServer.issuer)
    const { client } = await connect(kind, server)

    const attempt = client.listen(filterOf(kind))

    await expect(attempt).rejects.toMatchObject({ name: 'ProtocolError', code: -32_601 })
    await client.close()
  })
})

describe.each(kinds.filter(({ listening }) => listening === 'unheard'))('$name', (kind) => {
  it('agrees to tell of changes, and has no stream to do so (MCP 2025-11-25, Listening for Messages from the Server)', async () => {
    await using server = await kind.serve(authorizationServer.issuer)
    const { client, auth } = await connect(kind, server)

    await using subscription = await client.listen(filterOf(kind))

    const { accessToken } = await auth.getToken()
    const headers = { ...bearer(accessToken), accept: 'text/event-stream' }
    const stream = await fetch(server.url, { headers })
    expect(stream.status).toBe(405)
    await subscription.close()
    await client.close()
  })
})
