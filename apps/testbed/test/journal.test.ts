import { expect, it } from 'vitest'
import { startTestbed, testClients } from '../src/index.ts'
import { basic, clientCredentials } from './requests.ts'

it('starts empty, though the resource servers have fetched the keys', async () => {
  await using testbed = await startTestbed()

  expect(testbed.authorizationServer.journal.arrivals).toEqual([])
})

it('shows each request as it came, and what was answered', async () => {
  await using testbed = await startTestbed()
  const { tokenEndpoint, journal } = testbed.authorizationServer
  const start = Date.now()

  await clientCredentials(tokenEndpoint, testbed.mcp.url, 'mcp:tools')

  const [arrival] = journal.arrivals
  expect(arrival).toMatchObject({
    method: 'POST',
    path: '/token',
    headers: { authorization: basic(testClients.worker) },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: testbed.mcp.url,
      scope: 'mcp:tools',
    }).toString(),
    status: 200,
  })
  expect(arrival?.at).toBeGreaterThanOrEqual(start)
})

it('counts by method, path, status, and all of them', async () => {
  await using testbed = await startTestbed()
  const { origin, journal } = testbed.api

  await fetch(`${origin}/api/orders?page=2`)
  await fetch(`${origin}/api/echo`, { method: 'POST', body: 'hello' })
  await fetch(`${origin}/nothing`)

  expect(journal.count({})).toBe(3)
  expect(journal.count({ method: 'POST' })).toBe(1)
  expect(journal.count({ path: '/api/orders' })).toBe(1)
  expect(journal.count({ path: /page=2$/g })).toBe(1)
  expect(journal.count({ status: 401 })).toBe(2)
  expect(journal.count({ path: '/api/echo', status: 404 })).toBe(0)

  journal.clear()
  expect(journal.count({})).toBe(0)
})
