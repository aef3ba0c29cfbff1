import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  type Assertion,
  clientSecretPost,
  type GrantEvent,
  JwtBearerAuth,
  type JwtBearerOptions,
  memoryStore,
  type TokenStore,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

const resource = 'https://rs.example/mcp'

/** A workload that presents a1, a2, ... at a server made of replies: by default tokens that are good for an hour. */
function bench(options: Partial<JwtBearerOptions> = {}, ...replies: Reply[]) {
  const server = tokenServer(...replies)
  const clock = handClock()
  const events: GrantEvent[] = []
  let made = 0
  const auth = new JwtBearerAuth({
    serverMetadata: metadata,
    assertion: () => {
      made += 1
      return `a${made}`
    },
    onEvent: (event) => void events.push(event),
    fetch: server.fetch,
    clock,
    ...options,
  })
  const forms = () => server.arrivals.map(({ body }) => new URLSearchParams(body))
  const presented = () => forms().map((form) => form.get('assertion'))
  return { auth, clock, events, forms, presented, arrivals: server.arrivals }
}

const refusal =
  (error: string): Reply =>
  () =>
    Response.json({ error }, { status: 400 })

/** A function of the caller that is asked once and never answers. */
function silence() {
  const asked = Promise.withResolvers<AbortSignal>()
  const assertion: Assertion = ({ signal }) => {
    asked.resolve(signal)
    return new Promise(() => {})
  }
  return { assertion, asked: asked.promise }
}

describe('the request of a workload', () => {
  it('has the assertion, the resource and the scope, and names no client (WI-01, RFC 7523 §2.1, RFC 7521 §4.1)', async () => {
    const { auth, arrivals } = bench({ resource, scope: 'mcp:tools' })

    await auth.getToken()

    expect(arrivals).toMatchObject([
      {
        method: 'POST',
        url: metadata.token_endpoint,
        body: 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a1&resource=https%3A%2F%2Frs.example%2Fmcp&scope=mcp%3Atools',
      },
    ])
    expect(arrivals[0]?.headers.get('authorization')).toBeNull()
  })

  it('is one for all who wait, and one as long as its token is good (WI-05)', async () => {
    const { auth, arrivals } = bench()

    const tokens = await Promise.all(Array.from({ length: 100 }, () => auth.getToken()))
    await auth.getToken()

    expect(new Set(tokens.map(({ accessToken }) => accessToken))).toEqual(new Set(['t1']))
    expect(arrivals).toHaveLength(1)
  })

  it.each<[what: string, Partial<JwtBearerOptions>, sent: Record<string, string | null>]>([
    ['in the form, without a secret', { clientId: 'me' }, { client_id: 'me', authorization: null }],
    [
      'in the header, with one',
      { clientId: 'me', clientSecret: 'hush' },
      { client_id: null, authorization: 'Basic bWU6aHVzaA==' },
    ],
    [
      'as it was told to',
      { clientId: 'me', clientSecret: 'hush', clientAuthentication: clientSecretPost },
      { client_id: 'me', client_secret: 'hush', authorization: null },
    ],
  ])('names a client that has a name: %s (EM-06, TE-05, RFC 7521 §4.1)', async (_, options, sent) => {
    const { auth, arrivals, forms } = bench(options)

    await auth.getToken()

    const { authorization, ...members } = sent
    expect(arrivals[0]?.headers.get('authorization')).toBe(authorization)
    for (const [name, value] of Object.entries(members)) expect(forms()[0]?.get(name)).toBe(value)
  })

  it.each<[what: string, Partial<JwtBearerOptions>]>([
    ['a secret', { clientSecret: 'hush' }],
    ['a way to authenticate', { clientAuthentication: clientSecretPost }],
  ])('is not made for a client that has %s and no name', (_, options) => {
    expect(() => bench(options)).toThrow(expect.objectContaining({ code: 'client_id_missing' }))
  })

  it('is not made to a server that lists other grants (RFC 8414 §2)', () => {
    const serverMetadata = { ...metadata, grant_types_supported: ['client_credentials'] }

    expect(() => bench({ serverMetadata })).toThrow(expect.objectContaining({ code: 'grant_not_supported' }))
  })
})

