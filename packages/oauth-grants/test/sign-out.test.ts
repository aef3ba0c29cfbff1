import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { AuthorizationCodeAuth, clientSecretPost, type GrantEvent, memoryStore } from '../src/index.ts'
import { encodeToken } from '../src/token.ts'
import { handClock } from './hand-clock.ts'
import { answer, type LoginGiven, loginBench, loginMetadata, lost, refusal } from './login-bench.ts'
import { secretOf, tokenOf } from './session-bench.ts'
import type { Reply } from './token-server.ts'

const done: Reply = () => new Response(null, { status: 200 })
const silently = { interactive: false }
const interactionRequired = { name: 'AuthorizationError', code: 'interaction_required' }

/** Somebody who has signed in, and what is asked of the server afterwards. */
async function signedIn(options: LoginGiven = {}, ...replies: Reply[]) {
  const all = loginBench(options, ...replies)
  await all.auth.getToken()
  return { ...all, revocations: () => all.arrivals.slice(1) }
}

describe('the revocation', () => {
  it('is of the refresh token, at the endpoint that the server publishes (RT-10, RT-13, RFC 7009 §2.1)', async () => {
    const { auth, forms, revocations } = await signedIn({}, answer(1), done)

    await expect(auth.signOut()).resolves.toBe(true)

    expect(revocations()).toEqual([
      expect.objectContaining({ method: 'POST', url: 'https://as.example/revoke' }),
    ])
    expect(forms()[1]).toEqual({ token: 'r1', token_type_hint: 'refresh_token', client_id: 'me' })
  })

  it('is of the access token, where there is no other (RT-13, RFC 7009 §2.1)', async () => {
    const { auth, forms } = await signedIn({}, answer(1, { refresh_token: undefined }), done)

    await expect(auth.signOut()).resolves.toBe(true)

    expect(forms()[1]).toEqual({ token: 't1', token_type_hint: 'access_token', client_id: 'me' })
  })

  it('is of a token that has ended, too: what it can be renewed with has not (RT-13)', async () => {
    const { auth, clock, forms } = await signedIn({}, answer(1), done)
    clock.pass(100_000)

    await auth.signOut()

    expect(forms()[1]).toMatchObject({ token: 'r1' })
  })

  it('is of what lies in the store, where that is newer than what is in hand (RT-13)', async () => {
    const store = memoryStore()
    const { auth, clock, forms } = await signedIn({ store }, answer(1), done)
    clock.pass(100_000)
    await loginBench({ store, clock }, answer(2)).auth.getToken()

    await auth.signOut()

    expect(forms()[1]).toMatchObject({ token: 'r2' })
  })

  it('is of what lies in the store also where nothing is in hand yet (RT-13)', async () => {
    const store = memoryStore()
    const { clock } = await signedIn({ store }, answer(1))
    const { auth, forms } = loginBench({ store, clock }, done)

    await expect(auth.signOut()).resolves.toBe(true)

    expect(forms()).toEqual([{ token: 'r1', token_type_hint: 'refresh_token', client_id: 'me' }])
  })

  it.each<[string, LoginGiven, string | null, object]>([
    ['by its secret in the header', { clientSecret: 'hush' }, 'Basic bWU6aHVzaA==', {}],
    [
      'by its secret in the form',
      { clientSecret: 'hush', clientAuthentication: clientSecretPost },
      null,
      { client_id: 'me', client_secret: 'hush' },
    ],
    ['as a public client, by its name only', {}, null, { client_id: 'me' }],
  ])(
    'is authenticated as at the token endpoint: %s (RT-10, RFC 7009 §2.1)',
    async (_, options, header, more) => {
      const { auth, forms, revocations } = await signedIn(options, answer(1), done)

      await auth.signOut()

      expect(revocations()[0]?.headers.get('authorization')).toBe(header)
      expect(forms()[1]).toEqual({ token: 'r1', token_type_hint: 'refresh_token', ...more })
    },
  )

  it.each<[string, string, string]>([
    ['in clear text', 'http://as.example/revoke', 'insecure_url'],
    ['on this machine, which the server is not on', 'https://127.0.0.1/revoke', 'address_refused'],
  ])('is sent to no endpoint %s (RT-10, RFC 7009 §2)', async (_, revocation_endpoint, code) => {
    const serverMetadata = { ...loginMetadata, revocation_endpoint }
    const { auth, revocations } = await signedIn({ serverMetadata }, answer(1), done)

    await expect(auth.signOut()).rejects.toMatchObject({ name: 'TokenError', code })

    expect(revocations()).toEqual([])
    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
  })

  it('follows no redirect (RT-10, TE-13)', async () => {
    const location = 'https://evil.example/'
    const moved: Reply = () => new Response(null, { status: 307, headers: { location } })
    const { auth, revocations } = await signedIn({}, answer(1), moved)

    await expect(auth.signOut()).rejects.toMatchObject({ code: 'redirect_refused' })

    expect(revocations().map(({ url }) => url)).toEqual(['https://as.example/revoke'])
  })

  it.each<[string, string | undefined]>([
    ['publishes no endpoint for it', undefined],
    ['publishes one that is no URL', '/revoke'],
  ])('is not to be had where the server %s: what is here is forgotten (RT-10, RT-13)', async (_, url) => {
    const serverMetadata = { ...loginMetadata, revocation_endpoint: url }
    const { auth, revocations } = await signedIn({ serverMetadata }, answer(1))

    await expect(auth.signOut()).resolves.toBe(false)

    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    expect(revocations()).toEqual([])
  })

  it('is of nothing where nobody is signed in', async () => {
    const { auth, arrivals } = loginBench({ store: memoryStore() })

    await expect(auth.signOut()).resolves.toBe(false)

    expect(arrivals).toEqual([])
  })

  it('shows a token of another issuer to nobody, and it is forgotten (RT-05, RT-13)', async () => {
    const theirs = tokenOf(handClock(), 'theirs', 100, { issuer: 'https://other.example', refreshToken: 'r' })
    const cleared = vi.fn(async () => true)
    const load = async () => ({ value: encodeToken(theirs), revision: '1' })
    const { auth, arrivals } = loginBench({ store: { ...memoryStore(), load, clear: cleared } })

    await expect(auth.signOut()).resolves.toBe(false)

    expect(arrivals).toEqual([])
    expect(cleared).toHaveBeenCalledTimes(1)
  })

  it('is told as one exchange, and shows no token (NS-09)', async () => {
    const { auth, events } = await signedIn({}, answer(1), done)
    events.length = 0

    await auth.signOut()

    expect(events).toMatchObject([
      { type: 'exchange', purpose: 'revocation request', url: 'https://as.example/revoke', status: 200 },
    ] satisfies Partial<GrantEvent>[])
    expect(JSON.stringify(events)).not.toMatch(/r1|t1/)
  })
})

