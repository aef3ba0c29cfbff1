// Processes that share a refresh token, of which one is killed while it has the turn to use it. Ends with status 1 if
// another did not recover, or a refresh token was lost that need not be: --rounds N, with and without a server's grace.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '@x/oauth-discovery/http'
import { startTestbed, type Testbed } from '@x/testbed'
import { createAuth } from './credential.ts'
import { openStore, type StoreAddress } from './store-address.ts'
import { table } from './table.ts'
import type { Outcome } from './worker.ts'
import { startWorker, type Worker } from './workers.ts'

/** Of the turn of a process that died. */
const leaseMs = 10_000
/** On a busy machine it takes so long besides. Whoever waits for what never comes gives up after 40 s. */
const slackMs = 20_000
const timeoutMs = 15_000
/** As long as the server takes its time at most, before and after it acts, and the whole of a renewal thereby. */
const [slowMs, renewalMs] = [150, 250]

export interface Round {
  /** From the moment on at which it had the turn. */
  readonly killedAfterMs: number
  /** Whether the server had put another refresh token in the place of the one presented. */
  readonly isRotated: boolean
  /** Whether the new one was in the store when the process was gone. */
  readonly isWritten: boolean
  /** Of a process that wanted the turn at the same time, once and again; and of one that started later. */
  readonly other: Outcome
  readonly again: Outcome
  readonly later: Outcome
  /** How often a refresh token was presented, by all. */
  readonly requests: number
}

/** Rounds beside each other: the time goes by in waiting. */
export async function killRounds(rounds: number, refreshGraceSeconds: number): Promise<Round[]> {
  await using testbed = await startTestbed({ refreshGraceSeconds })
  const folder = await mkdtemp(join(tmpdir(), 'kill-'))
  using other = await startWorker()
  using later = await startWorker()
  try {
    const paths = Array.from({ length: rounds }, (_, index) => join(folder, `${index}.json`))
    const logins = await Promise.all(paths.map((path) => logIn(testbed, path)))
    const places = logins.map(({ place }) => place)
    for (const worker of [other, later]) await worker.open({ places, timeoutMs })
    const killed: Promise<Round>[] = []
    for (const [index, login] of logins.entries()) {
      using victim = await startWorker()
      await victim.open({ places: [login.place], timeoutMs })
      const dead = await killHolder(testbed, victim, () => other.call({ index }))
      killed.push(watch(testbed, { ...login, ...dead, index, other, later }))
    }
    return await Promise.all(killed)
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Login {
  readonly path: string
  readonly refreshToken: string
  readonly place: Parameters<Worker['open']>[0]['places'][number]
}

/** Somebody who signed in two hours ago, for an hour: the refresh token is good, and nothing else. */
async function logIn({ authorizationServer: { issuer }, api }: Testbed, path: string): Promise<Login> {
  const store: StoreAddress = { module: '@x/oauth-grants/node', name: 'fileStore', options: { path } }
  const place = { issuer, url: api.url }
  const clock = { ...systemClock, now: () => Date.now() - 7_200_000 }
  const { refreshToken = '' } = await createAuth('refresh token', place, {
    store: await openStore(store),
    clock,
  }).getToken()
  return { path, refreshToken, place: { credential: 'refresh token', place, store } }
}

interface Dead {
  readonly killedAfterMs: number
  readonly diedAt: number
  readonly waiting: ReturnType<Worker['call']>
}

/** Has one process take the turn, another want it, and kills the first at any moment of what it does. */
async function killHolder(
  { authorizationServer: { faults } }: Testbed,
  victim: Worker,
  wantTurn: () => ReturnType<Worker['call']>,
): Promise<Dead> {
  const kind = Math.random() < 0.5 ? 'delay' : 'late-answer'
  faults.add({ kind, ms: Math.random() * slowMs }, { path: '/token', times: 1 })
  const held = victim.event(0, (event) => event.type === 'lease' && event.outcome === 'held')
  const call = victim.call({ index: 0 }).then(() => 'the call has ended')
  const first = await Promise.race([held.then(() => 'held'), call])
  if (first !== 'held') throw new Error('a process renewed without a turn')
  const waiting = wantTurn()
  const killedAfterMs = Math.random() * renewalMs
  await sleep(killedAfterMs)
  await victim.kill()
  return { killedAfterMs, diedAt: Date.now(), waiting }
}

async function watch(
  { authorizationServer }: Testbed,
  round: Login & Dead & { readonly index: number; readonly other: Worker; readonly later: Worker },
): Promise<Round> {
  const { path, refreshToken, killedAfterMs, diedAt, index, later, waiting } = round
  const isWritten = !(await readFile(path, 'utf8')).includes(refreshToken)
  // What the dead one has sent is answered by then.
  await sleep(slowMs + 1_000)
  const isRotated =
    (authorizationServer.refreshTokenUsedAt(refreshToken) ?? diedAt + leaseMs) < diedAt + 1_000
  const third = later.call({ index })
  const [one, two] = [only(await waiting), only(await third)]
  const again = only(await round.other.call({ index }))
  const presented = [refreshToken, ...tokensIn(await readFile(path, 'utf8'))]
  const requests = authorizationServer.journal.arrivals.filter(({ body }) =>
    presented.includes(new URLSearchParams(body).get('refresh_token') ?? ''),
  ).length
  return { killedAfterMs, isRotated, isWritten, other: one, later: two, again, requests }
}

function only(outcomes: readonly Outcome[] | undefined): Outcome {
  const outcome = outcomes?.[0]
  if (outcome === undefined) throw new Error('a process ended that nobody had killed')
  return outcome
}

/** The refresh tokens in a store's file, whose values are JSON in JSON. */
function tokensIn(text: string): string[] {
  return Array.from(text.matchAll(/\\"refreshToken\\":\\"([^"\\]*)/g), ([, token = '']) => token)
}

