import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ClientCredentialsAuth } from '../src/index.ts'

/** The server that the client is registered at, with a resource; and one that somebody else runs. */
let testbed: Testbed
let other: Testbed
beforeAll(async () => {
  ;[testbed, other] = await Promise.all([startTestbed(), startTestbed()])
})
afterAll(() => Promise.all([testbed.close(), other.close()]))
beforeEach(() => {
  for (const { authorizationServer } of [testbed, other]) authorizationServer.journal.clear()
})

const credentials = testClients.worker

describe('credentials that are for one issuer', () => {
  it('go to it, where the resource names it (RG-15)', async () => {
    const { issuer } = testbed.authorizationServer

    const auth = await ClientCredentialsAuth.fromResource({
      resourceUrl: testbed.mcp.url,
      expectedIssuer: issuer,
      ...credentials,
    })

    await expect(auth.getToken()).resolves.toMatchObject({ issuer })
  })

  it('go nowhere, where the resource names another: that one is not even asked (RG-15, RG-17)', async () => {
    const { issuer } = testbed.authorizationServer

    const attempt = ClientCredentialsAuth.fromResource({
      resourceUrl: other.mcp.url,
      expectedIssuer: issuer,
      ...credentials,
    })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
    expect(other.authorizationServer.journal.arrivals).toEqual([])
    expect(testbed.authorizationServer.journal.count({ path: /^(?!\/\.well-known)/ })).toBe(0)
  })
})

it('takes a server that the resource names with a slash more, if the caller tolerates that, and knows it as it calls itself', async () => {
  const { issuer } = testbed.authorizationServer
  const resource = testbed.mcp.url
  const published = Response.json({ resource, authorization_servers: [`${issuer}/`] })
  const options = {
    resourceUrl: resource,
    ...credentials,
    fetch: async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input, init)
      return request.url.includes('oauth-protected-resource') ? published.clone() : fetch(request)
    },
  }

  const refused = await ClientCredentialsAuth.fromResource(options).catch((error: unknown) => error)
  const auth = await ClientCredentialsAuth.fromResource({ ...options, tolerateIssuerSlash: true })

  expect(refused).toMatchObject({ code: 'issuer_mismatch' })
  await expect(auth.getToken()).resolves.toMatchObject({ issuer })
})

it('says which option is missing where the resource is', async () => {
  const attempt = ClientCredentialsAuth.fromResource({ resourceUrl: '', ...credentials })

  await expect(attempt).rejects.toMatchObject({
    code: 'invalid_resource',
    message: expect.stringContaining('resourceUrl'),
  })
})

it('does not ask to stay logged in because a resource says so (SC-08)', async () => {
  const scope = ['offline_access', 'mcp:tools'].join(' ')
  testbed.mcp.faults.add(
    { kind: 'status', status: 401, headers: { 'www-authenticate': `Bearer scope="${scope}"` } },
    { method: 'GET', path: '/mcp', times: 1 },
  )

  const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: testbed.mcp.url, ...credentials })
  await auth.getToken()

  const asked = testbed.authorizationServer.journal.arrivals.find(({ path }) => path === '/token')
  expect(new URLSearchParams(asked?.body).get('scope')).toBe('mcp:tools')
})
