import { describe, expect, it } from 'vitest'
import { type Clock, fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../src/index.ts'
import { pages } from './pages.ts'

const issuer = 'https://as.example'
const url = 'https://as.example/.well-known/oauth-authorization-server'
const openid = 'https://as.example/.well-known/openid-configuration'

describe('the guards', () => {
  it.each(['http://as.example', 'http://10.0.0.5', 'http://[::2]', 'http://localhost.evil.example'])(
    'refuse plain http: %s (NS-02, AS-13)',
    async (insecure) => {
      const web = pages({})

      await expect(fetchAuthorizationServerMetadata(insecure, web)).rejects.toMatchObject({
        code: 'insecure_url',
        recovery: 'terminal',
        message: expect.stringContaining('allowAddress'),
      })
      expect(web.asked).toEqual([])
    },
  )

  it.each(['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'http://app.localhost'])(
    'let plain http through to this machine when the caller named it: %s (NS-02)',
    async (local) => {
      const web = pages({ [`${local}/.well-known/oauth-authorization-server`]: { issuer: local } })

      await expect(fetchAuthorizationServerMetadata(local, web)).resolves.toEqual({ issuer: local })
    },
  )

  it.each([
    'https://localhost/meta',
    'https://127.0.0.1/meta',
    'https://2130706433/meta',
    'https://0x7f.1/meta',
    'https://[::1]/meta',
    'https://[::ffff:127.0.0.1]/meta',
    'https://0.0.0.0/meta',
    'https://[::ffff:0:0]/meta',
    'https://localhost./meta',
    'https://app.localhost./meta',
  ])('do not let a remote server send us to this machine: %s (NS-01, NS-03)', async (metadataUrl) => {
    const web = pages({})

    await expect(
      fetchResourceMetadata('https://rs.example/mcp', { ...web, metadataUrl }),
    ).rejects.toMatchObject({
      attempts: expect.arrayContaining([expect.objectContaining({ code: 'address_refused' })]),
    })
    expect(web.asked.filter((each) => !each.includes('rs.example'))).toEqual([])
  })

  it('let through what the caller allows by name (NS-03)', async () => {
    const inside = 'http://keycloak:8080'
    const web = pages({ [`${inside}/.well-known/oauth-authorization-server`]: { issuer: inside } })

    await expect(
      fetchAuthorizationServerMetadata(inside, {
        ...web,
        allowAddress: ({ host }) => host === 'keycloak:8080',
      }),
    ).resolves.toEqual({ issuer: inside })
  })

  it('read nothing but http and https, whatever the caller allows (NS-02)', async () => {
    const metadataUrl = 'data:application/json,{"resource":"https://rs.example/mcp"}'
    const web = pages({})

    const attempt = fetchResourceMetadata('https://rs.example/mcp', {
      ...web,
      metadataUrl,
      allowAddress: () => true,
    })

    await expect(attempt).rejects.toMatchObject({
      attempts: expect.arrayContaining([expect.objectContaining({ code: 'insecure_url' })]),
    })
    expect(web.asked.filter((each) => each.includes('data:'))).toEqual([])
  })

  it('follow redirects within the origin, a few (NS-04)', async () => {
    const hop = (target: string) => () => new Response(null, { status: 302, headers: { location: target } })
    const near = pages({
      [url]: hop('/a'),
      'https://as.example/a': hop('b'),
      'https://as.example/b': { issuer },
    })
    await expect(fetchAuthorizationServerMetadata(issuer, near)).resolves.toEqual({ issuer })

    const circle = pages({ [url]: hop(url), [openid]: { issuer } })
    await fetchAuthorizationServerMetadata(issuer, circle)
    expect(circle.asked).toEqual([...Array(4).fill(`GET ${url}`), `GET ${openid}`])
  })

  it.each([
    'https://evil.example/',
    'http://as.example/',
    'https://as.example:8443/',
    '//evil.example/',
    'https://',
  ])('do not follow a redirect to %j (NS-04)', async (location) => {
    const redirect = () => new Response(null, { status: 307, headers: { location } })
    const web = pages({ [url]: redirect, [openid]: redirect })

    await expect(fetchAuthorizationServerMetadata(issuer, web)).rejects.toMatchObject({
      code: 'redirect_refused',
    })
    expect(web.asked).toEqual([`GET ${url}`, `GET ${openid}`])
  })

  it('take a redirect that a browser hides for one that is refused (NS-04)', async () => {
    const hidden = () => Object.defineProperty(new Response(null), 'status', { value: 0 })
    const web = pages({ [url]: hidden, [openid]: hidden })

    await expect(fetchAuthorizationServerMetadata(issuer, web)).rejects.toMatchObject({
      code: 'redirect_refused',
    })
  })

  it('stop reading a body at the limit, whatever length it declares (NS-06)', async () => {
    let pulled = 0
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled += 1
            controller.enqueue(new Uint8Array(1024))
          },
        }),
        { headers: { 'content-type': 'application/json', 'content-length': '2' } },
      )
    const web = pages({ [url]: endless, [openid]: endless })

    await expect(
      fetchAuthorizationServerMetadata(issuer, { ...web, maxBytes: 10_240 }),
    ).rejects.toMatchObject({
      code: 'body_too_large',
    })
    expect(pulled).toBeLessThan(30)
  })
})

