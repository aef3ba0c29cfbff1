/**
 * How many requests it takes, and how many of them wait for another.
 *
 * @module
 */
import type { Testbed } from '@x/testbed'
import { moveTime, restoreTime } from './moved-time.ts'
import { type Caller, type McpCaller, type McpPeer, type Memory, type Peer, usuallyGiven } from './peer.ts'
import { mcpPeers, peers } from './peers/all.ts'
import { ours, oursFromIssuer, oursMcp } from './peers/ours.ts'
import { type Given, placeAt, startServers, tokenSeconds } from './place.ts'
import { type Goal, judge, type Measure, type Table } from './result.ts'
import { createRounds, type Rounds } from './rounds.ts'

/** What arrived at the servers, and how much of it waited for an answer to the rest. */
interface Trips {
  readonly requests: number
  readonly depth: number
}

export const roundTrips: Measure = {
  name: 'round-trips',
  async measure() {
    return [
      await measureHttp([ours, oursFromIssuer, ...peers.filter((each) => each !== ours)]),
      await measureMcp(mcpPeers),
    ]
  },
}

const httpGoals: readonly (readonly [column: number, of: keyof Trips, goal: Goal])[] = [
  [0, 'requests', { what: 'requests, resource URL only', unit: 'count', atMost: 5 }],
  [0, 'depth', { what: 'depth, resource URL only', unit: 'count', atMost: 4 }],
  [1, 'requests', { what: 'requests, issuer named', unit: 'count', atMost: 5 }],
  [1, 'depth', { what: 'depth, issuer named', unit: 'count', atMost: 3 }],
  [3, 'requests', { what: 'requests of one renewal', unit: 'count', atMost: 2 }],
]

export async function measureHttp(measured: readonly Peer[]): Promise<Table> {
  const all: (readonly (Trips | string)[])[] = []
  for (const peer of measured) {
    await warmUp(peer)
    all.push([
      ...(await inTurn(['resource', 'issuer', 'endpoint'] as const, (given) => firstCall(peer, given))),
      await renewal(peer),
    ])
  }
  return {
    title: 'Round trips over HTTP: from nothing to the first authorized call',
    columns: [
      'requests / depth',
      'resource URL only',
      'issuer named',
      'token endpoint named',
      'one renewal after the end',
    ],
    rows: measured.map(({ name }, index) => [name, ...(all[index] ?? []).map(show)]),
    notes: [
      'Counted in the journals of real servers; the depth is how many of them wait for the answer to another. Client credentials; the call itself is one of the requests.',
      'A client that starts from the resource without asking it first (`oauth4webapi`) spares one request, and learns neither the scope that the resource demands nor where else its metadata may be.',
    ],
    goals: httpGoals.map(([column, of, goal]) => judge(goal, numberOf(all[0]?.[column], of))),
  }
}

const mcpGoals: readonly (readonly [column: number, of: keyof Trips, goal: Goal])[] = [
  [0, 'requests', { what: 'requests to tools/list, resource URL only', unit: 'count', atMost: 6 }],
  [0, 'depth', { what: 'depth to tools/list, resource URL only', unit: 'count', atMost: 5 }],
  [1, 'requests', { what: 'requests to tools/list, issuer named', unit: 'count', atMost: 6 }],
  [1, 'depth', { what: 'depth to tools/list, issuer named', unit: 'count', atMost: 4 }],
  [2, 'requests', { what: 'requests of a new process, discovery stored', unit: 'count', atMost: 2 }],
  [3, 'requests', { what: 'requests of a new process, token stored', unit: 'count', atMost: 1 }],
  [4, 'requests', { what: 'requests of one renewal over MCP', unit: 'count', atMost: 2 }],
]

export async function measureMcp(measured: readonly McpPeer[]): Promise<Table> {
  const all: (readonly Trips[])[] = []
  for (const peer of measured) {
    await warmUpMcp(peer)
    all.push([
      await toTools(peer, 'resource'),
      await toTools(peer, 'issuer'),
      await nextProcess(peer, tokenSeconds + 1),
      await nextProcess(peer, 0),
      await mcpRenewal(peer),
    ])
  }
  const oursAt = measured.indexOf(oursMcp)
  return {
    title: 'Round trips over MCP: from nothing to `tools/list`',
    columns: [
      'requests / depth',
      'resource URL only',
      'issuer named',
      'new process, discovery stored',
      'new process, token stored',
      'one renewal after the end',
    ],
    rows: measured.map(({ name }, index) => [name, ...(all[index] ?? []).map(show)]),
    notes: [
      'Revision 2026-07-28; the first version of the official client speaks 2025-11-25, with `initialize`, its notification and a stream.',
      'The built-in providers of the official client keep nothing for the next process: here a host has written the hooks for it, and passes `prior`.',
    ],
    goals: mcpGoals.map(([column, of, goal]) => judge(goal, numberOf(all[oursAt]?.[column], of))),
  }
}

