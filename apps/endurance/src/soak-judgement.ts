import type { Credential } from './credential.ts'
import type { Receipt } from './receipts.ts'
import type { Series } from './soak-calls.ts'
import { type Arrived, lifeSeconds, timeoutMs, wayMs } from './soak-plan.ts'
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
    readonly receipts: readonly Receipt[]
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
const maxGrowth = 1_500_000

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
  { credential, series: { calls, failedAt, failures }, receipts }: Run['runs'][number],
  { startedAt, endedAt, arrived }: Run,
): { row: string[]; complaints: string[] } {
  const requests = arrived.filter((each) => each.credential === credential)
  const tokens = requests.filter(({ spoilt }) => spoilt === undefined)
  const spoilt = requests.length - tokens.length
  const needless = failedAt.filter((at) =>
    receipts.some(({ from, to }) => from + wayMs < at && at < to - wayMs),
  )
  const expected = expectedTokens(requests)
  const plain = (endedAt - startedAt) / (lifeMs * meanRenewal) + spoilt
  const [first = 0] = needless
  const trace = requests.filter(({ at }) => first - 3 * lifeMs < at && at < first + lifeMs)
  return {
    row: [
      credential,
      ...[calls, failedAt.length, needless.length].map(String),
      ...[requests.length, spoilt, plain.toFixed(1), tokens.length].map(String),
      `${expected.count.toFixed(1)} ± ${expected.tolerance.toFixed(1)}`,
      Array.from(failures, ([why, count]) => `${why} ${count}`).join(', '),
    ],
    complaints: [
      ...(needless.length > 0
        ? [
            `${credential}: ${needless.length} calls failed with a good token, from ${first} on: ${JSON.stringify(trace)}`,
          ]
        : []),
      // Fewer are no fault: on a machine that stands still nobody calls, and nobody renews.
      ...(tokens.length > expected.count + expected.tolerance
        ? [`${credential}: ${tokens.length} tokens, where there had to be ${expected.count.toFixed(1)}`]
        : []),
    ],
  }
}

/**
 * How many tokens there have to be. One lasts until its early renewal, on average; where that was spoilt, until the next one
 * came, be it at its end.
 */
function expectedTokens(requests: readonly Arrived[]): Expected {
  let [even, evenMs, troubled] = [0, 0, 0]
  let previous: number | undefined
  let wasSpoilt = false
  for (const { at, spoilt } of requests) {
    if (spoilt === undefined) {
      if (previous !== undefined && wasSpoilt) troubled += 1
      else if (previous !== undefined) [even, evenMs] = [even + 1, evenMs + at - previous]
      previous = at
    }
    wasSpoilt = spoilt !== undefined
  }
  const meanMs = lifeMs * meanRenewal
  // What a sum of so many spreads by, four times, and how much later the first may have arrived than it was sent.
  const spread = 4 * (deviation / meanRenewal) * Math.sqrt(even) + timeoutMs / meanMs
  return { count: 1 + evenMs / meanMs + troubled, tolerance: Math.max(spread, 0.05 * even) }
}

function kB(bytes: number): string {
  return `${Math.round(bytes / 1_000)} kB`
}
