import type { Challenge } from '@x/oauth-discovery'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type AuthorizedFetchOptions,
  authorizedFetch,
  ClientCredentialsAuth,
  createToken,
  type GetTokenOptions,
  TokenSession,
  type TokenSource,
} from '../src/index.ts'
import { type Reply, tokenServer } from './token-server.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const url = 'https://api.example/orders'
const status = (code: number) => () => new Response(String(code), { status: code })
const ok = status(200)

/** Gives the first token until it is refused, then the next; the last one stays. */
function sourceOf(...secrets: string[]) {
  let at = 0
  return {
    getToken: vi.fn(async ({ rejected }: GetTokenOptions = {}) => {
      if (rejected?.accessToken === secrets[at]) at = Math.min(at + 1, secrets.length - 1)
      return createToken({ accessToken: secrets[at] ?? 'none' })
    }),
  }
}

/** A fetch over a source of t1, t2, ... and a resource made of replies. */
function bench(replies: Reply[] = [ok], options: Partial<AuthorizedFetchOptions> = {}) {
  const resource = tokenServer(...replies)
  const source = sourceOf('t1', 't2', 't3')
  const fetch = authorizedFetch(source, {
    origins: ['https://api.example'],
    fetch: resource.fetch,
    ...options,
  })
  const authorizations = () => resource.arrivals.map(({ headers }) => headers.get('authorization'))
  return { fetch, source, arrivals: resource.arrivals, authorizations }
}

describe('the arguments of fetch', () => {
  const source = { getToken: async () => createToken({ accessToken: 'a-token' }) }
  const origins = ['https://api.example']

  it('may be a URL and a Request, whose method, body and headers count', async () => {
    const sent: Request[] = []
    const send = async (input: string | URL | Request, init?: RequestInit) => {
      sent.push(new Request(input, init))
      return new Response()
    }
    const request = new Request('https://elsewhere.example/', {
      method: 'POST',
      body: 'text',
      headers: { 'x-own': 'kept' },
    })

    await authorizedFetch(source, { origins, fetch: send })('https://api.example/orders', request)

    const [arrived = expect.unreachable('nothing was sent')] = sent
    expect([arrived.method, arrived.url, await arrived.text()]).toEqual([
      'POST',
      'https://api.example/orders',
      'text',
    ])
    expect(arrived.headers.get('x-own')).toBe('kept')
    expect(arrived.headers.get('authorization')).toBe('Bearer a-token')
  })

  it('may take the signal of a Request away', async () => {
    const request = new Request('https://api.example/', { signal: AbortSignal.abort(new Error('old')) })
    const fetch = authorizedFetch(source, { origins, fetch: async () => new Response('here') })

    await expect(fetch(request, { signal: null })).resolves.toMatchObject({ status: 200 })
  })

  it('leave no open answer behind where the renewal fails', async () => {
    let isDropped = false
    const body = new ReadableStream({
      cancel() {
        isDropped = true
      },
    })
    const failing = {
      getToken: async ({ rejected }: GetTokenOptions = {}) => {
        if (rejected !== undefined) throw new Error('no more')
        return createToken({ accessToken: 'a-token' })
      },
    }
    const fetch = authorizedFetch(failing, {
      origins,
      fetch: async () => new Response(body, { status: 401 }),
    })

    await expect(fetch('https://api.example/')).rejects.toThrow('no more')
    expect(isDropped).toBe(true)
  })

  it.each([
    'https:/user:hunter2@h',
    'https:user:hunter2@h',
    'https:\\\\user:hunter2@h',
    'https://user:hunt/er2@h',
  ])('and origins show no password, in whatever way it is written: %s (NS-09)', async (odd) => {
    const fetch = authorizedFetch(source, { origins, fetch: async () => new Response() })

    await expect(fetch(odd)).rejects.toMatchObject({ message: expect.not.stringMatching(/hunter2|er2/) })
    expect(() => authorizedFetch(source, { origins: [`http${odd.slice(5)}`] })).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/hunter2|er2/) }),
    )
  })
})

