/**
 * What the suite found, as the page that is published: `CONFORMANCE.md`.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import suite from '@modelcontextprotocol/conformance/package.json' with { type: 'json' }
import { nothingChecked, type ScenarioResult } from './scenario.ts'
import type { ExpectedFailure } from './verdict.ts'

const file = new URL('../../CONFORMANCE.md', import.meta.url)

/** By the heading of a column, what was found at that version. */
export type Columns = Readonly<Record<string, readonly ScenarioResult[]>>

/** In a cell: `passes`, `fails`, or `unchecked` where the suite found nothing to look at. */
export function outcomeOf({ passed, complaints }: ScenarioResult): string {
  if (passed) return 'passes'
  return complaints[0] === nothingChecked ? 'unchecked' : 'fails'
}

/** Scenarios down, versions across; a cell is empty where the scenario is of another version. */
export async function writePage(columns: Columns, expected: readonly ExpectedFailure[]): Promise<void> {
  const names = [...new Set(Object.values(columns).flatMap((each) => each.map(({ scenario }) => scenario)))]
  const found = (results: readonly ScenarioResult[], name: string) => {
    const result = results.find(({ scenario }) => scenario === name)
    return result === undefined ? '' : outcomeOf(result)
  }
  const rows = names.map((name) => [
    `\`${name}\``,
    ...Object.values(columns).map((each) => found(each, name)),
  ])
  const head = ['scenario', ...Object.keys(columns)]
  const widths = head.map((_, index) => Math.max(...[head, ...rows].map((row) => row[index]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`
  const sums = Object.entries(columns).map(([heading, results]) => {
    const about = results.filter(({ scenario }) => scenario.startsWith('auth/'))
    const sum = (of: readonly ScenarioResult[]) =>
      `${of.filter(({ passed }) => passed).length} of ${of.length}`
    return `- ${heading}: ${sum(results)}, of those about authorization ${sum(about)}`
  })
  const reasons = [...new Set(expected.map(({ because }) => because))].map((because) => {
    const named = expected.filter((each) => each.because === because)
    return `- ${named.map(({ scenario }) => `\`${scenario}\``).join(', ')}: ${because}.`
  })
  const text = `# Conformance

What the official suite, \`${suite.name}\` ${suite.version}, finds: \`npm run conformance -- --write\` runs it, and writes this page.
One client meets all scenarios; it does not know which one it is in.

${sums.join('\n')}

${[line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')}

${reasons.join('\n')}
`
  await writeFile(file, text)
}

/** The scenarios of the page with what is in its first column. */
export async function readPage(): Promise<[scenario: string, outcome: string][]> {
  const text = await readFile(file, 'utf8')
  return Array.from(text.matchAll(/^\| `(\S+)` +\| (\w*)/gm), ([, name = '', outcome = '']) => [
    name,
    outcome,
  ])
}
