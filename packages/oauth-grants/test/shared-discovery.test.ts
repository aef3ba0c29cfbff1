import { memoryCache } from '@x/oauth-discovery/cache'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { ClientCredentialsAuth } from '../src/index.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())
beforeEach(() => {
  for (const { journal } of servers()) journal.clear()
})

function servers() {
  return [testbed.authorizationServer, testbed.api]
}

/** What arrived anywhere, as `method path`, with how often. */
function arrived(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { method, path } of servers().flatMap(({ journal }) => [...journal.arrivals])) {
    const line = `${method} ${path}`
    counts[line] = (counts[line] ?? 0) + 1
  }
  return counts
}

const tenants = Array.from({ length: 100 }, (_, index) => `tenant ${index}`)
const path = '/api'

it.each(['at once', 'one after the other'])(
  'takes 203 requests for 100 tenants on one resource, %s (PR-18)',
  async (order) => {
    const cache = memoryCache()
    const call = async (partition: string) => {
      const options = { resourceUrl: testbed.api.url, partition, cache, ...testClients.worker }
      await using auth = await ClientCredentialsAuth.fromResource(options)
      return (await auth.fetch(testbed.api.url)).status
    }

    const statuses: number[] = []
    if (order === 'at once') statuses.push(...(await Promise.all(tenants.map(call))))
    else for (const tenant of tenants) statuses.push(await call(tenant))

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(arrived()).toEqual({
      'GET /.well-known/oauth-authorization-server': 1,
      [`GET /.well-known/oauth-protected-resource${path}`]: 1,
      'POST /token': 100,
      [`GET ${path}`]: 101,
    })
  },
)

it('has the next look read both documents anew when a good token was refused (CH-10, PR-18)', async () => {
  const cache = memoryCache()
  const options = { resourceUrl: testbed.api.url, cache, ...testClients.worker }
  await using auth = await ClientCredentialsAuth.fromResource(options)
  const token = await auth.getToken()

  await auth.getToken({ rejected: token })
  await auth.getToken({ rejected: token }) // a late refusal of the old one says nothing of the new one
  await using next = await ClientCredentialsAuth.fromResource(options)
  await using another = await ClientCredentialsAuth.fromResource(options)

  expect([next, another]).toHaveLength(2)
  expect(arrived()).toEqual({
    'GET /.well-known/oauth-authorization-server': 2,
    [`GET /.well-known/oauth-protected-resource${path}`]: 2,
    'POST /token': 2,
    [`GET ${path}`]: 2,
  })
})
