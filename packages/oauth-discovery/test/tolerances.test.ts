import { describe, expect, it } from 'vitest'
import {
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  fetchResourceMetadata,
} from '../src/index.ts'
import { pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const inserted = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const root = 'https://rs.example/.well-known/oauth-protected-resource'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const openid = 'https://as.example/.well-known/openid-configuration'
const token_endpoint = 'https://as.example/token'

const [bare, slashed] = ['https://as.example', 'https://as.example/'] as const
const bothWays = [
  [bare, slashed],
  [slashed, bare],
] as const

describe('tolerateIssuerSlash', () => {
  it.each(bothWays)(
    'takes the issuer %s for %s, in its own spelling (AS-05, AS-17)',
    async (wanted, published) => {
      const web = pages({ [as]: { issuer: published, token_endpoint } })

      const metadata = await fetchAuthorizationServerMetadata(wanted, { ...web, tolerateIssuerSlash: true })

      expect(metadata).toEqual({ issuer: published, token_endpoint })
    },
  )

  it.each(bothWays)(
    'holds for the server that a resource names %s and that is %s (AS-05, AS-17)',
    async (named, published) => {
      const document = { resource, authorization_servers: [named] }
      const web = pages({ [resource]: unauthorized(), [inserted]: document, [as]: { issuer: published } })

      const found = await discoverAuthorizationServer(resource, { ...web, tolerateIssuerSlash: true })

      expect(found.authorizationServerMetadata.issuer).toBe(published)
      expect(found.resourceMetadata.authorization_servers).toEqual([named])
    },
  )

  it.each(bothWays)('is off by default: %s is not %s (AS-05, RFC 8414 §3.3)', async (wanted, published) => {
    for (const tolerateIssuerSlash of [undefined, false]) {
      const web = pages({ [as]: { issuer: published }, [openid]: { issuer: wanted } })

      const attempt = fetchAuthorizationServerMetadata(wanted, { ...web, tolerateIssuerSlash })

      await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch' })
      expect(web.asked).toEqual([`GET ${as}`])
    }
  })

  it.each([
    [bare, 'https://as.example//'],
    [slashed, 'https://as.example//'],
    [bare, 'https://AS.example/'],
    [bare, 'HTTPS://as.example/'],
    [bare, 'https://as.example:443/'],
    [bare, 'https://as.example:8443/'],
    [bare, 'http://as.example/'],
    [bare, 'https://as.example./'],
    [bare, 'https://as.example/?'],
    [bare, 'https://as.example?'],
    [bare, 'https://as.example/#'],
    [bare, 'https://u@as.example/'],
    [bare, 'https://as.example/.'],
    [bare, 'https://as.example\\'],
    [bare, ' https://as.example/'],
    [bare, 'https://as.example/ '],
    [bare, 'https://as.example/tenant1'],
    [bare, 'https://other.example/'],
  ])('forgives no more than that: %s is not %j (AS-05, AS-06, PR-16)', async (wanted, published) => {
    const web = pages({ [as]: { issuer: published }, [openid]: { issuer: wanted } })

    const attempt = fetchAuthorizationServerMetadata(wanted, { ...web, tolerateIssuerSlash: true })

    await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch' })
    expect(web.asked).toEqual([`GET ${as}`])
  })

  it.each([
    ['https://as.example/tenant1', 'https://as.example/tenant1/'],
    ['https://as.example/tenant1/', 'https://as.example/tenant1'],
    ['https://as.example/tenant1', 'https://as.example/Tenant1'],
  ])('forgives nothing in a path: %s is not %s (AS-03, AS-05)', async (wanted, published) => {
    const web = pages({ [`${as}/tenant1`]: { issuer: published } })

    const attempt = fetchAuthorizationServerMetadata(wanted, { ...web, tolerateIssuerSlash: true })

    await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch' })
  })

  it('forgives nothing in the name of a resource (PR-05)', async () => {
    const web = pages({ [inserted]: { resource: `${resource}/` } })

    const attempt = fetchResourceMetadata(resource, { ...web, tolerateIssuerSlash: true })

    await expect(attempt).rejects.toMatchObject({ code: 'resource_mismatch' })
  })
})

describe('allowAncestor: false', () => {
  const deep = 'https://rs.example/tenant/mcp'
  const own = 'https://rs.example/.well-known/oauth-protected-resource/tenant/mcp'
  const ancestors = 'https://rs.example/.well-known/oauth-protected-resource/tenant'

  it('asks for no document at the root (PR-02)', async () => {
    const web = pages({ [root]: { resource: 'https://rs.example' } })

    const attempt = fetchResourceMetadata(deep, { ...web, allowAncestor: false })

    await expect(attempt).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
      attempts: [{ url: own, outcome: 'absent', status: 404 }],
    })
    expect(web.asked).toEqual([`GET ${own}`])
  })

  it.each([
    ['the root', root, 'https://rs.example'],
    ['an ancestor', ancestors, 'https://rs.example/tenant'],
  ])(
    'refuses the document of %s that a challenge points at (PR-07, PR-08)',
    async (_, metadataUrl, published) => {
      const web = pages({ [metadataUrl]: { resource: published }, [own]: { resource: deep } })

      const attempt = fetchResourceMetadata(deep, { ...web, metadataUrl, allowAncestor: false })

      await expect(attempt).rejects.toMatchObject({ code: 'resource_mismatch' })
      expect(web.asked).toEqual([`GET ${metadataUrl}`])
      await expect(fetchResourceMetadata(deep, { ...web, metadataUrl })).resolves.toEqual({
        resource: published,
      })
    },
  )

  it.each([own, root, 'https://elsewhere.example/meta'])(
    'takes the one about the resource itself, wherever a challenge points: %s (PR-06)',
    async (metadataUrl) => {
      const web = pages({ [metadataUrl]: { resource: deep } })

      const metadata = await fetchResourceMetadata(deep, { ...web, metadataUrl, allowAncestor: false })

      expect(metadata).toEqual({ resource: deep })
    },
  )

  it('takes the document of a resource that is a whole origin (PR-05)', async () => {
    const web = pages({ [root]: { resource: 'https://rs.example' } })

    const metadata = await fetchResourceMetadata('https://rs.example/', { ...web, allowAncestor: false })

    expect(metadata).toEqual({ resource: 'https://rs.example' })
  })

  it('holds for the whole walk (PR-02, PR-07)', async () => {
    const ancestor = { resource: 'https://rs.example', authorization_servers: [bare] }
    const web = pages({ [resource]: unauthorized(), [root]: ancestor, [as]: { issuer: bare } })

    const attempt = discoverAuthorizationServer(resource, { ...web, allowAncestor: false })

    await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_not_found' })
    expect(web.asked).toEqual([`GET ${resource}`, `GET ${inserted}`])
  })
})

