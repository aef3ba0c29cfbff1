import { describe, expect, it, vi } from 'vitest'
import { type MemoryCacheOptions, memoryCache } from '../src/cache.ts'
import type { Answer } from '../src/http.ts'
import { discoverAuthorizationServer, fetchResourceMetadata } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { type Page, pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const metadataUrl = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const rootUrl = 'https://rs.example/.well-known/oauth-protected-resource'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const document = { resource, authorization_servers: ['https://as.example'] }
const server = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }
const walk: Record<string, Page> = {
  [resource]: unauthorized('Bearer'),
  [metadataUrl]: document,
  [as]: server,
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

function setUp(table: Record<string, Page>, options: MemoryCacheOptions = {}) {
  const clock = handClock()
  const web = pages(table)
  const cache = memoryCache({ ...options, clock })
  const times = (url: string) => web.asked.filter((each) => each === `GET ${url}`).length
  return { clock, web, cache, times, options: { fetch: web.fetch, cache, clock } }
}

const withHeaders = (body: unknown, headers: Record<string, string>) => () => Response.json(body, { headers })

/** A page that waits until it is told what to answer. */
function heldPage() {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const arrived = Promise.withResolvers<void>()
  const page = () => {
    arrived.resolve()
    return promise
  }
  return { page, arrived: arrived.promise, resolve, reject }
}

describe('one flight', () => {
  it('serves all who want the same meanwhile', async () => {
    const { options, web } = setUp(walk)

    const all = await Promise.all(
      Array.from({ length: 100 }, () => discoverAuthorizationServer(resource, options)),
    )

    expect(all.every((each) => each.authorizationServerMetadata.issuer === server.issuer)).toBe(true)
    expect(web.asked.toSorted()).toEqual([`GET ${as}`, `GET ${metadataUrl}`, `GET ${resource}`].toSorted())
  })

  it('goes on for others when the caller gives up who began it', async () => {
    const held = heldPage()
    const { options, times } = setUp({ [metadataUrl]: held.page })
    const controller = new AbortController()
    const reason = new Error('enough')
    const first = fetchResourceMetadata(resource, { ...options, signal: controller.signal })
    const other = fetchResourceMetadata(resource, options)
    await held.arrived

    controller.abort(reason)
    await expect(first).rejects.toBe(reason)
    held.resolve(Response.json(document))

    await expect(other).resolves.toEqual(document)
    expect(times(metadataUrl)).toBe(1)
  })

  it.each([
    ['who began it', 100, 10_000, 0, ['rejected', 'fulfilled']],
    ['who came to it', 10_000, 100, 1, ['fulfilled', 'rejected']],
  ])('is not ended by the short deadline of the one %s', async (_, first, other, late, ends) => {
    const held = heldPage()
    const { options, clock, times } = setUp({ [metadataUrl]: held.page })
    const attempts = [first, other].map((timeoutMs) =>
      fetchResourceMetadata(resource, { ...options, timeoutMs }),
    )
    const settled = Promise.allSettled(attempts)
    await held.arrived

    clock.pass(101)
    await expect(attempts[late]).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('within 100 ms'),
    })
    held.resolve(Response.json(document))

    expect((await settled).map(({ status }) => status)).toEqual(ends)
    expect(times(metadataUrl)).toBe(1)
  })

  it('is given up when all have gone who wanted it, and asked for anew by who comes then', async () => {
    const held = heldPage()
    const table: Record<string, Page> = { [metadataUrl]: held.page }
    const { options, web, clock, times } = setUp(table)
    const signals: (AbortSignal | null | undefined)[] = []
    const fetch: typeof web.fetch = (input, init) => {
      signals.push(input instanceof Request ? input.signal : init?.signal)
      return web.fetch(input, init)
    }
    const controller = new AbortController()
    const hurried = { ...options, fetch, timeoutMs: 100 }
    const [first, other] = [
      fetchResourceMetadata(resource, hurried),
      fetchResourceMetadata(resource, { ...options, fetch, signal: controller.signal }),
    ]
    const settled = Promise.allSettled([first, other])
    await held.arrived

    clock.pass(101)
    await expect(first).rejects.toMatchObject({ code: 'timeout' })
    expect(signals.map((signal) => signal?.aborted)).toEqual([false])
    controller.abort()
    await settled

    expect(signals.map((signal) => signal?.aborted)).toEqual([true])
    table[metadataUrl] = document
    const third = fetchResourceMetadata(resource, options)
    await expect(third).resolves.toEqual(document)
    expect(times(metadataUrl)).toBe(2)
  })

  it('is begun anew, once for all who had joined, where it was cut off with the request of which it was a part', async () => {
    const { cache } = setUp({})
    const cutOff = Promise.withResolvers<Answer>()
    const answer = { status: 200, headers: new Headers(), bytes: new Uint8Array() }
    let loads = 0
    const load = () => {
      loads += 1
      return loads === 1 ? cutOff.promise : Promise.resolve(answer)
    }
    // Nothing of it runs any longer when it has ended.
    const spy = vi.spyOn(Promise.prototype, 'finally').mockImplementation(function (this: Promise<unknown>) {
      return this
    })
    const first = cache.read(metadataUrl, load)
    spy.mockRestore()
    const joined = [1, 2, 3].map(() => cache.read(metadataUrl, load))

    cutOff.reject(new Error('cut off'))

    await expect(first).rejects.toThrow('cut off')
    expect(await Promise.all(joined)).toEqual([answer, answer, answer])
    expect(loads).toBe(2)
  })

  it('is not begun for who wants it no longer', async () => {
    const { cache } = setUp({})
    const reason = new Error('enough')
    const load = vi.fn<() => Promise<Answer>>()

    await expect(cache.read(metadataUrl, load, AbortSignal.abort(reason))).rejects.toBe(reason)

    expect(load).not.toHaveBeenCalled()
  })

  it('that fails tells all who wait, and is not kept', async () => {
    const held = heldPage()
    const table = { [metadataUrl]: held.page, [rootUrl]: held.page }
    const { options, web } = setUp(table)
    const attempts = Promise.allSettled([1, 2, 3].map(() => fetchResourceMetadata(resource, options)))
    await held.arrived

    held.reject(Object.assign(new Error(), { code: 'ECONNRESET' }))

    const unavailable = { status: 'rejected', reason: { code: 'unavailable' } }
    expect(await attempts).toMatchObject([unavailable, unavailable, unavailable])
    expect(web.asked).toEqual([`GET ${metadataUrl}`])
    Object.assign(table, { [metadataUrl]: document })
    await expect(fetchResourceMetadata(resource, options)).resolves.toEqual(document)
  })

  it('of a probe is none of a document, though the URL is the same', async () => {
    const { options } = setUp({ [metadataUrl]: document })
    await discoverAuthorizationServer(metadataUrl, options).catch(() => {})

    await expect(fetchResourceMetadata(resource, options)).resolves.toEqual(document)
  })
})