describe('the deadline', () => {
  /** Time that passes only when it is told to. */
  function handClock(): Clock & { pass(): void } {
    const waiting: (() => void)[] = []
    return {
      now: () => 0,
      sleep: () => new Promise((resolve) => waiting.push(resolve)),
      pass() {
        for (const wake of waiting) wake()
      },
    }
  }

  it('covers a server that never answers, even under a fetch that knows no signal (NS-06)', async () => {
    const clock = handClock()
    const attempt = fetchAuthorizationServerMetadata(issuer, { fetch: () => new Promise(() => {}), clock })
    clock.pass()

    await expect(attempt).rejects.toMatchObject({
      code: 'timeout',
      recovery: 'transient',
      message: expect.stringMatching(/^GET \S+\/oauth-authorization-server \(.* within 10000 ms/),
    })
  })

  it('covers a body that never ends (NS-06)', async () => {
    const clock = handClock()
    const stuck = new Response(new ReadableStream({}), { headers: { 'content-type': 'application/json' } })
    const attempt = fetchAuthorizationServerMetadata(issuer, { ...pages({ [url]: () => stuck }), clock })
    clock.pass()

    await expect(attempt).rejects.toMatchObject({ code: 'timeout' })
  })

  it.each([Number.POSITIVE_INFINITY, 30 * 86_400_000])('may be as far away as %d ms', async (timeoutMs) => {
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return Response.json({ issuer })
    }

    await expect(
      fetchAuthorizationServerMetadata(issuer, { ...pages({ [url]: slow }), timeoutMs }),
    ).resolves.toEqual({ issuer })
  })

  it('may be kept by a clock that rejects when it is woken', async () => {
    const clock: Clock = {
      now: () => 0,
      sleep: (_ms, signal) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('woken')))),
    }

    // A rejection that nobody handles ends the run of the tests.
    await expect(
      fetchAuthorizationServerMetadata(issuer, { ...pages({ [url]: { issuer } }), clock }),
    ).resolves.toEqual({ issuer })
  })

  it("gives way to the caller's signal, whose reason comes back as it is", async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const attempt = fetchAuthorizationServerMetadata(issuer, {
      fetch: () => new Promise(() => {}),
      signal: controller.signal,
    })
    controller.abort(reason)

    await expect(attempt).rejects.toBe(reason)
    await expect(
      fetchAuthorizationServerMetadata(issuer, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
  })
})

describe('failures', () => {
  it('hold no URL query, header or request of the failed exchange (NS-09)', async () => {
    const fetch = () => {
      const cause = Object.assign(new Error('connect to https://u:hunter2@x'), {
        code: 'ECONNREFUSED',
        secret: 'hunter2',
      })
      return Promise.reject(Object.assign(new TypeError('fetch failed', { cause }), { request: 'hunter2' }))
    }
    const error: unknown = await fetchResourceMetadata('https://rs.example/mcp?key=hunter2', { fetch }).catch(
      (caught: unknown) => caught,
    )

    const { inspect } = await import('node:util')
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2')
    expect(error).toMatchObject({ code: 'unavailable' })
  })
})
