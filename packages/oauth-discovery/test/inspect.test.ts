import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Attempt,
  type AuthorizationServerMetadata,
  type Challenge,
  discoverAuthorizationServer,
  type Inspection,
  inspectResource,
  originAsServer,
  type ResourceMetadata,
} from '../src/index.ts'
import { type Page, pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const inserted = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const root = 'https://rs.example/.well-known/oauth-protected-resource'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const openid = 'https://as.example/.well-known/openid-configuration'
const document = { resource, authorization_servers: ['https://as.example'] }
const server = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }

const absent = (url: string): Attempt => ({ url, outcome: 'absent', status: 404 })
const used = (url: string): Attempt => ({ url, outcome: 'used', status: 200 })
/** The resource itself, where it is down. */
const outage = (code: number): Attempt[] =>
  code < 500 ? [] : [{ url: resource, outcome: 'refused', status: code, code: 'unavailable' }]
const status = (code: number) => () => new Response(null, { status: code })

describe('inspectResource tells', () => {
  it('a protected resource, with what was found and where (CH-01, PR-01, RFC 9728 §5)', async () => {
    const named = 'https://rs.example/meta'
    const challenge = `Bearer resource_metadata="${named}", scope="a"`
    const web = pages({
      [resource]: unauthorized(challenge),
      [named]: status(404),
      [root]: { ...document, resource: 'https://rs.example' },
      [as]: server,
    })

    const found = await inspectResource(resource, web)

    expect(found).toEqual({
      kind: 'protected',
      challenge: { scheme: 'bearer', parameters: { resource_metadata: named, scope: 'a' } },
      resourceMetadata: { resource: 'https://rs.example', authorization_servers: ['https://as.example'] },
      authorizationServerMetadata: server,
      attempts: [absent(named), absent(inserted), used(root), used(as)],
    })
  })

  it.each([200, 204, 400, 401, 403, 404, 405, 406, 500, 503])(
    'a resource that publishes metadata for protected, whatever it answers itself: %d (CH-08)',
    async (answer) => {
      const web = pages({ [resource]: status(answer), [inserted]: document, [as]: server })

      const found = await inspectResource(resource, web)

      expect(found).toEqual({
        kind: 'protected',
        challenge: undefined,
        resourceMetadata: document,
        authorizationServerMetadata: server,
        attempts: [...outage(answer), used(inserted), used(as)],
      })
    },
  )

  it.each([200, 202, 204])('an open resource by the answer %d and nothing published', async (answer) => {
    const web = pages({ [resource]: status(answer) })

    const found = await inspectResource(resource, web)

    expect(found).toEqual({ kind: 'open', attempts: [absent(inserted), absent(root)] })
    expect(web.asked).toEqual([`GET ${resource}`, `GET ${inserted}`, `GET ${root}`])
  })

  it('an open resource that has one page for all its places (PR-04)', async () => {
    const page = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })
    const web = pages({ [resource]: page, [inserted]: page, [root]: page })

    const found = await inspectResource(resource, web)

    expect(found).toEqual({
      kind: 'open',
      attempts: [
        { url: inserted, outcome: 'absent', status: 200 },
        { url: root, outcome: 'absent', status: 200 },
      ],
    })
  })

  it('a resource by the rule of the caller, where there is nothing else', async () => {
    const challenge = { scheme: 'bearer', parameters: { scope: 'a' } }
    const web = pages({ [resource]: unauthorized('Bearer scope=a') })

    const found = await inspectResource(resource, { ...web, legacy: async () => server })

    expect(found).toEqual({
      kind: 'legacy',
      challenge,
      authorizationServerMetadata: server,
      attempts: [absent(inserted), absent(root)],
    })
  })

  it('what it is from an answer that the caller already holds', async () => {
    const web = pages({})

    const found = await inspectResource(resource, { ...web, response: new Response('hello') })

    expect(found).toEqual({ kind: 'open', attempts: [absent(inserted), absent(root)] })
    expect(web.asked).toEqual([`GET ${inserted}`, `GET ${root}`])
  })

  it('no query of a URL in its attempts (NS-09)', async () => {
    const found = await inspectResource(`${resource}?key=hunter2`, pages({ [`${resource}?key=hunter2`]: {} }))

    expect(found).toEqual({ kind: 'open', attempts: [absent(`${inserted}?…`), absent(root)] })
  })
})

