import { type Fault, startTestbed, type Testbed } from '@x/testbed'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { discoverAuthorizationServer, fetchAuthorizationServerMetadata } from '../src/index.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ issuerPath: '/tenant1' })
})
afterAll(() => testbed.close())
afterEach(() => {
  for (const server of [testbed.authorizationServer, testbed.mcp]) {
    server.faults.heal()
    server.journal.clear()
  }
})

it.each(['mcp', 'api'] as const)('leads from the %s server to its issuer in three requests', async (part) => {
  const { url } = testbed[part]

  const found = await discoverAuthorizationServer(url)

  expect(found.challenge).toMatchObject({ scheme: 'bearer' })
  expect(found.resourceMetadata).toMatchObject({ resource: url })
  expect(found.authorizationServerMetadata.issuer).toBe(testbed.authorizationServer.issuer)
  expect(found.authorizationServerMetadata.token_endpoint).toBe(testbed.authorizationServer.tokenEndpoint)
  const { arrivals } = testbed.authorizationServer.journal
  expect(arrivals.map(({ path }) => path)).toEqual(['/.well-known/oauth-authorization-server/tenant1'])
})

it('finds an OpenID document where the RFC 8414 one is missing (AS-01, AS-02)', async () => {
  const { issuer, faults, journal } = testbed.authorizationServer
  faults.add({ kind: 'status', status: 404 }, { path: /^\/\.well-known/ })

  await expect(fetchAuthorizationServerMetadata(issuer)).resolves.toMatchObject({ issuer })

  expect(journal.arrivals.map(({ path, status }) => `${path} ${status}`)).toEqual([
    '/.well-known/oauth-authorization-server/tenant1 404',
    '/.well-known/openid-configuration/tenant1 404',
    '/tenant1/.well-known/openid-configuration 200',
  ])
})

it.each<[Fault, object]>([
  [
    { kind: 'status', status: 503 },
    { code: 'unavailable', recovery: 'transient' },
  ],
  [{ kind: 'reset' }, { code: 'unavailable', recovery: 'transient' }],
  [{ kind: 'truncated' }, { code: 'unavailable', recovery: 'transient' }],
  [{ kind: 'lost-answer' }, { code: 'unavailable', recovery: 'transient' }],
  [{ kind: 'hang' }, { code: 'timeout', recovery: 'transient' }],
  [{ kind: 'html' }, { code: 'server_metadata_not_found', recovery: 'terminal' }],
  [
    { kind: 'oversized', bytes: 2_000_000 },
    { code: 'body_too_large', recovery: 'terminal' },
  ],
  [{ kind: 'redirect', location: 'https://evil.example/' }, { code: 'redirect_refused' }],
  [{ kind: 'changed-members', members: { issuer: 'https://evil.example' } }, { code: 'issuer_mismatch' }],
  [{ kind: 'body', body: '{}' }, { code: 'server_metadata_invalid' }],
])('says what is wrong with a server that has the fault %j', async (fault, error) => {
  testbed.authorizationServer.faults.add(fault)

  // What is slow because the machine is busy is no fault.
  const timeoutMs = fault.kind === 'hang' ? 300 : 10_000
  const attempt = discoverAuthorizationServer(testbed.mcp.url, { timeoutMs })

  await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', ...error })
})
