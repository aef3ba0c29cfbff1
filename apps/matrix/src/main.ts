/**
 * The program of `npm run matrix`: packs the packages, installs them, runs the cases in each runtime, prints where they
 * differ, and writes MATRIX.md.
 *
 * `--all` prints each case; `--only RUNTIME` tries one and writes nothing. Ends with status 1 if a case is neither
 * passed nor explained, or explained and passed.
 *
 * @module
 */
import { rmSync } from 'node:fs'
import { mkdtemp, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createConsumer } from './consumer.ts'
import { type Column, isGood, judge } from './judge.ts'
import { complaints, page, table } from './report.ts'
import { findRuntimes } from './runtimes.ts'
import { startControlServer } from './servers.ts'
import { type Result, runtimeNames } from './suite/case.ts'
import { cases } from './suite/cases.ts'

const { values } = parseArgs({ options: { all: { type: 'boolean' }, only: { type: 'string' } } })
const { all = false, only } = values
if (only !== undefined && !runtimeNames.some((name) => name === only)) {
  console.error(`There is no runtime ${only}, only ${runtimeNames.join(', ')}.`)
  process.exit(2)
}

const temporary = await realpath(await mkdtemp(join(tmpdir(), 'matrix-')))
const clean = (): void => rmSync(temporary, { recursive: true, force: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clean()
    process.exit(1)
  })
}
try {
  const folder = join(temporary, 'consumer')
  await createConsumer(folder)
  const runtimes = await findRuntimes(
    join(temporary, 'runtimes'),
    (name) => only === undefined || name === only,
  )
  await using control = await startControlServer()
  const columns: Column[] = []
  // One after the other, for there are deadlines in the cases.
  for (const { name, version, missing, run } of runtimes) {
    console.error(`${version} ...`)
    const files = join(temporary, 'files', name)
    const column =
      missing === undefined ? await attempt(() => run({ folder, files, url: control.url })) : { missing }
    columns.push({ name, version, results: [], ...column })
  }
  const judged = judge(cases, columns)
  console.log(table(cases, columns, judged, all))
  for (const line of complaints(judged)) console.error(line)
  if (isGood(judged)) {
    const date = new Date().toISOString().slice(0, 10)
    if (only === undefined)
      await writeFile(new URL('../MATRIX.md', import.meta.url), page(cases, columns, judged, date))
  } else process.exitCode = 1
} finally {
  clean()
}

/** A runtime that breaks down is no reason to learn nothing of the others. */
async function attempt(
  run: () => Promise<readonly Result[]>,
): Promise<Pick<Column, 'missing'> | Pick<Column, 'results'>> {
  try {
    return { results: await run() }
  } catch (error) {
    return { missing: `it broke down: ${error instanceof Error ? error.message : String(error)}` }
  }
}