describe('the answer', () => {
  it.each<[string, Reply]>([
    ['nothing', done],
    ['a page', () => new Response('<p>', { headers: { 'content-type': 'text/html' } })],
    ['half of an object', () => new Response('{"', { headers: { 'content-type': 'application/json' } })],
    ['what looks like an error', { error: 'unsupported_token_type' }],
  ])('of 200 means that it is revoked, whatever the body: %s (RT-11, RFC 7009 §2.2)', async (_, reply) => {
    const { auth } = await signedIn({}, answer(1), reply)

    await expect(auth.signOut()).resolves.toBe(true)
  })

  it.each<[string, Reply, object]>([
    [
      '503, with the time to wait',
      () => new Response('', { status: 503, headers: { 'retry-after': '120' } }),
      { code: 'unavailable', recovery: 'transient', retryAfterMs: 120_000, status: 503 },
    ],
    [
      'unsupported_token_type',
      refusal('unsupported_token_type'),
      { code: 'refused', error: 'unsupported_token_type', status: 400 },
    ],
    ['invalid_client', refusal('invalid_client', 401), { code: 'refused', error: 'invalid_client' }],
    ['204', () => new Response(null, { status: 204 }), { code: 'invalid_response', status: 204 }],
    ['404', () => new Response('', { status: 404 }), { code: 'invalid_response', status: 404 }],
    ['nothing', lost, { code: 'unreachable', recovery: 'transient' }],
  ])(
    '%s means that it is not; here it is forgotten all the same (RT-12, RT-13, RFC 7009 §2.2.1)',
    async (_, reply, error) => {
      const { auth, revocations } = await signedIn({}, answer(1), reply)

      await expect(auth.signOut()).rejects.toMatchObject({
        name: 'TokenError',
        endpoint: 'https://as.example/revoke',
        ...error,
      })

      await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
      expect(revocations()).toHaveLength(1)
    },
  )

  it.each([
    [undefined, 3_000],
    [10_000, 3_000],
    [500, 500],
  ])(
    'that takes longer than the time of %s ms is not waited for longer than %d ms',
    async (timeoutMs, ms) => {
      const { auth, clock, revocations } = await signedIn(
        { timeoutMs },
        answer(1),
        () => new Promise(() => {}),
      )
      const settled = vi.fn()

      const leaving = auth.signOut().catch((error: unknown) => error)
      void leaving.then(settled)
      await vi.waitUntil(() => revocations().length === 1)
      clock.pass(ms - 1)
      await new Promise((resolve) => setImmediate(resolve))
      expect(settled).not.toHaveBeenCalled()
      clock.pass(1)

      await expect(leaving).resolves.toMatchObject({ name: 'TokenError', code: 'timeout' })
    },
  )

  it("is not waited for any longer than the caller's signal says", async () => {
    const { auth, revocations } = await signedIn({}, answer(1), () => new Promise(() => {}))
    const [controller, reason] = [new AbortController(), new Error('enough')]

    const leaving = auth.signOut({ signal: controller.signal }).catch((error: unknown) => error)
    await vi.waitUntil(() => revocations().length === 1)
    controller.abort(reason)

    await expect(leaving).resolves.toBe(reason)
    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
  })
})

