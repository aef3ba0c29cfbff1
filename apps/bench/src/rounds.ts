/**
 * How many answers a client waits for one after the other.
 *
 * @module
 */
import type { Send } from './place.ts'
import { quiet } from './quiet.ts'

export interface Rounds {
  readonly fetch: Send
  /** Exchanges by this `fetch`. */
  readonly sent: number
  /** What is on its way together is one. */
  readonly count: number
  forget(): void
}

/** A `fetch` that holds answers back until nothing more is sent, and then gives them all. */
export function createRounds(): Rounds {
  let [sent, count] = [0, 0]
  let round: Promise<void> | undefined
  const pending = new Set<Promise<unknown>>()
  const over = async () => {
    count += 1
    for (let seen = -1; seen !== sent; ) {
      seen = sent
      await Promise.allSettled(pending)
      await quiet(3)
    }
    pending.clear()
    round = undefined
  }
  return {
    async fetch(input, init) {
      sent += 1
      const answer = fetch(input, init)
      pending.add(answer)
      round ??= over()
      await round
      return answer
    },
    get sent() {
      return sent
    },
    get count() {
      return count
    },
    forget() {
      sent = count = 0
    },
  }
}
