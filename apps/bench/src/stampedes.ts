/**
 * What many calls at once cost, and how many of them fail, when their token ends or is refused.
 *
 * @module
 */
import type { Testbed } from '@x/testbed'
import { moveTime, restoreTime } from './moved-time.ts'
import { type McpPeer, type Peer, usuallyGiven } from './peer.ts'
import { mcpPeers, peers } from './peers/all.ts'
import { placeAt, type Send, startServers, tokenSeconds } from './place.ts'
import { quiet } from './quiet.ts'
import { judge, type Measure, type Table, type Verdict } from './result.ts'

/** How many calls are made at once. */
interface Crowd {
  readonly ended: number
  readonly refused: number
  readonly late: number
  readonly down: number
}

const crowd: Crowd = { ended: 1000, refused: 1000, late: 200, down: 100 }

export const stampedes: Measure = {
  name: 'stampedes',
  measure: async () => [
    await measureStampedes(peers.map(overHttp), 'HTTP', false, crowd),
    await measureStampedes(peers.map(overHttp), 'HTTP', true, crowd),
    await measureStampedes(mcpPeers.map(overMcp), 'MCP', false, crowd),
    await measureStampedes(mcpPeers.map(overMcp), 'MCP', true, crowd),
  ],
}

/** Somebody who calls, and is let in or not. */
interface Subject {
  readonly name: string
  readonly part: 'api' | 'mcp'
  readonly renews: Peer['renews']
  readonly open: (testbed: Testbed, fetch: Send, isPerson: boolean) => Promise<Opened>
}

interface Opened {
  readonly ask: () => Promise<boolean>
  readonly close: () => Promise<unknown>
}

export function overHttp(peer: Peer): Subject {
  const { name, renews } = peer
  return {
    name,
    renews,
    part: 'api',
    async open(testbed, fetch, isPerson) {
      const given = usuallyGiven(peer)
      const place = await placeAt(testbed, { part: 'api', fetch, given, isPerson })
      const caller = await peer.open(place)
      return {
        ask: async () => (await caller.call(place.resourceUrl)).status === 200,
        close: async () => caller.close?.(),
      }
    },
  }
}

export function overMcp({ name, connect }: McpPeer): Subject {
  return {
    name,
    renews: { ended: true, refused: true },
    part: 'mcp',
    async open(testbed, fetch, isPerson) {
      const client = await connect(await placeAt(testbed, { part: 'mcp', fetch, isPerson }))
      return {
        ask: async () => (await client.whoami()).isError !== true,
        close: () => client.close(),
      }
    },
  }
}

interface Counts {
  readonly tokenRequests: number
  readonly failed: number
}

interface Row {
  readonly name: string
  readonly ended: Counts | undefined
  readonly refused: Counts | undefined
  readonly late: Counts | undefined
  readonly down: (Counts & { readonly waited: number }) | undefined
  readonly isSignedInLater: boolean | undefined
}

/** @param subjects ours is the first */
export async function measureStampedes(
  subjects: readonly Subject[],
  over: string,
  isPerson: boolean,
  { ended, refused, late, down }: Crowd,
): Promise<Table> {
  const rows: Row[] = []
  for (const subject of subjects) {
    const { name, renews } = subject
    const first = renews.ended ? await atTheEnd(subject, isPerson, ended) : undefined
    rows.push({
      name,
      ended: first,
      isSignedInLater: first?.isSignedInLater,
      refused: renews.refused ? await afterRevocation(subject, isPerson, refused) : undefined,
      late: renews.refused ? await toldLate(subject, isPerson, late) : undefined,
      down: renews.ended ? await whileDown(subject, isPerson, down) : undefined,
    })
  }
  const grant = isPerson ? 'a refresh token that is good once' : 'client credentials'
  return {
    title: `Many calls at once over ${over}, with ${grant}`,
    columns: [
      'token requests / failed calls',
      `${ended} at the end of the token`,
      `${refused} after it was revoked`,
      `${late} refusals, of which ${late - 1} come late`,
      `${down} near the end, server down: waiting / failed`,
      ...(isPerson ? ['one more call after the next end'] : []),
    ],
    rows: rows.map(({ name, isSignedInLater, ...counts }) => [
      name,
      show(counts.ended),
      show(counts.refused),
      show(counts.late),
      counts.down === undefined ? 'does not renew' : showDown(counts.down),
      ...(isPerson ? [isSignedInLater === undefined ? '' : isSignedInLater ? 'answered' : 'login lost'] : []),
    ]),
    notes: [
      'Late: the first refusal is answered and its call done before the others are told of theirs, all together.',
      'A client that begins a renewal then waits for it, or does so beside the calls. `@badgateway/oauth2-client` has a timer for refresh tokens, one minute before the end: it is off here, for timers run by the true time.',
      'Server down: 5 % of the life of the token are left, and the token endpoint does not answer, until nothing else happens any longer; then with 503.',
      ...(isPerson ? ['The server ends all that came from a login when a refresh token is used twice.'] : []),
    ],
    goals: judgeOurs(rows[0], over),
  }
}