describe('who has signed out', () => {
  it('has to sign in again, here and in a new process (RT-11, RT-13)', async () => {
    const store = memoryStore()
    const { auth, clock, presented, signIns } = await signedIn({ store }, answer(1), done, answer(2))

    await auth.signOut()
    const next = loginBench({ store, clock })
    await expect(next.auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    await expect(secretOf(auth.getToken())).resolves.toBe('t2')

    expect(presented()).toEqual(['authorization_code', '/revoke', 'authorization_code'])
    expect(signIns).toHaveLength(2)
    expect(next.arrivals).toEqual([])
  })

  it('is not signed in again by the refresh token that was handed in at first (RT-13)', async () => {
    const silent = answer(1, { refresh_token: undefined })
    const [used, unused] = [
      await signedIn({ refreshToken: 'r0' }, silent, done),
      loginBench({ refreshToken: 'r0' }, done),
    ]

    for (const { auth } of [used, unused]) {
      await auth.signOut()
      await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    }

    expect(used.presented()).toEqual(['r0', '/revoke'])
    expect(unused.presented()).toEqual(['/revoke'])
    expect(unused.forms()).toMatchObject([{ token: 'r0', token_type_hint: 'refresh_token' }])
  })

  it('can sign out again, which is nothing', async () => {
    const { auth, revocations } = await signedIn({ store: memoryStore() }, answer(1), done)

    await auth.signOut()
    await expect(auth.signOut()).resolves.toBe(false)

    expect(revocations()).toHaveLength(1)
  })

  it('does not sign out another, whose entry lies in the same store (NS-08, TE-15)', async () => {
    const store = memoryStore()
    const one = await signedIn({ store, partition: 'one' }, answer(1), done)
    await signedIn({ store, partition: 'other' }, answer(7))

    await one.auth.signOut()
    const next = loginBench({ store, partition: 'other', clock: one.clock })

    await expect(secretOf(next.auth.getToken(silently))).resolves.toBe('t7')
    expect(next.arrivals).toEqual([])
    expect(one.forms().slice(1)).toMatchObject([{ token: 'r1' }])
  })

  it('of a closed object gets an error, and nothing is sent', async () => {
    const { auth, revocations } = await signedIn({}, answer(1), done)
    await auth.close()

    await expect(auth.signOut()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'closed' })

    expect(revocations()).toEqual([])
  })
})

describe('a real server', () => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())
  beforeEach(() => testbed.authorizationServer.journal.clear())

  it.each([
    ['a public client', testClients.cli],
    ['a client with a secret', testClients.app],
  ])(
    'renews the tokens of %s by rotation, and revokes them all (RT-01, RT-04, RT-10, RT-11)',
    async (_, client) => {
      const { authorizationServer, api } = testbed
      const redirectUri = 'http://127.0.0.1/callback'
      const signInAt = () =>
        AuthorizationCodeAuth.fromResource({
          resourceUrl: api.url,
          ...client,
          redirectUri,
          authorize: agree,
          store,
          clock,
        })
      const [store, clock] = [memoryStore(), handClock(Date.now())]
      const auth = await signInAt()

      const first = await auth.getToken()
      const second = await auth.getToken({ rejected: first })
      const third = await auth.getToken({ rejected: second })
      await expect(auth.fetch(`${api.url}/orders`)).resolves.toMatchObject({ status: 200 })
      await expect(auth.signOut()).resolves.toBe(true)

      expect(new Set([first, second, third].map(({ refreshToken }) => refreshToken)).size).toBe(3)
      const used = authorizationServer.journal.arrivals.flatMap(({ body }) => {
        const form = new URLSearchParams(body)
        return form.get('refresh_token') ?? form.get('token') ?? []
      })
      expect(used).toEqual([first, second, third].map(({ refreshToken }) => refreshToken))
      const stolen = new AuthorizationCodeAuth({
        serverMetadata: {
          issuer: authorizationServer.issuer,
          token_endpoint: authorizationServer.tokenEndpoint,
        },
        ...client,
        refreshToken: third.refreshToken,
      })
      await expect(stolen.getToken(silently)).rejects.toMatchObject(interactionRequired)
    },
  )
})

it('leaves the wait for a store that hangs with the signal of the caller', async () => {
  const store = memoryStore()
  const { auth } = await signedIn({ store }, answer(1))
  vi.spyOn(store, 'load').mockReturnValue(new Promise(() => {}))
  const abort = new AbortController()

  const leaving = auth.signOut({ signal: abort.signal })
  abort.abort(new Error('enough'))

  await expect(leaving).rejects.toThrow('enough')
})
