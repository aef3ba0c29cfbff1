import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import expected from './conformance/expected-failures.json' with { type: 'json' }
import { outcomeOf, readPage } from './conformance/page.ts'
import { runScenario } from './conformance/scenario.ts'
import { runSuite } from './conformance/suite.ts'
import { reachVerdicts } from './conformance/verdict.ts'

const driver = [
  process.execPath,
  '--conditions=@x/source',
  fileURLToPath(import.meta.resolve('./conformance/driver.ts')),
]

it('passes the scenarios of the official suite that its page says it passes, and no others', async () => {
  const results = await runSuite({ command: driver, garbleNames: true })

  const verdicts = reachVerdicts(results, expected)
  expect(verdicts.filter(({ standing }) => standing === 'FAIL' || standing === 'STALE')).toEqual([])
  const outcomes = results.map((result) => [result.scenario, outcomeOf(result)])
  expect(outcomes).toEqual(await readPage())
  expect(results.filter(({ scenario, passed }) => passed && scenario.startsWith('auth/'))).toHaveLength(33)
}, 300_000)

it('has a reason for each expected failure, and none about authorization: their number only falls', () => {
  expect(expected.map(({ scenario }) => scenario).filter((each) => each.startsWith('auth/'))).toEqual([])
  expect(expected.length).toBeLessThanOrEqual(4)
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
