/** A clock that stands still until it is moved; whoever takes a clock takes this one. */
export interface HandClock {
  /** ms since the epoch. */
  now(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Moves the time on, and wakes whoever has slept long enough. */
  pass(ms: number): void
}

/** @param start ms since the epoch: of a test with real servers it is now, for those have clocks of their own */
export function handClock(start: number = Date.UTC(2026, 0, 1)): HandClock {
  let now = start
  const sleepers = new Map<() => void, number>()
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake)
          resolve()
        }
        sleepers.set(wake, now + ms)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    pass(ms) {
      now += ms
      for (const [wake, until] of sleepers) if (until <= now) wake()
    },
  }
}
