/**
 * Runs the official conformance suite against `driver.ts`, and compares the results
 * with `expected-failures.json`, which has to name every failure and nothing else.
 *
 *     node run.ts [--scenario NAME] [--spec-version VERSION] [--garble-names]
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import listed from './expected-failures.json' with { type: 'json' }
import { listScenarios, runSuite } from './suite.ts'
import { type ExpectedFailure, formatTable, reachVerdicts } from './verdict.ts'

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    'spec-version': { type: 'string' },
    'garble-names': { type: 'boolean' },
  },
})
const expected: readonly ExpectedFailure[] = listed
const known = new Set((await listScenarios()).map(({ name }) => name))
for (const { scenario } of expected) {
  if (!known.has(scenario)) throw new Error(`expected-failures.json: the suite has no ${scenario}`)
}

const results = await runSuite({
  command: [process.execPath, '--conditions=@x/source', fileURLToPath(import.meta.resolve('./driver.ts'))],
  scenario: values.scenario,
  specVersion: values['spec-version'],
  garbleNames: values['garble-names'],
})
const verdicts = reachVerdicts(results, expected)

if (values.scenario !== undefined) {
  for (const { output, complaints } of results) console.log([output, ...complaints, ''].join('\n'))
}
console.log(formatTable(verdicts))

const standings = new Set(verdicts.map(({ standing }) => standing))
if (standings.has('FAIL')) console.log('FAIL: not listed in expected-failures.json')
if (standings.has('STALE')) console.log('STALE: passes, and has to be removed from expected-failures.json')
process.exitCode = standings.has('FAIL') || standings.has('STALE') ? 1 : 0
