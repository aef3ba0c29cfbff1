import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Fault, startTestbed, type Testbed } from '../src/index.ts'
import { bearer, callTool, clientCredentials } from './requests.ts'

let testbed: Testbed
let metadata: string
beforeAll(async () => {
  testbed = await startTestbed()
  metadata = `${testbed.authorizationServer.origin}/.well-known/oauth-authorization-server`
})
afterAll(() => testbed.close())

beforeEach(() => {
  for (const name of ['warn', 'error'] as const) vi.spyOn(console, name)
})
afterEach(() => {
  testbed.authorizationServer.faults.heal()
  testbed.authorizationServer.journal.clear()
  // No server complains in public about what was done to it.
  expect(console.warn).not.toHaveBeenCalled()
  expect(console.error).not.toHaveBeenCalled()
  vi.restoreAllMocks()
})

const inject = (fault: Fault, match: { method?: string; path?: string | RegExp; times?: number } = {}) =>
  testbed.authorizationServer.faults.add(fault, match)
const askForToken = () =>
  clientCredentials(testbed.authorizationServer.tokenEndpoint, testbed.mcp.url, 'mcp:tools')

describe('instead of the true answer', () => {
  it.each<[Fault, { status: number; type: string | null; body: string }]>([
    [
      { kind: 'status', status: 503, headers: { 'content-type': 'text/plain' }, body: 'later' },
      { status: 503, type: 'text/plain', body: 'later' },
    ],
    [
      { kind: 'status', status: 500 },
      { status: 500, type: null, body: '' },
    ],
    [
      { kind: 'body', body: '[]' },
      { status: 200, type: 'application/json', body: '[]' },
    ],
    [
      { kind: 'body', body: 'error=x', contentType: 'application/x-www-form-urlencoded', status: 400 },
      { status: 400, type: 'application/x-www-form-urlencoded', body: 'error=x' },
    ],
  ])('%j', async (fault, { status, type, body }) => {
    inject(fault)

    const response = await fetch(metadata)

    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(type)
    expect(await response.text()).toBe(body)
    expect(testbed.authorizationServer.journal.count({ status })).toBe(1)
  })

  it('a page', async () => {
    inject({ kind: 'html' })

    const response = await fetch(metadata)

    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).toContain('<!doctype html>')
  })

  it.each([302, 307])('a redirect %i', async (status) => {
    inject(
      status === 302
        ? { kind: 'redirect', location: 'http://127.0.0.1:1/' }
        : { kind: 'redirect', location: 'http://127.0.0.1:1/', status },
    )

    const response = await fetch(metadata, { redirect: 'manual' })

    expect(response.status).toBe(status)
    expect(response.headers.get('location')).toBe('http://127.0.0.1:1/')
  })

  it('as many bytes of JSON as asked for, undeclared', async () => {
    inject({ kind: 'oversized', bytes: 1_000_000 })

    const response = await fetch(metadata)
    const body = await response.text()

    expect(response.headers.has('content-length')).toBe(false)
    expect(body).toHaveLength(1_000_000)
    expect(JSON.parse(body)).toHaveProperty('padding')
  })

  it('no end of bytes, until the client goes away', async () => {
    inject({ kind: 'oversized', bytes: Number.MAX_SAFE_INTEGER })

    const { body } = await fetch(metadata)
    await body?.cancel()

    await vi.waitFor(() => expect(testbed.authorizationServer.journal.arrivals).toHaveLength(1))
  })
})

describe('the connection', () => {
  it('is reset before the server acts', async () => {
    const token = await askForToken()
    testbed.mcp.faults.add({ kind: 'reset' }, { times: 1 })
    const before = testbed.mcp.runs.get('whoami') ?? 0

    await expect(callTool(testbed.mcp.url, token, 'whoami')).rejects.toThrow('fetch failed')

    expect(testbed.mcp.runs.get('whoami') ?? 0).toBe(before)
  })

  it('is reset after the server acted', async () => {
    const token = await askForToken()
    testbed.mcp.faults.add({ kind: 'lost-answer' }, { times: 1 })
    const before = testbed.mcp.runs.get('whoami') ?? 0

    await expect(callTool(testbed.mcp.url, token, 'whoami')).rejects.toThrow('fetch failed')

    expect(testbed.mcp.runs.get('whoami')).toBe(before + 1)
    expect(testbed.mcp.journal.arrivals.at(-1)?.status).toBeUndefined()
  })

  it('is reset after a token was made', async () => {
    inject({ kind: 'lost-answer' }, { path: '/token' })

    await expect(askForToken()).rejects.toThrow('fetch failed')
  })

  it('is cut in the middle of the body', async () => {
    const whole = await (await fetch(metadata)).text()
    inject({ kind: 'truncated' })

    const response = await fetch(metadata)

    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(whole)))
    await expect(response.text()).rejects.toThrow('terminated')
    expect(testbed.authorizationServer.journal.arrivals.at(-1)?.status).toBeUndefined()
  })

  it('hangs until it is healed', async () => {
    inject({ kind: 'hang' })

    const answer = fetch(metadata).catch((error: unknown) => error)
    await vi.waitFor(() => expect(testbed.authorizationServer.journal.arrivals).toHaveLength(1))
    expect(testbed.authorizationServer.journal.count({ status: 200 })).toBe(0)
    testbed.authorizationServer.faults.heal()

    expect(await answer).toBeInstanceOf(TypeError)
    expect((await fetch(metadata)).status).toBe(200)
  })
})

