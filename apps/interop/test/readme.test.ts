import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { claimsTable, discoveryTable, grantTable, namesTable, readNotes, readTables } from './page.ts'

const page = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

it('the page shows which grant works where, as the tests show it', () => {
  const { table, notes } = grantTable()

  expect(readTables(page)[0]).toEqual(table)
  expect(readNotes(page)).toEqual(notes)
})

it('the page shows what discovery found where, as the tests show it', () => {
  expect(readTables(page)[1]).toEqual(discoveryTable())
})

it('the page shows what became of each name and each claim of the Python module', () => {
  expect(readTables(page).slice(2)).toEqual([namesTable(), claimsTable()])
})
