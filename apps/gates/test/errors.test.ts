import { describe, expect, it } from 'vitest'
import { readCodes } from '../src/errors/classes.ts'
import { type Entries, secrets } from '../src/errors/entries.ts'
import { provokeAll, render } from '../src/errors/page.ts'
import { pages } from '../src/errors/pages.ts'
import { listFaults } from '../src/errors/wording.ts'
import { exists, packages, readText } from '../src/repository.ts'

const all = await Promise.all(pages.map(async (page) => ({ ...page, page, rows: await provokeAll(page) })))
const codes = readCodes(packages)

it('has a page of errors for each package', () => {
  expect(pages.map(({ folder }) => folder).toSorted()).toEqual(packages.toSorted())
})

describe.each(all)('$folder/ERRORS.md', ({ folder, page, classes, rows }) => {
  it('has an entry for each code of each class that the source has, and no other', () => {
    const written = Object.entries<Entries>(classes).map(([name, entries]) => [
      name,
      Object.keys(entries).toSorted(),
    ])
    const found = [...(codes[packages.indexOf(folder)] ?? [])].map(([name, each]) => [name, each.toSorted()])

    expect(found.length).toBeGreaterThan(0)
    expect(Object.fromEntries(written)).toEqual(Object.fromEntries(found))
  })

  it('has examples of the code that they stand for', () => {
    const wrong = rows.flatMap(({ code, provoked }) => provoked.filter((each) => each.code !== code))

    expect(wrong).toEqual([])
  })

  it('says what comes out of a run now: `npx pnpm@12.21.0 --filter @x/gates errors` writes it', () => {
    expect(exists(`${folder}/ERRORS.md`) && readText(`${folder}/ERRORS.md`)).toBe(render(page, rows))
  })

  it('has no message that is hard to read', () => {
    expect(rows.flatMap(({ provoked }) => provoked.flatMap(({ message }) => listFaults(message)))).toEqual([])
  })

  it('says in one line each when a code comes and what to do', () => {
    const lines = rows.flatMap(({ entry: { when, what } }) => [when, what])

    expect(
      lines.filter((line) => line.length > 180 || !/^[A-Z`].*\.$/.test(line) || line.includes('|')),
    ).toEqual([])
  })
})

describe('a message', () => {
  const good =
    'GET https://as.example/ (token request): no answer (ECONNREFUSED). Check that the server is up.'

  it('that is good has no faults', () => {
    expect(listFaults(good)).toEqual([])
  })

  it.each([
    ['is longer', `${good.slice(0, -1)} ${'very '.repeat(50)}much.`],
    ['is not one line', good.replace(' ', '\n')],
    ['is not one line', good.replace(' ', '\u001B[31m')],
    ['full stop', good.slice(0, -1)],
    ['begin like a sentence', 'the option clientId is missing.'],
    ['of no use', 'The option clientId is undefined.'],
    ['of no use', 'The option clientId is [object Object].'],
    ['only this repository knows', 'The option clientId was lost in a flight.'],
    ['a secret', good.replace('token request', secrets.clientSecret)],
    ['a query', good.replace('/ ', '/?tenant=1 ')],
    ['could look for', 'Something went wrong.'],
  ])('that %s is found', (fault, message) => {
    expect(listFaults(message)).toEqual([expect.stringContaining(fault)])
  })
})
