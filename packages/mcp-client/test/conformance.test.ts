import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import expected from './conformance/expected-failures.json' with { type: 'json' }
import { runScenario, type ScenarioResult } from './conformance/scenario.ts'
import { listScenarios } from './conformance/suite.ts'
import { reachVerdicts } from './conformance/verdict.ts'

const driver = [
  process.execPath,
  '--conditions=@x/source',
  fileURLToPath(import.meta.resolve('./conformance/driver.ts')),
]

it('passes every scenario of the official suite that is not an expected failure', async () => {
  const listed = new Set(expected.map(({ scenario }) => scenario))
  const names = (await listScenarios()).map(({ name }) => name).filter((name) => !listed.has(name))

  const results: ScenarioResult[] = []
  for (const name of names) results.push(await runScenario(name, { command: driver, garbleNames: true }))

  expect(results.filter(({ passed }) => !passed)).toEqual([])
  expect(results.map(({ scenario }) => scenario)).toEqual([
    'auth/pre-registration',
    'auth/resource-mismatch',
    'auth/metadata-issuer-mismatch',
    'auth/client-credentials-jwt',
    'auth/client-credentials-basic',
  ])
})

it('has a reason for each expected failure, and no more of them than before: this number only falls', () => {
  expect(expected.length).toBeLessThanOrEqual(26)
  for (const { because } of expected) expect(because).toMatch(/\w+ \w+/)
})

it('fails a run for a scenario that fails unlisted, and for one that is listed and passes', () => {
  const result = (scenario: string, passed: boolean) => ({ scenario, passed, complaints: [], output: '' })

  const verdicts = reachVerdicts(
    [result('a', true), result('b', false), result('c', false), result('d', true)],
    [
      { scenario: 'c', because: 'known' },
      { scenario: 'd', because: 'no longer true' },
    ],
  )

  expect(verdicts.map(({ standing }) => standing)).toEqual(['pass', 'FAIL', 'KNOWN', 'STALE'])
})

it.each([
  ['does not start', ['/nonexistent'], 'exited'],
  ['is killed', [process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")'], 'killed by SIGKILL'],
  ['does nothing and says it is fine', [process.execPath, '-e', ''], 'exited with 0'],
])('does not pass a client that %s', async (_, command, ending) => {
  const { passed, complaints } = await runScenario('auth/client-credentials-basic', { command })

  expect(passed).toBe(false)
  expect(complaints.join('\n')).toContain(ending)
})