describe.each<[string, (given: never) => TokenSource]>([
  ['getToken', (given) => ({ getToken: async () => given })],
  ['current', (given) => ({ ...sourceOf('t1'), current: () => given })],
])('by a source without types, whose %s is wrong,', (_, giving) => {
  it.each(['a-token', {}, { accessToken: undefined }, { accessToken: 'a b', tokenType: 'Bearer' }])(
    'nothing is sent with %j for a token (RFC 6750 §2.1)',
    async (given) => {
      const send = vi.fn<typeof fetch>(async () => new Response())
      const source = giving(given as never)

      const going = authorizedFetch(source, { origins: ['https://api.example'], fetch: send })(url)

      await expect(going).rejects.toMatchObject({ code: 'invalid_token' })
      expect(send).not.toHaveBeenCalled()
    },
  )
})

describe('the token', () => {
  it.each<[string, string | URL | Request, RequestInit | undefined]>([
    ['a string', url, undefined],
    ['a URL', new URL(url), undefined],
    ['a Request', new Request(url), undefined],
    ['an empty init', url, {}],
    ['a record of headers', url, { headers: { 'X-Mine': '1' } }],
    ['Headers', url, { headers: new Headers({ 'X-Mine': '1' }) }],
    ['pairs of headers', url, { headers: [['X-Mine', '1']] }],
    ['a Request with headers', new Request(url, { headers: { 'X-Mine': '1' } }), undefined],
    [
      'a Request and an init that takes its place',
      new Request(url, { headers: { 'X-Lost': '1' } }),
      { headers: { 'X-Mine': '1' } },
    ],
    ['a record with authorization', url, { headers: { authorization: 'Basic x', 'X-Mine': '1' } }],
    [
      'a record with AUTHORIZATION, twice',
      url,
      { headers: { AUTHORIZATION: 'a', Authorization: 'b', 'X-Mine': '1' } },
    ],
    ['Headers with Authorization', url, { headers: new Headers({ Authorization: 'a', 'X-Mine': '1' }) }],
    [
      'pairs with aUTHORIZATION, twice',
      url,
      {
        headers: [
          ['aUTHORIZATION', 'a'],
          ['authorization', 'b'],
          ['X-Mine', '1'],
        ],
      },
    ],
    [
      'a Request with Authorization',
      new Request(url, { headers: { Authorization: 'a', 'X-Mine': '1' } }),
      undefined,
    ],
  ])('is attached, in one header, to %s (MC-01, RFC 6750 §2.1)', async (_, input, init) => {
    const { fetch, arrivals } = bench()

    await fetch(input, init)

    expect(arrivals).toHaveLength(1)
    const [arrival] = arrivals
    expect(arrival?.url).toBe(url)
    expect(arrival?.headers.get('authorization')).toBe('Bearer t1')
    expect(arrival?.headers.has('x-lost')).toBe(false)
    const headers = init?.headers ?? (input instanceof Request ? input.headers : {})
    const given = new Headers(headers).get('x-mine')
    expect(arrival?.headers.get('x-mine')).toBe(given)
  })

  it('is attached to headers of any kind that fetch takes', async () => {
    const { fetch, arrivals } = bench()
    // Any iterable of pairs will do for fetch; the type allows less.
    const headers = new Map([['X-Mine', '1']]) as unknown as RequestInit['headers']

    await fetch(url, { headers: headers ?? {} })

    expect(Object.fromEntries(arrivals[0]?.headers ?? [])).toEqual({
      authorization: 'Bearer t1',
      'x-mine': '1',
    })
  })

  it('takes the place of no header whose name only begins or ends alike', async () => {
    const { fetch, arrivals } = bench()
    const headers = { 'authorization-hint': 'a', 'x-authorization': 'b' }

    await fetch(url, { headers })

    expect(Object.fromEntries(arrivals[0]?.headers ?? [])).toEqual({ ...headers, authorization: 'Bearer t1' })
  })

  it('changes nothing that the caller gave', async () => {
    const { fetch } = bench()
    const record = { 'X-Mine': '1' }
    const headers = new Headers(record)
    const request = new Request(url, { headers })

    await fetch(url, { headers: record })
    await fetch(url, { headers })
    await fetch(request)

    expect(record).toEqual({ 'X-Mine': '1' })
    expect([...headers.keys(), ...request.headers.keys()]).toEqual(['x-mine', 'x-mine'])
  })

  it('leaves method, body and the rest of the init as they are', async () => {
    const send = vi.fn(async () => new Response())
    const { fetch } = bench([], { fetch: send })
    const signal = new AbortController().signal

    await fetch(url, { method: 'PUT', body: 'x', signal, redirect: 'error', cache: 'no-store' })

    expect(send).toHaveBeenCalledExactlyOnceWith(url, {
      method: 'PUT',
      body: 'x',
      signal,
      redirect: 'error',
      cache: 'no-store',
      headers: { authorization: 'Bearer t1' },
    })
  })

  it('in hand is attached without a turn of waiting', async () => {
    const session = new TokenSession(async () => createToken({ accessToken: 't1' }))
    await session.getToken()
    const send = vi.fn(async () => new Response())
    const fetch = authorizedFetch(session, { origins: ['https://api.example'], fetch: send })

    const going = fetch(url)

    expect(send).toHaveBeenCalledTimes(1)
    await going
  })

  it('that cannot be had is why the call fails, and nothing is sent', async () => {
    const { fetch, source, arrivals } = bench()
    const error = new Error('no token')
    source.getToken.mockRejectedValueOnce(error)

    await expect(fetch(url)).rejects.toBe(error)
    expect(arrivals).toEqual([])
  })
})

