import { vi } from 'vitest'
import type { Work } from '../src/work.ts'

/** What a tool did, and how often. */
export interface Tally {
  readonly runs: ReadonlyMap<string, number>
  readonly work: Work
  /** From now on no task comes to its end. */
  readonly hold: () => void
  /** Lets all tasks go on. */
  readonly letGo: () => void
}

export function createTally(): Tally {
  const runs = new Map<string, number>()
  let held = Promise.withResolvers<void>()
  held.resolve()
  return {
    runs,
    async work(task) {
      runs.set(task, (runs.get(task) ?? 0) + 1)
      await held.promise
      return `Done: ${task}`
    },
    hold() {
      held = Promise.withResolvers()
    },
    letGo: () => held.resolve(),
  }
}

/** Ends when so many more tasks were begun. */
export async function untilBegun(runs: () => ReadonlyMap<string, number>, more: number): Promise<void> {
  const before = runs().size
  await vi.waitFor(() => {
    if (runs().size < before + more) throw new Error(`${runs().size - before} of ${more} were begun`)
  }, 10_000)
}