describe('the true answer', () => {
  it('comes a byte at a time, as long as the client is there', async () => {
    inject({ kind: 'drip', ms: 1 })
    const { tokenEndpoint, journal } = testbed.authorizationServer
    const giveUp = new AbortController()

    const whole = await fetch(tokenEndpoint, { method: 'POST' })
    const body: unknown = await whole.json()
    const { headers } = await fetch(tokenEndpoint, { method: 'POST', signal: giveUp.signal })
    giveUp.abort()

    expect(body).toMatchObject({ error: 'invalid_request' })
    expect(headers.get('content-length')).toBe(String(JSON.stringify(body).length))
    expect(journal.arrivals.map(({ status }) => status)).toEqual([400, undefined])
  })

  it('comes late', async () => {
    inject({ kind: 'delay', ms: 60 })
    const start = performance.now()

    const response = await fetch(metadata)

    expect(performance.now() - start).toBeGreaterThanOrEqual(55)
    expect(await response.json()).toMatchObject({ issuer: testbed.authorizationServer.issuer })
  })

  it('comes late, after the server acted', async () => {
    const token = await askForToken()
    for (const ms of [0, 60_000]) testbed.mcp.faults.add({ kind: 'late-answer', ms }, { times: 1 })
    const before = testbed.mcp.runs.get('whoami') ?? 0

    const soon = await callTool(testbed.mcp.url, token, 'whoami')
    const later = callTool(testbed.mcp.url, token, 'whoami').catch(() => 'no answer')
    await vi.waitFor(() => expect(testbed.mcp.runs.get('whoami')).toBe(before + 2))

    expect(await soon.text()).toContain('testbed-worker')
    expect(await Promise.race([later, Promise.resolve('nothing yet')])).toBe('nothing yet')
  })

  it('loses and gains members', async () => {
    inject({ kind: 'changed-members', members: { issuer: 'https://evil.example', jwks_uri: undefined } })

    const changed: unknown = await (await fetch(metadata)).json()

    expect(changed).toMatchObject({
      issuer: 'https://evil.example',
      token_endpoint: testbed.authorizationServer.tokenEndpoint,
    })
    expect(changed).not.toHaveProperty('jwks_uri')
  })

  it('loses and gains members also on the MCP server and the API', async () => {
    const [mcpToken, apiToken] = await Promise.all([
      askForToken(),
      clientCredentials(testbed.authorizationServer.tokenEndpoint, testbed.api.url, 'api:read'),
    ])
    for (const { faults } of [testbed.mcp, testbed.api]) {
      faults.add({ kind: 'changed-members', members: { added: true } }, { times: 1 })
    }

    const tool = await callTool(testbed.mcp.url, mcpToken, 'whoami')
    const orders = await fetch(`${testbed.api.url}/orders`, { headers: bearer(apiToken) })

    expect(await tool.json()).toMatchObject({ added: true, jsonrpc: '2.0' })
    expect(await orders.json()).toMatchObject({ added: true, orders: [{}, {}] })
  })

  it('says so when it has no members to change', async () => {
    testbed.mcp.faults.add({ kind: 'changed-members', members: {} }, { times: 1 })

    const response = await fetch(testbed.mcp.url, { method: 'OPTIONS' })

    expect(response.status).toBe(500)
  })
})

describe('which requests', () => {
  it('are hit is a matter of method, path and times', async () => {
    inject({ kind: 'status', status: 503 }, { method: 'POST' })
    inject({ kind: 'status', status: 502 }, { path: /openid/ })
    inject({ kind: 'status', status: 501 }, { path: '/.well-known/oauth-authorization-server', times: 2 })

    const statuses: number[] = []
    for (let round = 0; round < 3; round += 1)
      statuses.push((await fetch(`${metadata}?round=${round}`)).status)

    expect(statuses).toEqual([501, 501, 200])
    await expect(askForToken()).rejects.toThrow('503')
  })

  it('get the fault that was added first, then the next', async () => {
    inject({ kind: 'status', status: 503 }, { times: 1 })
    inject({ kind: 'status', status: 429 }, { times: 1 })

    const statuses = [await fetch(metadata), await fetch(metadata), await fetch(metadata)].map(
      ({ status }) => status,
    )

    expect(statuses).toEqual([503, 429, 200])
  })
})

it('ends at once with everything that waits', async () => {
  const own = await startTestbed()
  const { origin, faults, journal } = own.authorizationServer
  faults.add({ kind: 'hang' }, { path: '/hang' })
  faults.add({ kind: 'delay', ms: 60_000 }, { path: '/delay' })
  const answers = Promise.allSettled([fetch(`${origin}/hang`), fetch(`${origin}/delay`)])
  await vi.waitFor(() => expect(journal.arrivals).toHaveLength(2))

  const start = performance.now()
  await own.close()
  await own.close()

  expect(performance.now() - start).toBeLessThan(500)
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
