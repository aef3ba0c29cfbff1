/**
 * The page that says of each source how many of its mutants tests have told, and of the others why not: `MUTANTS.md`.
 *
 * @module
 */

/** What has become of the mutants of one source. */
export interface Section {
  readonly killed: number
  /** A line for each that no test tells. */
  readonly survivors: readonly string[]
}

const head = `# Mutants of \`@x/oauth-grants\`

A mutant is a source that is wrong in one place: a condition that always holds, a call that is left out, a limit that is
twice as long. \`npx pnpm@12.21.0 --filter @x/oauth-grants mutants\` has made those of what keeps tokens good, one at a
time, and has run the tests that come by that place. A mutant is killed when one of them fails, or hangs. Each of the
others is below, with the reason why no test tells it.
`

export function writePage(sections: ReadonlyMap<string, Section>): string {
  const rows = [...sections].map(([file, { killed, survivors }]) =>
    [`\`${file}\``, killed + survivors.length, killed, survivors.length].map(String),
  )
  const lists = [...sections]
    .filter(([, { survivors }]) => survivors.length > 0)
    .map(([file, { survivors }]) => `\n## ${file}\n\n${survivors.map((each) => `- ${each}\n`).join('')}`)
  return `${head}\n${tableOf(['source', 'mutants', 'killed', 'survived'], rows)}${lists.join('')}`
}

/** Its columns as wide as the formatter has them. */
function tableOf(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = names.map((name, at) => Math.max(name.length, ...rows.map((row) => (row[at] ?? '').length)))
  const lines = [names, widths.map((width) => '-'.repeat(width)), ...rows]
  return lines
    .map((cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`)
    .join('')
}

/** What the page says. */
export function readPage(page: string): ReadonlyMap<string, Section> {
  const [, ...lists] = page.split(/^## /m)
  const survivors = new Map(
    lists.map((list) => {
      const [file = '', ...lines] = list.split('\n')
      return [file, lines.flatMap((line) => /^- (.*)$/.exec(line)?.[1] ?? [])]
    }),
  )
  const rows = [...page.matchAll(/^\| `(.*?)` *\| \d+ *\| (\d+) *\|/gm)]
  return new Map(
    rows.map(([, file = '', killed]) => [
      file,
      { killed: Number(killed), survivors: survivors.get(file) ?? [] },
    ]),
  )
}
