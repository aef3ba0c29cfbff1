import type { Clock } from '@x/oauth-grants'

/** The system's clock, moved by hand. */
export interface HandClock extends Clock {
  /** Moves the time on, and wakes whoever has slept long enough. */
  moveMs(ms: number): void
  /** How long they meant to sleep who sleep now, in ms. */
  readonly sleeping: readonly number[]
}

export function handClock(): HandClock {
  let moved = 0
  const now = () => Date.now() + moved
  const sleepers = new Map<() => void, { ms: number; until: number }>()
  return {
    now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake)
          resolve()
        }
        sleepers.set(wake, { ms, until: now() + ms })
        signal?.addEventListener('abort', wake, { once: true })
      }),
    moveMs(ms) {
      moved += ms
      for (const [wake, { until }] of sleepers) if (until <= now()) wake()
    },
    get sleeping() {
      return Array.from(sleepers.values(), ({ ms }) => ms)
    },
  }
}
