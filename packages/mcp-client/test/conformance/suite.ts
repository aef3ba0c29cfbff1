/**
 * The official conformance suite, run against one client.
 *
 * Every scenario is a run of the suite's command line: its `--suite` option starts all
 * clients at once, leaves scenarios out, and does not look at how a client exits.
 *
 * @module
 */
import { conformance } from './command-line.ts'
import { type RunOptions, runScenario, type ScenarioResult } from './scenario.ts'

export interface SuiteOptions extends RunOptions {
  /** One scenario instead of all, with or without `auth/`. */
  scenario?: string | undefined
}

export interface Scenario {
  name: string
  /** The specification's versions it applies to, or `extension`. */
  versions: readonly string[]
}

const parallelClients = 2

/** Lists the client scenarios, in the suite's order: those about authorization are named `auth/…`. */
export async function listScenarios(): Promise<Scenario[]> {
  const { stdout } = await conformance(['list', '--client'])
  const lines = stdout.matchAll(/^ {2}- (\S+) \[(.*)\]$/gm)
  return Array.from(lines, ([, name = '', versions = '']) => ({ name, versions: versions.split(',') }))
}

/**
 * Runs scenarios, two at a time, and returns their results in the suite's order.
 *
 * @throws {Error} if the options leave no scenario to run.
 */
export async function runSuite(options: SuiteOptions): Promise<ScenarioResult[]> {
  const scenarios = selectScenarios(await listScenarios(), options)
  if (scenarios.length === 0) {
    const { scenario, specVersion } = options
    throw new Error(`The suite has no scenario that fits ${JSON.stringify({ scenario, specVersion })}`)
  }

  const results: ScenarioResult[] = []
  const queue = scenarios.entries()
  const workers = Array.from({ length: parallelClients }, async () => {
    for (const [index, { name }] of queue) results[index] = await runScenario(name, options)
  })
  await Promise.all(workers)
  return results
}

function selectScenarios(all: readonly Scenario[], { scenario, specVersion }: SuiteOptions): Scenario[] {
  const isAt = ({ versions }: Scenario) =>
    specVersion === undefined || versions.includes(specVersion) || versions.includes('extension')
  const isNamed = ({ name }: Scenario) =>
    scenario === undefined || name === scenario || name === `auth/${scenario}`
  return all.filter((candidate) => isAt(candidate) && isNamed(candidate))
}
