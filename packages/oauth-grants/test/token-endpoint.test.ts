import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ClientCredentialsAuth, clientSecretBasic, type GrantEvent, publicClient } from '../src/index.ts'
import { createPost, createTokenEndpoint, type EndpointOptions } from '../src/token-endpoint.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type TokenServer, tokenServer } from './token-server.ts'

const never = new AbortController().signal

/** The door to a server that is made of replies. */
function doorTo(
  { fetch }: Pick<TokenServer, 'fetch'>,
  options: Partial<EndpointOptions> & { url?: string } = {},
) {
  const { url = metadata.token_endpoint, ...rest } = options
  const base = {
    server: metadata,
    client: { clientId: 'me', clientSecret: 'hush' },
    authentication: clientSecretBasic,
    fetch,
  }
  return createTokenEndpoint(
    base,
    url,
    createPost({ ...base, ...rest }, () => {}),
  )
}

describe('the request', () => {
  it('is a POST of a form in UTF-8 that asks for JSON (TE-01, RFC 6749 §3.2)', async () => {
    const server = tokenServer()

    await doorTo(server)({ grant_type: 'x', scope: 'a b', note: 'é&=+' }, never)

    expect(server.arrivals).toEqual([
      expect.objectContaining({
        method: 'POST',
        url: 'https://as.example/token',
        body: 'grant_type=x&scope=a+b&note=%C3%A9%26%3D%2B',
      }),
    ])
    const headers = server.arrivals[0]?.headers
    expect(headers?.get('content-type')).toMatch(/^application\/x-www-form-urlencoded(?:;charset=utf-8)?$/i)
    expect(headers?.get('accept')).toBe('application/json')
    expect(headers?.has('cookie')).toBe(false)
  })

  it('keeps the query of the endpoint (TE-01, RFC 6749 §3.2)', async () => {
    const server = tokenServer()
    const url = 'https://as.example/token?tenant=a%2Fb&v=2'

    await doorTo(server, { url })({ grant_type: 'x' }, never)

    expect(server.arrivals[0]?.url).toBe(url)
  })

  it.each([
    ['leaves out what is undefined or empty', { a: undefined, b: '', c: '1', d: [] }, 'c=1'],
    [
      'repeats a name for an array',
      { resource: ['https://a.example/', '', 'urn:b'] },
      'resource=https%3A%2F%2Fa.example%2F&resource=urn%3Ab',
    ],
  ])('%s (TE-01, RFC 6749 §3.2, RFC 8707 §2)', async (_, form, body) => {
    const server = tokenServer()

    await doorTo(server)(form, never)

    expect(server.arrivals[0]?.body).toBe(body)
  })

  it('names the client once, as its authentication does (TE-01)', async () => {
    const server = tokenServer()

    await doorTo(server, { authentication: publicClient })({ client_id: 'other' }, never)

    expect(server.arrivals[0]?.body).toBe('client_id=me')
  })

  it('is told as one exchange, without the query of the endpoint (NS-09)', async () => {
    const events: GrantEvent[] = []
    const clock = handClock()
    const client = { server: metadata, client: { clientId: 'me' }, authentication: publicClient }
    const post = createPost({ ...client, clock, fetch: tokenServer().fetch }, (event) =>
      events.push({ ...event, at: 0, flow: '' }),
    )
    const url = 'https://as.example/token?key=hunter2'

    await createTokenEndpoint({ server: metadata }, url, post)({ grant_type: 'x' }, never)

    expect(events).toEqual([
      {
        type: 'exchange',
        purpose: 'token request',
        method: 'POST',
        url: 'https://as.example/token?…',
        status: 200,
        ms: 0,
        bytes: expect.any(Number),
        at: 0,
        flow: '',
      },
    ])
  })

  it.each([
    ['https://127.0.0.1/token', 'address_refused'],
    ['https://localhost/token', 'address_refused'],
    ['http://10.0.0.5/token', 'insecure_url'],
  ])('is not sent to %s when the issuer is elsewhere: %s (AS-16, NS-01)', async (url, code) => {
    const server = tokenServer()

    const attempt = doorTo(server, { url })({ grant_type: 'x' }, never)

    await expect(attempt).rejects.toMatchObject({ name: 'TokenError', code, recovery: 'terminal' })
    expect(server.arrivals).toEqual([])
  })

  it('may go to another host than the issuer (AS-16)', async () => {
    const server = tokenServer()

    await doorTo(server, { url: 'https://oauth2.other.example/token' })({ grant_type: 'x' }, never)

    expect(server.arrivals).toHaveLength(1)
  })
})