describe('expectedIssuer', () => {
  const others = ['https://as1.example', 'https://as2.example']

  it('is taken where the resource names it, and its document names it (PR-11, RG-15)', async () => {
    const document = { resource, authorization_servers: [...others, bare] }
    const server = { issuer: bare, token_endpoint }
    const web = pages({ [resource]: unauthorized(), [inserted]: document, [as]: server })

    const found = await discoverAuthorizationServer(resource, { ...web, expectedIssuer: bare })

    expect(found.authorizationServerMetadata).toEqual(server)
    expect(web.asked).toEqual([resource, inserted, as].map((url) => `GET ${url}`))
  })

  it.each([
    [bare, slashed],
    [slashed, bare],
  ])('may be %s where the resource names %s, if the slash is tolerated', async (expectedIssuer, named) => {
    const web = pages({
      [resource]: unauthorized(),
      [inserted]: { resource, authorization_servers: [named] },
      [as]: { issuer: bare, token_endpoint },
    })
    const options = { ...web, expectedIssuer, tolerateIssuerSlash: true }

    const found = await discoverAuthorizationServer(resource, options)

    expect(found.authorizationServerMetadata.issuer).toBe(bare)
  })

  it.each([[others], [[slashed]], [['https://AS.example']], [['https://as.example:443', ...others]]])(
    'is not taken where the resource names %j, and neither are those (PR-11, RG-17)',
    async (authorization_servers) => {
      const web = pages({
        [resource]: unauthorized(),
        [inserted]: { resource, authorization_servers },
        [as]: { issuer: bare, token_endpoint },
      })

      const attempt = discoverAuthorizationServer(resource, { ...web, expectedIssuer: bare })

      await expect(attempt).rejects.toMatchObject({
        code: 'issuer_mismatch',
        recovery: 'terminal',
        attempts: [{ url: inserted, outcome: 'used', status: 200 }],
      })
      expect(web.asked).toEqual([resource, inserted, as].map((url) => `GET ${url}`))
    },
  )

  it('is not taken where the resource names no server at all (PR-09)', async () => {
    const web = pages({ [resource]: unauthorized(), [inserted]: { resource }, [as]: { issuer: bare } })

    const attempt = discoverAuthorizationServer(resource, { ...web, expectedIssuer: bare })

    await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_invalid' })
  })

  it('is found where it has an OpenID document alone (AS-01, AS-02)', async () => {
    const server = { issuer: bare, token_endpoint }
    const document = { resource, authorization_servers: [bare] }
    const web = pages({ [resource]: unauthorized(), [inserted]: document, [openid]: server })

    const found = await discoverAuthorizationServer(resource, { ...web, expectedIssuer: bare })

    expect(found.authorizationServerMetadata).toEqual(server)
    expect(web.asked).toEqual([resource, inserted, as, openid].map((url) => `GET ${url}`))
  })

  it.each([
    ['is down', () => new Response(null, { status: 503 }), 'unavailable'],
    ['is another by its document', { issuer: 'https://evil.example' }, 'issuer_mismatch'],
    ['publishes nothing', () => new Response(null, { status: 404 }), 'server_metadata_not_found'],
  ])('gives way to no other where it %s (PR-11, RG-15)', async (_, page, code) => {
    const document = { resource, authorization_servers: [...others, bare] }
    const web = pages({ [resource]: unauthorized(), [inserted]: document, [as]: page })

    const attempt = discoverAuthorizationServer(resource, { ...web, expectedIssuer: bare })

    await expect(attempt).rejects.toMatchObject({ code })
    expect(web.asked.filter((each) => /as[12]\.example/.test(each))).toEqual([])
  })

  it.each(['nonsense', 'https://as.example?x=1', 'https://u:p@as.example'])(
    'is refused before anything is asked where it cannot be one: %s (AS-07)',
    async (expectedIssuer) => {
      const web = pages({})

      const attempt = discoverAuthorizationServer(resource, { ...web, expectedIssuer })

      await expect(attempt).rejects.toMatchObject({ code: 'invalid_url' })
      expect(web.asked).toEqual([])
    },
  )
})