describe('another origin', () => {
  it.each([
    ['another host', 'https://evil.example/'],
    ['another port', 'https://api.example:8443/'],
    ['another scheme', 'http://api.example/'],
    ['a host that begins alike', 'https://api.example.evil.example/'],
    ['a host that ends alike', 'https://xapi.example/'],
    ['a subdomain', 'https://www.api.example/'],
    ['the parent', 'https://example/'],
    ['the origin as a user name', 'https://api.example@evil.example/'],
    ['the origin as user name and password', 'https://api.example:443@evil.example/'],
    ['the origin as an escaped user name', 'https://api.example%2f@evil.example/'],
    ['backslashes for slashes', 'https:\\\\evil.example\\'],
    ['a backslash after the origin, and a user name', 'https://api.example\\@evil.example/'],
    ['a backslash after the origin', 'https://api.example\\.evil.example/'],
    ['a line end within the host', 'https://api.example\n.evil.example/'],
    ['a tab within the host', 'https://api.example\t@evil.example/'],
    ['a path that holds the origin', 'https://evil.example/https://api.example/'],
    ['a query that holds the origin', 'https://evil.example?https://api.example/'],
    ['another dot', 'https://api.example./'],
    ['no slashes', 'https:api.example/'],
    ['a relative URL', '/orders'],
    ['a URL without scheme', '//api.example/orders'],
    ['a data URL', 'data:text/plain,x'],
    ['a blob URL', 'blob:https://api.example/0'],
    ['nothing', ''],
    ['a host that is none', 'https://[/'],
  ])('is sent nothing: %s (MC-03)', async (_, target) => {
    const { fetch, source, arrivals } = bench()

    await expect(fetch(target)).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'origin_refused',
      message: expect.stringContaining('https://api.example'),
    })
    expect(arrivals).toEqual([])
    expect(source.getToken).not.toHaveBeenCalled()
  })

  it.each([
    ['https://evil.example/a?key=hunter2#x', 'https://evil.example/a?…: the token is'],
    ['/orders?key=hunter2', '"/orders": it is no absolute URL, and the token is'],
    ['https://[/?key=hunter2', '"https://[/": it is no absolute URL, and the token is'],
  ])('is named, without a query, beside those that the token is for: %s (NS-09)', async (target, told) => {
    const { fetch } = bench([ok], { origins: ['https://api.example', 'https://second.example'] })

    await expect(fetch(target)).rejects.toMatchObject({
      message: `Nothing was sent to ${told} for https://api.example, https://second.example. Name it in the option origins, if it may see that token.`,
    })
  })

  it('is sent nothing by a URL or a Request either', async () => {
    const { fetch, arrivals } = bench()

    await expect(fetch(new URL('https://evil.example/'))).rejects.toMatchObject({ code: 'origin_refused' })
    await expect(fetch(new Request('https://evil.example/'))).rejects.toMatchObject({
      code: 'origin_refused',
    })
    expect(arrivals).toEqual([])
  })

  it('is sent nothing by a URL that is changed after it was looked at', async () => {
    const { fetch, arrivals } = bench([status(401), ok])
    const target = new URL(url)

    const going = fetch(target)
    target.host = 'evil.example'
    await going

    expect(arrivals.map((arrival) => arrival.url)).toEqual([url, url])
  })

  it('is every one where none was named', async () => {
    const { fetch, arrivals } = bench([ok], { origins: [] })

    await expect(fetch(url)).rejects.toMatchObject({
      code: 'origin_refused',
      message: expect.stringContaining('the token is for no origin'),
    })
    expect(arrivals).toEqual([])
  })

  it.each([
    'https://api.example',
    'https://api.example/',
    'https://api.example?x=1',
    'https://api.example#x',
    'https://api.example/a/../b',
    'https://api.example:443/',
    'HTTPS://API.EXAMPLE/',
    'https://second.example/x',
    'https://api.example/@evil.example',
    'https://api.example/\\evil.example',
  ])('is none of these: %s', async (target) => {
    const { fetch, arrivals } = bench([ok], { origins: ['https://api.example', 'https://second.example'] })

    await fetch(target)

    expect(new URL(arrivals[0]?.url ?? 'x:').host).toMatch(/^(?:api|second)\.example$/)
  })
})

