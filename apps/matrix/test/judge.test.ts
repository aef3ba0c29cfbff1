import { expect, it } from 'vitest'
import { type Column, isGood, judge } from '../src/judge.ts'
import { complaints, table } from '../src/report.ts'
import type { Case } from '../src/suite/case.ts'

const run = async () => {}
const cases: readonly Case[] = [
  { name: 'a', run },
  { name: 'b', run, except: { Bun: 'it has no b' } },
]

/** What came of both in Bun. */
const bun = (a: string | undefined, b: string | undefined): Column => ({
  name: 'Bun',
  version: 'Bun 1',
  results: [
    { name: 'a', ms: 1, failure: a },
    { name: 'b', ms: 1, failure: b },
  ],
})

it('takes what is passed, and what fails as the case says', () => {
  const judged = judge(cases, [bun(undefined, 'no b'), { ...bun(undefined, undefined), name: 'Deno' }])

  expect(judged.map(({ verdict }) => verdict)).toEqual(['passed', 'explained', 'passed', 'passed'])
  expect(isGood(judged)).toBe(true)
  expect(complaints(judged)).toEqual([])
})

it.each([
  ['a failure that nobody has explained', bun('no a', 'no b'), ['Bun: a: no a']],
  [
    'an explanation of what is passed',
    bun(undefined, undefined),
    ['Bun: b: it is passed, so this is no longer true: it has no b'],
  ],
  [
    'a runtime that is not there',
    { ...bun(undefined, 'no b'), results: [], missing: 'install it' },
    ['Bun was not tried: install it'],
  ],
  [
    'a case of which nothing was told',
    { ...bun(undefined, 'no b'), results: [] },
    ['Bun was not tried: no result came'],
  ],
])('does not take %s', (_, column, lines) => {
  const judged = judge(cases, [column])

  expect(isGood(judged)).toBe(false)
  expect(complaints(judged)).toEqual(lines)
})

it('takes no results for none', () => {
  expect(isGood(judge(cases, []))).toBe(false)
})

it('shows the totals, and the cases that differ', () => {
  const columns = [bun(undefined, 'no b')]

  const shown = table(cases, columns, judge(cases, columns), false)

  expect(shown.split('\n').map((line) => line.trim())).toEqual(['Bun 1', 'passed  1', 'b       except'])
})
