/**
 * The tables of this app as they have to stand in its page.
 *
 * @module
 */
import { type Cell, cells, type Mark, servers } from '../src/cells.ts'
import { type Discovery, discoveries } from '../src/discoveries.ts'
import { claims, names, type Row } from '../src/parity.ts'

/** Lines of cells. */
export type Table = readonly (readonly string[])[]

const marks: Readonly<Record<Mark, string>> = { works: '✓', own: '✓ (our own grant)', none: '–' }

/** The table of grants by servers, with a number at each mark that has a note, and the notes in that order. */
export function grantTable(): { table: Table; notes: readonly string[] } {
  const notes: string[] = []
  const table = Object.entries(cells).map(([grant, row]) => [
    grant,
    ...servers.map((server) => {
      const { mark, note }: Cell = row[server]
      if (note === undefined) return marks[mark]
      notes.push(note)
      return `${marks[mark]} <sup>${notes.length}</sup>`
    }),
  ])
  return { table, notes }
}

/** The table of what was found where; a server stands in the first of its rows. */
export function discoveryTable(): Table {
  return Object.entries<Record<string, Discovery>>(discoveries).flatMap(([server, rows]) =>
    Object.entries(rows).map(([asked, { outcome, requests, note = '' }], index) => [
      index === 0 ? server : '',
      asked,
      outcome === 'found' ? outcome : code(outcome),
      String(requests),
      note,
    ]),
  )
}

export function namesTable(): Table {
  return Object.entries<Row>(names).map(([name, { here, ...row }]) => [code(name), code(here), remarkOf(row)])
}

export function claimsTable(): Table {
  return Object.entries<Row>(claims).map(([claim, { here, ...row }]) => [claim, here, remarkOf(row)])
}

function remarkOf({ differs, missing }: Omit<Row, 'here'>): string {
  return missing === undefined ? (differs ?? '') : `**Not there.** ${missing}`
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}

/** The tables in a page, each without its head. */
export function readTables(page: string): Table[] {
  const tables: string[][][] = []
  let isInside = false
  for (const line of page.split('\n')) {
    const isRow = line.startsWith('|')
    if (isRow && !isInside) tables.push([])
    isInside = isRow
    if (isRow)
      tables.at(-1)?.push(
        line
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      )
  }
  return tables.map((lines) => lines.slice(2))
}

/** The numbered list in a page. */
export function readNotes(page: string): string[] {
  return Array.from(page.matchAll(/^\d+\. (.*)$/gm), ([, note = '']) => note)
}
