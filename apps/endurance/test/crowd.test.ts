import { MCPClient } from '@x/mcp-client'
import type { Fetch } from '@x/oauth-discovery'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { handClock } from '@x/testbed/hand-clock'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Credential, createAuth, credentials } from '../src/credential.ts'
import { urlOf } from './url-of.ts'

const hour = 3_600_000
let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())
beforeEach(clearJournals)

function clearJournals(): void {
  const { authorizationServer, api, mcp } = testbed
  for (const { journal } of [authorizationServer, api, mcp]) journal.clear()
}

/** An auth object with a token in hand, and what it sends to the resource held back on the way home while the gate is shut. */
async function ready(credential: Credential, { origin, url }: { origin: string; url: string }) {
  const clock = handClock(Date.now())
  const gate: { shut?: Promise<void> | undefined } = {}
  const gated: Fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (urlOf(input).startsWith(origin)) await gate.shut
    return response
  }
  const { issuer } = testbed.authorizationServer
  const auth = createAuth(credential, { issuer, url }, { clock, fetch: gated })
  const token = await auth.getToken()
  clearJournals()
  return { auth, clock, gate, token }
}

const many = <T>(size: number, act: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: size }, act))

/** Statuses, and how often each. */
function tallyOf(responses: readonly Response[]): Record<string, number> {
  const tally: Record<string, number> = {}
  for (const { status } of responses) tally[status] = (tally[status] ?? 0) + 1
  return tally
}

const tokenRequests = () => testbed.authorizationServer.journal.count({ path: '/token' })

it('has before it a server where a refresh token that is used twice ends all that came from it (RFC 9700 §4.14.2)', async () => {
  const { token } = await ready('refresh token', testbed.api)
  const { tokenEndpoint } = testbed.authorizationServer
  const refresh = async (refresh_token = ''): Promise<Record<string, string>> => {
    const form = { grant_type: 'refresh_token', client_id: testClients.cli.clientId, refresh_token }
    const response = await fetch(tokenEndpoint, { method: 'POST', body: new URLSearchParams(form) })
    return JSON.parse(await response.text())
  }

  const next = await refresh(token.refreshToken)
  const again = await refresh(token.refreshToken)
  const last = await refresh(next['refresh_token'])

  expect(next['refresh_token']).not.toBe(token.refreshToken)
  expect([again, last]).toMatchObject([{ error: 'invalid_grant' }, { error: 'invalid_grant' }])
})

describe.each(credentials)('of %s', (credential) => {
  it('1,000 calls at the end of a token cost one token request, and none fails (RT-06)', async () => {
    const { auth, clock } = await ready(credential, testbed.api)
    clock.pass(hour)

    const responses = await many(1_000, () => auth.fetch(testbed.api.url))

    expect(tallyOf(responses)).toEqual({ 200: 1_000 })
    expect(tokenRequests()).toBe(1)
    expect(testbed.api.journal.count({ status: 401 })).toBe(0)
  })

  it('1,000 calls whose token is revoked cost one token request, and none fails (RT-06)', async () => {
    const { auth, token } = await ready(credential, testbed.api)
    testbed.api.refuse(token.accessToken)

    const responses = await many(1_000, () => auth.fetch(testbed.api.url))

    expect(tallyOf(responses)).toEqual({ 200: 1_000 })
    expect(tokenRequests()).toBe(1)
  })

  it('200 refusals that come late cost no token request, and no call fails (RT-06)', async () => {
    const { auth, gate, token } = await ready(credential, testbed.api)
    const opened = Promise.withResolvers<void>()
    gate.shut = opened.promise
    testbed.api.refuse(token.accessToken)

    const calls = many(200, () => auth.fetch(testbed.api.url))
    while (testbed.api.journal.count({ status: 401 }) < 200) await new Promise(setImmediate)
    gate.shut = undefined
    await auth.getToken({ rejected: token })
    clearJournals()
    opened.resolve()

    expect(tallyOf(await calls)).toEqual({ 200: 200 })
    expect(tokenRequests()).toBe(0)
  })

  it('1,000 calls at the end of a token whose early renewal hangs cost one token request more, and none fails (RT-06)', async () => {
    const { auth, clock } = await ready(credential, testbed.api)
    const { faults } = testbed.authorizationServer
    faults.add({ kind: 'hang' }, { path: '/token', times: 1 })
    clock.pass(0.95 * hour)
    const early = await auth.fetch(testbed.api.url)
    while (tokenRequests() < 1) await new Promise(setImmediate)

    clock.pass(0.05 * hour)
    const responses = await many(1_000, () => auth.fetch(testbed.api.url))
    faults.heal()

    expect(early.status).toBe(200)
    expect(tallyOf(responses)).toEqual({ 200: 1_000 })
    expect(tokenRequests()).toBe(2)
  })
})

it.each(['end', 'revocation'])(
  '300 calls of tools at the %s of a token cost one token request, and none fails (RT-06)',
  async (event) => {
    const { auth, clock, token } = await ready('refresh token', testbed.mcp)
    const client = await MCPClient.connect(testbed.mcp.url, { auth })
    clearJournals()
    if (event === 'end') clock.pass(hour)
    else testbed.mcp.refuse(token.accessToken)

    const results = await many(300, () => client.callTool({ name: 'add', arguments: { a: 2, b: 3 } }))
    await client.close()

    expect(new Set(results.map(({ content }) => JSON.stringify(content)))).toEqual(
      new Set(['[{"type":"text","text":"5"}]']),
    )
    expect(tokenRequests()).toBe(1)
  },
)
