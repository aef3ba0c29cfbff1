/**
 * The matrix as text: for the terminal, and as the page MATRIX.md.
 *
 * @module
 */
import type { Column, Judged, Verdict } from './judge.ts'
import type { Case } from './suite/case.ts'

const cells: Readonly<Record<Verdict, string>> = {
  passed: 'passed',
  explained: 'except',
  failed: 'FAILED',
  stale: 'STALE',
  untold: '-',
}

/** Totals, and below the cases that differ, or all of them. */
export function table(
  cases: readonly Case[],
  columns: readonly Column[],
  judged: readonly Judged[],
  all: boolean,
): string {
  const verdicts = (name: string) => judged.filter((each) => each.name === name)
  const shown = cases.filter(({ name }) => all || verdicts(name).some(({ verdict }) => verdict !== 'passed'))
  const rows = shown.map(({ name }) => [
    name,
    ...columns.map(({ name: runtime }) => cellOf(judged, runtime, name)),
  ])
  return align([['', ...columns.map(({ version }) => version)], totals(columns, judged), ...rows])
}

/** What is not as it should be, one line each, and what to do. */
export function complaints(judged: readonly Judged[]): readonly string[] {
  const missing = new Set<string>()
  return judged.flatMap(({ runtime, name, verdict, why }) => {
    if (verdict === 'failed') return [`${runtime}: ${name}: ${why}`]
    if (verdict === 'stale') return [`${runtime}: ${name}: it is passed, so this is no longer true: ${why}`]
    if (verdict !== 'untold' || missing.has(runtime)) return []
    missing.add(runtime)
    return [`${runtime} was not tried: ${why}`]
  })
}

export function page(
  cases: readonly Case[],
  columns: readonly Column[],
  judged: readonly Judged[],
  date: string,
): string {
  const exceptions = cases.flatMap(({ name, except }) =>
    Object.entries(except ?? {}).map(([runtime, why]) => [runtime, name, why] as const),
  )
  const counts = columns.map(({ name, version }) => [
    version,
    `${count(judged, name, 'passed')}`,
    `${count(judged, name, 'explained')}`,
  ])
  return `# The same in each runtime

Written by \`npm run matrix\`, on ${date}. The packages are packed and installed by npm into a project of its own, and ${cases.length} cases are run in each runtime, against the same real servers.
Node, Bun and Deno load the packages as modules; workerd and Chromium get a bundle (esbuild; conditions \`workerd\`, \`worker\`, \`browser\`, and \`browser\`), and a worker runs each case in a request of its own.
A case that is explained is run all the same, and has to fail.

${align([['runtime', 'passed', 'explained'], ...counts], true)}

## Why not everywhere

${align([['runtime', 'case', 'why'], ...exceptions], true)}

## The cases

${cases.map(({ name }) => `- ${name}`).join('\n')}
`
}

function cellOf(judged: readonly Judged[], runtime: string, name: string): string {
  const found = judged.find((each) => each.runtime === runtime && each.name === name)
  return cells[found?.verdict ?? 'untold']
}

function count(judged: readonly Judged[], runtime: string, verdict: Verdict): number {
  return judged.filter((each) => each.runtime === runtime && each.verdict === verdict).length
}

function totals(columns: readonly Column[], judged: readonly Judged[]): string[] {
  const total = ({ name, missing }: Column) =>
    missing === undefined ? `${count(judged, name, 'passed')}` : 'not tried'
  return ['passed', ...columns.map(total)]
}

/** In columns; as Markdown with its lines. */
function align(rows: readonly (readonly string[])[], isMarkdown = false): string {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(3, ...rows.map((row) => row[index]?.length ?? 0)))
  const lines = rows.map((row) => widths.map((width, index) => (row[index] ?? '').padEnd(width)))
  if (!isMarkdown) return lines.map((line) => line.join('  ').trimEnd()).join('\n')
  const [head = [], ...body] = lines
  return [head, widths.map((width) => '-'.repeat(width)), ...body]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n')
}
