import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { TokenExchangeOptions } from '../src/index.ts'
import { exchangeBench, exchanged, tokenType } from './exchange-server.ts'
import { type Arrival, metadata, type Reply } from './token-server.ts'

const idJag = tokenType('id-jag')
const refusal =
  (error: string, status = 400): Reply =>
  () =>
    Response.json({ error }, { status })

describe('an answer', () => {
  it('becomes a token that says what it is (TX-07, RFC 8693 §2.2.1)', async () => {
    const { auth, clock } = exchangeBench({ scope: 'a b', resource: 'https://rs.example/' }, exchanged)

    const token = await auth.getToken()

    expect(token.accessToken).toBe('x')
    expect({ ...token }).toEqual({
      tokenType: 'Bearer',
      obtainedAt: clock.now(),
      expiresAt: clock.now() + 100_000,
      issuer: metadata.issuer,
      resource: 'https://rs.example/',
      scope: ['a', 'b'],
      requestedScope: ['a', 'b'],
      issuedTokenType: tokenType('access_token'),
    })
  })

  it('is for no one resource where several were named (TX-03)', async () => {
    const { auth } = exchangeBench({ resource: ['https://a.example/', 'https://b.example/'] })

    await expect(auth.getToken()).resolves.toMatchObject({ resource: undefined })
  })

  it.each<[asked: string | undefined, issued: unknown]>([
    [undefined, undefined],
    [undefined, ''],
    [undefined, null],
    [undefined, ['urn:ietf:params:oauth:token-type:access_token']],
    [undefined, tokenType('id_token')],
    [undefined, tokenType('refresh_token')],
    [undefined, tokenType('saml2')],
    [undefined, idJag],
    [undefined, 'access_token'],
    [undefined, 'urn:ietf:params:oauth:token-type:ACCESS_TOKEN'],
    [undefined, 'urn:ietf:params:oauth:token-type:access_token '],
    [tokenType('access_token'), undefined],
    [tokenType('access_token'), tokenType('jwt')],
    [tokenType('access_token'), tokenType('id_token')],
    [tokenType('jwt'), tokenType('access_token')],
    [idJag, tokenType('access_token')],
    [idJag, undefined],
    ['https://types.example/Badge', 'https://types.example/badge'],
  ])('to a request for %s that issues %j is not used (TX-07, TX-08, RFC 8693 §2.2.1)', async (...row) => {
    const [requestedTokenType, issued_token_type] = row
    const { auth, arrivals } = exchangeBench(
      { requestedTokenType },
      { ...exchanged, access_token: 'hunter2', issued_token_type },
    )

    const error: unknown = await auth.getToken().catch((caught: unknown) => caught)

    expect(error).toMatchObject({
      name: 'TokenError',
      code: 'invalid_response',
      recovery: 'terminal',
      status: 200,
      endpoint: metadata.token_endpoint,
      issuer: metadata.issuer,
    })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2')
    expect(arrivals).toHaveLength(1)
  })

  it.each<[asked: string | undefined, issued: string]>([
    [undefined, tokenType('access_token')],
    [undefined, tokenType('jwt')],
    [tokenType('access_token'), tokenType('access_token')],
    [tokenType('jwt'), tokenType('jwt')],
    ['https://types.example/Badge', 'https://types.example/Badge'],
  ])('to a request for %s that issues %s is used (TX-08, RFC 8693 §2.2.1)', async (...row) => {
    const [requestedTokenType, issued_token_type] = row
    const { auth } = exchangeBench({ requestedTokenType }, { ...exchanged, issued_token_type })

    await expect(auth.getToken()).resolves.toMatchObject({ issuedTokenType: issued_token_type })
  })

  it.each(['bearer', 'BEARER', 'Bearer'])(
    'of the type %s is Bearer (TX-09, RFC 8693 §2.2.1)',
    async (token_type) => {
      const { auth } = exchangeBench({}, { ...exchanged, token_type })

      await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'Bearer' })
    },
  )

  it.each([
    ['no access_token', { access_token: undefined }, 'invalid_response'],
    ['no token_type', { token_type: undefined }, 'invalid_response'],
    ['a token_type that is not known', { token_type: 'mac' }, 'token_type_not_supported'],
  ])('with %s is none (TX-07, RFC 8693 §2.2.1)', async (_, members, code) => {
    const { auth } = exchangeBench({}, { ...exchanged, ...members })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', code })
  })

  it('without a scope grants what was asked for (TX-10, RFC 8693 §2.2.1)', async () => {
    const { auth } = exchangeBench({ scope: 'a b' }, exchanged)

    await expect(auth.getToken()).resolves.toMatchObject({ scope: ['a', 'b'] })
  })

  it.each([
    ['less', 'a'],
    ['more', 'a b c'],
  ])('with %s than was asked for is kept, and said to be so (TX-10, SC-12)', async (granted, scope) => {
    const { auth, events } = exchangeBench({ scope: 'a b' }, { ...exchanged, scope })

    const token = await auth.getToken()

    expect(token).toMatchObject({ scope: scope.split(' '), requestedScope: ['a', 'b'] })
    expect(events.at(-1)).toMatchObject({ type: 'renewal', outcome: 'obtained', granted })
  })

  it('without expires_in is used until it is refused (TX-10)', async () => {
    const { auth, arrivals, clock } = exchangeBench({}, { ...exchanged, expires_in: undefined })
    const rejected = await auth.getToken()
    clock.pass(1_000_000_000)

    await auth.getToken()
    expect(arrivals).toHaveLength(1)
    await auth.getToken({ rejected })

    expect(arrivals).toHaveLength(2)
  })
})

