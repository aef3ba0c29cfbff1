import { AuthorizationCodeAuth, ClientCredentialsAuth, memoryStore } from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AuthLike, type ConnectOptions, MCPClient } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { roundsOf } from './rounds.ts'

const minutesMs = 60_000

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ accessTokenSeconds: 600 })
})
afterAll(() => testbed.close())
beforeEach(() => forget())

/** What arrived at both servers, as `method path` in the order of their times. */
function arrived(): string[] {
  const { authorizationServer, mcp } = testbed
  return [...authorizationServer.journal.arrivals, ...mcp.journal.arrivals]
    .toSorted((one, other) => one.at - other.at)
    .map(({ method, path }) => `${method} ${path}`)
}

function forget(): void {
  testbed.authorizationServer.journal.clear()
  testbed.mcp.journal.clear()
}

const metadata = {
  resource: 'GET /.well-known/oauth-protected-resource/mcp',
  server: 'GET /.well-known/oauth-authorization-server',
}
const by = (mode: 'auto' | 'legacy') => ({ versionNegotiation: { mode } })
const add = { name: 'add', arguments: { a: 2, b: 3 } }
const hundred = (client: MCPClient) =>
  Promise.all(Array.from({ length: 100 }, async () => (await client.callTool(add)).content[0]))
const fives = Array.from({ length: 100 }, () => ({ type: 'text', text: '5' }))

/** Nobody waits for the stream by which a server of 2025 may send on its own. */
function streamed(mode: 'auto' | 'legacy'): Promise<void> {
  const { journal } = testbed.mcp
  const streams = mode === 'legacy' ? 1 : 0
  return vi.waitFor(() => expect(journal.count({ method: 'GET', status: 405 })).toBe(streams))
}

async function connected(auth: AuthLike, mode: 'auto' | 'legacy'): Promise<MCPClient> {
  const client = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions: by(mode) })
  await streamed(mode)
  forget()
  return client
}

async function listOnce(options: ConnectOptions, mode: 'auto' | 'legacy' = 'auto'): Promise<void> {
  await using client = await MCPClient.connect(testbed.mcp.url, { ...options, clientOptions: by(mode) })
  await client.listTools()
  await streamed(mode)
}

describe('from nothing to a list of tools', () => {
  it.each([
    ['2026-07-28', 'auto', ['POST /mcp', 'POST /mcp', 'POST /mcp']],
    ['2025-11-25', 'legacy', ['GET /mcp', 'POST /mcp', 'POST /mcp', 'POST /mcp', 'POST /mcp']],
  ] as const)('asks each server for what it alone knows, once (revision %s)', async (_, mode, asked) => {
    const { url } = testbed.mcp
    const auth = new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker })

    await listOnce({ auth }, mode)

    expect(arrived().toSorted()).toEqual(
      [metadata.resource, metadata.server, 'POST /token', ...asked].toSorted(),
    )
  })

  it.each([
    ['who gives out tokens is not known', false, [['POST /mcp', metadata.resource], [metadata.server]]],
    ['who gives out tokens is known', true, [['POST /mcp', metadata.resource, metadata.server]]],
  ])('waits for as few answers as can be, where %s', async (_, isKnown, first) => {
    const { mcp, authorizationServer } = testbed
    const { fetch, rounds } = roundsOf()
    const expectedIssuer = isKnown ? authorizationServer.issuer : undefined
    const auth = new ClientCredentialsAuth({
      resourceUrl: mcp.url,
      expectedIssuer,
      fetch,
      ...testClients.worker,
    })

    await listOnce({ auth })

    const inTurn = rounds.map((round) => round.toSorted())
    expect(inTurn).toEqual(
      [...first, ['POST /token'], ['POST /mcp'], ['POST /mcp']].map((round) => round.toSorted()),
    )
  })
})

