import { isOAuthError } from '@x/oauth-discovery'

/** Calls that go on beside each other, and what became of them. */
export interface Series {
  call(): void
  /** Resolves when none is under way. */
  settled(): Promise<unknown>
  readonly calls: number
  /** When each that failed did so, in ms since the epoch. */
  readonly failedAt: readonly number[]
  /** Of those that failed, by status or code. */
  readonly failures: ReadonlyMap<string, number>
}

/** Room for more failures than there can be, made at once, so that memory tells of others than these. */
const maxFailures = 1_000_000

export function createSeries(act: () => Promise<Response>): Series {
  const failures = new Map<string, number>()
  const times = new Float64Array(maxFailures)
  const under = new Set<Promise<void>>()
  let [calls, failed] = [0, 0]
  const fail = (why: string): void => {
    failures.set(why, (failures.get(why) ?? 0) + 1)
    times[failed] = Date.now()
    failed += 1
  }
  return {
    call() {
      calls += 1
      const call = outcomeOf(act).then((why) => {
        under.delete(call)
        if (why !== undefined) fail(why)
      })
      under.add(call)
    },
    settled: () => Promise.all(under),
    get calls() {
      return calls
    },
    get failedAt() {
      return [...times.subarray(0, failed)]
    },
    failures,
  }
}

async function outcomeOf(act: () => Promise<Response>): Promise<string | undefined> {
  try {
    const response = await act()
    await response.arrayBuffer()
    return response.ok ? undefined : String(response.status)
  } catch (error) {
    return isOAuthError(error) ? error.code : String(error)
  }
}
