/**
 * Trying again in the background, less and less often.
 *
 * @module
 */
import type { Clock } from '@x/oauth-grants'

const [shortestMs, longestMs] = [1_000, 60_000]

/**
 * Each pause is up to twice as long as the one before: from 1 s to a minute, somewhat shorter at random, so that those who
 * lost something together do not come back together.
 *
 * @returns resolves at its end, and at once when the signal is aborted
 */
export function growingPause(clock: Clock, signal: AbortSignal): () => Promise<void> {
  let ms = shortestMs
  return async () => {
    const jittered = ms * (0.5 + Math.random() / 2)
    ms = Math.min(ms * 2, longestMs)
    // Some clocks reject when they are woken.
    await clock.sleep(jittered, signal).catch(() => {})
  }
}
