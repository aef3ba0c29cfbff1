import { authorizedFetch, ClientCredentialsAuth, type Fetch, isOAuthError } from '@x/oauth-grants'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import axios from 'axios'
import ky from 'ky'
import { Request as OwnRequest, fetch as ownFetch } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

// The programs of RECIPES.md are run beside the READMEs. Here is what that page says of refusals.

let testbed: Testbed
let auth: ClientCredentialsAuth
beforeAll(async () => {
  testbed = await startTestbed()
})
beforeEach(() => {
  const { issuer, tokenEndpoint } = testbed.authorizationServer
  auth = new ClientCredentialsAuth({
    serverMetadata: { issuer, token_endpoint: tokenEndpoint },
    ...testClients.worker,
    resource: testbed.api.url,
    scope: 'api:read',
  })
  testbed.api.journal.clear()
  testbed.api.faults.heal()
})
afterEach(() => auth.close())
afterAll(() => testbed.close())

type Post = (path: string, json: object) => Promise<unknown>

describe.each<[string, () => Post, string]>([
  [
    'ky',
    () => {
      const api = ky.create({ baseUrl: `${testbed.api.url}/`, fetch: auth.fetch })
      return (path, json) => api.post(path, { json }).json()
    },
    'HTTPError',
  ],
  [
    'axios',
    () => {
      const api = axios.create({ baseURL: testbed.api.url, adapter: 'fetch', env: { fetch: auth.fetch } })
      return async (path, json) => (await api.post(path, json)).data
    },
    'AxiosError',
  ],
])('with %s', (_, makePost, refused) => {
  it('a refused token is replaced, and the body arrives again', async () => {
    testbed.api.refuse((await auth.getToken()).accessToken)

    await expect(makePost()('echo', { tea: 2 })).resolves.toEqual({ tea: 2 })

    expect(testbed.api.journal.arrivals.map(({ status, body }) => [status, body])).toEqual([
      [401, '{"tea":2}'],
      [200, '{"tea":2}'],
    ])
  })

  it('what is refused twice is the error of the client, and is not sent a third time', async () => {
    testbed.api.faults.add({ kind: 'status', status: 401 })

    await expect(makePost()('echo', {})).rejects.toMatchObject({ name: refused, response: { status: 401 } })

    expect(testbed.api.journal.arrivals.length).toBeLessThanOrEqual(2)
  })

  it('an error of ours comes through, or is the cause, and nothing is sent', async () => {
    await auth.close()

    const error = await makePost()('echo', {}).catch((caught: Error) => caught)

    expect([error, (error as Error).cause].some((each) => isOAuthError(each, 'closed'))).toBe(true)
    expect(testbed.api.journal.arrivals).toEqual([])
  })
})

it('with undici, its own Request goes through its own fetch, and again after a refusal', async () => {
  testbed.api.refuse((await auth.getToken()).accessToken)
  // The same interface by other classes: undici is not the one that is inside Node.
  const fetch = ownFetch as unknown as Fetch
  const headers = { 'x-mine': '1' }
  const request = new OwnRequest(`${testbed.api.url}/echo`, { method: 'POST', body: '{"tea":2}', headers })

  const send = authorizedFetch(auth, { origins: auth.origins, fetch })
  const response = await send(request as unknown as Request)

  await expect(response.json()).resolves.toEqual({ tea: 2 })
  expect(
    testbed.api.journal.arrivals.map((each) => [each.status, each.body, each.headers['x-mine']]),
  ).toEqual([
    [401, '{"tea":2}', '1'],
    [200, '{"tea":2}', '1'],
  ])
})