describe('the origins', () => {
  it.each([
    'http://api.example',
    'http://10.0.0.5',
    'http://localhost.evil.example',
    'ftp://api.example',
    'wss://api.example',
    'api.example',
    'null',
    '*',
    '',
  ])('cannot be %j (MC-09, NS-02)', (origin) => {
    expect(() => bench([ok], { origins: ['https://api.example', origin] })).toThrow(
      expect.objectContaining({
        name: 'AuthConfigError',
        code: 'invalid_origin',
        message: `The origin ${JSON.stringify(origin)} cannot be used: it is not https. If you trust it, pass allowAddress.`,
      }),
    )
  })

  it.each(['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'http://app.localhost'])(
    'can be in clear text on this machine: %s (NS-02)',
    async (origin) => {
      const { fetch, authorizations } = bench([ok], { origins: [origin] })

      await fetch(`${origin}/x`)

      expect(authorizations()).toEqual(['Bearer t1'])
    },
  )

  it('can be in clear text where allowAddress allows it, and no other', async () => {
    const allowAddress = ({ host }: URL) => host === 'orders:8080'

    const { fetch, arrivals } = bench([ok], { origins: ['http://orders:8080'], allowAddress })
    await fetch('http://orders:8080/x')

    expect(arrivals).toHaveLength(1)
    expect(() => bench([ok], { origins: ['http://other:8080'], allowAddress })).toThrow(/other/)
    expect(() => bench([ok], { origins: ['ftp://orders:8080'], allowAddress })).toThrow(/ftp/)
  })

  it('may be spelled in any way that a URL may', async () => {
    const { fetch, arrivals } = bench([ok], { origins: ['HTTPS://Api.Example:443/some/path?x'] })

    await fetch(url)

    expect(arrivals).toHaveLength(1)
  })
})

describe('a 401', () => {
  it('is answered by one renewal and one retry (MC-04)', async () => {
    const { fetch, source, authorizations } = bench([status(401), ok])

    const response = await fetch(url)

    expect(response.status).toBe(200)
    expect(authorizations()).toEqual(['Bearer t1', 'Bearer t2'])
    const [, second] = source.getToken.mock.calls
    expect(second?.[0]?.rejected?.accessToken).toBe('t1')
    expect(source.getToken).toHaveBeenCalledTimes(2)
  })

  it.each<[string, Record<string, string>, Challenge | undefined]>([
    [
      'the challenge that says where the metadata is (RFC 9728 §5.1)',
      { 'www-authenticate': 'Basic realm="a", Bearer resource_metadata="https://api.example/m"' },
      { scheme: 'bearer', parameters: { resource_metadata: 'https://api.example/m' } },
    ],
    [
      'the first challenge, where none says that',
      { 'www-authenticate': 'Bearer realm="a", Basic realm="b"' },
      { scheme: 'bearer', parameters: { realm: 'a' } },
    ],
    ['nothing, where there is no challenge', {}, undefined],
  ])('tells the source what the resource said: %s', async (_, headers, challenge) => {
    const { fetch, source } = bench([() => new Response(null, { status: 401, headers }), ok])

    await fetch(url)

    expect(source.getToken.mock.lastCall?.[0]?.challenge).toEqual(challenge)
  })

  it('a second time is the answer (MC-04)', async () => {
    const { fetch, source, authorizations } = bench([status(401)])

    const response = await fetch(url)

    expect(response.status).toBe(401)
    await expect(response.text()).resolves.toBe('401')
    expect(authorizations()).toEqual(['Bearer t1', 'Bearer t2'])
    expect(source.getToken).toHaveBeenCalledTimes(2)
  })

  it('is the answer, unread, where the renewal brings the same token again (MC-04)', async () => {
    const resource = tokenServer(status(401))
    const fetch = authorizedFetch(sourceOf('same'), {
      origins: ['https://api.example'],
      fetch: resource.fetch,
    })

    const response = await fetch(url)

    expect(response.status).toBe(401)
    await expect(response.text()).resolves.toBe('401')
    expect(resource.arrivals).toHaveLength(1)
  })

  it('whose renewal fails makes the call fail, by its error', async () => {
    const { fetch, source, arrivals } = bench([status(401)])
    const error = new Error('refused')
    source.getToken.mockResolvedValueOnce(createToken({ accessToken: 't1' })).mockRejectedValueOnce(error)

    await expect(fetch(url)).rejects.toBe(error)
    expect(arrivals).toHaveLength(1)
  })

  it('that is not the answer has its body called off', async () => {
    const cancelled = vi.fn()
    const stuck = () => new Response(new ReadableStream({ cancel: cancelled }), { status: 401 })
    const { fetch } = bench([stuck, ok])

    await fetch(url)

    expect(cancelled).toHaveBeenCalledTimes(1)
  })

  it('of 100 parallel calls with one token costs one renewal (MC-07)', async () => {
    let made = 0
    const obtain = vi.fn(async () => {
      made += 1
      return createToken({ accessToken: `t${made}` })
    })
    const send = vi.fn(async (_: unknown, init?: RequestInit) => {
      const authorization = new Headers(init?.headers).get('authorization')
      return new Response(null, { status: authorization === 'Bearer t1' ? 401 : 200 })
    })
    const fetch = authorizedFetch(new TokenSession(obtain), { origins: ['https://api.example'], fetch: send })

    const answers = await Promise.all(Array.from({ length: 100 }, () => fetch(url)))

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(100)
    expect(obtain).toHaveBeenCalledTimes(2)
    expect(send).toHaveBeenCalledTimes(200)
  })
})

describe('what might have run', () => {
  it.each([400, 402, 403, 404, 409, 429, 500, 502, 503])('is not sent again after %d', async (code) => {
    const { fetch, source, arrivals } = bench([status(code)])

    const response = await fetch(url, { method: 'POST', body: 'x' })

    expect(response.status).toBe(code)
    expect(arrivals).toHaveLength(1)
    expect(source.getToken).toHaveBeenCalledTimes(1)
  })

  it.each([200, 400, 404, 500])('is not sent again after %d, whatever it demands', async (code) => {
    const headers = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="admin"' }
    const { fetch, source, arrivals } = bench([() => new Response(null, { status: code, headers }), ok])

    await expect(fetch(url)).resolves.toMatchObject({ status: code })
    expect(arrivals).toHaveLength(1)
    expect(source.getToken).toHaveBeenCalledTimes(1)
  })

  it('is not sent again after 403 insufficient_scope, where the source has no other token', async () => {
    const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="admin"' }
    const { fetch, source, arrivals } = bench([() => new Response(null, { status: 403, headers: challenge })])

    await expect(fetch(url)).resolves.toMatchObject({ status: 403 })
    expect(arrivals).toHaveLength(1)
    expect(source.getToken.mock.lastCall?.[0]).not.toHaveProperty('rejected')
    expect(source.getToken.mock.lastCall?.[0]).toMatchObject({
      challenge: { parameters: { error: 'insufficient_scope', scope: 'admin' } },
      interactive: false,
    })
  })

  it('is not sent again after a failure of the network, first or second, which is the caller’s', async () => {
    const error = new TypeError('fetch failed')
    const fail = () => Promise.reject(error)
    const [first, second] = [bench([fail, ok]), bench([status(401), fail, ok])]

    await expect(first.fetch(url)).rejects.toBe(error)
    await expect(second.fetch(url)).rejects.toBe(error)

    expect(first.arrivals).toHaveLength(1)
    expect(second.arrivals).toHaveLength(2)
  })
})

describe('a body', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  /** Notes the bytes of each request, and refuses the first. */
  function byteServer() {
    const bodies: Uint8Array[] = []
    const send = async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input, init)
      bodies.push(new Uint8Array(await request.arrayBuffer()))
      return new Response(null, { status: bodies.length === 1 ? 401 : 200 })
    }
    return { bodies, send }
  }
  const post = (body: BodyInit): RequestInit => ({ method: 'POST', body })

  it.each<[string, () => [string | Request, RequestInit?]]>([
    ['a string', () => [url, post('é\r\n\0')]],
    ['bytes', () => [url, post(bytes)]],
    ['an ArrayBuffer', () => [url, post(bytes.buffer)]],
    ['a Blob', () => [url, post(new Blob([bytes]))]],
    ['a form', () => [url, post(new URLSearchParams({ a: 'é&=' }))]],
    ['nothing', () => [url, { method: 'POST' }]],
    ['null', () => [url, { method: 'POST', body: null }]],
    ['a Request with bytes', () => [new Request(url, post(bytes))]],
    ['a Request with a text', () => [new Request(url, post('text'))]],
    ['a Request and an init with bytes', () => [new Request(url, post('text')), post(bytes)]],
  ])('is sent again byte for byte: %s (MC-06)', async (_, make) => {
    const { bodies, send } = byteServer()
    const { fetch } = bench([], { fetch: send })
    const [input, init] = make()
    const expected = new Uint8Array(await new Request(...make()).arrayBuffer())

    const response = await fetch(input, init)

    expect(response.status).toBe(200)
    expect(bodies).toEqual([expected, expected])
  })

  it('of a Request is whole also when it is long', async () => {
    const { bodies, send } = byteServer()
    const { fetch } = bench([], { fetch: send })
    const long = new Uint8Array(3_000_000).fill(7)

    await fetch(new Request(url, post(long)))

    expect(bodies.map((body) => body.length)).toEqual([3_000_000, 3_000_000])
    expect(bodies[1]?.every((byte) => byte === 7)).toBe(true)
  })

  it('of a Request is left to its owner where no token can be had', async () => {
    const { fetch, source } = bench()
    source.getToken.mockRejectedValueOnce(new Error('no token'))
    const request = new Request(url, post('own'))

    await expect(fetch(request)).rejects.toThrow('no token')

    await expect(request.text()).resolves.toBe('own')
  })

  it('of a Request is left to its owner where the init has another one', async () => {
    const { bodies, send } = byteServer()
    const { fetch } = bench([], { fetch: send })
    const request = new Request(url, post('own'))

    await fetch(request, post('other'))

    expect(bodies.map((body) => new TextDecoder().decode(body))).toEqual(['other', 'other'])
    await expect(request.text()).resolves.toBe('own')
  })

  it('that a Request does not have costs no copy of it', async () => {
    const { fetch, arrivals } = bench([status(401), ok])
    const request = new Request(url)
    const clone = vi.spyOn(request, 'clone')

    await fetch(request)

    expect(arrivals).toHaveLength(2)
    expect(clone).not.toHaveBeenCalled()
  })

  async function* chunks() {
    yield new TextEncoder().encode('once')
  }

  it.each<[string, () => unknown]>([
    ['a stream', () => new Blob(['once']).stream()],
    ['an async iterable', chunks],
  ])(
    'that can be read once is not sent again, but the next call has a new token: %s (MC-06)',
    async (_, body) => {
      const { fetch, arrivals, authorizations } = bench([status(401), ok])
      // Node's fetch takes any async iterable, and wants `duplex`; the type knows neither.
      const init = { method: 'POST', body: body(), duplex: 'half' } as RequestInit

      const response = await fetch(url, init)

      expect(response.status).toBe(401)
      await expect(response.text()).resolves.toBe('401')
      expect(arrivals.map((arrival) => arrival.body)).toEqual(['once'])
      await fetch(url)
      expect(authorizations()).toEqual(['Bearer t1', 'Bearer t2'])
    },
  )

  it('that is a stream is not sent again either where the browser has no iterator for one (MC-06)', async () => {
    const { prototype } = ReadableStream
    const iterator = Object.getOwnPropertyDescriptor(prototype, Symbol.asyncIterator) ?? {}
    Reflect.deleteProperty(prototype, Symbol.asyncIterator)
    onTestFinished(() => void Object.defineProperty(prototype, Symbol.asyncIterator, iterator))
    const { fetch, arrivals } = bench([status(401), ok])
    const init = { method: 'POST', body: new Blob(['once']).stream(), duplex: 'half' } as RequestInit

    await expect(fetch(url, init)).resolves.toMatchObject({ status: 401 })
    expect(arrivals.map((arrival) => arrival.body)).toEqual(['once'])
  })
})