function judgeOurs(row: Row | undefined, where: string): Verdict[] {
  const count = (what: string, atMost: number, measured: number | undefined) =>
    judge({ what: `${what} over ${where}`, unit: 'count', atMost }, measured)
  return [
    ...(['ended', 'refused', 'late'] as const).flatMap((which) => [
      count(`token requests (${which})`, 1, row?.[which]?.tokenRequests),
      count(`failed calls (${which})`, 0, row?.[which]?.failed),
    ]),
    count('calls that wait (server down)', 0, row?.down?.waited),
    count('failed calls (server down)', 0, row?.down?.failed),
    ...(row?.isSignedInLater === undefined ? [] : [count('logins lost', 0, row.isSignedInLater ? 0 : 1)]),
  ]
}

async function atTheEnd(subject: Subject, isPerson: boolean, size: number) {
  return primed(subject, isPerson, async ({ ask, counts }) => {
    moveTime((tokenSeconds + 1) * 1000)
    const done = counts(await together(size, ask))
    moveTime((tokenSeconds + 1) * 1000)
    return { ...done, isSignedInLater: isPerson ? await succeeds(ask) : undefined }
  })
}

async function afterRevocation(subject: Subject, isPerson: boolean, size: number): Promise<Counts> {
  return primed(subject, isPerson, async ({ ask, counts, revoke }) => {
    revoke()
    return counts(await together(size, ask))
  })
}

async function toldLate(subject: Subject, isPerson: boolean, size: number): Promise<Counts> {
  return primed(subject, isPerson, async ({ ask, counts, revoke, hold }) => {
    revoke()
    const release = hold()
    const calls = Array.from({ length: size }, () => succeeds(ask))
    await Promise.race(calls)
    release()
    return counts(await Promise.all(calls))
  })
}

async function whileDown(subject: Subject, isPerson: boolean, size: number) {
  return primed(subject, isPerson, async ({ testbed, ask, counts }) => {
    const { faults } = testbed.authorizationServer
    moveTime(tokenSeconds * 950)
    faults.add({ kind: 'hang' }, { path: '/token' })
    const settled: boolean[] = []
    const one = async () => {
      const isGood = await succeeds(ask)
      settled.push(isGood)
      return isGood
    }
    const calls = Array.from({ length: size }, one)
    // Whoever waits for the token endpoint has nothing under way at the resource.
    const { arrivals } = testbed[subject.part].journal
    for (let seen = -1; seen !== settled.length || arrivals.some(isOpen); ) {
      seen = settled.length
      await quiet(30)
    }
    const waited = size - settled.length
    faults.heal()
    faults.add({ kind: 'status', status: 503 }, { path: '/token' })
    return { ...counts(await Promise.all(calls)), waited }
  })
}

const isOpen = ({ status }: { readonly status: number | undefined }) => status === undefined

interface Primed {
  readonly testbed: Testbed
  readonly ask: () => Promise<boolean>
  readonly counts: (answers: readonly boolean[]) => Counts
  /** Makes the token in use worthless at the resource. */
  readonly revoke: () => void
  /** Lets one refusal through, and the others when it is called off. */
  readonly hold: () => () => void
}

/** After one call that was answered: the token is there, and what was needed for it is not counted. */
async function primed<R>(
  subject: Subject,
  isPerson: boolean,
  run: (primed: Primed) => Promise<R>,
): Promise<R> {
  await using testbed = await startServers()
  const { authorizationServer, [subject.part]: resource } = testbed
  const refusals = createHold()
  const opened = await subject.open(testbed, refusals.fetch, isPerson)
  try {
    if (!(await succeeds(opened.ask))) throw new Error(`${subject.name} was not let in`)
    const shown = resource.journal.arrivals.findLast(({ status }) => status === 200)?.headers['authorization']
    authorizationServer.journal.clear()
    return await run({
      testbed,
      ask: opened.ask,
      revoke: () => resource.refuse(shown?.split(' ')[1] ?? ''),
      hold: refusals.hold,
      counts: (answers) => ({
        tokenRequests: authorizationServer.journal.count({ path: '/token' }),
        failed: answers.filter((isGood) => !isGood).length,
      }),
    })
  } finally {
    await opened.close()
    restoreTime()
  }
}

function createHold(): { readonly fetch: Send; readonly hold: () => () => void } {
  let [held, isFirst]: [Promise<void> | undefined, boolean] = [undefined, true]
  return {
    async fetch(input, init) {
      const response = await fetch(input, init)
      if (response.status !== 401 || held === undefined) return response
      if (isFirst) isFirst = false
      else await held
      return response
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
  }
}

function together(size: number, ask: () => Promise<boolean>): Promise<boolean[]> {
  return Promise.all(Array.from({ length: size }, () => succeeds(ask)))
}

function succeeds(ask: () => Promise<boolean>): Promise<boolean> {
  return ask().catch(() => false)
}

function show(counts: Counts | undefined): string {
  return counts === undefined ? 'does not renew' : `${counts.tokenRequests} / ${counts.failed}`
}

function showDown({ waited, failed, tokenRequests }: Counts & { readonly waited: number }): string {
  return `${waited} / ${failed}${tokenRequests === 0 ? ', no renewal begun' : ''}`
}
