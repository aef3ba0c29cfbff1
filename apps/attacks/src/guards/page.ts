/**
 * The page that says for each guard which attacks succeed without it: `GUARDS.md`.
 *
 * @module
 */
import type { Guard } from './guard.ts'

/** Titles of tests by the name of a guard. */
export type Reds = ReadonlyMap<string, readonly string[]>

const head = `# Guards

Each section is a guard: where it is, and what happens without it. \`npx pnpm@12.21.0 --filter @x/attacks guards\` has
removed it, and nothing else, from a copy of the packages, and has written down which attacks succeeded then, each as the
test that failed. Names of guards behind the command remove these alone.
`

export function writePage(guards: readonly Guard[], reds: Reds): string {
  const sections = guards.map(({ name, without, file }) => {
    const titles = (reds.get(name) ?? []).map((title) => `- \`${title.replaceAll('`', "'")}\`\n`)
    const list = titles.length === 0 ? '' : `\n${titles.join('')}`
    return `\n## ${name}\n\nIn \`${file}\`. Without it ${without}.\n${list}`
  })
  return head + sections.join('')
}

/** What the page says. */
export function readPage(page: string): Reds {
  const [, ...sections] = page.split(/^## /m)
  return new Map(
    sections.map((section) => {
      const [name = '', ...lines] = section.split('\n')
      return [name, lines.flatMap((line) => /^- `(.*)`$/.exec(line)?.[1] ?? [])]
    }),
  )
}
