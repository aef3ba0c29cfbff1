import { type ConnectOptions, MCPClient, type MCPEvent } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { testClients } from '@x/testbed'
import { describe, expect, it } from 'vitest'
import { type Kind, kinds, type Served } from './mcp-servers.ts'
import { useIssuer } from './quiet-issuer.ts'
import { untilBegun } from './tally.ts'

const authorizationServer = useIssuer()

const tokenRequests = () => authorizationServer.journal.count({ path: '/token' })

/** So that a stream that is gone for good is given up without a wait. */
const reconnectionOptions = {
  initialReconnectionDelay: 1,
  maxReconnectionDelay: 1,
  reconnectionDelayGrowFactor: 1,
  maxRetries: 2,
}

const size = 20

/** Twenty calls at once, each with a task of its own. */
function round(client: MCPClient, call: Kind['call'], name: string) {
  const tasks = Array.from({ length: size }, (_, index) => `${name} ${index}`)
  return { tasks, outcomes: Promise.allSettled(tasks.map((task) => client.callTool(call(task)))) }
}

async function connect({ mode }: Kind, server: Served) {
  const auth = new ClientCredentialsAuth({ resourceUrl: server.url, ...testClients.worker })
  const sessions: string[] = []
  const options: ConnectOptions = {
    auth,
    clientOptions: { versionNegotiation: { mode } },
    transportOptions: { reconnectionOptions },
    onEvent: (event: MCPEvent) => event.type === 'session' && sessions.push(event.outcome),
  }
  return { client: await MCPClient.connect(server.url, options), sessions }
}

const once = (rounds: readonly { readonly tasks: readonly string[] }[]) =>
  new Map(rounds.flatMap(({ tasks }) => tasks.map((task) => [task, 1])))

describe.each(kinds)('$name', (kind) => {
  const { serve, call, slowCall, answer, hasSessions } = kind
  const expectedSessions = hasSessions ? ['opened', 'lost', 'opened'] : ['opened']
  const answers = (tasks: readonly string[]) =>
    tasks.map((task) => ({
      status: 'fulfilled',
      value: { content: [{ type: 'text', text: answer(task) }] },
    }))

  it('is killed at work, and back at once: what it had begun is not begun again, and all else goes on by itself (MCP 2025-11-25, Session Management)', async () => {
    await using server = await serve(authorizationServer.issuer)
    const { client, sessions } = await connect(kind, server)

    const before = round(client, call, 'before')
    await before.outcomes
    server.hold()
    const begun = untilBegun(server.runs, size)
    const during = round(client, slowCall, 'during')
    await begun
    await server.stop()
    await server.start()
    server.letGo()
    const cut = await during.outcomes
    const after = round(client, call, 'after')
    await after.outcomes
    await client.close()

    expect(await before.outcomes).toMatchObject(answers(before.tasks))
    const failed = { status: 'rejected', reason: { recovery: 'transient' } }
    expect(cut).toMatchObject(Array.from({ length: size }, () => failed))
    expect(await after.outcomes).toMatchObject(answers(after.tasks))
    expect(server.runs()).toEqual(once([before, during, after]))
    expect(sessions).toEqual(expectedSessions)
    expect(tokenRequests()).toBe(1)
  })

  it('is started anew while calls go on: none of them runs twice, and soon none fails (MCP 2025-11-25, Session Management)', async () => {
    await using server = await serve(authorizationServer.issuer)
    const { client, sessions } = await connect(kind, server)
    const rounds = [round(client, call, 'before')]
    await rounds[0]?.outcomes

    const restart = { isOver: false }
    const restarted = server
      .stop()
      .then(() => server.start())
      .finally(() => {
        restart.isOver = true
      })
    while (!restart.isOver) {
      const next = round(client, call, `round ${rounds.length}`)
      rounds.push(next)
      await next.outcomes
    }
    await restarted
    // These may still find connections that were cut, which nobody has told the client of.
    const first = round(client, call, 'first')
    await first.outcomes
    const second = round(client, call, 'second')
    await second.outcomes
    await client.close()

    expect(await second.outcomes).toMatchObject(answers(second.tasks))
    const runs = server.runs()
    for (const { tasks, outcomes } of [...rounds, first, second]) {
      for (const [index, outcome] of (await outcomes).entries()) {
        const ran = runs.get(tasks[index] ?? '') ?? 0
        if (outcome.status === 'fulfilled') expect(ran).toBe(1)
        else expect([ran <= 1, outcome.reason]).toMatchObject([true, { recovery: 'transient' }])
      }
    }
    expect(sessions).toEqual(expectedSessions)
    expect(tokenRequests()).toBe(1)
  })
})
