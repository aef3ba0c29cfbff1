import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { dpop } from '../src/dpop.ts'
import {
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  memoryStore,
  originAsServer,
  TokenExchangeAuth,
  type TokenStore,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { arrived, demand, fakeServers, places, resourceUrl } from './located-bench.ts'
import { aside, byHand, times } from './session-bench.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())
beforeEach(() => {
  for (const { journal, faults } of servers()) {
    faults.heal()
    journal.clear()
  }
})

const servers = () => [testbed.authorizationServer, testbed.api]
const metadataPath = '/.well-known/oauth-protected-resource/api'

type Given = Partial<ConstructorParameters<typeof ClientCredentialsAuth>[0]>

/** An object that has still to find the server of the API. */
function lazily(given: Given = {}): ClientCredentialsAuth {
  const auth = new ClientCredentialsAuth({ resourceUrl: testbed.api.url, ...testClients.worker, ...given })
  onTestFinished(() => auth.close())
  return auth
}

/** The same, of servers that are made of answers. */
function atFakes({ fetch }: ReturnType<typeof fakeServers>, given: Given = {}): ClientCredentialsAuth {
  return lazily({ resourceUrl, clientId: 'me', clientSecret: 'hush', fetch, ...given })
}

const status = async (response: Promise<Response>) => (await response).status
const codeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'none',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  )

/** Five requests, of which the first goes without a token. */
const whole = (calls = 1) => ({
  'GET /api': 1 + calls,
  [`GET ${metadataPath}`]: 1,
  'GET /.well-known/oauth-authorization-server': 1,
  'POST /token': 1,
})

describe('a server that is found when it is needed', () => {
  it('is found from the answer to the first request, which goes without a token (PR-01, PR-02)', async () => {
    const auth = lazily()
    expect(arrived(...servers())).toEqual({})

    await expect(status(auth.fetch(testbed.api.url))).resolves.toBe(200)

    expect(arrived(...servers())).toEqual(whole())
    const own = testbed.api.journal.arrivals.filter(({ path }) => path === '/api')
    expect(own.map(({ headers }) => 'authorization' in headers)).toEqual([false, true])
  })

  it('is found once for a hundred who come at once: one goes alone, and one token is asked for (MC-07)', async () => {
    const auth = lazily()

    const statuses = await times(100, () => status(auth.fetch(testbed.api.url)))

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(arrived(...servers())).toEqual(whole(100))
  })

  it('is found by asking the resource, where nothing is sent to it (PR-01)', async () => {
    const auth = lazily()

    const [token] = await times(100, () => auth.getToken())

    expect(token?.resource).toBe(testbed.api.url)
    expect(arrived(...servers())).toEqual(whole(0))
  })

  it('is found for what the resource demands of this very request, where it answers a GET in another way (SC-01)', async () => {
    testbed.api.faults.add({ kind: 'status', status: 404 }, { method: 'GET', path: '/api' })
    const auth = lazily()

    const response = await auth.fetch(`${testbed.api.url}/echo`, { method: 'POST', body: '[7]' })

    await expect(response.json()).resolves.toEqual([7])
    const asked = testbed.authorizationServer.journal.arrivals.find(({ path }) => path === '/token')
    expect(new URLSearchParams(asked?.body).get('scope')).toBe('api:read')
  })

  it('is found from its issuer with the first token (AS-01)', async () => {
    const { issuer } = testbed.authorizationServer
    const auth = new ClientCredentialsAuth({
      issuer,
      resource: testbed.api.url,
      scope: 'api:read',
      ...testClients.worker,
    })

    await expect(status(auth.fetch(testbed.api.url))).resolves.toBe(200)

    expect(arrived(...servers())).toEqual({
      'GET /.well-known/oauth-authorization-server': 1,
      'POST /token': 1,
      'GET /api': 1,
    })
    await auth.close()
  })

  it('is found by each kind of auth object', async () => {
    const auth = new TokenExchangeAuth({
      resourceUrl: testbed.api.url,
      ...testClients.worker,
      subjectToken: async () => (await lazily().getToken()).accessToken,
    })

    await expect(status(auth.fetch(testbed.api.url))).resolves.toBe(200)

    await auth.close()
  })

  it('is asked for no more than its own URL says when that is changed (RFC 8707 §2)', async () => {
    const given = new URL(resourceUrl)
    const fakes = fakeServers()
    const auth = atFakes(fakes, { resourceUrl: given })
    given.host = 'evil.example'

    await expect(status(auth.fetch(resourceUrl))).resolves.toBe(200)

    expect(fakes.sent.filter((each) => each.includes('evil'))).toEqual([])
  })

  it('has to be that of 2025-03-26 to be found at the origin of a resource that publishes nothing', async () => {
    const fakes = () =>
      fakeServers({
        resourceMetadata: () => new Response(null, { status: 404 }),
        serverMetadata: () => new Response(null, { status: 404 }),
      })
    const [without, by] = [fakes(), fakes()]

    await expect(codeOf(atFakes(without).fetch(resourceUrl))).resolves.toBe('resource_metadata_not_found')
    await expect(codeOf(atFakes(by, { legacy: originAsServer }).fetch(resourceUrl))).resolves.toBe(
      'invalid_response',
    )

    expect(by.sent.at(-1)).toBe('https://api.example.com/token')
  })
})

