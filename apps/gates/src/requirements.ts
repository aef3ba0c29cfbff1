/**
 * A page that says which requirements a package meets, and which test shows each.
 *
 * Every row of its tables is one requirement: an id, where it comes from, what it asks for, and the names of
 * tests in back quotes, or why it is not met.
 *
 * @module
 */
import { citedIds } from './test-titles.ts'

export const columns = 'Id | Source | What | Proven by'

/** How a requirement that has no test must begin its last cell. */
const excuse = 'not met, because '

interface Row {
  readonly id: string
  readonly line: number
  readonly cells: readonly string[]
}

/** Every way in which a page and the titles of the tests disagree, as lines for a person; none if all is well. */
export function listDisagreements(page: string, titles: readonly string[]): string[] {
  const { rows, faults } = readRows(page)
  const ids = rows.map(({ id }) => id)
  const unknown = new Set(titles.flatMap(citedIds).filter((id) => !ids.includes(id)))
  return [
    ...faults,
    ...rows.flatMap((row, index) => listFaults(row, ids.indexOf(row.id) !== index, titles)),
    ...Array.from(unknown, (id) => `${id} is cited by a test and is not in the page`),
  ]
}

/** Header and ruler of each table are checked here, and left out. */
function readRows(page: string): { rows: Row[]; faults: string[] } {
  const rows: Row[] = []
  const faults: string[] = []
  let isInside = false
  for (const [index, text] of page.split('\n').entries()) {
    const isTable = text.startsWith('|')
    const cells = splitCells(text)
    if (isTable && !isInside && cells.join(' | ') !== columns) {
      faults.push(`line ${index + 1}: the columns are not ${columns}`)
    }
    const isRuler = cells.every((cell) => /^:?-+:?$/.test(cell))
    if (isTable && isInside && !isRuler) rows.push({ id: cells[0] ?? '', line: index + 1, cells })
    isInside = isTable
  }
  if (rows.length === 0) faults.push('there is no requirement in the page')
  return { rows, faults }
}

function listFaults({ id, line, cells }: Row, isRepeated: boolean, titles: readonly string[]): string[] {
  const [, source = '', what = '', proof = ''] = cells
  const at = (fault: string) => `line ${line}: ${id} ${fault}`
  if (cells.length !== 4) return [at(`has ${cells.length} cells`)]

  const faults: string[] = []
  if (!/^[A-Z]{2}-\d{2}$/.test(id)) faults.push(at('is no id like CH-02'))
  if (isRepeated) faults.push(at('is in the page already'))
  if (source === '' || what === '') faults.push(at('has an empty cell'))
  if (proof.startsWith(excuse)) return faults

  const { names, rest } = readNames(proof)
  if (names.length === 0 || rest !== '') faults.push(at(`names no test, or more than tests: ${proof}`))
  for (const name of names) {
    if (!titles.includes(name)) faults.push(at(`names a test that is not there: ${name}`))
    else if (!citedIds(name).includes(id)) faults.push(at(`is not cited by the test that it names: ${name}`))
  }
  return faults
}

/** Names are in back quotes, in double ones if they hold one, with commas or line breaks between. */
function readNames(proof: string): { names: string[]; rest: string } {
  const quoted = /(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g
  const names = Array.from(proof.matchAll(quoted), ([, , name = '']) => name.trim())
  return { names, rest: proof.replaceAll(quoted, '').replaceAll(/<br ?\/?>|[,;\s]/g, '') }
}

function splitCells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
}
