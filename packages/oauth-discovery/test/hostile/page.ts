/**
 * The page that says for each guard which tests go red without it: `GUARDS.md`.
 *
 * @module
 */
import type { Guard } from './guard.ts'

/** Titles of tests by the name of a guard. */
export type Reds = ReadonlyMap<string, readonly string[]>

const head = `# Guards of \`@x/oauth-discovery\`

Each section is a guard, with what happens without it. \`node --conditions=@x/source test/hostile/remove-guards.ts\` has
removed it, and nothing else, from a copy of the package, and has written down which tests of \`test/hostile\` failed
then. In them a process of its own makes the calls, and servers note what arrives.
`

export function writePage(guards: readonly Guard[], reds: Reds): string {
  const sections = guards.map(({ name, answers }) => {
    const titles = reds.get(name) ?? []
    return `\n## ${name}\n\nWithout it ${answers}.\n\n${titles.map((title) => `- \`${title}\`\n`).join('')}`
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