/** How long a document with these headers is kept, as seen from outside: the first of these times at which it is asked for again. */
async function keptFor(page: Page, options?: MemoryCacheOptions): Promise<number> {
  for (const ms of [
    1,
    9 * second,
    11 * second,
    59 * second,
    61 * second,
    299 * second,
    301 * second,
    hour - 1,
  ]) {
    const { options: call, clock, times } = setUp({ [metadataUrl]: page, [rootUrl]: document }, options)
    await fetchResourceMetadata(resource, call).catch(() => {})
    clock.pass(ms)
    await fetchResourceMetadata(resource, call).catch(() => {})
    if (times(metadataUrl) > 1) return ms
  }
  return hour
}

describe('a document is kept (PR-18, RFC 9728 §7.10)', () => {
  it.each([
    ['no word of it', {}, 301 * second],
    ['an ETag alone', { etag: '"1"' }, 301 * second],
    ['its age alone', { age: '10' }, 301 * second],
    ['max-age (RFC 9111 §5.2.2.1)', { 'cache-control': 'max-age=60' }, 61 * second],
    ['max-age in other letters (RFC 9111 §5.2)', { 'cache-control': 'Public, Max-Age=60' }, 61 * second],
    ['max-age, longer than we keep anything', { 'cache-control': 'max-age=31536000' }, hour],
    ['max-age, some of it gone (RFC 9111 §4.2.3)', { 'cache-control': 'max-age=70', age: '10' }, 61 * second],
    ['max-age, all of it gone', { 'cache-control': 'max-age=60', age: '60' }, 1],
    [
      's-maxage before max-age (RFC 9111 §5.2.2.10)',
      { 'cache-control': 's-maxage=60, max-age=1' },
      61 * second,
    ],
    ['max-age before Expires', { 'cache-control': 'max-age=60', expires: '0' }, 61 * second],
    ['max-age=0', { 'cache-control': 'max-age=0' }, 1],
    ['nonsense', { 'cache-control': 'max-age=soon' }, 1],
    ['no-store (RFC 9111 §5.2.2.5)', { 'cache-control': 'no-store' }, 1],
    ['no-store in other letters', { 'cache-control': 'No-Store, max-age=60' }, 1],
    ['no-cache (RFC 9111 §5.2.2.4)', { 'cache-control': 'no-cache, max-age=60' }, 1],
    ['private, for it is not kept for one alone', { 'cache-control': 'private, max-age=60' }, 1],
    ['must-revalidate', { 'cache-control': 'max-age=60, must-revalidate' }, 61 * second],
    ['immutable', { 'cache-control': 'max-age=60, immutable' }, 61 * second],
    [
      'a stale one while a new one is fetched (RFC 5861)',
      { 'cache-control': 'max-age=60, stale-while-revalidate=3600' },
      61 * second,
    ],
    ['a stale one for an error (RFC 5861)', { 'cache-control': 'max-age=0, stale-if-error=3600' }, 1],
    ['a stale one that must be asked about', { 'cache-control': 'no-cache, stale-while-revalidate=3600' }, 1],
    ['Vary: * (RFC 9111 §4.1)', { vary: '*' }, 1],
    ['Vary: * among others', { vary: 'accept, *', 'cache-control': 'max-age=60' }, 1],
    ['Vary by what is always the same', { vary: 'Origin', 'cache-control': 'max-age=60' }, 61 * second],
    [
      'Expires (RFC 9111 §5.3)',
      { date: 'Tue, 14 Nov 2023 22:13:20 GMT', expires: 'Tue, 14 Nov 2023 22:14:20 GMT' },
      61 * second,
    ],
    [
      'Expires in the past',
      { date: 'Tue, 14 Nov 2023 22:13:20 GMT', expires: 'Tue, 14 Nov 2023 22:13:19 GMT' },
      1,
    ],
    ['Expires that is no date', { expires: '0' }, 1],
  ])('by %s', async (_, headers, ms) => {
    expect(await keptFor(withHeaders(document, headers))).toBe(ms)
  })

  it('for as long as the options say', async () => {
    const long = withHeaders(document, { 'cache-control': 'max-age=3600' })

    expect(await keptFor(long, { maxAgeMs: minute })).toBe(61 * second)
    expect(await keptFor(document, { defaultAgeMs: minute })).toBe(61 * second)
    expect(await keptFor(document, { defaultAgeMs: hour, maxAgeMs: minute })).toBe(61 * second)
    expect(await keptFor(document, { defaultAgeMs: 0 })).toBe(1)
  })

  it.each([
    ['a 404', () => new Response(null, { status: 404 }), 11 * second],
    [
      'a 404, for less',
      () => new Response(null, { status: 404, headers: { 'cache-control': 'max-age=5' } }),
      9 * second,
    ],
    [
      'a 404, for more',
      () => new Response(null, { status: 404, headers: { 'cache-control': 'max-age=60' } }),
      11 * second,
    ],
    [
      'a 404, not at all',
      () => new Response(null, { status: 404, headers: { 'cache-control': 'no-store' } }),
      1,
    ],
    [
      'a page that is no document',
      () => new Response('<html>', { headers: { 'cache-control': 'max-age=60' } }),
      11 * second,
    ],
    ['a 429', () => new Response(null, { status: 429, headers: { 'cache-control': 'max-age=60' } }), 1],
    ['a 500', () => new Response(null, { status: 500 }), 1],
    ['a 503', () => new Response(null, { status: 503, headers: { 'cache-control': 'max-age=60' } }), 1],
    ['no answer', () => Promise.reject(new Error('down')), 1],
  ])('where there is none, only briefly: %s', async (_, page, ms) => {
    expect(await keptFor(page)).toBe(ms)
  })

  it.each([
    ['{}', {}, 9 * second, 1],
    ['{}', {}, 11 * second, 2],
    ['no-store', { 'cache-control': 'no-store' }, 1, 2],
  ])('and so is a 401 with the headers %s, after %d', async (_, headers, ms, asked) => {
    const refuse = () => new Response(null, { status: 401, headers })
    const { options, clock, times } = setUp({ ...walk, [resource]: refuse })
    await discoverAuthorizationServer(resource, options)

    clock.pass(ms)
    await discoverAuthorizationServer(resource, options)

    expect([times(resource), times(metadataUrl), times(as)]).toEqual([asked, 1, 1])
  })
})

