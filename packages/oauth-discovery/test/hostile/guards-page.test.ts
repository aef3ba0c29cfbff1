import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { attacks } from './attacks.ts'
import { guards } from './guards.ts'
import { readPage } from './page.ts'
import { listFaults } from './remove-guards.ts'
import { titleOf } from './titles.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const reds = readPage(read('GUARDS.md'))
const names = guards.map(({ name }) => name)

describe('GUARDS.md', () => {
  it('names each guard of the list, in its order, and no other', () => {
    expect([...reds.keys()]).toEqual(names)
  })

  it('names only tests that are there, and some for each guard', () => {
    const titles = attacks.map(titleOf)
    for (const [name, named] of reds) {
      expect(named, name).not.toEqual([])
      expect(titles, name).toEqual(expect.arrayContaining([...named]))
    }
  })

  it('names the attacks of each guard', () => {
    for (const attack of attacks) expect(reds.get(attack.guard), attack.guard).toContain(titleOf(attack))
  })
})

describe('the list of guards', () => {
  it.each(guards)('finds $name in its file once', ({ file, search, replace }) => {
    const parts = read(`src/${file}`).split(search)

    expect(parts).toHaveLength(2)
    expect(replace).not.toBe(search)
  })

  it('has each name once, and an attack for each', () => {
    expect(new Set(names).size).toBe(names.length)
    expect([...new Set(attacks.map(({ guard }) => guard))].toSorted()).toEqual(names.toSorted())
  })
})

describe('what is said of a guard after its removal', () => {
  const [guard] = guards
  const own = attacks.filter((attack) => attack.guard === guard?.name)
  const titles = own.map(titleOf)

  it.each([
    ['nothing, where all its attacks succeed then', titles, []],
    ['that it is not needed, where none does', [], [expect.stringContaining('nothing fails without it')]],
    ['which attack does not', titles.slice(1), [expect.stringContaining(titles[0] ?? '')]],
  ])('%s', (_, found, faults) => {
    expect(guard && listFaults(guard, found, own)).toEqual(faults)
  })
})

it('has no title twice', () => {
  const titles = attacks.map(titleOf)

  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
})
