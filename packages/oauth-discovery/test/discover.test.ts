import { describe, expect, it } from 'vitest'
import { type DiscoveryEvent, discoverAuthorizationServer } from '../src/index.ts'
import { pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const metadataUrl = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const named = 'https://rs.example/somewhere'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const as2 = 'https://as2.example/.well-known/oauth-authorization-server'
const document = { resource, authorization_servers: ['https://as.example', 'https://as2.example'] }
const server = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }

describe('discoverAuthorizationServer', () => {
  it('follows the challenge to the metadata and the metadata to the server (CH-01, PR-01, PR-02)', async () => {
    const challenge = `Bearer resource_metadata="${named}", scope="a"`
    const web = pages({ [resource]: unauthorized(challenge), [named]: document, [as]: server })

    const result = await discoverAuthorizationServer(resource, web)

    expect(result.challenge?.parameters.scope).toBe('a')
    expect(result.resourceMetadata).toEqual(document)
    expect(result.authorizationServerMetadata).toEqual(server)
    expect(web.asked).toEqual([`GET ${resource}`, `GET ${metadataUrl}`, `GET ${named}`, `GET ${as}`])
  })

  it.each([
    ['a 401 without a challenge', unauthorized()],
    ['a 401 with a challenge of no use', unauthorized('Basic realm="x"')],
    ['a 405, as many MCP servers answer a GET', () => new Response(null, { status: 405 })],
    ['a 406', () => new Response(null, { status: 406 })],
    ['a 200', () => new Response('hello')],
  ])('looks at the well-known URL after %s (CH-08)', async (_, page) => {
    const web = pages({ [resource]: page, [metadataUrl]: document, [as]: server })

    const result = await discoverAuthorizationServer(resource, web)

    expect(result.challenge).toBeUndefined()
    expect(result.resourceMetadata).toEqual(document)
  })

  it('takes an answer that the caller already holds and asks the resource nothing', async () => {
    const response = unauthorized(`Bearer resource_metadata="${named}"`)()
    const web = pages({ [named]: document, [as]: server })

    const result = await discoverAuthorizationServer(resource, { ...web, response })

    expect(result.authorizationServerMetadata).toEqual(server)
    expect(web.asked).toEqual([`GET ${named}`, `GET ${as}`])
  })

  it('does not read the body of the probe, which may be a stream without end', async () => {
    let cancelled = false
    const endless = new ReadableStream({
      cancel() {
        cancelled = true
      },
    })
    const web = pages({ [resource]: () => new Response(endless), [metadataUrl]: document, [as]: server })

    await discoverAuthorizationServer(resource, web)

    expect(cancelled).toBe(true)
  })

  it('tells a resource without protection from one without metadata', async () => {
    const open = pages({ [resource]: () => new Response('hello') })
    await expect(discoverAuthorizationServer(resource, open)).rejects.toMatchObject({ code: 'not_protected' })

    const bare = pages({ [resource]: unauthorized() })
    await expect(discoverAuthorizationServer(resource, bare)).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
    })
  })

  it.each([[undefined], [[]], ['https://as.example'], [[1]]])(
    'refuses %j as authorization servers (PR-09)',
    async (authorization_servers) => {
      const web = pages({ [resource]: unauthorized(), [metadataUrl]: { resource, authorization_servers } })

      await expect(discoverAuthorizationServer(resource, web)).rejects.toMatchObject({
        code: 'resource_metadata_invalid',
      })
    },
  )

  it('goes on to the next server when one is down, and to none beyond an impostor (PR-10, PR-11)', async () => {
    const second = { issuer: 'https://as2.example' }
    const base = { [resource]: unauthorized(), [metadataUrl]: document, [as2]: second }

    const down = pages({ ...base, [as]: () => new Response(null, { status: 503 }) })
    await expect(discoverAuthorizationServer(resource, down)).resolves.toMatchObject({
      authorizationServerMetadata: second,
    })
    const impostor = pages({ ...base, [as]: { issuer: 'https://evil.example' } })
    await expect(discoverAuthorizationServer(resource, impostor)).rejects.toMatchObject({
      code: 'issuer_mismatch',
    })
    expect(impostor.asked).not.toContain(`GET ${as2}`)
  })

  it('takes the first server that has the wanted grant, else the first (PR-11)', async () => {
    const without = { ...server, grant_types_supported: ['authorization_code'] }
    const second = { issuer: 'https://as2.example', grant_types_supported: ['client_credentials'] }
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: without, [as2]: second })

    const wanted = await discoverAuthorizationServer(resource, { ...web, grantType: 'client_credentials' })
    const neither = await discoverAuthorizationServer(resource, { ...web, grantType: 'password' })

    expect(wanted.authorizationServerMetadata).toEqual(second)
    expect(neither.authorizationServerMetadata).toEqual(without)
  })

  it('asks a few of the servers that a resource lists, and not hundreds (PR-10)', async () => {
    const authorization_servers = Array.from({ length: 100 }, (_, index) => `https://as${index}.example`)
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: { resource, authorization_servers } })

    await expect(discoverAuthorizationServer(resource, web)).rejects.toMatchObject({
      code: 'server_metadata_not_found',
    })

    const hosts = new Set(web.asked.map((each) => new URL(each.replace('GET ', '')).host))
    expect(hosts.size).toBe(1 + 4)
  })

  it('follows a challenge that comes with 403 as one with 401, and no other', async () => {
    const answer = (status: number) => () =>
      new Response(null, { status, headers: { 'www-authenticate': `Bearer resource_metadata="${named}"` } })
    const table = { [named]: document, [metadataUrl]: document, [as]: server }

    const refused = pages({ ...table, [resource]: answer(403) })
    const open = pages({ ...table, [resource]: answer(200) })
    await discoverAuthorizationServer(resource, refused)
    await discoverAuthorizationServer(resource, open)

    expect(refused.asked).toContain(`GET ${named}`)
    expect(open.asked).not.toContain(`GET ${named}`)
  })

  it('asks the one server that the caller wants, wherever it stands in the list (PR-11, RG-15)', async () => {
    const second = { issuer: 'https://as2.example' }
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: server, [as2]: second })

    const found = await discoverAuthorizationServer(resource, {
      ...web,
      expectedIssuer: 'https://as2.example',
    })

    expect(found.authorizationServerMetadata).toEqual(second)
    expect(web.asked).not.toContain(`GET ${as}`)
  })

  it.each(['https://as3.example', 'https://as.example/'])(
    'takes none where the resource does not name %s, the one that the caller wants (RG-17)',
    async (expectedIssuer) => {
      const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: server })

      await expect(discoverAuthorizationServer(resource, { ...web, expectedIssuer })).rejects.toMatchObject({
        code: 'issuer_mismatch',
        recovery: 'terminal',
        message: expect.stringContaining(JSON.stringify(expectedIssuer)),
      })
      const expectedUrl = `${new URL(expectedIssuer).origin}/.well-known/oauth-authorization-server`
      expect(web.asked).toEqual([`GET ${resource}`, `GET ${metadataUrl}`, `GET ${expectedUrl}`])
    },
  )

  it('leaves signed_metadata alone (PR-12, AS-15)', async () => {
    const signed = (claims: object) => ({
      signed_metadata: [{ alg: 'ES256' }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .concat('c2lnbmF0dXJl')
        .join('.'),
    })
    const evil = { issuer: 'https://as.example', token_endpoint: 'https://evil.example/token' }
    const signedDocument = {
      ...document,
      ...signed({ iss: resource, resource, authorization_servers: ['https://evil.example'] }),
    }
    const signedServer = { ...server, ...signed({ iss: server.issuer, ...evil }) }
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: signedDocument, [as]: signedServer })

    const found = await discoverAuthorizationServer(resource, web)

    expect(found.resourceMetadata).toEqual(signedDocument)
    expect(found.authorizationServerMetadata).toEqual(signedServer)
    expect(web.asked).toEqual([`GET ${resource}`, `GET ${metadataUrl}`, `GET ${as}`])
  })

  it('sends no cookie and no authorization on any request (NS-06)', async () => {
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: server })

    await discoverAuthorizationServer(resource, web)

    expect(web.requests).toHaveLength(3)
    for (const request of web.requests) {
      expect(request.credentials).toBe('omit')
      expect([...request.headers.keys()]).toEqual(['accept'])
    }
  })

  it('tells each exchange and each decision, in order, as one flow', async () => {
    const events: DiscoveryEvent[] = []
    const web = pages({ [resource]: unauthorized('Bearer scope=a'), [metadataUrl]: document, [as]: server })

    await discoverAuthorizationServer(resource, { ...web, onEvent: (event) => events.push(event) })

    expect(events.map(({ type }) => type)).toEqual([
      'exchange',
      'exchange',
      'challenge',
      'candidate',
      'exchange',
      'candidate',
    ])
    expect(events[1]).toMatchObject({
      purpose: 'resource metadata',
      method: 'GET',
      url: metadataUrl,
      status: 200,
    })
    expect(new Set(events.map(({ flow }) => flow)).size).toBe(1)
  })

  it.each(['urn:x', 'http://old.example', 'https://u:p@as.example', 'https://10.0.0.1', ''])(
    'goes on to the next server where %j is no address of one (PR-11)',
    async (unusable) => {
      const page = { resource, authorization_servers: [unusable, 'https://as.example'] }
      const web = pages({ [resource]: unauthorized(), [metadataUrl]: page, [as]: server })

      await expect(discoverAuthorizationServer(resource, web)).resolves.toMatchObject({
        authorizationServerMetadata: server,
      })
    },
  )

  it('is not disturbed by a handler that rejects', async () => {
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: server })
    // A rejection that nobody handles ends the run of the tests.
    const onEvent = (): unknown => Promise.reject(new Error('the log is down'))

    await expect(discoverAuthorizationServer(resource, { ...web, onEvent })).resolves.toBeDefined()
  })

  it('tells a hostile list and issuer in a few printable words (NS-09)', async () => {
    const hostile = `https://as.example/\u009b31m\u202e${'x'.repeat(100_000)}`
    const page = { resource, authorization_servers: [hostile] }
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: page })

    const error: unknown = await discoverAuthorizationServer(resource, web).catch((caught: unknown) => caught)

    const { message } = error as Error
    expect(message).not.toMatch(/[^\x20-\x7e\ufffd…]/)
    expect(message.length).toBeLessThan(2_000)
  })

  it('is not disturbed by a handler that throws', async () => {
    const web = pages({ [resource]: unauthorized(), [metadataUrl]: document, [as]: server })
    const onEvent = () => {
      throw new Error('mine')
    }
    await expect(discoverAuthorizationServer(resource, { ...web, onEvent })).resolves.toBeDefined()
  })
})