describe('with a store', () => {
  /** What one program does, one after the other: each with objects of its own. */
  async function startPrograms(mode: 'auto' | 'legacy') {
    const { url } = testbed.mcp
    const [store, clock] = [memoryStore(), handClock()]
    const options = { resourceUrl: url, store, clock, partition: 'one', ...testClients.worker }
    const run = () => listOnce({ auth: new ClientCredentialsAuth(options), store, clock }, mode)
    await run()
    forget()
    return { run, clock }
  }

  it.each([
    ['2026-07-28', 'auto', ['POST /mcp']],
    ['2025-11-25', 'legacy', ['GET /mcp', 'POST /mcp', 'POST /mcp', 'POST /mcp']],
  ] as const)('asks for the tools and no more, where all is known (revision %s)', async (_, mode, asked) => {
    const { run } = await startPrograms(mode)

    await run()

    expect(arrived().toSorted()).toEqual(asked)
  })

  it.each([
    ['2026-07-28', 'auto', ['POST /mcp']],
    ['2025-11-25', 'legacy', ['GET /mcp', 'POST /mcp', 'POST /mcp', 'POST /mcp']],
  ] as const)('asks for a token beside, where that one has ended (revision %s)', async (_, mode, asked) => {
    const { run, clock } = await startPrograms(mode)
    clock.moveMs(10 * minutesMs)

    await run()

    expect(arrived().toSorted()).toEqual([...asked, 'POST /token'])
  })
})

describe.each([
  ['2026-07-28', 'auto'],
  ['2025-11-25', 'legacy'],
] as const)('calls by revision %s', (_, mode) => {
  it('take a request each, and one for the token that has ended', async () => {
    const { url } = testbed.mcp
    const clock = handClock()
    const auth = new ClientCredentialsAuth({ resourceUrl: url, clock, ...testClients.worker })
    await using client = await connected(auth, mode)
    await client.callTool(add)
    expect(arrived()).toEqual(['POST /mcp'])

    forget()
    clock.moveMs(10 * minutesMs)
    await client.callTool(add)
    expect(arrived()).toEqual(['POST /token', 'POST /mcp'])

    forget()
    clock.moveMs(10 * minutesMs)
    expect(await hundred(client)).toEqual(fives)
    expect(arrived()).toHaveLength(101)
    expect(testbed.mcp.journal.count({ method: 'POST', status: 200 })).toBe(100)
  })

  it('share one refresh token that is good once (RFC 9700 §4.14.2)', async () => {
    const { url } = testbed.mcp
    const clock = handClock()
    const authorize = vi.fn((page: URL) => agree(page))
    const redirectUri = 'http://127.0.0.1/callback'
    const auth = new AuthorizationCodeAuth({
      resourceUrl: url,
      clock,
      redirectUri,
      authorize,
      ...testClients.cli,
    })
    await using client = await connected(auth, mode)
    // The second time it is one that was itself refreshed.
    for (let times = 0; times < 2; times += 1) {
      forget()
      clock.moveMs(10 * minutesMs)

      expect(await hundred(client)).toEqual(fives)

      expect(arrived()).toHaveLength(101)
      expect(testbed.authorizationServer.journal.count({ path: '/token', status: 200 })).toBe(1)
    }
    expect(authorize).toHaveBeenCalledTimes(1)
  })

  it('find out together that their token was revoked, and whom the resource trusts now (MC-07, CH-10)', async () => {
    const { url } = testbed.mcp
    const auth = new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker })
    await using client = await connected(auth, mode)
    const before = testbed.mcp.runs.get('add') ?? 0
    testbed.mcp.refuse((await auth.getToken()).accessToken)

    expect(await hundred(client)).toEqual(fives)

    const { journal } = testbed.mcp
    expect([journal.count({ status: 401 }), journal.count({ method: 'POST', status: 200 })]).toEqual([
      100, 100,
    ])
    const others = arrived().filter((each) => each !== 'POST /mcp')
    expect(others).toEqual([metadata.resource, 'POST /token'])
    expect(testbed.mcp.runs.get('add')).toBe(before + 100)
  })
})
