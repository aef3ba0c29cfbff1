/**
 * What a measure gives: tables for people, and goals that were met or missed.
 *
 * @module
 */

/** A table with a heading; the first column names who was measured. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What a reader has to know to read it right. */
  readonly notes?: readonly string[]
  readonly goals?: readonly Verdict[]
}

/** A count is the same on every machine; times and bytes are not. */
type Unit = 'count' | 'time' | 'bytes'

export interface Goal {
  readonly what: string
  readonly unit: Unit
  readonly atMost: number
  /** Why it is missed, where that is known. */
  readonly reason?: string | undefined
}

export interface Verdict extends Goal {
  readonly measured: number
  readonly isMet: boolean
}

/** What was not measured has not met its goal. */
export function judge(goal: Goal, measured: number | undefined): Verdict {
  const value = measured ?? Number.NaN
  return { ...goal, measured: value, isMet: value <= goal.atMost }
}

/** The goals that a gate may ask for: counts that were missed. */
export function listMissedCounts(tables: readonly Table[]): string[] {
  return tables
    .flatMap(({ goals = [] }) => goals)
    .filter(({ unit, isMet }) => unit === 'count' && !isMet)
    .map(describe)
}

export function describe({ what, measured, atMost }: Verdict): string {
  const shown = Number.isInteger(measured) ? String(measured) : measured.toFixed(2)
  return `${what}: ${shown}, of at most ${atMost}`
}

/** One kind of measure, with a name for the command line. */
export interface Measure {
  readonly name: string
  readonly measure: () => Promise<readonly Table[]>
}