describe('what is no access token (N_A)', () => {
  const assertion = { ...exchanged, token_type: 'N_A', issued_token_type: idJag }

  it.each(['N_A', 'n_a'])('is handed out to whoever asked for it: %s (TX-09, EM-05)', async (token_type) => {
    const { auth } = exchangeBench({ requestedTokenType: idJag }, { ...assertion, token_type })

    await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'N_A', issuedTokenType: idJag })
  })

  it.each([idJag, tokenType('access_token')])(
    'is refused where no type was asked for, even as %s (TX-09, TE-07, RFC 8693 §2.2.1)',
    async (issued_token_type) => {
      const { auth } = exchangeBench({}, { ...assertion, issued_token_type })

      await expect(auth.getToken()).rejects.toMatchObject({ code: 'token_type_not_supported' })
    },
  )

  it('is put on no request: nothing is sent to the resource (TX-09, NS-10, RFC 8693 §2.2.1)', async () => {
    const options = { requestedTokenType: idJag, resource: 'https://rs.example/mcp' }
    const { auth, arrivals } = exchangeBench(options, assertion)

    await expect(auth.fetch('https://rs.example/mcp')).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'invalid_token',
    })
    expect(arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
  })
})

describe('a refusal', () => {
  it.each([
    ['invalid_request', 'terminal', /tokens? .*RFC 8693 §2\.2\.2/],
    ['invalid_target', 'terminal', /resource/],
    ['invalid_client', 'terminal', /clientSecret/],
    ['invalid_scope', 'terminal', /scope/],
    ['unauthorized_client', 'terminal', /grant/],
    ['invalid_grant', 'interaction', /get a new one/],
  ])('by %s says what may be wrong, and comes once (TX-11, TE-11)', async (error, recovery, advice) => {
    const { auth, arrivals } = exchangeBench({}, refusal(error))

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error,
      recovery,
      message: expect.stringMatching(advice),
    })
    expect(arrivals).toHaveLength(1)
  })

  it('of the target is never answered by leaving the target out (TX-11, TX-04, RFC 8693 §2.2.2)', async () => {
    const options = { resource: 'https://rs.example/mcp', audience: 'rs' }
    const { auth, forms } = exchangeBench(options, refusal('invalid_target'))

    await auth.getToken().catch(() => {})
    await auth.getToken().catch(() => {})

    expect(forms().map((form) => [form.get('resource'), form.get('audience')])).toEqual(
      Array.from({ length: 2 }, () => ['https://rs.example/mcp', 'rs']),
    )
  })

  it('by an outage is worth another try, and the next call makes it (TX-11)', async () => {
    const { auth, arrivals } = exchangeBench({}, refusal('temporarily_unavailable', 503), exchanged)

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'unavailable', recovery: 'transient' })
    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 'x' })
    expect(arrivals).toHaveLength(2)
  })
})

