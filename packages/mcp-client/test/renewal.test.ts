import { ClientCredentialsAuth, isOAuthError, TokenError } from '@x/oauth-grants'
import { spawnTestbed, startTestbed, testClients } from '@x/testbed'
import { decodeJwt } from 'jose'
import { expect, it } from 'vitest'
import { MCPClient } from '../src/index.ts'

const add = { name: 'add', arguments: { a: 2, b: 3 } }
const five = [{ type: 'text', text: '5' }]

it.each(['auto', 'legacy'] as const)(
  'asks for one token when 100 calls have theirs refused, and fails none of them (MC-06, MC-07, TE-12; %s)',
  async (mode) => {
    await using testbed = await startTestbed()
    const { url } = testbed.mcp
    const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: url, ...testClients.worker })
    const client = await MCPClient.connect(url, { auth, clientOptions: { versionNegotiation: { mode } } })
    testbed.mcp.refuse((await auth.getToken()).accessToken)
    testbed.authorizationServer.journal.clear()
    testbed.mcp.journal.clear()

    const results = await Promise.all(Array.from({ length: 100 }, () => client.callTool(add)))
    await client.close()

    expect(results.map(({ content }) => content)).toEqual(Array.from({ length: 100 }, () => five))
    expect(testbed.authorizationServer.journal.arrivals.map(({ path }) => path)).toEqual(['/token'])
    expect(testbed.mcp.journal.count({ method: 'POST', status: 401 })).toBe(100)
    const bodies = testbed.mcp.journal.arrivals.map(({ body }) => body).filter((body) => body !== '')
    expect([bodies.length, new Set(bodies).size]).toEqual([200, 100])
    expect(testbed.mcp.runs.get('add')).toBe(100)
  },
)

it('renews once and gives up when the server refuses the fresh token as well (MC-04)', async () => {
  await using testbed = await startTestbed()
  const { url } = testbed.mcp
  const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: url, ...testClients.worker })
  const client = await MCPClient.connect(url, { auth })
  testbed.mcp.faults.add({ kind: 'status', status: 401 })
  testbed.authorizationServer.journal.clear()
  testbed.mcp.journal.clear()

  await expect(client.callTool(add)).rejects.toMatchObject({ code: 'auth_required', status: 401 })
  await client.close()

  expect(testbed.authorizationServer.journal.arrivals.map(({ path }) => path)).toEqual(['/token'])
  expect(testbed.mcp.journal.count({ method: 'POST' })).toBe(2)
})

it('goes on with a good token when its server is killed, and says at its end what to do', async () => {
  await using server = await spawnTestbed({ part: 'authorization-server', accessTokenSeconds: 4 })
  const { issuer } = server
  await using resources = await spawnTestbed({ part: 'resource-servers', issuer })
  const url = resources.mcpUrl
  const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: url, ...testClients.worker })
  const client = await MCPClient.connect(url, { auth })
  const { accessToken, expiresAt = 0 } = await auth.getToken()
  const end = endOf(accessToken)

  await server.kill()
  const calls: { at: number; answeredAt: number; failure: unknown }[] = []
  while (Date.now() < expiresAt + 500) {
    const at = Date.now()
    const failure = await client.callTool(add).then(
      () => undefined,
      (error: unknown) => error,
    )
    calls.push({ at, answeredAt: Date.now(), failure })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await client.close()

  // The server counts in whole seconds, so that its end comes up to one before ours: of those calls nothing is claimed.
  const before = calls.filter(({ answeredAt }) => answeredAt < Math.min(end, expiresAt))
  const after = calls.filter(({ at }) => at > expiresAt)
  expect(before.length).toBeGreaterThan(10)
  expect(before.filter(({ failure }) => failure !== undefined)).toEqual([])
  expect(after.length).toBeGreaterThan(0)
  for (const { failure } of after) {
    if (!(failure instanceof TokenError)) throw failure
    expect(isOAuthError(failure, 'unreachable')).toBe(true)
    expect(failure).toMatchObject({ issuer, endpoint: `${issuer}/token`, recovery: 'transient' })
    expect(failure.message).toContain(`${issuer}/token`)
    expect(failure.message).toContain('Check that the address is right and the server up.')
  }
})

/** Until when a resource takes it, ms since the epoch. */
function endOf(accessToken: string): number {
  return Number(decodeJwt(accessToken).exp) * 1000
}