describe('a signal', () => {
  const hanging = () => new TokenSession(() => new Promise(() => {}))

  it.each<[string, (signal: AbortSignal) => [string | Request, RequestInit?]]>([
    ['of the init', (signal) => [url, { signal }]],
    ['of a Request', (signal) => [new Request(url, { signal })]],
    ['of the init, before that of a Request', (signal) => [new Request(url), { signal }]],
  ])('%s ends the wait for a token, and nothing is sent', async (_, make) => {
    const { fetch: send, arrivals } = tokenServer()
    const fetch = authorizedFetch(hanging(), { origins: ['https://api.example'], fetch: send })
    const controller = new AbortController()
    const reason = new Error('enough')

    const going = fetch(...make(controller.signal))
    controller.abort(reason)

    await expect(going).rejects.toBe(reason)
    expect(arrivals).toEqual([])
  })

  it('ends the wait for the renewal after a 401', async () => {
    const { fetch: send, arrivals } = tokenServer(status(401))
    const obtain = vi.fn(async () => createToken({ accessToken: 't1' }))
    const session = new TokenSession(obtain)
    await session.getToken()
    obtain.mockReturnValueOnce(new Promise(() => {}))
    const fetch = authorizedFetch(session, { origins: ['https://api.example'], fetch: send })
    const controller = new AbortController()

    const going = fetch(url, { signal: controller.signal })
    await vi.waitUntil(() => obtain.mock.calls.length === 2)
    controller.abort()

    await expect(going).rejects.toMatchObject({ name: 'AbortError' })
    expect(arrivals).toHaveLength(1)
  })
})

