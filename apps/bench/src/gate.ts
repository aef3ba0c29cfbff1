import { listMissedCounts, type Table } from './result.ts'

/**
 * Whether what was measured may pass: counts gate, times and bytes are reported.
 *
 * @returns the exit code, after each missed count was told
 */
export function gate(tables: readonly Table[], tell: (line: string) => void): 0 | 1 {
  const missed = listMissedCounts(tables)
  for (const each of missed) tell(`missed: ${each}`)
  return missed.length === 0 ? 0 : 1
}
