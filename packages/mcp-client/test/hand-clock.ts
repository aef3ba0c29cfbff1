import type { Clock } from '@x/oauth-grants'

/** The system's clock, moved by hand. */
export function handClock(): Clock & { moveMs(ms: number): void } {
  let moved = 0
  return {
    now: () => Date.now() + moved,
    sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
    moveMs(ms) {
      moved += ms
    },
  }
}