/** Some load modules with their first request: that is a wait as well, and not for an answer. */
async function warmUp(peer: Peer): Promise<void> {
  await firstCall(peer, usuallyGiven(peer))
}

async function warmUpMcp(peer: McpPeer): Promise<void> {
  await toTools(peer, 'issuer')
}

async function firstCall(peer: Peer, given: Given): Promise<Trips | string> {
  if (!peer.startsFrom.includes(given)) return given === 'endpoint' ? 'no such way' : 'cannot'
  return atServers(async ({ testbed, rounds }) => {
    const place = await placeAt(testbed, { part: 'api', fetch: rounds.fetch, given })
    const caller = await peer.open(place)
    await used(caller, place.resourceUrl)
  })
}

async function renewal(peer: Peer): Promise<Trips | string> {
  if (!peer.renews.ended) return 'does not renew'
  return atServers(async ({ testbed, rounds, forget }) => {
    const given = usuallyGiven(peer)
    const place = await placeAt(testbed, { part: 'api', fetch: rounds.fetch, given })
    const caller = await peer.open(place)
    await answered(caller, place.resourceUrl)
    forget()
    moveTime((tokenSeconds + 1) * 1000)
    await used(caller, place.resourceUrl)
  })
}

async function toTools(peer: McpPeer, given: Given): Promise<Trips> {
  return atServers(async ({ testbed, rounds }) => {
    const place = await placeAt(testbed, { part: 'mcp', fetch: rounds.fetch, given })
    await listed(await peer.connect(place))
  })
}

async function nextProcess(peer: McpPeer, laterSeconds: number): Promise<Trips> {
  const memory: Memory = new Map()
  return atServers(async ({ testbed, rounds, forget }) => {
    const place = await placeAt(testbed, { part: 'mcp', fetch: rounds.fetch })
    await listed(await peer.connect(place, memory))
    forget()
    moveTime(laterSeconds * 1000)
    await listed(await peer.connect(place, memory))
  })
}

async function mcpRenewal(peer: McpPeer): Promise<Trips> {
  return atServers(async ({ testbed, rounds, forget }) => {
    const place = await placeAt(testbed, { part: 'mcp', fetch: rounds.fetch })
    const client = await peer.connect(place)
    await client.whoami()
    forget()
    moveTime((tokenSeconds + 1) * 1000)
    await client.whoami()
    await client.close()
  })
}

interface Servers {
  readonly testbed: Testbed
  readonly rounds: Rounds
  readonly forget: () => void
}

/** What arrived since it was last told to forget. */
async function atServers(run: (servers: Servers) => Promise<void>): Promise<Trips> {
  await using testbed = await startServers()
  const rounds = createRounds()
  const journals = [testbed.authorizationServer.journal, testbed.api.journal, testbed.mcp.journal]
  const forget = () => {
    rounds.forget()
    for (const journal of journals) journal.clear()
  }
  try {
    await run({ testbed, rounds, forget })
  } finally {
    restoreTime()
  }
  const requests = journals.reduce((sum, { arrivals }) => sum + arrivals.length, 0)
  // What does not go by this fetch is a token request of its own, before the call.
  return { requests, depth: rounds.count + (requests - rounds.sent) }
}

async function answered(caller: Caller, url: string): Promise<void> {
  const { status } = await caller.call(url)
  if (status !== 200) throw new Error(`the call was answered with ${status}`)
}

async function used(caller: Caller, url: string): Promise<void> {
  await answered(caller, url)
  await caller.close?.()
}

async function listed(client: McpCaller): Promise<void> {
  await client.listTools()
  await client.close()
}

async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await run(item))
  return results
}

function numberOf(trips: Trips | string | undefined, of: keyof Trips): number | undefined {
  return typeof trips === 'object' ? trips[of] : undefined
}

function show(trips: Trips | string): string {
  return typeof trips === 'string' ? trips : `${trips.requests} / ${trips.depth}`
}
