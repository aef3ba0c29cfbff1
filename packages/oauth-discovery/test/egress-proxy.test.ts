import tls from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { fetchAuthorizationServerMetadata } from '../src/index.ts'
import { egressFetch } from '../src/node.ts'
import { authority, serve, serveProxy } from './egress-servers.ts'

const lines = (arrivals: readonly { method: string; target: string }[]) =>
  arrivals.map(({ method, target }) => `${method} ${target}`)

describe('through a proxy', () => {
  it.each(['http', 'https'] as const)(
    'over %s goes plain http by its whole URL, name unresolved, and asks for no allowance of the proxy (NS-05)',
    async (scheme) => {
      await using far = await serve('http')
      await using proxy = await serveProxy(scheme, { 'far.example': far })
      await using fetch = egressFetch({ proxy: proxy.origin, ca: authority })

      const answer = await fetch('http://far.example/path?query=1')

      expect(await answer.text()).toBe('hello')
      expect(lines(proxy.arrivals)).toEqual(['GET http://far.example/path?query=1'])
      expect(proxy.arrivals[0]?.headers).toMatchObject({ host: 'far.example' })
    },
  )

  it.each(['http', 'https'] as const)(
    'over %s goes https by CONNECT, name unresolved, its certificate checked here (NS-05, NS-07)',
    async (scheme) => {
      await using far = await serve('https')
      await using proxy = await serveProxy(scheme, { 'far.example:443': far })
      await using fetch = egressFetch({ proxy: new URL(proxy.origin), ca: [authority] })

      const answer = await fetch('https://far.example/path', { method: 'POST', body: 'a=b' })

      expect(await answer.text()).toBe('hello')
      expect(lines(proxy.arrivals)).toEqual(['CONNECT far.example:443'])
      expect(far.arrivals).toMatchObject([{ method: 'POST', target: '/path', body: 'a=b' }])
    },
  )

  it('is refused a server whose authority nobody trusts, and sends it nothing (NS-07)', async () => {
    await using far = await serve('https')
    await using proxy = await serveProxy('http', { 'far.example:443': far, 'other.example:443': far })
    await using wary = egressFetch({ proxy: proxy.origin })
    await using fetch = egressFetch({ proxy: proxy.origin, ca: authority })

    await expect(wary('https://far.example/')).rejects.toThrow('fetch failed')
    await expect(fetch('https://other.example/')).rejects.toMatchObject({
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    })

    expect(lines(proxy.arrivals)).toEqual(['CONNECT far.example:443', 'CONNECT other.example:443'])
    expect(far.arrivals).toEqual([])
  })

  it('is told nothing where its own certificate is not trusted (NS-07)', async () => {
    await using proxy = await serveProxy('https', {})
    await using fetch = egressFetch({ proxy: proxy.origin })

    await expect(fetch('http://far.example/')).rejects.toThrow('fetch failed')
    await expect(fetch('https://far.example/')).rejects.toThrow('fetch failed')
    expect(proxy.arrivals).toEqual([])
  })

  it.each(['http://127.0.0.1/', 'https://2130706433/', 'https://[::1]/', 'http://169.254.169.254/latest'])(
    'does not send to an address inside: %s (NS-03)',
    async (url) => {
      await using proxy = await serveProxy('http', {})
      await using fetch = egressFetch({ proxy: proxy.origin })

      await expect(fetch(url)).rejects.toMatchObject({ cause: { code: 'ADDRESS_REFUSED' } })
      expect(proxy.arrivals).toEqual([])
    },
  )

  it.each([
    'http://169.254.169.254/latest',
    'https://10.0.0.1/',
    'http://0x7f.1/',
    'https://[::ffff:7f00:1]/',
  ])('does not follow a redirect to an address inside: %s (NS-04)', async (location) => {
    await using far = await serve('http', (_, response) => response.writeHead(302, { location }).end())
    await using proxy = await serveProxy('http', { 'far.example': far })
    await using fetch = egressFetch({ proxy: proxy.origin })

    await expect(fetch('http://far.example/')).rejects.toMatchObject({ cause: { code: 'ADDRESS_REFUSED' } })
    expect(lines(proxy.arrivals)).toEqual(['GET http://far.example/'])
  })

  it('sends to an address that is allowed (NS-03)', async () => {
    await using near = await serve('http')
    await using proxy = await serveProxy('http', { '10.1.2.3': near })
    await using fetch = egressFetch({ proxy: proxy.origin, allow: ['10.0.0.0/8'] })

    expect(await (await fetch('http://10.1.2.3/')).text()).toBe('hello')
  })

  it('shows its credentials to the proxy alone, decoded, and to no reader of an error (NS-09)', async () => {
    await using far = await serve('https')
    await using proxy = await serveProxy('http', { 'far.example:443': far })
    const { host } = new URL(proxy.origin)
    await using fetch = egressFetch({ proxy: `http://user:hunter%32@${host}`, ca: authority })

    await fetch('https://far.example/')
    const errors = await Promise.all(
      ['https://refused.example/', 'http://unknown.example/', 'http://10.0.0.1/'].map((issuer) =>
        fetchAuthorizationServerMetadata(issuer, { fetch, allowAddress: () => true }).catch(String),
      ),
    )
    const bare = await fetch('https://refused.example/').catch((error: unknown) => error)

    expect(proxy.arrivals[0]?.headers).toMatchObject({
      'proxy-authorization': 'Basic dXNlcjpodW50ZXIy', // user:hunter2
    })
    expect(far.arrivals[0]?.headers).not.toHaveProperty('proxy-authorization')
    const shown = inspect([...errors, bare], { depth: 20, showHidden: true })
    expect(shown).not.toMatch(/hunter|dXNlcjpodW50ZXIy/)
  })

  it.each(['https://refused.example', 'https://127.0.0.1.example:8443'])(
    'that refuses a tunnel to %s makes that a server that is down',
    async (issuer) => {
      await using proxy = await serveProxy('http', {})
      await using fetch = egressFetch({ proxy: proxy.origin })

      await expect(fetchAuthorizationServerMetadata(issuer, { fetch })).rejects.toMatchObject({
        code: 'unavailable',
        recovery: 'transient',
        message: expect.stringContaining('(UND_ERR_ABORTED)'),
      })
    },
  )
})

