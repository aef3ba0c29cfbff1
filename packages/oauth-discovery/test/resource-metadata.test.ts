import { describe, expect, it } from 'vitest'
import { memoryCache } from '../src/cache.ts'
import {
  discoverAuthorizationServer,
  fetchResourceMetadata,
  primaryAuthorizationServer,
} from '../src/index.ts'
import { pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const inserted = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const root = 'https://rs.example/.well-known/oauth-protected-resource'
const authorization_servers = ['https://as.example']

describe('fetchResourceMetadata', () => {
  it('reads a minimal document and keeps unknown members (PR-01, PR-13, RFC 9728 §3.2)', async () => {
    const web = pages({ [inserted]: { resource, x_future: { a: 1 } } })

    const metadata = await fetchResourceMetadata(resource, web)

    expect(metadata).toEqual({ resource, x_future: { a: 1 } })
    expect(primaryAuthorizationServer(metadata)).toBeUndefined()
    expect(web.asked).toEqual([`GET ${inserted}`])
  })

  it('reads a full document', async () => {
    const document = {
      resource,
      authorization_servers: ['https://as.example', 'https://as2.example'],
      scopes_supported: ['a', 'b'],
      bearer_methods_supported: ['header'],
      dpop_bound_access_tokens_required: false,
      dpop_signing_alg_values_supported: ['ES256'],
      resource_name: 'Orders',
      resource_documentation: 'https://rs.example/docs',
    }
    const metadata = await fetchResourceMetadata(resource, pages({ [inserted]: document }))

    expect(metadata).toEqual(document)
    expect(primaryAuthorizationServer(metadata)).toBe('https://as.example')
  })

  it('asks the URL of the challenge, then with the path, then the root (PR-02)', async () => {
    const web = pages({ [root]: { resource: 'https://rs.example', authorization_servers } })

    const metadata = await fetchResourceMetadata(resource, {
      ...web,
      metadataUrl: 'https://rs.example/elsewhere',
    })

    expect(metadata.resource).toBe('https://rs.example')
    expect(web.asked).toEqual([`GET https://rs.example/elsewhere`, `GET ${inserted}`, `GET ${root}`])
  })

  it('asks no root document when the one with the path is there (PR-02)', async () => {
    const web = pages({ [inserted]: { resource }, [root]: { resource: 'https://rs.example' } })

    await fetchResourceMetadata(resource, web)

    expect(web.asked).toEqual([`GET ${inserted}`])
  })

  it.each([
    '/relative',
    'not a url',
    'http://rs.example/meta',
    'https:\\\\rs.example\\meta',
    ' https://rs.example/meta',
    'https://rs.exa\tmple/meta',
  ])('ignores %j as the URL of a challenge and looks at the well-known one (PR-02)', async (metadataUrl) => {
    const web = pages({ [inserted]: { resource } })

    await fetchResourceMetadata(resource, { ...web, metadataUrl })

    expect(web.asked).toEqual([`GET ${inserted}`])
  })

  it.each([
    ['another host', 'https://bank.example/mcp'],
    ['another path', 'https://rs.example/other'],
    ['a slash more', 'https://rs.example/mcp/'],
    ['a longer path', 'https://rs.example/mcp/x'],
    ['the bare origin', 'https://rs.example'],
    ['another spelling', 'https://rs.example/%6dcp'],
    ['a port spelled out', 'https://rs.example:443/mcp'],
  ])(
    'refuses a document about %s and asks no further (PR-05, PR-08, PR-16, RFC 9728 §3.3)',
    async (_, other) => {
      const web = pages({ [inserted]: { resource: other, authorization_servers }, [root]: { resource } })

      const attempt = fetchResourceMetadata(resource, web)

      await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'resource_mismatch' })
      expect(web.asked).toEqual([`GET ${inserted}`])
    },
  )

  it('accepts the spelling of the caller and the one on the wire (PR-06)', async () => {
    const typed = 'https://RS.example/mcp'
    for (const published of [typed, resource]) {
      const metadata = await fetchResourceMetadata(typed, pages({ [inserted]: { resource: published } }))
      expect(metadata.resource).toBe(published)
    }
  })

  it('takes the empty path and / for the same at the root only (PR-05)', async () => {
    for (const published of ['https://rs.example', 'https://rs.example/']) {
      const metadata = await fetchResourceMetadata(
        'https://rs.example/',
        pages({ [root]: { resource: published } }),
      )
      expect(metadata.resource).toBe(published)
    }
  })

  it('accepts an ancestor only from the well-known URL of that ancestor (PR-07)', async () => {
    const deep = 'https://rs.example/tenant/mcp'
    const ancestor = { resource: 'https://rs.example/tenant', authorization_servers }
    const own = 'https://rs.example/.well-known/oauth-protected-resource/tenant'
    const elsewhere = 'https://rs.example/meta'

    await expect(
      fetchResourceMetadata(deep, { ...pages({ [own]: ancestor }), metadataUrl: own }),
    ).resolves.toEqual(ancestor)
    await expect(
      fetchResourceMetadata(deep, { ...pages({ [elsewhere]: ancestor }), metadataUrl: elsewhere }),
    ).rejects.toMatchObject({ code: 'resource_mismatch' })
    const foreign = 'https://evil.example/.well-known/oauth-protected-resource'
    await expect(
      fetchResourceMetadata(deep, {
        ...pages({ [foreign]: { resource: 'https://evil.example', authorization_servers } }),
        metadataUrl: foreign,
      }),
    ).rejects.toMatchObject({ code: 'resource_mismatch' })
    const queried = `${own}?a=b`
    await expect(
      fetchResourceMetadata(deep, {
        ...pages({ [queried]: { ...ancestor, resource: `${ancestor.resource}?a=b` } }),
        metadataUrl: queried,
      }),
    ).rejects.toMatchObject({ code: 'resource_mismatch' })
    await expect(
      fetchResourceMetadata('https://rs.example/tenant2/mcp', {
        ...pages({ [own]: ancestor }),
        metadataUrl: own,
      }),
    ).rejects.toMatchObject({ code: 'resource_mismatch' })
  })

  it.each(['https://u:p@rs.example/mcp', 'https://rs.example/mcp x', 'urn:x', ''])(
    'takes a document about %j for one about something else (PR-05)',
    async (other) => {
      const web = pages({ [inserted]: { resource: other, authorization_servers } })

      await expect(fetchResourceMetadata(resource, web)).rejects.toMatchObject({ code: 'resource_mismatch' })
    },
  )

  it.each([
    ['a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['no JSON', () => new Response('{"resource":', { headers: { 'content-type': 'application/json' } })],
    ['an array', () => Response.json([{ resource }])],
    ['another status', () => Response.json({ resource }, { status: 203 })],
    ['a document without resource', () => Response.json({ authorization_servers })],
    ['a resource that is no string', () => Response.json({ resource: [resource] })],
  ])('goes on after %s (PR-04, RFC 9728 §3.2)', async (_, page) => {
    const web = pages({ [inserted]: page, [root]: { resource: 'https://rs.example' } })

    await expect(fetchResourceMetadata(resource, web)).resolves.toEqual({ resource: 'https://rs.example' })
  })

  it('tolerates one byte order mark (RFC 8259 §8.1) and refuses bytes that are no UTF-8', async () => {
    const json = (bytes: Uint8Array<ArrayBuffer>) => () =>
      new Response(bytes, { headers: { 'content-type': 'application/json; charset=utf-8' } })
    const text = new TextEncoder().encode(JSON.stringify({ resource }))

    const marked = pages({ [inserted]: json(new Uint8Array([0xef, 0xbb, 0xbf, ...text])) })
    await expect(fetchResourceMetadata(resource, marked)).resolves.toEqual({ resource })
    const broken = pages({
      [inserted]: json(new Uint8Array([...text.slice(0, -2), 0xff, ...text.slice(-2)])),
    })
    await expect(fetchResourceMetadata(resource, broken)).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
    })
  })

  it('takes a server that is down for down, not for unprotected, and asks no wider document (AS-08)', async () => {
    const web = pages({ [inserted]: () => new Response(null, { status: 503 }), [root]: { resource } })

    const attempt = fetchResourceMetadata(resource, web)

    await expect(attempt).rejects.toMatchObject({ code: 'unavailable', recovery: 'transient' })
    expect(web.asked).toEqual([`GET ${inserted}`])
  })

  it('names every document it asked for when there is none', async () => {
    const attempt = fetchResourceMetadata(resource, pages({}))

    await expect(attempt).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
      recovery: 'terminal',
      message: expect.stringContaining(`${inserted} (404), ${root} (404)`),
      attempts: [
        { url: inserted, outcome: 'absent', status: 404 },
        { url: root, outcome: 'absent', status: 404 },
      ],
    })
  })

  it.each([
    ' https://rs.example',
    'https://rs.example\\\\',
    'https://rs.ex\tample',
    'https://u:p@rs.example',
  ])(
    'takes %j, which parsers repair, for another resource, and forgets it (PR-05, PR-08, PR-18)',
    async (spelling) => {
      const web = pages({ [root]: { resource: spelling, authorization_servers } })
      const cache = memoryCache()
      const attempt = () => fetchResourceMetadata(resource, { ...web, cache })

      await expect(attempt()).rejects.toMatchObject({
        code: 'resource_mismatch',
        attempts: [{ url: inserted }, { url: root, code: 'resource_mismatch' }],
      })
      await expect(attempt()).rejects.toMatchObject({ code: 'resource_mismatch' })
      expect(web.asked.filter((each) => each === `GET ${root}`)).toHaveLength(2)
    },
  )

  it('drops members of the wrong type and keeps prototypes clean (PR-13)', async () => {
    const page = () =>
      new Response(`{"resource":"${resource}","scopes_supported":"a","__proto__":{"x":1},"constructor":1}`, {
        headers: { 'content-type': 'application/json' },
      })

    const metadata = await fetchResourceMetadata(resource, pages({ [inserted]: page }))

    expect(metadata.scopes_supported).toBeUndefined()
    expect(metadata['x']).toBeUndefined()
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype)
    expect(Object.keys(metadata)).toEqual(['resource', 'constructor'])
  })
  it('reads again what was dropped from a cache, as a later refusal asks for (CH-10, PR-18, RFC 9728 §5.2)', async () => {
    const moved = { resource, authorization_servers: ['https://as2.example'] }
    const table = {
      [inserted]: { resource, authorization_servers },
      'https://as.example/.well-known/oauth-authorization-server': { issuer: 'https://as.example' },
      'https://as2.example/.well-known/oauth-authorization-server': { issuer: 'https://as2.example' },
    }
    const [web, cache] = [pages(table), memoryCache()]
    const options = () => ({ ...web, cache, response: unauthorized()() })
    const issuerNow = async () =>
      (await discoverAuthorizationServer(resource, options())).authorizationServerMetadata.issuer

    const first = await issuerNow()
    table[inserted] = moved
    const kept = await issuerNow()
    cache.drop(resource)
    const later = await issuerNow()

    expect([first, kept, later]).toEqual(['https://as.example', 'https://as.example', 'https://as2.example'])
    expect(web.asked.filter((each) => each === `GET ${inserted}`)).toHaveLength(2)
  })

  it('keeps no document in a cache that turns out to be about another resource (PR-18)', async () => {
    const table = { [inserted]: { resource: 'https://bank.example', authorization_servers } }
    const [web, cache] = [pages(table), memoryCache()]
    await expect(fetchResourceMetadata(resource, { ...web, cache })).rejects.toMatchObject({
      code: 'resource_mismatch',
    })

    table[inserted] = { resource, authorization_servers }
    const metadata = await fetchResourceMetadata(resource, { ...web, cache })

    expect(metadata).toEqual({ resource, authorization_servers })
    expect(web.asked).toEqual([`GET ${inserted}`, `GET ${inserted}`])
  })
})
