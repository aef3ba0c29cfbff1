import { describe, expect, it } from 'vitest'
import {
  createLimits,
  discoverAuthorizationServer,
  inspectResource,
  originAsServer,
  parseWwwAuthenticate,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { type Page, pages, unauthorized } from './pages.ts'

const resource = 'https://api.example.com/mcp'
const document = 'https://api.example.com/.well-known/oauth-protected-resource/mcp'
const elsewhere = 'https://api.example.com/meta'
const asDocument = 'https://as.example/.well-known/oauth-authorization-server'
const otherDocument = 'https://other.example/.well-known/oauth-authorization-server'

const naming = (...authorization_servers: string[]) => ({ resource, authorization_servers })
const server = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
const other = { issuer: 'https://other.example', token_endpoint: 'https://other.example/token' }

/** A resource that names the first of two servers. */
const web = (more: Record<string, Page> = {}) =>
  pages({
    [document]: naming(server.issuer),
    [elsewhere]: naming(server.issuer),
    [asDocument]: server,
    [otherDocument]: other,
    ...more,
  })

const refusal = () => unauthorized(`Bearer resource_metadata="${elsewhere}", scope="read"`)()
const [demand] = parseWwwAuthenticate(refusal().headers.get('www-authenticate'))

describe('an answer of the resource that is on its way', () => {
  it('is waited for, and the resource is not asked: the usual document is, beside it (CH-01, PR-02)', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const { fetch, asked } = web()
    const found = discoverAuthorizationServer(resource, { fetch, response: promise })
    await expect.poll(() => asked).toEqual([`GET ${document}`])

    resolve(refusal())

    await expect(found).resolves.toMatchObject({
      challenge: { parameters: { scope: 'read' } },
      authorizationServerMetadata: server,
    })
    expect(asked).toEqual([`GET ${document}`, `GET ${elsewhere}`, `GET ${asDocument}`])
  })

  it('has the end of the search be its own, where it never comes', async () => {
    const { fetch } = web()
    const lost = new TypeError('fetch failed')

    const attempt = discoverAuthorizationServer(resource, { fetch, response: Promise.reject(lost) })

    await expect(attempt).rejects.toBe(lost)
  })

  it('is waited for until the deadline of the call', async () => {
    const clock = handClock()
    const { fetch, asked } = web()
    const response = new Promise<Response>(() => {})
    const attempt = discoverAuthorizationServer(resource, { fetch, response, clock, timeoutMs: 5_000 })
    const end = expect(attempt).rejects.toMatchObject({
      name: 'DiscoveryError',
      code: 'timeout',
      recovery: 'transient',
      message: expect.stringContaining(`${resource}: no complete answer within 5000 ms`),
    })
    await expect.poll(() => asked).toHaveLength(1)

    clock.pass(5_000)

    await end
  })

  it('is waited for until the caller ends the call', async () => {
    const caller = new AbortController()
    const response = new Promise<Response>(() => {})
    const attempt = inspectResource(resource, { fetch: web().fetch, response, signal: caller.signal })

    caller.abort(new Error('enough'))

    await expect(attempt).rejects.toThrow('enough')
  })

  it('may fail while the call has still to wait for its turn: that ends no process', async () => {
    const limits = createLimits({ concurrency: 1 })
    const { promise, resolve } = Promise.withResolvers<void>()
    const holding = limits.run(() => promise)
    const lost = new TypeError('fetch failed')
    const attempt = inspectResource(resource, { fetch: web().fetch, limits, response: Promise.reject(lost) })
    await new Promise((after) => setImmediate(after))

    resolve()

    await expect(attempt).rejects.toBe(lost)
    await holding
  })
})

describe('a challenge in the place of an answer', () => {
  it('says where the metadata is, and the resource is not asked (CH-01, PR-02)', async () => {
    const { fetch, asked } = web()

    const found = await discoverAuthorizationServer(resource, { fetch, challenge: demand })

    expect(found.challenge).toEqual(demand)
    expect(asked).toEqual([`GET ${elsewhere}`, `GET ${asDocument}`])
  })

  it('that does not say so has the well-known URL be asked (CH-08)', async () => {
    const { fetch, asked } = web()

    await discoverAuthorizationServer(resource, { fetch, challenge: { scheme: 'bearer', parameters: {} } })

    expect(asked).toEqual([`GET ${document}`, `GET ${asDocument}`])
  })

  it('that tells of metadata is no way into the old rule (PR-08)', async () => {
    const { fetch, asked } = pages({})
    const options = { fetch, legacy: originAsServer }

    await expect(inspectResource(resource, { ...options, challenge: demand })).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
    })

    expect(asked.filter((each) => each.includes('authorization-server'))).toEqual([])
    const bare = { scheme: 'bearer', parameters: {} }
    await expect(inspectResource(resource, { ...options, challenge: bare })).resolves.toMatchObject({
      kind: 'legacy',
    })
  })
})

describe('a server that is known already', () => {
  it('is not asked where the resource still names it, be it after others (CH-10, PR-11)', async () => {
    const { fetch, asked } = web({ [elsewhere]: naming(other.issuer, server.issuer) })
    const options = { fetch, challenge: demand, known: server }

    const found = await discoverAuthorizationServer(resource, options)

    expect(found.authorizationServerMetadata).toBe(server)
    expect(asked).toEqual([`GET ${elsewhere}`])
  })

  it('is not asked ahead either, where it is the one that is expected (CH-10)', async () => {
    const { fetch, asked } = web()
    const options = { fetch, known: server, expectedIssuer: server.issuer, response: refusal() }

    await discoverAuthorizationServer(resource, options)

    expect(asked).toEqual([`GET ${elsewhere}`])
  })

  it('gives way where the resource names it no longer (CH-10)', async () => {
    const { fetch, asked } = web({ [elsewhere]: naming(other.issuer) })
    const options = { fetch, challenge: demand, known: server }

    const found = await discoverAuthorizationServer(resource, options)

    expect(found.authorizationServerMetadata).toEqual(other)
    expect(asked).toEqual([`GET ${elsewhere}`, `GET ${otherDocument}`])
  })

  it.each([`${server.issuer}/`, server.issuer.toUpperCase()])(
    'is not the one that the resource names as %s (AS-17, CH-10)',
    async (named) => {
      const { fetch, asked } = web({ [elsewhere]: naming(named) })
      const options = { fetch, challenge: demand, known: server }

      await discoverAuthorizationServer(resource, options).catch(() => {})

      expect(asked.length).toBeGreaterThan(1)
    },
  )

  it('is not taken where another one is expected (RG-15, RG-17)', async () => {
    const { fetch, asked } = web()
    const options = { fetch, challenge: demand, known: server, expectedIssuer: other.issuer }

    await expect(discoverAuthorizationServer(resource, options)).rejects.toMatchObject({
      code: 'issuer_mismatch',
    })

    expect(asked).toEqual([`GET ${elsewhere}`])
  })
})