describe('an answer that does not come', () => {
  it('covers a client authentication that never ends, and sends nothing', async () => {
    const clock = handClock()
    const server = tokenServer()
    const authentication = Object.assign(() => new Promise<void>(() => {}), { method: 'private_key_jwt' })

    const hanging = doorTo(server, { clock, authentication })({ grant_type: 'x' }, never)
    clock.pass(10_000)

    await expect(hanging).rejects.toMatchObject({
      name: 'TokenError',
      code: 'timeout',
      recovery: 'transient',
      message: expect.stringContaining('private_key_jwt'),
    })
    expect(server.arrivals).toEqual([])
  })

  it("leaves such a wait with the signal's own reason", async () => {
    const authentication = Object.assign(() => new Promise<void>(() => {}), { method: 'private_key_jwt' })
    const closing = new AbortController()
    const reason = new Error('enough')

    const hanging = doorTo(tokenServer(), { authentication })({ grant_type: 'x' }, closing.signal)
    closing.abort(reason)

    await expect(hanging).rejects.toBe(reason)
  })

  it('ends with the deadline', async () => {
    const clock = handClock()
    const hanging = doorTo({ fetch: () => new Promise(() => {}) }, { clock })({ grant_type: 'x' }, never)
    clock.pass(10_000)

    await expect(hanging).rejects.toMatchObject({
      name: 'TokenError',
      code: 'timeout',
      recovery: 'transient',
      endpoint: metadata.token_endpoint,
      issuer: metadata.issuer,
      message: expect.stringContaining('10000 ms'),
    })
  })

  it('ends with the deadline also in the middle of a body', async () => {
    const clock = handClock()
    const stuck = new Response(new ReadableStream({}), { headers: { 'content-type': 'application/json' } })
    const hanging = doorTo(
      tokenServer(() => stuck),
      { clock, timeoutMs: 50 },
    )({ grant_type: 'x' }, never)
    clock.pass(50)

    await expect(hanging).rejects.toMatchObject({ code: 'timeout' })
  })

  it('does not end a moment before the deadline', async () => {
    const clock = handClock()
    let answer: (response: Response) => void = () => {}
    const slow = new Promise<Response>((resolve) => {
      answer = resolve
    })
    const waiting = doorTo({ fetch: () => slow }, { clock })({ grant_type: 'x' }, never)
    clock.pass(9_999)
    answer(Response.json({ access_token: 't', token_type: 'Bearer' }))

    await expect(waiting).resolves.toMatchObject({ tokenType: 'Bearer' })
  })

  it("gives way to the caller's signal, whose reason comes back as it is", async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const server = tokenServer(() => new Promise(() => {}))
    const attempt = doorTo(server)({ grant_type: 'x' }, controller.signal)
    controller.abort(reason)

    await expect(attempt).rejects.toBe(reason)
    await expect(doorTo(server)({ grant_type: 'x' }, AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(server.arrivals.length).toBeLessThanOrEqual(1)
  })
})

describe('an answer that is too long', () => {
  it('is not read to its end', async () => {
    let pulled = 0
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled += 1
            controller.enqueue(new Uint8Array(1024))
          },
        }),
        { headers: { 'content-type': 'application/json' } },
      )

    const attempt = doorTo(tokenServer(endless), { maxBytes: 10_240 })({ grant_type: 'x' }, never)

    await expect(attempt).rejects.toMatchObject({ code: 'body_too_large', recovery: 'terminal' })
    expect(pulled).toBeLessThan(20)
  })
})

describe('a real server that fails', () => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())
  afterEach(() => {
    testbed.authorizationServer.faults.heal()
    testbed.authorizationServer.journal.clear()
    testbed.mcp.journal.clear()
  })

  const ask = () => {
    const { issuer, tokenEndpoint } = testbed.authorizationServer
    const serverMetadata = { issuer, token_endpoint: tokenEndpoint }
    return new ClientCredentialsAuth({ serverMetadata, ...testClients.worker }).getToken()
  }

  it.each([
    ['before it acts', { kind: 'reset' } as const],
    ['after it acted', { kind: 'lost-answer' } as const],
    ['in the middle of its answer', { kind: 'truncated' } as const],
  ])('by cutting the connection %s is asked once: a POST is never replayed', async (_, fault) => {
    testbed.authorizationServer.faults.add(fault)

    await expect(ask()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'unreachable',
      recovery: 'transient',
      status: undefined,
    })
    expect(testbed.authorizationServer.journal.count({ method: 'POST', path: '/token' })).toBe(1)
  })

  it.each([301, 302, 303, 307, 308])(
    'by a %d to another host or to itself is not followed, and nothing is sent there (TE-13)',
    async (status) => {
      const { authorizationServer, mcp } = testbed
      for (const location of [
        `${mcp.origin}/stolen`,
        '/elsewhere',
        `${authorizationServer.origin}/elsewhere`,
      ]) {
        authorizationServer.faults.add({ kind: 'redirect', location, status }, { path: '/token', times: 1 })

        await expect(ask()).rejects.toMatchObject({ code: 'redirect_refused', recovery: 'terminal' })
      }
      expect(mcp.journal.arrivals).toEqual([])
      expect(authorizationServer.journal.count({ path: '/token' })).toBe(3)
      expect(authorizationServer.journal.arrivals).toHaveLength(3)
    },
  )

  it('by a body without end is left at the limit', async () => {
    testbed.authorizationServer.faults.add({ kind: 'oversized', bytes: 5_000_000 })

    await expect(ask()).rejects.toMatchObject({ code: 'body_too_large' })
  })

  it('by its status is asked once (TE-11)', async () => {
    for (const status of [429, 500, 503]) {
      testbed.authorizationServer.faults.add({ kind: 'status', status }, { times: 1 })
      await expect(ask()).rejects.toMatchObject({ code: 'unavailable', recovery: 'transient', status })
    }
    expect(testbed.authorizationServer.journal.arrivals).toHaveLength(3)
  })

  it('by nothing gives a token', async () => {
    await expect(ask()).resolves.toMatchObject({ tokenType: 'Bearer' })
  })
})