describe('a request that is sent before the server is known', () => {
  it('goes with its body, and again with a token', async () => {
    const auth = lazily()
    const request = new Request(`${testbed.api.url}/echo`, { method: 'POST', body: '{"a":1}' })

    const response = await auth.fetch(request)

    await expect(response.json()).resolves.toEqual({ a: 1 })
    const bodies = testbed.api.journal.arrivals.filter(({ method }) => method === 'POST')
    expect(bodies.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}'])
  })

  it.each<[string, HeadersInit]>([
    ['an object', { Authorization: 'Bearer of-somebody-else', accept: 'text/plain' }],
    ['headers', new Headers({ authorization: 'Bearer of-somebody-else', accept: 'text/plain' })],
  ])('goes without the Authorization header that the caller left in %s (NS-10)', async (_, headers) => {
    const auth = lazily()

    await expect(status(auth.fetch(testbed.api.url, { headers }))).resolves.toBe(200)

    const own = testbed.api.journal.arrivals.filter(({ path }) => path === '/api')
    expect(own.map((each) => each.headers['accept'])).toEqual(['text/plain', 'text/plain'])
    expect(own[0]?.headers['authorization']).toBeUndefined()
    expect(own[1]?.headers['authorization']).toMatch(/^Bearer (?!of-somebody-else)/)
  })

  it('says nothing of the resource where it is for another one on the same origin (PR-05)', async () => {
    const other = 'https://api.example.com/other'
    const asked: boolean[] = []
    const fakes = fakeServers()
    const fetch: typeof fakes.fetch = async (input, init) => {
      if (input !== other) return fakes.fetch(input, init)
      const headers = new Headers(init?.headers)
      asked.push(headers.has('authorization'))
      const challenge = 'Bearer resource_metadata="https://api.example.com/other/metadata"'
      return headers.has('authorization')
        ? Response.json({})
        : Response.json({}, { status: 401, headers: { 'www-authenticate': challenge } })
    }
    const auth = atFakes({ ...fakes, fetch })

    await expect(status(auth.fetch(other))).resolves.toBe(200)

    expect(asked).toEqual([true])
    expect(fakes.sent).toContain('resource')
  })

  it('says nothing of the resource either where dots in its path lead to another one (PR-05, RFC 3986 §5.2.4)', async () => {
    const fakes = fakeServers()
    const fetch: typeof fakes.fetch = async (input, init) => {
      const request = new Request(input, init)
      if (request.url !== 'https://api.example.com/other') return fakes.fetch(request)
      const challenge = 'Bearer resource_metadata="https://evil.example/metadata"'
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    }
    const auth = atFakes({ ...fakes, fetch })

    await expect(status(auth.fetch(`${resourceUrl}/../other`))).resolves.toBe(401)

    expect(fakes.sent.filter((each) => each.includes('evil'))).toEqual([])
  })

  it('is a demand also where a redirect has led to another place of the origin, and goes there again with a token (CH-11)', async () => {
    testbed.api.faults.add({ kind: 'redirect', location: '/api/echo', status: 307 }, { path: '/api/old' })
    const auth = lazily()

    const response = await auth.fetch(`${testbed.api.url}/old`, { method: 'POST', body: '[7]' })

    await expect(response.json()).resolves.toEqual([7])
    expect(arrived(testbed.api)).toMatchObject({ 'POST /api/old': 2, 'POST /api/echo': 2 })
  })

  it('has its answer let go of, unread', async () => {
    const cancelled = byHand<string>()
    const body = new ReadableStream({ cancel: () => cancelled.resolve('cancelled') })
    const fakes = fakeServers({
      resource: ({ headers }) =>
        headers.has('authorization') ? Response.json({}) : new Response(body, { status: 401 }),
    })

    await atFakes(fakes).fetch(resourceUrl)

    await expect(cancelled.promise).resolves.toBe('cancelled')
  })

  it('goes once where its body is a stream: the resource is asked instead (MC-06)', async () => {
    const auth = lazily()
    const { body } = new Response('{"a":1}')
    // Node's fetch wants `duplex`, which the type does not know.
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit

    const response = await auth.fetch(`${testbed.api.url}/echo`, init)

    await expect(response.json()).resolves.toEqual({ a: 1 })
    expect(arrived(...servers())).toEqual({ ...whole(0), 'POST /api/echo': 1 })
  })

  it('is answered as it is by a resource that wants no token, and nobody is asked ahead for the next', async () => {
    const isAskedFor = byHand<void>()
    const fakes = fakeServers({
      async resource() {
        await isAskedFor.promise
        await aside()
        return Response.json({ open: true })
      },
      resourceMetadata() {
        isAskedFor.resolve()
        return new Promise(() => {})
      },
    })
    const auth = atFakes(fakes)

    const statuses = await times(50, () => status(auth.fetch(resourceUrl)))
    statuses.push(await status(auth.fetch(resourceUrl)))

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(fakes.counts()).toEqual({ resource: 51, resourceMetadata: 1 })
  })

  it('is a demand also where a 403 has a challenge, and is the answer where it has none (CH-09)', async () => {
    const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope", scope="more"' }
    const forbidding = (headers: Record<string, string>) =>
      fakeServers({
        resource: (request) =>
          request.headers.has('authorization')
            ? Response.json({})
            : new Response(null, { status: 403, headers }),
      })
    const [plain, demanding] = [forbidding({}), forbidding(challenge)]

    await expect(status(atFakes(plain).fetch(resourceUrl))).resolves.toBe(403)
    await expect(status(atFakes(demanding).fetch(resourceUrl))).resolves.toBe(200)

    expect([plain.counts()['token'], demanding.counts()['token']]).toEqual([undefined, 1])
  })

  it('is looked at again when the resource wants a token after all, and one search is for all who were refused', async () => {
    const late = byHand<void>()
    let isOpen = true
    let refused = 0
    const fakes = fakeServers({
      async resource({ headers }) {
        if (isOpen || headers.has('authorization')) return Response.json({})
        refused += 1
        // Half of them hear of it when there is a token already.
        if (refused > 5) await late.promise
        return demand()
      },
    })
    const auth = atFakes(fakes)
    await auth.fetch(resourceUrl)
    isOpen = false

    const [early, rest] = [[], []] as Promise<number>[][]
    for (let index = 0; index < 10; index += 1)
      (index < 5 ? early : rest)?.push(status(auth.fetch(resourceUrl)))
    await Promise.all(early ?? [])
    const before = fakes.counts()
    late.resolve()
    const statuses = await Promise.all(rest ?? [])
    await aside()

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(fakes.counts()).toEqual({ ...before, resource: 21 })
    expect(before).toMatchObject({ serverMetadata: 1, token: 1 })
  })

  it('may fail, which is told to who has sent it: the others go on without it', async () => {
    let calls = 0
    const fakes = fakeServers({
      resource({ headers }) {
        calls += 1
        if (calls === 1) throw new TypeError('fetch failed')
        return headers.has('authorization') ? Response.json({}) : demand()
      },
    })
    const auth = atFakes(fakes)

    const [first, token, other] = await Promise.allSettled([
      auth.fetch(resourceUrl),
      auth.getToken(),
      auth.fetch(resourceUrl),
    ])

    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'fetch failed' } })
    expect(token).toMatchObject({ status: 'fulfilled', value: { accessToken: 't1' } })
    expect(other).toMatchObject({ status: 'fulfilled', value: { status: 200 } })
    expect(fakes.counts()['token']).toBe(1)
  })

  it('may be called off, which ends nothing for the others', async () => {
    const fakes = fakeServers({
      resource: ({ headers }) =>
        headers.get('x') === 'first'
          ? new Promise<Response>(() => {})
          : headers.has('authorization')
            ? Response.json({})
            : demand(),
    })
    const auth = atFakes(fakes)
    const callOff = new AbortController()
    const first = auth.fetch(resourceUrl, { headers: { x: 'first' }, signal: callOff.signal })
    const others = [auth.getToken(), auth.fetch(resourceUrl), auth.fetch(resourceUrl)]
    const impatient = new AbortController()
    const gone = auth.fetch(resourceUrl, { signal: impatient.signal })

    impatient.abort(new Error('no time'))
    await expect(gone).rejects.toThrow('no time')
    callOff.abort(new Error('enough'))

    await expect(first).rejects.toThrow('enough')
    await expect(Promise.all(others)).resolves.toMatchObject([
      { accessToken: 't1' },
      { status: 200 },
      { status: 200 },
    ])
    expect(fakes.counts()['token']).toBe(1)
  })

  it('is no demand for a token where it is answered: who wants one asks the resource (PR-01)', async () => {
    const answer = byHand<Response>()
    const fakes = fakeServers({
      resource: ({ method }) => (method === 'POST' ? answer.promise : demand()),
    })
    const auth = atFakes(fakes)
    const response = auth.fetch(resourceUrl, { method: 'POST' })
    const token = auth.getToken()

    answer.resolve(Response.json({ open: true }))

    await expect(status(response)).resolves.toBe(200)
    await expect(token).resolves.toMatchObject({ accessToken: 't1' })
  })

  it('may be answered late: the others wait for no longer than timeoutMs, together, and it gets its token all the same', async () => {
    const clock = handClock()
    const answer = byHand<Response>()
    let calls = 0
    const fakes = fakeServers({
      resource({ headers }) {
        calls += 1
        if (headers.has('authorization')) return Response.json({})
        return calls === 1 ? answer.promise : new Promise(() => {})
      },
    })
    const auth = atFakes(fakes, { clock })
    const first = auth.fetch(resourceUrl)
    const others = Array.from({ length: 20 }, () => auth.fetch(resourceUrl))
    const token = auth.getToken()
    await aside()

    clock.pass(10_000)
    await expect(codeOf(token)).resolves.toBe('timeout')
    await aside()

    expect(fakes.counts()['resource']).toBe(21)
    answer.resolve(demand())
    await expect(status(first)).resolves.toBe(200)
    expect(others).toHaveLength(20)
  })
})

