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
    renderGoals(goals),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

/** What is met in one line, what is missed with its reason. */
function renderGoals(goals: readonly Verdict[]): string {
  const met = goals.filter(({ isMet }) => isMet).map(describe)
  const missed = goals
    .filter(({ isMet }) => !isMet)
    .map((verdict) => `Missed: ${describe(verdict)}. ${verdict.reason ?? 'Why is not known.'}`)
  return [...(met.length > 0 ? [`Goals met: ${met.join('; ')}.`] : []), ...missed].join('\n\n')
}

function renderRows(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
