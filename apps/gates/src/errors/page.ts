/**
 * A page of all errors of a package, as they come out.
 *
 * @module
 */
import { type Entries, type Entry, type ErrorPage, type Provoked, provoke } from './entries.ts'

/** One code of one class, with what its examples came to. */
export interface Row {
  readonly className: string
  readonly code: string
  readonly entry: Entry
  readonly provoked: readonly Provoked[]
}

export async function provokeAll({ classes }: ErrorPage): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const [className, entries] of Object.entries<Entries>(classes)) {
    for (const [code, entry] of Object.entries(entries)) {
      const provoked: Provoked[] = []
      // One after the other: some of them set a clock.
      for (const example of entry.examples) provoked.push(await provoke(example))
      rows.push({ className, code, entry, provoked })
    }
  }
  return rows
}

export function render({ folder }: ErrorPage, rows: readonly Row[]): string {
  const name = `@x/${folder.slice('packages/'.length)}`
  const classes = [...new Set(rows.map(({ className }) => className))]
  return [
    `# Errors of \`${name}\``,
    '',
    'Each error has a `code`, which stays the same, and a `recovery`: `terminal` (something has to be changed), `transient`',
    '(time helps), `interaction` (a person has to act). The messages below were taken from a run, and may change in any release.',
    `\`npx pnpm@12.21.0 --filter @x/gates errors\` has written this page.`,
    ...classes.flatMap((className) => {
      const own = rows.filter((row) => row.className === className)
      return ['', `## ${className}`, '', ...table(own), '', '```text', ...own.flatMap(listMessages), '```']
    }),
    '',
  ].join('\n')
}

function table(rows: readonly Row[]): readonly string[] {
  const cells = rows.map(({ code, entry: { when, what }, provoked }) => [
    `\`${code}\``,
    [...new Set(provoked.map(({ recovery }) => recovery))].join(', '),
    when,
    what,
  ])
  const all = [['code', 'recovery', 'when', 'what to do'], ...cells]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = all
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)]
}

function listMessages({ className, code, provoked }: Row, index: number): readonly string[] {
  const title = ({ name }: Provoked) => (name === className ? code : `${code} (${name})`)
  const [first] = provoked
  return [
    ...(index === 0 ? [] : ['']),
    first === undefined ? code : title(first),
    ...provoked.map(({ message }) => `  ${message}`),
  ]
}
