/**
 * Measures ours beside the others, prints the tables, and writes them to RESULTS.md and, in short, to COMPARISON.md.
 *
 * `--only NAME` measures one thing and writes nothing; `--gate` exits with 1 if a goal that is a count was missed.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { callCost } from './call-cost.ts'
import { challenges } from './challenges.ts'
import { update } from './comparison.ts'
import { gate } from './gate.ts'
import { heap } from './heap.ts'
import { imports } from './imports.ts'
import { describeMachine } from './machine.ts'
import { peers } from './peers/all.ts'
import { render } from './report.ts'
import type { Measure, Table } from './result.ts'
import { roundTrips } from './round-trips.ts'
import { sizes } from './sizes.ts'
import { stampedes } from './stampedes.ts'

/** What is timed comes first, while the process is young. */
const measures: readonly Measure[] = [callCost, heap, imports, challenges, sizes, roundTrips, stampedes]

const { values } = parseArgs({ options: { only: { type: 'string' }, gate: { type: 'boolean' } } })
const chosen = measures.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) {
  console.error(`There is no measure ${values.only}, only ${measures.map(({ name }) => name).join(', ')}.`)
  process.exit(2)
}

// Some clients print warnings, a thousand of them where a thousand calls fail.
const { error } = console
console.warn = console.error = () => {}

const tables = new Map<Measure, readonly Table[]>()
for (const each of chosen) {
  tables.set(each, await each.measure())
  console.log((tables.get(each) ?? []).map((table) => `${render(table)}\n`).join('\n'))
}

const inOrder = [roundTrips, stampedes, callCost, challenges, sizes, imports, heap]
const all = inOrder.flatMap((each) => tables.get(each) ?? [])
if (values.only === undefined) {
  const results = page(all)
  await writeFile(new URL('../RESULTS.md', import.meta.url), results)
  const comparison = new URL('../../../COMPARISON.md', import.meta.url)
  await writeFile(comparison, update(await readFile(comparison, 'utf8'), results))
}
// Not by an empty event loop: others leave connections and timers open.
process.exit(values.gate === true ? gate(all, error) : 0)

function page(measured: readonly Table[]): string {
  const glue = peers.map(({ name, pattern }) => `- \`${name}\`: ${pattern}`).join('\n')
  return `# Measured against everyone

Written by \`npm run bench\`, on ${new Date().toISOString().slice(0, 10)}. \`npm run bench -- --only NAME\` repeats one of
${inOrder.map(({ name }) => `\`${name}\``).join(', ')}, and \`npm run bench -- --gate\` fails where a goal that is a count is missed.
Goals are for ours. Its counts are the same on every machine; those of others that depend on which answer comes first are not. Times and bytes were taken in one run, in small batches in turn: compare them within a table.

${describeMachine()}

Each client is used as its own documentation has it, in \`src/peers\`:

${glue}

A cell says so where a client has no notion of what is measured.

${measured.map(render).join('\n\n')}
`
}