/** What of a round is not as it has to be; nothing if all is. */
export function complaintsOf(round: Round, hasGrace: boolean): string[] {
  const { isRotated, isWritten, other, again, later, requests } = round
  const isLost = isRotated && !isWritten && !hasGrace
  const seen = [other, again, later].map(({ seen: status, recovery = 'ok' }) => `${status} (${recovery})`)
  const due = isLost ? 'interaction_required (interaction)' : '200 (ok)'
  return [
    ...seen.filter((each) => each !== due).map((each) => `${each}, not ${due}`),
    ...[other, later]
      .filter(({ ms }) => ms > leaseMs + slackMs)
      .map(({ ms }) => `recovered after ${ms} ms only`),
    ...(requests > 2 ? [`presented a refresh token ${requests} times`] : []),
  ]
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' } } })
  for (const graceSeconds of [0, 60]) {
    const rounds: Round[] = []
    for (let left = Number(values.rounds); left > 0; left -= 20) {
      rounds.push(...(await killRounds(Math.min(left, 20), graceSeconds)))
    }
    print(rounds, graceSeconds)
  }
}

function print(rounds: readonly Round[], graceSeconds: number): void {
  const groups = [
    ['before the server rotated', rounds.filter(({ isRotated }) => !isRotated)],
    ['between that and the write', rounds.filter(({ isRotated, isWritten }) => isRotated && !isWritten)],
    ['after the write', rounds.filter(({ isWritten }) => isWritten)],
  ] as const
  const rows = groups.map(([moment, group]) => {
    const lost = group.filter(({ other }) => other.recovery === 'interaction').length
    const waits = group.flatMap(({ other, later }) => [other.ms, later.ms])
    const requests = group.map((each) => each.requests)
    return [moment, group.length, lost, Math.max(0, ...waits), Math.max(0, ...requests)].map(String)
  })
  console.log(`\n${rounds.length} rounds, ${graceSeconds} s of grace\n`)
  console.log(table(['killed', 'rounds', 'lost', 'longest wait, ms', 'most requests'], rows))
  for (const [index, round] of rounds.entries()) {
    for (const complaint of complaintsOf(round, graceSeconds > 0)) {
      console.error(`round ${index}: ${complaint}; ${JSON.stringify(round)}`)
      process.exitCode = 1
    }
  }
}