describe('the authorities', () => {
  it.each([
    ['one text', authority],
    ['a list', [authority]],
  ])('that the option ca adds are trusted: %s (NS-07)', async (_, ca) => {
    await using server = await serve('https')
    await using fetch = egressFetch({ allow: ['127.0.0.1'], ca })

    expect(await (await fetch(server.origin)).text()).toBe('hello')
  })

  it.each([[undefined], [[]]])(
    'of the system do not know of the one that these tests have made: %j (NS-07)',
    async (ca) => {
      await using server = await serve('https')
      await using fetch = egressFetch({ allow: ['127.0.0.1'], ca })

      await expect(fetch(server.origin)).rejects.toMatchObject({
        cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      })
      expect(server.arrivals).toEqual([])
    },
  )

  it('of the system go on being trusted beside those of the option ca', async () => {
    const create = vi.spyOn(tls, 'createSecureContext')
    await using server = await serve('https')
    await using fetch = egressFetch({ allow: ['127.0.0.1'], ca: authority })

    await fetch(server.origin)

    const used = create.mock.calls.flatMap(([options]) => [options?.ca ?? []].flat())
    expect(used).toEqual([...tls.getCACertificates('default'), authority])
    expect(tls.getCACertificates('default').length).toBeGreaterThan(50)
    create.mockRestore()
  })

  it('of the system are read by a Node that cannot tell of those that were added', async () => {
    const all = vi.spyOn(tls, 'getCACertificates')
    // As Node 22.12 has it, where this function is missing.
    Object.assign(tls, { getCACertificates: undefined })
    await using server = await serve('https')

    await using fetch = egressFetch({ allow: ['127.0.0.1'], ca: authority })

    expect(await (await fetch(server.origin)).text()).toBe('hello')
    all.mockRestore()
  })
})
