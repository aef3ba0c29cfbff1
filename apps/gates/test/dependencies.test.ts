import { describe, expect, it } from 'vitest'
import { readText } from '../src/repository.ts'
import { listRuntimeDependencies } from '../src/runtime-dependencies.ts'

/** Those that ask for no more than that their text goes along. */
const permissive = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT']

const dependencies = listRuntimeDependencies()
const [, chosen = [], brought = []] = readText('DEPENDENCIES.md')
  .split(/^\| package .*\n\| -.*\n/m)
  .map(readRows)

function readRows(text: string): string[][] {
  const table = text.split(/\n\n/, 1)[0] ?? ''
  return table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

describe('what runs beside our code', () => {
  it.each(dependencies)('$name has a licence that can be lived with', ({ license }) => {
    expect(permissive).toContain(license)
  })

  it('stands in DEPENDENCIES.md, each with who names it, its licence, and the reason', () => {
    const expected = dependencies
      .filter(({ namedBy }) => namedBy.length > 0)
      .map(({ name, namedBy, license }) => [
        `\`${name}\``,
        namedBy.map((each) => `\`${each}\``).join(', '),
        license,
      ])

    expect(chosen.map((row) => row.slice(0, 3))).toEqual(expected)
    expect(chosen.filter(([, , , reason = '']) => reason.length < 20)).toEqual([])
  })

  it('stands there too where it comes with another', () => {
    const expected = dependencies
      .filter(({ namedBy }) => namedBy.length === 0)
      .map(({ name, license }) => [`\`${name}\``, license])

    expect(brought).toEqual(expected)
  })
})
