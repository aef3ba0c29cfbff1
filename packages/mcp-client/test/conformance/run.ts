/**
 * Runs the official conformance suite against `driver.ts`, and compares the results
 * with `expected-failures.json`, which has to name every failure and nothing else.
 *
 *     node run.ts [--scenario NAME] [--spec-version VERSION] [--garble-names] [--write]
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import listed from './expected-failures.json' with { type: 'json' }
import { writePage } from './page.ts'
import { listScenarios, runSuite } from './suite.ts'
import { type ExpectedFailure, formatTable, reachVerdicts } from './verdict.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    'spec-version': { type: 'string' },
    'garble-names': { type: 'boolean' },
    /** Runs it at each version as well, and writes `CONFORMANCE.md`. */
    write: { type: 'boolean', default: false },
  },
})
const expected: readonly ExpectedFailure[] = listed
const known = new Set((await listScenarios()).map(({ name }) => name))
for (const { scenario } of expected) {
  if (!known.has(scenario)) throw new Error(`expected-failures.json: the suite has no ${scenario}`)
}

const command = [
  process.execPath,
  '--conditions=@x/source',
  fileURLToPath(import.meta.resolve('./driver.ts')),
]
const { scenario, 'garble-names': garbleNames } = values
const run = (specVersion: string | undefined) => runSuite({ command, scenario, specVersion, garbleNames })
const results = await run(values['spec-version'])
if (values.write) {
  const versions = ['2025-11-25', '2026-07-28']
  const columns = { 'its own version': results }
  for (const version of versions) Object.assign(columns, { [version]: await run(version) })
  await writePage(columns, expected)
}
const verdicts = reachVerdicts(results, expected)

if (scenario !== undefined) {
  for (const { output, complaints } of results) console.log([output, ...complaints, ''].join('\n'))
}
console.log(formatTable(verdicts))

const standings = new Set(verdicts.map(({ standing }) => standing))
if (standings.has('FAIL')) console.log('FAIL: not listed in expected-failures.json')
if (standings.has('STALE')) console.log('STALE: passes, and has to be removed from expected-failures.json')
process.exitCode = standings.has('FAIL') || standings.has('STALE') ? 1 : 0
