import type { Clock } from '@x/oauth-discovery'

/** A clock that stands still until it is moved. */
export interface HandClock extends Clock {
  /** Moves the time on, and wakes whoever has slept long enough. */
  pass(ms: number): void
}

export function handClock(start: number = Date.now()): HandClock {
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