describe('inspectResource fails', () => {
  it.each([
    ['a 401 and no rule for what is older', 401, undefined],
    ['a 403', 403, originAsServer],
    ['a 404', 404, originAsServer],
    ['a 405, as many MCP servers answer a GET', 405, originAsServer],
    ['a 500', 500, originAsServer],
    ['a 503', 503, originAsServer],
  ])('after %s, with nothing published', async (_, answer, legacy) => {
    const web = pages({ [resource]: status(answer) })

    const attempt = inspectResource(resource, { ...web, legacy })

    await expect(attempt).rejects.toMatchObject({
      name: 'DiscoveryError',
      code: answer >= 500 ? 'unavailable' : 'resource_metadata_not_found',
      recovery: answer >= 500 ? 'transient' : 'terminal',
      attempts: [...outage(answer), absent(inserted), absent(root)],
    })
    expect(web.asked).toEqual([`GET ${resource}`, `GET ${inserted}`, `GET ${root}`])
  })

  it.each<[string, Record<string, Page>, readonly string[]]>([
    ['the first place', { [inserted]: status(503) }, [inserted]],
    ['the place at the root', { [root]: status(503) }, [inserted, root]],
    ['both places of the server', { [inserted]: document, [as]: status(503), [openid]: status(503) }, []],
    ['one place of the server', { [inserted]: document, [as]: status(503) }, []],
  ])('where %s answers 503, however open the resource is (AS-08)', async (_, table, asked) => {
    const web = pages({ [resource]: () => new Response('hello'), ...table })

    const attempt = inspectResource(resource, { ...web, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ code: 'unavailable', recovery: 'transient' })
    const places = asked.length > 0 ? asked : [inserted, as, openid]
    expect(web.asked).toEqual([resource, ...places].map((url) => `GET ${url}`))
  })

  it.each([
    ['is about another resource', { ...document, resource: 'https://bank.example' }, 'resource_mismatch'],
    ['names no server', { resource }, 'resource_metadata_invalid'],
    ['does not say whom it is about', { authorization_servers: [] }, 'resource_metadata_invalid'],
  ])('where the document %s, however open the resource is (PR-08, PR-09)', async (_, page, code) => {
    const web = pages({ [resource]: () => new Response('hello'), [inserted]: page })

    await expect(inspectResource(resource, web)).rejects.toMatchObject({ code })
  })

  it('where the resource does not answer', async () => {
    const web = pages({ [resource]: () => Promise.reject(new TypeError('fetch failed')) })

    await expect(inspectResource(resource, web)).rejects.toMatchObject({
      code: 'unreachable',
      recovery: 'transient',
      url: resource,
    })
  })
})

it('discoverAuthorizationServer fails with what inspectResource gives as open', async () => {
  const web = pages({ [resource]: () => new Response('hello') })

  const attempt = discoverAuthorizationServer(resource, web)

  await expect(attempt).rejects.toMatchObject({
    code: 'not_protected',
    recovery: 'terminal',
    url: resource,
    attempts: [absent(inserted), absent(root)],
  })
})

it('discoverAuthorizationServer gives what it found, and no more', async () => {
  const web = pages({ [resource]: unauthorized(), [inserted]: document, [as]: server })

  const found = await discoverAuthorizationServer(resource, web)

  expect(Object.keys(found).toSorted()).toEqual([
    'authorizationServerMetadata',
    'challenge',
    'resourceMetadata',
  ])
})

describe('an inspection', () => {
  it('has these kinds with these members, for the compiler too', () => {
    type Kinds = { [I in Inspection as I['kind']]: { [K in keyof I]: I[K] } }

    expectTypeOf<Kinds>().toEqualTypeOf<{
      protected: {
        readonly kind: 'protected'
        readonly challenge: Challenge | undefined
        readonly resourceMetadata: ResourceMetadata
        readonly authorizationServerMetadata: AuthorizationServerMetadata
        readonly attempts: readonly Attempt[]
      }
      legacy: {
        readonly kind: 'legacy'
        readonly challenge: Challenge | undefined
        readonly authorizationServerMetadata: AuthorizationServerMetadata
        readonly attempts: readonly Attempt[]
      }
      open: { readonly kind: 'open'; readonly attempts: readonly Attempt[] }
    }>()
    expectTypeOf(inspectResource).returns.toEqualTypeOf<Promise<Inspection>>()
  })

  it('is told apart by its kind', async () => {
    const describeIt = (found: Inspection): string => {
      if (found.kind === 'protected') return found.resourceMetadata.resource
      if (found.kind === 'legacy') return found.authorizationServerMetadata.issuer
      return `${found.attempts.length} places`
    }

    const found = await inspectResource(resource, pages({ [resource]: () => new Response('hello') }))

    expect(describeIt(found)).toBe('2 places')
  })
})
