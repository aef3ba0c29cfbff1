import { isOAuthError } from '@x/oauth-discovery'

/** Calls that go on beside each other, and what became of them. */
export interface Series {
  call(): void
  /** Resolves when none is under way. */
  settled(): Promise<unknown>
  readonly calls: number
  /** Those that failed for want of a token, in ms since the epoch: of the others the resource itself is the reason. */
  readonly failed: readonly { readonly from: number; readonly to: number }[]
  /** Of those that failed, by status or code. */
  readonly failures: ReadonlyMap<string, number>
}

/** Room for more failures than there can be, made at once, so that memory tells of others than these. */
const maxFailures = 1_000_000

/** As many as come while a token request hangs, twice. */
const maxUnderWay = 200

export function createSeries(act: () => Promise<Response>): Series {
  const failures = new Map<string, number>()
  const [begins, ends] = [new Float64Array(maxFailures), new Float64Array(maxFailures)]
  const under = new Set<Promise<void>>()
  let [calls, failed] = [0, 0]
  const fail = ({ why, isForToken }: Failure, from: number): void => {
    failures.set(why, (failures.get(why) ?? 0) + 1)
    if (!isForToken) return
    begins[failed] = from
    ends[failed] = Date.now()
    failed += 1
  }
  return {
    call() {
      // A machine that cannot keep up is not buried: what is asked here is another question.
      if (under.size >= maxUnderWay) return
      calls += 1
      const from = Date.now()
      const call = failureOf(act).then((failure) => {
        under.delete(call)
        if (failure !== undefined) fail(failure, from)
      })
      under.add(call)
    },
    settled: () => Promise.all(under),
    get calls() {
      return calls
    },
    get failed() {
      return Array.from(begins.subarray(0, failed), (from, index) => ({ from, to: ends[index] ?? from }))
    },
    failures,
  }
}

interface Failure {
  readonly why: string
  readonly isForToken: boolean
}

async function failureOf(act: () => Promise<Response>): Promise<Failure | undefined> {
  try {
    const response = await act()
    await response.arrayBuffer()
    return response.ok ? undefined : { why: String(response.status), isForToken: response.status === 401 }
  } catch (error) {
    const isForToken = isOAuthError(error)
    return { why: isForToken ? error.code : String(error), isForToken }
  }
}
