import type { Clock } from '../src/index.ts'

/** Time that passes only when it is told to. */
export function handClock(): Clock & { pass(ms: number): void } {
  const sleepers = new Map<() => void, number>()
  let now = 1_700_000_000_000
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        sleepers.set(resolve, now + ms)
        signal?.addEventListener('abort', () => sleepers.delete(resolve))
      }),
    pass(ms) {
      now += ms
      for (const [wake, at] of sleepers) if (at <= now) wake()
    },
  }
}
