/**
 * The page that says who attacks by what, and what became of it: `ATTACKS.md`.
 *
 * @module
 */
import { type Attack, attackers } from './attackers.ts'
import { isAbout, sections } from './sections.ts'

const head = `# Attacks

Each row is an attack that the tests here make, on programs that use the packages as theirs: over real connections, with made-up
secrets, and servers that note all that arrives. What is claimed is what was not sent and not kept. \`npx pnpm@12.21.0 --filter
@x/attacks table\` writes this page from the titles of the tests.`

const sectionHead = `## By what has been written of attacks

RFC 9700 §4, and by their headings the Security Best Practices of MCP and the security considerations of its authorization
(2026-07-28).`

/** Several tests that differ in one place of the attack. */
interface Row extends Attack {
  readonly name: string
  readonly tests: number
}

export function writePage(attacks: readonly Attack[]): string {
  const rows = rowsOf(attacks)
  const tables = Object.entries(attackers).flatMap(([attacker, who]) => {
    const own = rows.filter((row) => row.attacker === attacker)
    if (own.length === 0) return []
    const cells = own.map(({ name, attack, outcome, sources, tests }) => [
      name,
      attack,
      outcome,
      sources.join('; '),
      String(tests),
    ])
    return [`## ${who}`, table([['', 'attack', 'what does not happen', 'source', 'tests'], ...cells])]
  })
  const mapping = sections.map(({ others, ...section }) => {
    const about = rows.filter(({ sources }) => sources.some((each) => isAbout(section, each)))
    const tests = about.reduce((sum, row) => sum + row.tests, 0)
    const names = about.map(({ name }) => name).join(' ')
    const { source, heading } = section
    return [[source, heading].filter(Boolean).join(' '), names || (others ?? ''), String(tests || '')]
  })
  const parts = [head, ...tables, sectionHead, table([['section', 'attacks', 'tests'], ...mapping])]
  return `${parts.join('\n\n')}\n`
}

function rowsOf(attacks: readonly Attack[]): readonly Row[] {
  const groups: Attack[][] = []
  for (const attack of attacks) {
    const last = groups.at(-1)
    if (last?.[0] !== undefined && isAlike(last[0], attack)) last.push(attack)
    else groups.push([attack])
  }
  const counts = new Map<string, number>()
  return groups.flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const count = (counts.get(first.attacker) ?? 0) + 1
    counts.set(first.attacker, count)
    const initials = first.attacker.replace(/(\w)\w*-?/g, '$1').toUpperCase()
    const attack = joined(group.map((each) => each.attack))
    return { ...first, attack, name: initials + count, tests: group.length }
  })
}

/** The same but for one place, with some words in common. */
function isAlike(one: Attack, other: Attack): boolean {
  const key = ({ attacker, outcome, sources }: Attack) => JSON.stringify([attacker, outcome, sources])
  const [start, end] = commonWords([one.attack, other.attack])
  return key(one) === key(other) && start + end >= 2
}

/** Of the cases of one attack, so many characters are shown. */
const longest = 120

/** `leads inside by its A / B / C: …` */
function joined(texts: readonly string[]): string {
  const words = texts.map((each) => each.split(' '))
  const [start, end] = commonWords(texts)
  const [first = []] = words
  const middles = words.map((each) => each.slice(start, each.length - end).join(' '))
  const shown = middles.filter((_, at) => middles.slice(0, at + 1).join(' / ').length <= longest)
  const cases = [...shown, ...(shown.length < middles.length ? ['...'] : [])].join(' / ')
  return [...first.slice(0, start), cases, ...first.slice(first.length - end)].filter(Boolean).join(' ')
}

/** How many words all have in common, at the start and at the end. */
function commonWords(texts: readonly string[]): readonly [number, number] {
  const words = texts.map((each) => each.split(' '))
  const shortest = Math.min(...words.map(({ length }) => length))
  const alike = (at: number) => new Set(words.map((each) => each.at(at))).size === 1
  let start = 0
  while (start < shortest && alike(start)) start += 1
  let end = 0
  while (end < shortest - start && alike(-1 - end)) end += 1
  return [start, end]
}

function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((cells) => cells.map(plain))
  const [heads = [], ...others] = shown
  const widths = heads.map((_, at) => Math.max(3, ...shown.map((cells) => cells[at]?.length ?? 0)))
  const rule = widths.map((width) => '-'.repeat(width))
  return [heads, rule, ...others]
    .map((cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`)
    .join('\n')
}

/** Markup and control characters of an attack are shown as they are. */
function plain(text: string): string {
  return text
    .replace(/[\\`*_<>[\]|]/g, '\\$&')
    .replace(/[^\x20-\x7e§]/g, (character) => `U+${character.codePointAt(0)?.toString(16).padStart(4, '0')}`)
}