describe('after close', () => {
  const closed = { name: 'AuthConfigError', code: 'closed' }

  it('who waits for a server to be found is told so, and nothing is sent', async () => {
    const fakes = fakeServers({ resourceMetadata: () => new Promise(() => {}) })
    const auth = atFakes(fakes)
    const waiting = [auth.getToken(), ...Array.from({ length: 20 }, () => auth.fetch(resourceUrl))]
    const ends = Promise.allSettled(waiting)
    await expect.poll(() => fakes.sent).toContain('resourceMetadata')

    const sent = [...fakes.sent]
    await auth.close()

    expect((await ends).map((each) => each.status === 'rejected' && each.reason)).toEqual(
      waiting.map(() => expect.objectContaining(closed)),
    )
    await aside()
    expect(fakes.sent).toEqual(sent)
  })

  it('an answer that comes has nothing follow', async () => {
    const answer = byHand<Response>()
    const fakes = fakeServers({ resource: () => answer.promise })
    const auth = atFakes(fakes)
    const response = auth.fetch(resourceUrl)
    await expect.poll(() => fakes.sent).toContain('resourceMetadata')

    const sent = [...fakes.sent]
    await auth.close()
    answer.resolve(demand())

    await expect(response).rejects.toMatchObject(closed)
    expect(fakes.sent).toEqual(sent)
  })

  it.each(['load', 'save'] as const)('nobody waits for a store that hangs: its %s', async (act) => {
    const asked = byHand<void>()
    const hang = () => {
      asked.resolve()
      return new Promise<never>(() => {})
    }
    const auth = atFakes(fakeServers(), { store: { ...memoryStore(), [act]: hang } })
    const end = codeOf(auth.getToken())
    await asked.promise

    await auth.close()

    await expect(end).resolves.toBe('closed')
  })

  it('nothing can be asked for', async () => {
    const fakes = fakeServers()
    const auth = atFakes(fakes)

    await auth.close()

    await expect(auth.fetch(resourceUrl)).rejects.toMatchObject(closed)
    await expect(auth.getToken()).rejects.toMatchObject(closed)
    expect(fakes.sent).toEqual([])
  })
})

