import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth, memoryStore } from '@x/oauth-grants'
import { type AuthorizationServer, startAuthorizationServer, startMcpServer, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { RunningServer } from '../src/listening.ts'
import { startOfficialMcpServer } from '../src/official-mcp-server.ts'
import { claimsOf } from './requests.ts'

let authorizationServer: AuthorizationServer
let issuer: string
beforeAll(async () => {
  authorizationServer = await startAuthorizationServer()
  issuer = authorizationServer.issuer
})
afterAll(() => authorizationServer.close())
beforeEach(() => authorizationServer.journal.clear())

/** The tokens that a server was shown. */
function tokensAt({ journal }: RunningServer): Set<string> {
  const shown = journal.arrivals.flatMap(({ headers }) => headers['authorization'] ?? [])
  return new Set(shown.map((value) => value.replace(/^Bearer /, '')))
}

const audiencesAt = (server: RunningServer) => [...tokensAt(server)].map((token) => claimsOf(token)['aud'])

it('two MCP servers of one authorization server get tokens of their own, and never those of the other (RFC 8707 §2)', async () => {
  await using notes = await startMcpServer({ issuer })
  await using tasks = await startOfficialMcpServer({ issuer, work: (task) => `Done: ${task}` })
  // All is shared that may be: the client, its name in the store, and the store.
  const shared = { ...testClients.worker, store: memoryStore(), partition: 'one program' }
  await using authForNotes = new ClientCredentialsAuth({ resourceUrl: notes.url, ...shared })
  await using authForTasks = new ClientCredentialsAuth({ resourceUrl: tasks.url, ...shared })
  const { store } = shared

  const [forNotes, forTasks] = await Promise.all([
    MCPClient.connect(notes.url, { auth: authForNotes, store }),
    MCPClient.connect(tasks.url, { auth: authForTasks, store }),
  ])
  const both = () =>
    Promise.all(
      Array.from({ length: 20 }, (_, a) => [
        forNotes.callTool({ name: 'add', arguments: { a, b: 1 } }),
        forTasks.callTool({ name: 'work', arguments: { task: String(a) } }),
      ]).flat(),
    )
  const first = await both()
  notes.refuse((await authForNotes.getToken()).accessToken)
  const second = await both()
  await Promise.all([forNotes.close(), forTasks.close()])

  expect([...first, ...second].filter(({ isError }) => isError)).toEqual([])
  // One of them had to be renewed, and the other was left alone.
  expect(audiencesAt(notes)).toEqual([notes.url, notes.url])
  expect(audiencesAt(tasks)).toEqual([tasks.url])
  expect(authorizationServer.journal.count({ path: '/token' })).toBe(3)
})

it('where one of them sends the client on to the other, nothing goes there (RFC 6750 §5.3)', async () => {
  await using notes = await startMcpServer({ issuer })
  await using tasks = await startOfficialMcpServer({ issuer })
  await using auth = new ClientCredentialsAuth({ resourceUrl: notes.url, ...testClients.worker })
  await using client = await MCPClient.connect(notes.url, { auth })
  const handOn = { kind: 'redirect', location: tasks.url, status: 307 } as const
  notes.faults.add(handOn, { method: 'POST' })

  const attempt = client.callTool({ name: 'work', arguments: { task: 'of the other' } })

  await expect(attempt).rejects.toMatchObject({ code: 'transport_error', status: 307 })
  expect(audiencesAt(notes)).toEqual([notes.url])
  expect(tasks.journal.arrivals).toEqual([])
})

it('an auth object is for one of them: with the other nothing is sent (RFC 8707 §2)', async () => {
  await using notes = await startMcpServer({ issuer })
  await using tasks = await startOfficialMcpServer({ issuer })
  await using auth = new ClientCredentialsAuth({ resourceUrl: notes.url, ...testClients.worker })

  const attempt = MCPClient.connect(tasks.url, { auth })

  await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code: 'origin_refused' })
  expect(tasks.journal.arrivals).toEqual([])
})
