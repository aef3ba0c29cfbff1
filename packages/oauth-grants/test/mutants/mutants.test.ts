import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { readPage, type Section, writePage } from './page.ts'
import { listMutants, type Mutant, withSwitches } from './places.ts'
import { isAbout, reasons } from './reasons.ts'
import { home, readMutated, Trial } from './trial.ts'

const changes = (source: string) => listMutants(source).map(({ change }) => change.join(' becomes '))

describe('the mutants of a source', () => {
  it.each([
    ['if (a) b()', ['a becomes true', 'a becomes false', 'b() becomes ']],
    ['if (a && b) c', ['a && b becomes false', 'a && b becomes a', 'a && b becomes b', 'c becomes ']],
    ['const f = () => a ?? b', ['a ?? b becomes undefined', 'a ?? b becomes a', 'a ?? b becomes b']],
    [
      'const a = b < 1_000',
      [
        'b < 1_000 becomes b <= 1_000',
        'b < 1_000 becomes b >= 1_000',
        '1_000 becomes 2000',
        '1_000 becomes 500',
      ],
    ],
    ['const a = b?.c(d)', ['b?.c(d) becomes b.c(d)']],
    ['const a = b.catch(c)', ['b.catch(c) becomes b']],
    ['const a = b(c, d)', ['b(c, d) becomes b(c)']],
    ['const a = { b, c }', ['{ b, c } becomes { c }', '{ b, c } becomes { b }']],
    ["const a = 'b'", ["'b' becomes ''"]],
    [
      "throw error('What a person reads is left as it is.')",
      ["throw error('What a person reads is left as it is.') becomes "],
    ],
    ["import { a } from 'b'\ntype C = 'd' | 1", []],
  ])('%s', (source, expected) => {
    expect(changes(source)).toEqual(expected)
  })

  it('are all in one text, which is the source where none of them is on, and each of them where that one is', () => {
    const source = 'var found = [a + 1, a?.b.c, a === 2 ? 3 : 4]'
    const ones = listMutants(source).map(({ change: [from, to] }) => source.replace(from, to))
    const run = (text: string, on?: number): unknown => {
      const a = { b: { c: 5 }, valueOf: () => 2 }
      const { found } = runInNewContext(`${text}\nthis`, { a, isOn: (number: number) => number === on })
      return found
    }

    const all = withSwitches(source, 100)

    expect(run(all)).toEqual(run(source))
    for (const [index, one] of ones.entries()) expect(run(all, 100 + index)).toEqual(run(one))
  })
})

describe('a mutant', () => {
  it.each<[string, string, Mutant['change'], string, boolean]>([
    [
      'that a test tells is killed',
      'held-token.ts',
      ['now >= this.#renewAt', 'now > this.#renewAt'],
      'session',
      true,
    ],
    ['that none tells survives', 'session.ts', ['false', 'true'], 'session-ending', false],
  ])('%s', async (_, file, [from, to], name, isKilled) => {
    const [mutated] = await readMutated([file])
    const number = mutated?.mutants.findIndex(({ change }) => change[0] === from && change[1] === to) ?? -1
    expect(number).toBeGreaterThanOrEqual(0)
    const trial = new Trial(mutated ? [mutated] : [])
    const tests = `test/${name}.test.ts`

    const met = await trial.meet([tests])
    const killer = await trial.findKiller(number, met.get(number) ?? [])
    await trial.close()

    expect(killer).toBe(isKilled ? tests : undefined)
  })
})

describe('MUTANTS.md', () => {
  it('is read as it was written', () => {
    const sections = new Map<string, Section>([
      ['a.ts', { killed: 3, survivors: ['`a`, `b` becomes `c`: why.', '`d`, `e` becomes nothing: why.'] }],
      ['b.ts', { killed: 2, survivors: [] }],
    ])

    expect(readPage(writePage(sections))).toEqual(sections)
  })

  it('says why of each', () => {
    const page = readFileSync(join(home, 'MUTANTS.md'), 'utf8')

    expect(page).not.toContain('nobody knows why')
  })
})

it.each(reasons)('there is a mutant for the reason at $file: $line', (reason) => {
  const mutants = listMutants(readFileSync(join(home, 'src', reason.file), 'utf8'))

  for (const becomes of reason.becomes ?? [undefined]) {
    const one = { ...reason, becomes: becomes === undefined ? undefined : [becomes] }
    expect(mutants.some((mutant) => isAbout(one, mutant, reason.file))).toBe(true)
  }
})
