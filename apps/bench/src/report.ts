/**
 * Tables as text: for a terminal and for the page of results, which are the same.
 *
 * @module
 */
import { describe, type Table, type Verdict } from './result.ts'

export function render(table: Table): string {
  const { title, columns, rows, notes = [], goals = [] } = table
  const parts = [
    `## ${title}`,
    renderRows([columns, columns.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]),
    notes.map((note) => `- ${note}`).join('\n'),
    goals.map((verdict) => `- ${renderGoal(verdict)}`).join('\n'),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function renderGoal(verdict: Verdict): string {
  const { isMet, reason } = verdict
  const why = isMet || reason === undefined ? '' : `. ${reason}`
  return `${isMet ? 'met' : '**missed**'}: ${describe(verdict)}${why}`
}

function renderRows(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
