import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { attackers, readAttacks } from '../src/attackers.ts'
import { writePage } from '../src/page.ts'
import { isAbout, others, sections } from '../src/sections.ts'

const attacks = await readAttacks()
const page = readFileSync(new URL('../ATTACKS.md', import.meta.url), 'utf8')

it('is what the titles of the tests say', () => {
  expect(page).toBe(writePage(attacks))
})

it('has an attack, what does not happen and where that is written in each title', () => {
  const faults = attacks.filter(({ attack, outcome }) => attack === '' || outcome === '')

  expect(attacks.length).toBeGreaterThan(100)
  expect(faults).toEqual([])
})

it('has each attacker', () => {
  expect([...new Set(attacks.map(({ attacker }) => attacker))]).toEqual(Object.keys(attackers))
})

it('cites what is there', () => {
  const cited = [...new Set(attacks.flatMap(({ sources }) => sources))]
  const isKnown = (each: string) => others.test(each) || sections.some((section) => isAbout(section, each))

  expect(cited.filter((each) => !isKnown(each))).toEqual([])
})

it.each(sections)('has tests of $source, or a reason why there are none', (section) => {
  const tests = attacks.filter(({ sources }) => sources.some((each) => isAbout(section, each)))

  if (section.others === undefined) expect(tests).not.toEqual([])
})
