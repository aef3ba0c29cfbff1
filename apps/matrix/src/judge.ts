/**
 * What the results of all runtimes say of each case.
 *
 * @module
 */
import type { Case, Result, RuntimeName } from './suite/case.ts'

export interface Column {
  readonly name: RuntimeName
  readonly version: string
  /** Why nothing was tried there. */
  readonly missing?: string | undefined
  readonly results: readonly Result[]
}

/** `passed`; `explained`: it failed, as the case says; `failed`; `stale`: it passed, and the case says otherwise; `untold`: nothing came of it. */
export type Verdict = 'passed' | 'explained' | 'failed' | 'stale' | 'untold'

export interface Judged {
  readonly runtime: RuntimeName
  readonly name: string
  readonly verdict: Verdict
  /** Of `failed`, what came; of `explained` and `stale`, what the case says. */
  readonly why: string
}

export function judge(cases: readonly Case[], columns: readonly Column[]): readonly Judged[] {
  return columns.flatMap(({ name: runtime, missing, results }) =>
    cases.map(({ name, except = {} }): Judged => {
      const result = results.find((each) => each.name === name)
      const reason = except[runtime]
      const { failure } = result ?? {}
      if (result === undefined) return { runtime, name, verdict: 'untold', why: missing ?? 'no result came' }
      if (reason === undefined)
        return { runtime, name, verdict: failure === undefined ? 'passed' : 'failed', why: failure ?? '' }
      return { runtime, name, verdict: failure === undefined ? 'stale' : 'explained', why: reason }
    }),
  )
}

/** Whether each case is passed, or its difference is explained. */
export function isGood(judged: readonly Judged[]): boolean {
  return judged.length > 0 && judged.every(({ verdict }) => verdict === 'passed' || verdict === 'explained')
}
