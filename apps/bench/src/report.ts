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
    renderRows([columns, ...rows]),
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

/** In columns, as the formatter of this repository has them: numbers to the right. */
export function renderRows([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, index) =>
    Math.max(4, ...[head, ...rows].map((row) => (row[index] ?? '').length)),
  )
  const line = (cells: readonly string[]) => {
    const padded = widths.map((width, index) => {
      const cell = cells[index] ?? ''
      return index === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