describe('the assertion', () => {
  it('is asked for the server, the resource and the scope in question (WI-02, RFC 7523 §3)', async () => {
    const asked: object[] = []
    const serverMetadata = { ...metadata, issuer: 'https://as.example/tenant/' }
    const assertion: Assertion = (request) => {
      asked.push(request)
      return 'a1'
    }
    const { auth } = bench({ assertion, serverMetadata, resource, scope: 'mcp:tools' })

    await auth.getToken()

    expect(asked).toEqual([
      {
        issuer: 'https://as.example/tenant/',
        serverMetadata,
        resource,
        scope: 'mcp:tools',
        signal: expect.any(AbortSignal),
      },
    ])
  })

  it('is a new one for each token: after its end, and after a refusal (WI-04, WI-05, EM-08, RFC 7521 §4.1)', async () => {
    const { auth, clock, presented } = bench()
    await auth.getToken()
    clock.pass(3_600_000)
    const second = await auth.getToken()
    await auth.getToken({ rejected: second })

    expect(presented()).toEqual(['a1', 'a2', 'a3'])
  })

  it('is a new one for a token that is fetched while its predecessor is good (WI-04)', async () => {
    const { auth, clock, presented } = bench()
    await auth.getToken()
    clock.pass(3_300_000)

    const held = await auth.getToken()
    await expect.poll(presented).toEqual(['a1', 'a2'])

    expect(held.accessToken).toBe('t1')
  })

  it('is read from its file each time, which the platform replaces and ends with a line (WI-04)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'workload-'))
    const path = join(folder, 'token')
    try {
      const { auth, clock, presented } = bench({ assertion: () => readFile(path, 'utf8') })
      await writeFile(path, 'first.of.platform\n')
      await auth.getToken()
      await writeFile(path, '\r\nsecond.of.platform\r\n')
      clock.pass(3_600_000)
      await auth.getToken()

      expect(presented()).toEqual(['first.of.platform', 'second.of.platform'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is asked for again although a refresh token came along (WI-05, RFC 7521 §4.1)', async () => {
    const answer = { access_token: 't', token_type: 'Bearer', expires_in: 60, refresh_token: 'r' }
    const { auth, clock, forms, presented } = bench({}, answer)
    await auth.getToken()
    clock.pass(60_000)
    await auth.getToken()

    expect(presented()).toEqual(['a1', 'a2'])
    expect(forms().map((form) => form.get('refresh_token'))).toEqual([null, null])
  })

  it.each<[what: string, given: unknown]>([
    ['empty', ''],
    ['a line without text', ' \r\n'],
    ['undefined', undefined],
    ['null', null],
    ['bytes in place of text', Buffer.from('a.b.c')],
    ['a promise of nothing', Promise.resolve()],
  ])('that is %s is not sent', async (_, given) => {
    // What a function without types gives is whatever it gives.
    const assertion = (() => given) as Assertion
    const { auth, arrivals } = bench({ assertion })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'invalid_token' })
    expect(arrivals).toEqual([])
  })

  it.each<[how: string, (error: Error) => Promise<string>]>([
    [
      'at once',
      (error) => {
        throw error
      },
    ],
    ['later', (error) => Promise.reject(error)],
  ])('that fails %s fails the call with the same error, and the next one asks again', async (_, fail) => {
    const failure = new Error('no such file')
    let times = 0
    const assertion = () => {
      times += 1
      return times === 1 ? fail(failure) : 'a2'
    }
    const { auth, presented } = bench({ assertion })

    await expect(auth.getToken()).rejects.toBe(failure)
    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
    expect(presented()).toEqual(['a2'])
  })

  it.each<[Partial<JwtBearerOptions>, ms: number]>([
    [{}, 20_000],
    [{ timeoutMs: 500 }, 1_000],
  ])('that does not come is waited for twice the time of a request: %j', async (options, ms) => {
    const { assertion, asked } = silence()
    const { auth, clock, arrivals } = bench({ assertion, ...options })
    const attempt = auth.getToken()
    const isOver = attempt.then(
      () => true,
      () => true,
    )
    const signal = await asked
    clock.pass(ms - 1)
    expect(await Promise.race([isOver, Promise.resolve(false)])).toBe(false)

    clock.pass(1)

    await expect(attempt).rejects.toMatchObject({
      name: 'TokenError',
      code: 'timeout',
      recovery: 'transient',
      issuer: metadata.issuer,
      endpoint: metadata.token_endpoint,
      message: expect.stringContaining(`within ${ms} ms`),
    })
    expect(signal.aborted).toBe(true)
    expect(arrivals).toEqual([])
  })

  it('that does not come is waited for no longer than the object lives', async () => {
    const { assertion, asked } = silence()
    const { auth, arrivals } = bench({ assertion })
    const attempt = auth.getToken()
    const signal = await asked

    await Promise.all([expect(attempt).rejects.toMatchObject({ code: 'closed' }), auth.close()])

    expect(signal.aborted).toBe(true)
    expect(arrivals).toEqual([])
  })

  it('that came in time leaves no timer behind', async () => {
    const waiting: (AbortSignal | undefined)[] = []
    const clock = handClock()
    const watched = {
      ...clock,
      sleep(ms: number, signal?: AbortSignal) {
        waiting.push(signal)
        return clock.sleep(ms, signal)
      },
    }
    const { auth } = bench({ clock: watched })

    await auth.getToken()

    expect(waiting.map((signal) => signal?.aborted)).toEqual([true, true, true])
  })
})

