import type { Clock } from '@x/oauth-discovery'
import { systemClock } from '@x/oauth-discovery/http'
import { vi } from 'vitest'

/** The limits of time of a request, of one that revokes, and of a renewal; nobody here polls at such intervals. */
const limits = [10_000, 3_000, 35_000]

/**
 * A clock for whoever polls: no wait takes any time, and after it the time is that much later, for the client and for
 * a server in this process. Only the limit of each request runs as usual. Ends with `vi.useRealTimers`.
 */
export function leapingClock(): Clock & { readonly waits: readonly number[] } {
  const waits: number[] = []
  return {
    waits,
    now: () => Date.now(),
    async sleep(ms, signal) {
      if (limits.includes(ms)) return systemClock.sleep(ms, signal)
      waits.push(ms)
      vi.setSystemTime(Date.now() + ms)
    },
  }
}
