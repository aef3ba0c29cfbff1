/**
 * The page that says for each guard which tests go red without it: `GUARDS.md`.
 *
 * @module
 */
import type { Guard } from './guard.ts'

/** Titles of tests by the name of a guard. */
export type Reds = ReadonlyMap<string, readonly string[]>

const head = `# Guards of \`@x/oauth-discovery\`

Each row is a guard: what keeps a wrong server from doing what the second column says. \`node --conditions=@x/source
test/hostile/remove-guards.ts\` has removed it, and nothing else, from a copy of the package, and has written down which
tests of \`test/hostile\` failed then. In them a process of its own makes the calls, and servers note what arrives.

| Guard | Without it | Tests that go red |
| ----- | ---------- | ----------------- |
`

export function writePage(guards: readonly Guard[], reds: Reds): string {
  const rows = guards.map(({ name, answers }) => {
    const titles = reds.get(name) ?? []
    return `| ${[name, answers, titles.map(quote).join('<br>')].map(withoutBars).join(' | ')} |`
  })
  return `${head}${rows.join('\n')}\n`
}

/** What the page says. */
export function readPage(page: string): Reds {
  const rows = page.split('\n').filter((line) => line.startsWith('| '))
  return new Map(
    rows.slice(2).map((row) => {
      const [name = '', , titles = ''] = row
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.replaceAll('\\|', '|'))
      return [name, titles.split('<br>').map((title) => title.slice(1, -1))]
    }),
  )
}

const quote = (title: string) => `\`${title}\``
const withoutBars = (cell: string) => cell.replaceAll('|', '\\|')