describe('what is kept', () => {
  it('is bounded, and the oldest goes first', async () => {
    const url = (name: string) => `https://rs.example/.well-known/oauth-protected-resource/${name}`
    const about = (name: string) => ({ resource: `https://rs.example/${name}` })
    const { options, times } = setUp(
      Object.fromEntries(['a', 'b', 'c'].map((name) => [url(name), about(name)])),
      { maxEntries: 2 },
    )
    const read = (name: string) => fetchResourceMetadata(`https://rs.example/${name}`, options)

    for (const name of ['a', 'b', 'c', 'c', 'b', 'a']) await read(name)

    expect(['a', 'b', 'c'].map((name) => times(url(name)))).toEqual([2, 1, 1])
  })

  it.each([
    ['names another resource', { resource: 'https://evil.example' }, 'resource_mismatch'],
    ['says of nothing what it is about', { scopes_supported: [] }, 'resource_metadata_invalid'],
  ])('is forgotten with all of its origin when it %s (PR-18)', async (_, bad, code) => {
    const table: Record<string, Page> = { ...walk, [metadataUrl]: bad }
    const { options, times } = setUp(table)
    await expect(discoverAuthorizationServer(resource, options)).rejects.toMatchObject({ code })

    table[metadataUrl] = document
    await expect(discoverAuthorizationServer(resource, options)).resolves.toMatchObject({
      authorizationServerMetadata: server,
    })
    expect([times(resource), times(metadataUrl)]).toEqual([2, 2])
  })

  it('leaves other origins alone when one is forgotten, and does not keep what that one is about to say', async () => {
    const held = heldPage()
    const table: Record<string, Page> = { ...walk, [metadataUrl]: held.page }
    const { options, cache, times } = setUp(table)
    await fetchResourceMetadata('https://as.example', options).catch(() => {})
    const early = fetchResourceMetadata(resource, options)
    await held.arrived

    cache.drop('https://rs.example/whatever')
    table[metadataUrl] = { ...document, scopes_supported: ['new'] }
    const late = await fetchResourceMetadata(resource, options)
    held.resolve(Response.json(document))

    expect(late.scopes_supported).toEqual(['new'])
    expect((await early).scopes_supported).toBeUndefined()
    await expect(fetchResourceMetadata(resource, options)).resolves.toEqual(late)
    await fetchResourceMetadata('https://as.example', options).catch(() => {})
    expect(times(metadataUrl)).toBe(2)
    expect(times('https://as.example/.well-known/oauth-protected-resource')).toBe(1)
  })

  it('is no way round the policy (NS-01)', async () => {
    const inside = 'https://10.0.0.5/meta'
    const local = 'http://localhost:3000/mcp'
    const { options, times } = setUp({
      [inside]: { resource: local },
      [local]: unauthorized(`Bearer resource_metadata="${inside}"`),
    })
    const read = (from: string, allow = false) =>
      fetchResourceMetadata(from, { ...options, metadataUrl: inside, allowAddress: () => allow })
    await read(local)

    await expect(read(resource)).rejects.toMatchObject({
      attempts: expect.arrayContaining([expect.objectContaining({ url: inside, code: 'address_refused' })]),
    })
    await expect(read(resource, true)).rejects.toMatchObject({ code: 'resource_mismatch' })
    expect(times(inside)).toBe(1)
  })

  it('is shared by one object, and by nothing else', async () => {
    const { options, clock, times } = setUp(walk)
    await discoverAuthorizationServer(resource, options)
    await discoverAuthorizationServer(resource, options)
    expect(times(as)).toBe(1)

    await discoverAuthorizationServer(resource, { ...options, cache: memoryCache({ clock }) })
    expect(times(as)).toBe(2)

    await discoverAuthorizationServer(resource, { ...options, cache: undefined })
    expect(times(as)).toBe(3)
  })
})