describe('a refresh token in the answer', () => {
  const withRefresh = { ...exchanged, refresh_token: 'r1' }

  it('is used at the end of the token, for the same resources, and replaced by its successor (TX-10, RT-01)', async () => {
    const resource = ['https://a.example/', 'https://b.example/']
    const refreshed = { access_token: 'x2', token_type: 'Bearer', expires_in: 100, refresh_token: 'r2' }
    const { auth, arrivals, clock } = exchangeBench({ resource, audience: 'rs' }, withRefresh, refreshed)
    await auth.getToken()
    clock.pass(100_000)
    const second = await auth.getToken()
    clock.pass(100_000)

    await auth.getToken()

    expect(second.accessToken).toBe('x2')
    expect(arrivals.slice(1).map(({ body }) => body)).toEqual([
      'grant_type=refresh_token&refresh_token=r1&resource=https%3A%2F%2Fa.example%2F&resource=https%3A%2F%2Fb.example%2F',
      'grant_type=refresh_token&refresh_token=r2&resource=https%3A%2F%2Fa.example%2F&resource=https%3A%2F%2Fb.example%2F',
    ])
  })

  it('that is refused gives way to another exchange (RT-07, TX-12)', async () => {
    const { auth, forms, clock } = exchangeBench({}, withRefresh, refusal('invalid_grant'), exchanged)
    await auth.getToken()
    clock.pass(100_000)

    await auth.getToken()

    expect(forms().map((form) => form.get('subject_token') ?? form.get('refresh_token'))).toEqual([
      's1',
      'r1',
      's1',
    ])
  })

  it.each([idJag, tokenType('id_token'), tokenType('jwt')])(
    'is left alone where %s was asked for: it gives an access token (TX-08, EM-08)',
    async (requestedTokenType) => {
      const answer = { ...withRefresh, issued_token_type: requestedTokenType }
      const { auth, forms, clock } = exchangeBench({ requestedTokenType }, answer)
      await auth.getToken()
      clock.pass(100_000)

      await auth.getToken()

      expect(forms().map((form) => form.get('subject_token'))).toEqual(['s1', 's1'])
    },
  )
})

describe('what is presented', () => {
  /** Everything that a program, a logger or a bug report may make of a value. */
  const shownAs = (value: unknown) =>
    [inspect(value, { depth: 10, showHidden: true }), format('%s %O %j', value, value, value)].join('\n')
  const secrets: Partial<TokenExchangeOptions> = { subjectToken: 'hunter2-s', actorToken: 'hunter2-a' }

  it.each<[how: string, echo: (arrival: Arrival) => string]>([
    ['the form', ({ body }) => body],
    ['both tokens', () => 'hunter2-s hunter2-a'],
  ])('is in no error and no event when the server echoes %s (NS-09, EM-09)', async (_, echo) => {
    const reply: Reply = () => {
      const text = echo(bench.arrivals[0] ?? expect.fail('nothing was sent'))
      return Response.json({ error: text, error_description: text }, { status: 400 })
    }
    const bench = exchangeBench(secrets, reply)

    const error: unknown = await bench.auth.getToken().catch((caught: unknown) => caught)

    expect(error).toMatchObject({ name: 'TokenError', code: 'refused' })
    expect(shownAs([error, bench.events])).not.toContain('hunter2')
  })

  it('is not shown by the object that holds it (NS-09, EM-09)', async () => {
    const { auth, events } = exchangeBench(secrets)

    const token = await auth.getToken()

    expect(shownAs([auth, token, events])).not.toContain('hunter2')
  })
})

it.each(['refresh_token', 'id_token', 'saml1', 'saml2', 'id-jag'])(
  'is put on no request where it is said to be of the type %s, though it is called a Bearer (TX-08, TX-09)',
  async (kind) => {
    const type = `urn:ietf:params:oauth:token-type:${kind}`
    const { auth, arrivals } = exchangeBench(
      { requestedTokenType: type, resource: 'https://rs.example/mcp' },
      { ...exchanged, token_type: 'Bearer', issued_token_type: type },
    )

    const attempt = auth.fetch('https://rs.example/mcp')

    await expect(attempt).rejects.toMatchObject({ code: 'invalid_token' })
    expect(arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
  },
)
