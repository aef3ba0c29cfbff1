import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { ClientCredentialsAuth, type GrantEvent } from '../src/index.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())
afterEach(() => void vi.unstubAllGlobals())

let events: GrantEvent[]
beforeEach(() => {
  for (const { journal, faults } of [testbed.authorizationServer, testbed.api]) {
    faults.heal()
    journal.clear()
  }
  events = []
})

/** Without a scope, its first token reaches nothing at the API, which says so: `insufficient_scope`. */
function authFor(scope?: string) {
  const { issuer, tokenEndpoint } = testbed.authorizationServer
  return new ClientCredentialsAuth({
    serverMetadata: { issuer, token_endpoint: tokenEndpoint },
    ...testClients.worker,
    resource: testbed.api.url,
    scope,
    onEvent: (event) => void events.push(event),
  })
}

/** What the API saw of each try, without what a form has to be made anew for. */
function arrivals() {
  return testbed.api.journal.arrivals.map(({ method, path, headers, body }) => ({
    method,
    path,
    body: body.replaceAll(/-{4,}[\w-]*\d+/g, '--boundary'),
    type: headers['content-type']?.replace(/boundary=.*/, 'boundary'),
    mine: headers['x-mine'],
    authorization: headers['authorization']?.replace(/ .*/, ' token'),
  }))
}

function refusals() {
  return events.flatMap((event) => (event.type === 'refusal' ? [event] : []))
}

type Arguments = [input: string | URL | Request, init?: RequestInit]

const bytes = new TextEncoder().encode('"bytes"')
async function* chunks() {
  yield bytes
}
const stream = () => new Blob([bytes]).stream()
/** Node's fetch takes any async iterable, and wants `duplex`; the type knows neither. */
const streaming = (body: unknown): RequestInit => ({ method: 'POST', body, duplex: 'half' }) as RequestInit
/** What the type forbids, and programs without types do. */
const untyped = (value: unknown) => value as never
const post = (body: BodyInit, headers: HeadersInit = {}): RequestInit => ({ method: 'POST', body, headers })
const form = () => {
  const data = new FormData()
  data.append('name', 'value')
  data.append('file', new File([bytes], 'a.txt', { type: 'text/plain' }))
  return data
}
const mine = { 'X-Mine': '1' }

/** Of an echo at this URL. */
const repeatable: [string, (url: string) => Arguments][] = [
  ['a string', (url) => [url]],
  ['a URL', (url) => [new URL(url)]],
  ['what has a text', (url) => [untyped({ toString: () => url })]],
  ['a URL with user input', (url) => [`${url}?q=é&x=//%2f@evil.example#part`]],
  ['a Request', (url) => [new Request(url, { headers: mine })]],
  ['a record of headers', (url) => [url, { headers: { ...mine, AUTHORIZATION: 'a', authorization: 'b' } }]],
  ['a record with an absent value', (url) => [url, { headers: untyped({ 'x-mine': undefined }) }]],
  ['Headers', (url) => [url, { headers: new Headers({ ...mine, Authorization: 'a' }) }]],
  [
    'pairs of headers',
    (url) => [
      url,
      {
        headers: [
          ['X-Mine', '1'],
          ['aUTHORIZATION', 'a'],
        ],
      },
    ],
  ],
  [
    'headers that can be read once',
    (url) => [url, { headers: untyped(new Map([['X-Mine', '1']]).entries()) }],
  ],
  ['a HEAD', (url) => [url, { method: 'HEAD' }]],
  ['a POST of nothing', (url) => [url, { method: 'POST' }]],
  ['a text', (url) => [url, post('"é\\u0000"', { 'content-type': 'application/json' })]],
  ['bytes', (url) => [url, post(bytes)]],
  ['an ArrayBuffer', (url) => [url, post(bytes.slice().buffer)]],
  ['a Blob', (url) => [url, post(new Blob([bytes], { type: 'application/json' }))]],
  ['a form in a URL', (url) => [url, post(new URLSearchParams({ a: 'é&=' }))]],
  ['a form of parts', (url) => [url, post(form())]],
  ['a PATCH that may outlive its page', (url) => [url, { ...post('{}'), method: 'PATCH', keepalive: true }]],
  ['a Request with a text', (url) => [new Request(url, post('"text"', mine))]],
  ['a Request with a form of parts', (url) => [new Request(url, post(form()))]],
  ['a Request with a stream', (url) => [new Request(url, streaming(stream()))]],
  [
    'a Request, and an init with another method, body, headers and signal',
    (url) => [
      new Request(url, { ...post('"old"', { 'x-old': '1' }), signal: AbortSignal.abort() }),
      { ...post('"new"', mine), method: 'PUT', signal: null },
    ],
  ],
  [
    'a Request that was sent before, and an init with another body',
    (url) => {
      const request = new Request(url, post('"old"', mine))
      void request.text()
      return [request, { body: '"new"' }]
    },
  ],
  ['an init that is a Request', (url) => [url, new Request('https://elsewhere.example/', post('"x"', mine))]],
  [
    'an init that is a Request with a stream',
    (url) => [url, new Request('https://elsewhere.example/', streaming(stream()))],
  ],
]

const readOnce: [string, (url: string) => Arguments][] = [
  ['a stream', (url) => [url, streaming(stream())]],
  ['an async iterable', (url) => [url, streaming(chunks())]],
  ['a Request, and an init with a stream', (url) => [new Request(url, post('"old"')), streaming(stream())]],
]