describe('what sends', () => {
  it('is by default globalThis.fetch as it is at the call', async () => {
    const fetch = authorizedFetch(sourceOf('t1'), { origins: ['https://api.example'] })
    const patched = vi.fn(async () => new Response('patched'))
    vi.stubGlobal('fetch', patched)

    const response = await fetch(url)

    await expect(response.text()).resolves.toBe('patched')
    expect(patched).toHaveBeenCalledTimes(1)
  })

  it('is the option fetch as it is at the call', async () => {
    const options: AuthorizedFetchOptions = { origins: ['https://api.example'], fetch: tokenServer().fetch }
    const fetch = authorizedFetch(sourceOf('t1'), options)
    options.fetch = async () => new Response('later')

    const response = await fetch(url)

    await expect(response.text()).resolves.toBe('later')
  })
})

describe('a real API', () => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())

  let auth: ClientCredentialsAuth
  beforeEach(() => {
    const { authorizationServer, mcp, api } = testbed
    for (const { journal, faults } of [authorizationServer, mcp, api]) {
      faults.heal()
      journal.clear()
    }
    const { issuer, tokenEndpoint } = authorizationServer
    auth = new ClientCredentialsAuth({
      serverMetadata: { issuer, token_endpoint: tokenEndpoint },
      ...testClients.worker,
      scope: 'api:read',
      resource: api.url,
    })
  })

  it('answers with its orders, through a fetch that needs no object (MC-01)', async () => {
    const { fetch } = auth

    const response = await fetch(`${testbed.api.url}/orders`)

    expect(response.status).toBe(200)
    await expect(response.json()).resolves.toMatchObject({ client: testClients.worker.clientId })
    expect(testbed.authorizationServer.journal.count({ path: '/token' })).toBe(1)
    expect(testbed.api.journal.arrivals.map(({ path }) => path)).toEqual(['/api/orders'])
  })

  it('that refuses a good token gets the same body with another one, and runs it once (MC-04, MC-06)', async () => {
    const runs = testbed.api.runs.get('/api/echo') ?? 0
    testbed.api.refuse((await auth.getToken()).accessToken)
    const body = JSON.stringify({ text: 'é\u{1f34a}' })

    const response = await auth.fetch(`${testbed.api.url}/echo`, { method: 'POST', body })

    await expect(response.text()).resolves.toBe(body)
    expect(testbed.api.runs.get('/api/echo')).toBe(runs + 1)
    expect(testbed.api.journal.arrivals.map((arrival) => [arrival.status, arrival.body])).toEqual([
      [401, body],
      [200, body],
    ])
    expect(testbed.authorizationServer.journal.count({ path: '/token' })).toBe(2)
  })

  it('that refuses one token of 100 parallel calls costs one renewal (MC-07)', async () => {
    testbed.api.refuse((await auth.getToken()).accessToken)

    const answers = await Promise.all(
      Array.from({ length: 100 }, () => auth.fetch(`${testbed.api.url}/orders`)),
    )

    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(100)
    expect(testbed.authorizationServer.journal.count({ path: '/token' })).toBe(2)
    await Promise.all(answers.map((answer) => answer.text()))
  })

  it('that redirects to another origin sends us there without the token (MC-05)', async () => {
    const { api, mcp } = testbed
    for (const code of [302, 307]) {
      api.faults.add({ kind: 'redirect', location: `${mcp.origin}/elsewhere`, status: code }, { times: 1 })

      await auth.fetch(`${api.url}/orders`)
    }

    expect(api.journal.arrivals[0]?.headers['authorization']).toMatch(/^Bearer /)
    expect(mcp.journal.arrivals.map(({ path }) => path)).toEqual(['/elsewhere', '/elsewhere'])
    for (const { headers } of mcp.journal.arrivals) expect(headers).not.toHaveProperty('authorization')
  })

  it('that ran a POST and then redirects is not asked to run it again', async () => {
    const { api } = testbed
    api.faults.add(
      { kind: 'redirect', location: `${api.url}/orders`, status: 303 },
      { method: 'POST', times: 1 },
    )
    api.faults.add({ kind: 'status', status: 401 }, { method: 'GET', times: 1 })

    const response = await auth.fetch(`${api.url}/echo`, { method: 'POST', body: '{}' })
    await response.body?.cancel()

    expect(response.status).toBe(401)
    expect(api.journal.count({ method: 'POST' })).toBe(1)
  })

  it('that redirects from one of two origins to the other costs no renewal, for the token is dropped', async () => {
    const { api, mcp, authorizationServer } = testbed
    const both = authorizedFetch(auth, { origins: [api.origin, mcp.origin] })
    await auth.getToken()
    authorizationServer.journal.clear()
    api.faults.add({ kind: 'redirect', location: mcp.url }, { times: 1 })

    const response = await both(`${api.url}/orders`)
    await response.body?.cancel()

    expect(response.status).toBe(401)
    expect(mcp.journal.arrivals).toHaveLength(1)
    expect(authorizationServer.journal.arrivals).toEqual([])
  })

  it('that redirects to where we are refused costs no renewal: the token was not shown there (CH-11)', async () => {
    const { api, mcp, authorizationServer } = testbed
    api.faults.add({ kind: 'redirect', location: mcp.url }, { times: 1 })
    await auth.getToken()
    authorizationServer.journal.clear()

    const response = await auth.fetch(`${api.url}/orders`)
    await response.body?.cancel()

    expect(response.status).toBe(401)
    expect(mcp.journal.arrivals).toHaveLength(1)
    expect(authorizationServer.journal.arrivals).toEqual([])
  })

  it('that cuts the connection is not asked again', async () => {
    testbed.api.faults.add({ kind: 'lost-answer' })

    const going = auth.fetch(`${testbed.api.url}/echo`, { method: 'POST', body: '{}' })

    await expect(going).rejects.toThrow('fetch failed')
    expect(testbed.api.journal.arrivals).toHaveLength(1)
  })
})

it('leaves a source of tokens that does not heed the signal, and sends nothing', async () => {
  const send = vi.fn<typeof fetch>()
  const source = { getToken: () => new Promise<never>(() => {}) }
  const fetchOrders = authorizedFetch(source, { origins: ['https://rs.example'], fetch: send })
  const abort = new AbortController()

  const going = fetchOrders('https://rs.example/', { signal: abort.signal })
  abort.abort(new Error('enough'))

  await expect(going).rejects.toThrow('enough')
  expect(send).not.toHaveBeenCalled()
})

it('has no source ask a person, neither at first nor after a refusal', async () => {
  const source = sourceOf('t1', 't2')
  const replies = [status(401), ok]
  const send = authorizedFetch(source, {
    origins: ['https://api.example'],
    fetch: async () => replies.shift()?.() ?? new Response(),
  })

  await send(url)

  expect(source.getToken.mock.calls.map(([{ interactive } = {}]) => interactive)).toEqual([false, false])
})
