/**
 * What a run of the suite amounts to, given the failures that are known.
 *
 * @module
 */
import type { ScenarioResult } from './scenario.ts'

export interface ExpectedFailure {
  scenario: string
  because: string
}

/** `KNOWN` fails and is listed; `STALE` is listed and passes. */
type Standing = 'pass' | 'FAIL' | 'KNOWN' | 'STALE'

export interface Verdict {
  result: ScenarioResult
  standing: Standing
}

/** Holds every result against the list of expected failures. */
export function reachVerdicts(
  results: readonly ScenarioResult[],
  expected: readonly ExpectedFailure[],
): Verdict[] {
  const listed = new Set(expected.map(({ scenario }) => scenario))
  return results.map((result) => {
    const isListed = listed.has(result.scenario)
    if (result.passed) return { result, standing: isListed ? 'STALE' : 'pass' }
    return { result, standing: isListed ? 'KNOWN' : 'FAIL' }
  })
}

/** Lists scenarios, one a line, with the first complaint of each, and the sum. */
export function formatTable(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map(({ result }) => result.scenario.length))
  const lines = verdicts.map(({ standing, result: { scenario, complaints } }) =>
    `${standing.padEnd(5)}  ${scenario.padEnd(width)}  ${shorten(complaints[0] ?? '')}`.trimEnd(),
  )
  return [...lines, '', formatSum(verdicts)].join('\n')
}

function formatSum(verdicts: readonly Verdict[]): string {
  const passed = verdicts.filter(({ result }) => result.passed).length
  const known = verdicts.filter(({ standing }) => standing === 'KNOWN').length
  return `${passed} passed, ${verdicts.length - passed} failed (${known} of them expected)`
}

function shorten(complaint: string, length = 110): string {
  const line = complaint.replaceAll(/\s+/g, ' ')
  return line.length > length ? `${line.slice(0, length - 3)}...` : line
}