describe('a server that a store knows', () => {
  it('is not looked for by the next process, which sends one request where the token is there as well (PR-18)', async () => {
    const store = memoryStore()
    await lazily({ store }).fetch(testbed.api.url)
    for (const { journal } of servers()) journal.clear()

    await expect(status(lazily({ store }).fetch(testbed.api.url))).resolves.toBe(200)

    expect(arrived(...servers())).toEqual({ 'GET /api': 1 })
  })

  it('costs the next process a token request and no more, where the token is of somebody else (PR-18)', async () => {
    const store = memoryStore()
    await lazily({ store, partition: 'ada' }).fetch(testbed.api.url)
    for (const { journal } of servers()) journal.clear()
    const auth = lazily({ store, partition: 'bob' })

    const statuses = await times(100, () => status(auth.fetch(testbed.api.url)))

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(arrived(...servers())).toEqual({ 'POST /token': 1, 'GET /api': 100 })
  })

  it('is found by fromResource without a request', async () => {
    const store = memoryStore()
    await lazily({ store }).getToken()
    for (const { journal } of servers()) journal.clear()

    const options = { resourceUrl: testbed.api.url, store, ...testClients.worker }
    await using auth = await ClientCredentialsAuth.fromResource(options)

    expect(auth.origins).toEqual([testbed.api.origin])
    expect(arrived(...servers())).toEqual({})
  })

  it('stays there for as long as a login may, for who signs out has to find it', async () => {
    const [store, ends] = [memoryStore(), new Map<string, number | undefined>()]
    const save: TokenStore['save'] = (key, value, options) => {
      ends.set(JSON.parse(key)[0], options.keepUntil)
      return store.save(key, value, options)
    }

    await lazily({ store: { ...store, save } }).getToken()

    expect(ends.has('server')).toBe(true)
    expect(ends.get('server')).toBeUndefined()
  })

  it('is believed for a day (PR-18)', async () => {
    const day = 86_400_000
    const clock = handClock(Date.UTC(2100, 0, 1))
    const store = memoryStore()
    await atFakes(fakeServers(), { store, clock }).getToken()
    const [before, after] = [fakeServers(), fakeServers()]

    clock.pass(day - 1)
    await atFakes(before, { store, clock }).getToken()
    clock.pass(1)
    await atFakes(after, { store, clock }).getToken()

    expect(before.counts()).toEqual({ token: 1 })
    expect(after.counts()).toMatchObject({ resource: 1, resourceMetadata: 1, serverMetadata: 1 })
  })

  it.each([
    ['another resource', { resourceUrl: 'https://api.example.com/v2' }],
    ['who expects an issuer', { expectedIssuer: 'https://as.example' }],
    ['who knows the old rule', { legacy: originAsServer }],
  ])('is looked for by %s', async (_, given: Given) => {
    const store = memoryStore()
    await atFakes(fakeServers(), { store }).getToken()
    const fakes = fakeServers()

    await atFakes(fakes, { store, ...given })
      .getToken()
      .catch(() => {})

    expect(fakes.sent.length).toBeGreaterThan(1)
  })

  it('holds no token, no secret and no name of a client', async () => {
    const inner = memoryStore()
    const texts: string[] = []
    const store: TokenStore = {
      ...inner,
      save(...given) {
        texts.push(`${given[0]} ${given[1]}`)
        return inner.save(...given)
      },
    }
    await atFakes(fakeServers(), { store, partition: 'u7' }).getToken()

    const [place] = texts
    expect(place).toContain('https://as.example/token')
    expect(place).not.toMatch(/hush|"me"|u7|"t1"/)
  })

  it('is not believed by who may not go where it is, though another who may has noted it (NS-01)', async () => {
    const inside = 'https://127.0.0.1'
    const serverMetadata = { issuer: inside, token_endpoint: `${inside}/token` }
    const fakes = fakeServers({
      resourceMetadata: () => Response.json({ resource: resourceUrl, authorization_servers: [inside] }),
      serverMetadata: () => Response.json(serverMetadata),
    })
    const fetch: typeof fakes.fetch = (input, init) => {
      const request = new Request(input, init)
      return fakes.fetch(new Request(request.url.replace(inside, 'https://as.example'), request))
    }
    const store = memoryStore()
    const [one, other] = [{ partition: 'one' }, { partition: 'other' }]
    await atFakes({ ...fakes, fetch }, { store, ...one, allowAddress: () => true }).getToken()
    expect(fakes.counts()).toMatchObject({ token: 1 })

    const attempt = atFakes({ ...fakes, fetch }, { store, ...other }).getToken()

    await expect(codeOf(attempt)).resolves.toBe('address_refused')
    expect(fakes.counts()).toMatchObject({ token: 1 })
  })

  it('is not believed by who cannot bind tokens, where the resource takes no others (PR-15)', async () => {
    const store = memoryStore()
    const fakes = fakeServers({
      resourceMetadata: () =>
        Response.json({
          resource: resourceUrl,
          authorization_servers: ['https://as.example'],
          dpop_bound_access_tokens_required: true,
        }),
      token: () => Response.json({ access_token: 't', token_type: 'DPoP' }),
    })
    await atFakes(fakes, { store, binding: await dpop() }).getToken()

    await expect(codeOf(atFakes(fakes, { store }).fetch(resourceUrl))).resolves.toBe('resource_not_supported')

    expect(fakes.counts()).toMatchObject({ token: 1 })
  })

  /** What a store holds of the server, whoever asks. */
  const holding = (value: string): TokenStore => {
    const inner = memoryStore()
    return {
      ...inner,
      load: async (key) => (key.startsWith('["server"') ? { value, revision: 'r' } : inner.load(key)),
      save: async (key, text, options) =>
        key.startsWith('["server"') ? 'r2' : inner.save(key, text, options),
    }
  }
  const until = Date.UTC(2100, 0, 1)
  const serverMetadata = { issuer: 'https://as.example', token_endpoint: places.token }

  it.each<[string, unknown]>([
    ['no JSON', 'no JSON'],
    ['null', null],
    ['a list', []],
    ['another version', { version: 2, until, located: { serverMetadata } }],
    ['no server', { version: 1, until }],
    ['null for a server', { version: 1, until, located: null }],
    ['half a server', { version: 1, until, located: { serverMetadata: {} } }],
    [
      'a server without an endpoint',
      { version: 1, until, located: { serverMetadata: { issuer: 'https://as.example' } } },
    ],
    [
      'a server in clear text',
      {
        version: 1,
        until,
        located: { serverMetadata: { ...serverMetadata, token_endpoint: 'http://as.example/token' } },
      },
    ],
    ['no end', { version: 1, located: { serverMetadata } }],
    ['an end that is past', { version: 1, until: 1, located: { serverMetadata } }],
  ])('is looked for where the store holds %s', async (_, held) => {
    const fakes = fakeServers()
    const store = holding(typeof held === 'string' ? held : JSON.stringify(held))

    await expect(status(atFakes(fakes, { store }).fetch(resourceUrl))).resolves.toBe(200)

    expect(fakes.counts()).toEqual({ resource: 2, resourceMetadata: 1, serverMetadata: 1, token: 1 })
  })

  it('is looked for where the store brings another than the one that is expected, which is shown nothing (RG-15)', async () => {
    const evil = { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }
    const store = holding(JSON.stringify({ version: 1, until, located: { serverMetadata: evil } }))
    const expected = { expectedIssuer: 'https://as.example' }
    const fakes = fakeServers()

    await expect(atFakes(fakes, { store, ...expected }).getToken()).resolves.toMatchObject({
      issuer: 'https://as.example',
    })

    expect(fakes.counts()).toEqual({ resource: 1, resourceMetadata: 1, serverMetadata: 1, token: 1 })
  })

  it('is looked for by its issuer where the store brings another than that, which is shown nothing (RG-15)', async () => {
    const evil = { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }
    const store = holding(JSON.stringify({ version: 1, until, located: { serverMetadata: evil } }))
    const fakes = fakeServers()
    const given = { issuer: 'https://as.example', clientId: 'me', clientSecret: 'hush', store }
    await using auth = new ClientCredentialsAuth({ ...given, fetch: fakes.fetch })

    await auth.getToken()

    expect(fakes.counts()).toEqual({ serverMetadata: 1, token: 1 })
  })

  it('is used also where the store cannot note it', async () => {
    const inner = memoryStore()
    const fakes = fakeServers()
    const auth = atFakes(fakes, {
      store: {
        ...inner,
        save: (key, ...given) =>
          key.startsWith('["server"') ? Promise.reject(new Error('disk full')) : inner.save(key, ...given),
      },
    })

    await expect(status(auth.fetch(resourceUrl))).resolves.toBe(200)

    expect(fakes.counts()).toMatchObject({ serverMetadata: 1, token: 1 })
  })

  it('is looked for where the store brings one that does not know the client any longer, nor takes it anew', async () => {
    const register = async ({ serverMetadata: { issuer } }: { serverMetadata: { issuer: string } }) => {
      if (issuer !== 'https://as.example') throw new Error('gone')
      return undefined
    }
    const located = { serverMetadata: { ...serverMetadata, issuer: 'https://gone.example' } }
    const store = holding(JSON.stringify({ version: 1, until, located }))
    const fakes = fakeServers()
    const auth = new AuthorizationCodeAuth({ resourceUrl, registration: register, store, fetch: fakes.fetch })

    await expect(codeOf(auth.getToken())).resolves.toBe('client_id_missing')

    expect(fakes.counts()).toMatchObject({ serverMetadata: 1 })
  })

  it('is looked for again, once, where its token endpoint is gone', async () => {
    const located = { serverMetadata: { ...serverMetadata, token_endpoint: 'https://as.example/old' } }
    const store = holding(JSON.stringify({ version: 1, until, located }))
    const fakes = fakeServers()
    const auth = atFakes(fakes, { store })

    const tokens = await times(10, () => auth.getToken())

    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['t1']))
    expect(fakes.counts()).toEqual({
      'https://as.example/old': 1,
      resourceMetadata: 1,
      serverMetadata: 1,
      token: 1,
    })
  })

  it('is looked for again, once, where its token endpoint fails: what it says is told', async () => {
    const fakes = fakeServers({ token: () => new Response(null, { status: 503 }) })
    const located = { serverMetadata, resource: resourceUrl }
    const store = holding(JSON.stringify({ version: 1, until, located }))
    const auth = atFakes(fakes, { store })

    const codes = [await codeOf(auth.getToken()), await codeOf(auth.getToken())]

    expect(codes).toEqual(['unavailable', 'unavailable'])
    expect(fakes.counts()).toMatchObject({ resourceMetadata: 1, serverMetadata: 1 })
  })

  it('is told who waits when the store cannot be read, and read again for the next', async () => {
    const inner = memoryStore()
    let loads = 0
    const fakes = fakeServers()
    const auth = atFakes(fakes, {
      store: {
        ...inner,
        load(key) {
          loads += 1
          return loads === 1 ? Promise.reject(new Error('disk full')) : inner.load(key)
        },
      },
    })

    const ends = await Promise.allSettled([auth.fetch(resourceUrl), auth.getToken()])

    expect(ends.map((each) => each.status === 'rejected' && each.reason)).toEqual([
      new Error('disk full'),
      new Error('disk full'),
    ])
    expect(fakes.sent).toEqual([])
    await expect(status(auth.fetch(resourceUrl))).resolves.toBe(200)
  })
})
