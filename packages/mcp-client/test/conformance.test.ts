import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import expected from './conformance/expected-failures.json' with { type: 'json' }
import { runScenario } from './conformance/scenario.ts'
import { runSuite } from './conformance/suite.ts'
import { reachVerdicts } from './conformance/verdict.ts'

const driver = [
  process.execPath,
  '--conditions=@x/source',
  fileURLToPath(import.meta.resolve('./conformance/driver.ts')),
]

it('passes every scenario of the official suite that is not an expected failure, and none that is', async () => {
  const results = await runSuite({ command: driver, garbleNames: true })

  const verdicts = reachVerdicts(results, expected)
  expect(verdicts.filter(({ standing }) => standing === 'FAIL' || standing === 'STALE')).toEqual([])
  expect(results.filter(({ passed }) => passed).map(({ scenario }) => scenario)).toEqual([
    'auth/metadata-default',
    'auth/metadata-var1',
    'auth/metadata-var2',
    'auth/metadata-var3',
    'auth/basic-cimd',
    'auth/scope-from-www-authenticate',
    'auth/scope-from-scopes-supported',
    'auth/scope-omitted-when-undefined',
    'auth/scope-step-up',
    'auth/scope-retry-limit',
    'auth/token-endpoint-auth-basic',
    'auth/token-endpoint-auth-post',
    'auth/token-endpoint-auth-none',
    'auth/pre-registration',
    'auth/2025-03-26-oauth-metadata-backcompat',
    'auth/2025-03-26-oauth-endpoint-fallback',
    'auth/resource-mismatch',
    'auth/offline-access-scope',
    'auth/offline-access-not-supported',
    'auth/authorization-server-migration',
    'auth/iss-supported',
    'auth/iss-not-advertised',
    'auth/iss-supported-missing',
    'auth/iss-wrong-issuer',
    'auth/iss-unexpected',
    'auth/iss-normalized',
    'auth/metadata-issuer-mismatch',
    'auth/client-credentials-jwt',
    'auth/client-credentials-basic',
    'auth/enterprise-managed-authorization',
    'auth/dpop',
    'auth/dpop-nonce',
    'auth/wif-jwt-bearer',
  ])
}, 120_000)

it('has a reason for each expected failure, and no more of them than before: this number only falls', () => {
  expect(expected.length).toBeLessThanOrEqual(0)
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