/** As the same arguments arrive by `fetch` itself. */
async function arrivalOf(make: (url: string) => Arguments) {
  const [input, init] = make(`${testbed.api.url}/echo`)
  await (await fetch(input, init)).body?.cancel()
  const [arrival = expect.unreachable('nothing arrived')] = arrivals()
  testbed.api.journal.clear()
  return { ...arrival, authorization: 'Bearer token' }
}

describe.each(repeatable)('%s', (_, make) => {
  it('arrives as by fetch, with the token (MC-01)', async () => {
    const expected = await arrivalOf(make)
    await using auth = authFor('api:read')

    const response = await auth.fetch(...make(`${testbed.api.url}/echo`))
    await response.body?.cancel()

    expect(response.status).not.toBe(401)
    expect(arrivals()).toEqual([expected])
    expect(refusals()).toEqual([])
  })

  it('arrives once more after a 401, the same but for the token (MC-04, MC-06)', async () => {
    const expected = await arrivalOf(make)
    await using auth = authFor('api:read')
    testbed.api.refuse((await auth.getToken()).accessToken)

    const response = await auth.fetch(...make(`${testbed.api.url}/echo`))
    await response.body?.cancel()

    expect(response.status).not.toBe(401)
    expect(arrivals()).toEqual([expected, expected])
    expect(refusals()).toMatchObject([
      { url: expect.stringMatching(`^${testbed.api.url}/echo(?:\\?…)?$`), status: 401, outcome: 'repeated' },
    ])
    expect(refusals()[0]).not.toHaveProperty('why')
  })

  it('arrives once more after insufficient_scope, the same but for the token (MC-06, SC-06)', async () => {
    const expected = await arrivalOf(make)
    await using auth = authFor()

    const response = await auth.fetch(...make(`${testbed.api.url}/echo`))
    await response.body?.cancel()

    expect(response.status).not.toBe(403)
    expect(arrivals()).toEqual([expected, expected])
    expect(refusals()).toMatchObject([{ status: 403, outcome: 'repeated' }])
  })
})

describe.each(readOnce)('%s', (_, make) => {
  it('arrives as by fetch, with the token (MC-01)', async () => {
    const expected = await arrivalOf(make)
    await using auth = authFor('api:read')
    await auth.getToken()

    const response = await auth.fetch(...make(`${testbed.api.url}/echo`))

    expect(response.status).toBe(200)
    await expect(response.text()).resolves.toBe('"bytes"')
    expect(arrivals()).toEqual([expected])
  })

  it.each<[number, string | undefined]>([
    [401, 'api:read'],
    [403, undefined],
  ])(
    'is not sent again after a %d: the answer is told, and the next call has a new token (MC-06)',
    async (status, scope) => {
      await using auth = authFor(scope)
      const token = await auth.getToken()
      if (status === 401) testbed.api.refuse(token.accessToken)

      const response = await auth.fetch(...make(`${testbed.api.url}/echo`))
      const next = await auth.fetch(`${testbed.api.url}/orders`)

      expect([response.status, next.status]).toEqual([status, 200])
      expect(arrivals()).toHaveLength(2)
      expect(refusals()).toMatchObject([{ status, outcome: 'passed_on', why: 'stream' }])
      await Promise.all([response.text(), next.text()])
    },
  )
})

describe('what fetch refuses', () => {
  it.each<[string, (url: string) => Arguments]>([
    [
      'a Request that was sent before',
      (url) => {
        const request = new Request(url, post('"old"'))
        void request.text()
        return [request]
      },
    ],
    ['a header of two lines', (url) => [url, { headers: { 'x-mine': '1\r\nauthorization: Bearer x' } }]],
    ['the name of a header of two lines', (url) => [url, { headers: { 'x\r\nauthorization': 'Bearer x' } }]],
    ['a GET with a body', (url) => [url, { body: 'x' }]],
    ['headers that are a text', (url) => [url, { headers: untyped('x') }]],
  ])('is refused, and nothing arrives: %s', async (_, make) => {
    await using auth = authFor('api:read')

    await expect(auth.fetch(...make(`${testbed.api.url}/echo`))).rejects.toBeInstanceOf(TypeError)

    expect(arrivals()).toEqual([])
  })

  it.each(['/orders', 'orders', '//api.example/orders', '', 'about:blank'])(
    'or what is no absolute URL of http: %j',
    async (url) => {
      await using auth = authFor('api:read')

      await expect(auth.fetch(url)).rejects.toMatchObject({ code: 'origin_refused' })
    },
  )
})

it('parses no URL and makes no Headers where a token is in hand and the answer is no refusal', async () => {
  const sent = vi.fn<typeof fetch>()
  const answer = new Response('ok')
  let isInHand = false
  const send: typeof fetch = async (input, init) => {
    if (!isInHand) return fetch(input, init)
    void sent(input, init)
    return answer
  }
  const resourceUrl = testbed.api.url
  const { worker } = testClients
  await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl, ...worker, fetch: send })
  await auth.getToken()
  isInHand = true
  const forbidden = vi.fn()
  vi.stubGlobal('URL', forbidden)
  vi.stubGlobal('Headers', forbidden)

  await auth.fetch(resourceUrl, { headers: { 'x-mine': '1' } })

  expect(forbidden).not.toHaveBeenCalled()
  expect(sent.mock.lastCall?.[1]?.headers).toEqual({
    'x-mine': '1',
    authorization: expect.stringMatching(/^Bearer /),
  })
})
