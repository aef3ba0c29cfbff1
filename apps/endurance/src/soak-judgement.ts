import type { Credential } from './credential.ts'
import type { Note } from './notes.ts'
import type { Series } from './soak-calls.ts'
import { type Arrived, lifeSeconds, wayMs } from './soak-plan.ts'
import { table } from './table.ts'

/** Bytes in use after a collection of garbage. */
export interface Heap {
  quarter: number
  end: number
}

export interface Run {
  readonly startedAt: number
  readonly endedAt: number
  readonly runs: readonly {
    readonly credential: Credential
    readonly series: Series
    readonly notes: readonly Note[]
  }[]
  readonly arrived: readonly Arrived[]
  readonly heap: Heap
}

interface Expected {
  readonly count: number
  readonly tolerance: number
}

const lifeMs = lifeSeconds * 1_000
/** Early renewals are spread evenly from 60 to 90 % of a life. */
const meanRenewal = 0.75
/** Standard deviation of the same, in parts of a life: the width by the square root of 12. */
const deviation = 0.3 / Math.sqrt(12)
/** What differs from one collection to the next, with the connections and the calls under way. */
const maxGrowth = 3_000_000

const heads = [
  'credential',
  'calls',
  'without a token',
  'needless',
  'token requests',
  'spoilt',
  'time ÷ 1.5 s + spoilt',
  'tokens',
  'expected',
  'failed by',
]

/** What happened, as a table, and what must not have happened. */
export function judge(run: Run): { text: string; complaints: string[] } {
  const { startedAt, endedAt, runs, heap } = run
  const judged = runs.map((each) => judgeOne(each, run))
  const growth = heap.end - heap.quarter
  const seconds = ((endedAt - startedAt) / 1_000).toFixed(0)
  const memory = `heap ${kB(heap.quarter)} after a quarter, ${kB(heap.end)} at the end; at most ${kB(maxGrowth)} more`
  const cells = judged.map(({ row }) => row)
  return {
    text: `${seconds} s\n\n${table(heads, cells)}\n${memory}`,
    complaints: [
      ...judged.flatMap(({ complaints }) => complaints),
      ...(growth > maxGrowth ? [`memory grew by ${kB(growth)} after the first quarter`] : []),
    ],
  }
}

function judgeOne(
  { credential, series: { calls, failed, failures }, notes }: Run['runs'][number],
  { startedAt, endedAt, arrived }: Run,
): { row: string[]; complaints: string[] } {
  const requests = arrived.filter((each) => each.credential === credential).length
  const tokens = notes.filter(({ receivedAt }) => receivedAt !== undefined).length
  const needless = failed.filter(({ from, to }) =>
    notes.some((note) => isInHand(note, from) || isInHand(note, to)),
  )
  const expected = expectedTokens(notes)
  const spoilt = requests - tokens
  const plain = (endedAt - startedAt) / (lifeMs * meanRenewal) + spoilt
  const complaint = (is: boolean, what: string) => (is ? [`${credential}: ${what}`] : [])
  const trace = notes.filter(({ sentAt }) => Math.abs(sentAt - (needless[0]?.from ?? 0)) < 3 * lifeMs)
  return {
    row: [
      credential,
      ...[calls, failed.length, needless.length].map(String),
      ...[requests, spoilt, plain.toFixed(1), tokens].map(String),
      `${expected.count.toFixed(1)} ± ${expected.tolerance.toFixed(1)}`,
      Array.from(failures, ([why, count]) => `${why} ${count}`).join(', '),
    ],
    complaints: [
      ...complaint(
        needless.length > 0,
        `${needless.length} calls failed with a good token, from ${needless[0]?.from} on: ${JSON.stringify(trace)}`,
      ),
      // Fewer are no fault: on a machine that stands still nobody calls, and nobody renews.
      ...complaint(
        tokens > expected.count + expected.tolerance,
        `${tokens} tokens, where there had to be ${expected.count.toFixed(1)}`,
      ),
      ...complaint(requests > notes.length, `${requests} token requests, of which ${notes.length} are known`),
    ],
  }
}

/** Whether a token was here, and good, at that moment. */
function isInHand({ sentAt, receivedAt = Number.POSITIVE_INFINITY }: Note, at: number): boolean {
  return receivedAt + wayMs < at && at < sentAt + lifeMs - wayMs
}

/**
 * How many tokens there have to be. One lasts until its early renewal, on average; where that was spoilt, until the next one
 * came, be it at its end.
 */
function expectedTokens(notes: readonly Note[]): Expected {
  let [even, evenMs, troubled] = [0, 0, 0]
  let previous: number | undefined
  let wasSpoilt = false
  for (const { sentAt, receivedAt } of notes) {
    if (receivedAt !== undefined) {
      if (previous !== undefined && wasSpoilt) troubled += 1
      else if (previous !== undefined) [even, evenMs] = [even + 1, evenMs + sentAt - previous]
      previous = sentAt
    }
    wasSpoilt = receivedAt === undefined
  }
  const meanMs = lifeMs * meanRenewal
  // What a sum of so many spreads by, four times; where that is less, 5 %.
  const spread = 4 * (deviation / meanRenewal) * Math.sqrt(even)
  return { count: 1 + evenMs / meanMs + troubled, tolerance: Math.max(spread, 0.05 * even) }
}

function kB(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`
}