describe('a refusal', () => {
  it.each([
    ['invalid_grant', 'interaction'],
    ['invalid_scope', 'terminal'],
    ['unauthorized_client', 'terminal'],
    ['invalid_target', 'terminal'],
    ['unsupported_grant_type', 'terminal'],
  ])('%s is final: nothing is sent again, and by no other grant (WI-03)', async (error, recovery) => {
    const { auth, forms, presented } = bench({ resource, scope: 'mcp:tools' }, refusal(error))

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error,
      recovery,
      issuer: metadata.issuer,
    })

    expect(presented()).toEqual(['a1'])
    expect(forms()[0]?.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
  })

  it('of a request for a resource that no longer takes the token is told to the caller (WI-03)', async () => {
    const first = { access_token: 't1', token_type: 'Bearer', expires_in: 60 }
    const server = tokenServer(first, refusal('invalid_grant'))
    const sent: string[] = []
    const { auth } = bench({
      resource,
      fetch: async (input, init) => {
        const url = input instanceof Request ? input.url : String(input)
        sent.push(url)
        return url === resource ? new Response(null, { status: 401 }) : server.fetch(input, init)
      },
    })

    await expect(auth.fetch(resource)).rejects.toMatchObject({ code: 'refused', error: 'invalid_grant' })

    expect(sent).toEqual([metadata.token_endpoint, resource, metadata.token_endpoint])
  })
})

describe('secrets', () => {
  const assertion = 'eyJhbGciOiJFUzI1NiJ9.hunter2.hunter3'

  /** Everything that a program or a logger may make of a value. */
  const shown = (value: unknown) =>
    [
      inspect(value, { depth: 10, showHidden: true }),
      format('%o %j', value, value),
      JSON.stringify(value),
    ].join('\n')

  it.each<[what: string, Reply]>([
    [
      'refused',
      () => Response.json({ error: assertion, error_description: `no: ${assertion}` }, { status: 400 }),
    ],
    ['misunderstood', { access_token: assertion, token_type: assertion }],
    ['accepted', { access_token: 't', token_type: 'Bearer' }],
  ])(
    'of an assertion that was %s are in nothing that can be seen (WI-04, EM-09, NS-09)',
    async (_, reply) => {
      const { auth, events, arrivals } = bench({ assertion: () => assertion }, reply)

      const outcome = await auth.getToken().catch((error: unknown) => error)

      expect(arrivals.map(({ url }) => url)).toEqual([metadata.token_endpoint])
      expect(events.length).toBeGreaterThan(0)
      for (const each of [outcome, events, auth]) expect(shown(each)).not.toMatch(/hunter|eyJ/)
    },
  )
})

describe('a store', () => {
  it('is not used without a name for whom the assertions are about (TE-15)', () => {
    expect(() => bench({ store: memoryStore() })).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', code: 'partition_missing' }),
    )
  })

  it('keeps the token of each, and no assertion (TE-15, WI-04)', async () => {
    const saved: string[] = []
    const memory = memoryStore()
    const store: TokenStore = {
      ...memory,
      save(key, value, options) {
        saved.push(key, value)
        return memory.save(key, value, options)
      },
    }
    const token = (accessToken: string): Reply => ({
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: 60,
    })
    const [first, other] = [
      { store, partition: 'job-1' },
      { store, partition: 'job-2' },
    ]

    await bench(first, token('t-1')).auth.getToken()
    const again = await bench(first, token('t-3')).auth.getToken()
    const another = await bench(other, token('t-2')).auth.getToken()

    expect([again, another].map(({ accessToken }) => accessToken)).toEqual(['t-1', 't-2'])
    expect(saved).toHaveLength(4)
    expect(saved.join()).not.toMatch(/\ba1\b/)
  })
})
