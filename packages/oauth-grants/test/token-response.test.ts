import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { clientSecretBasic, type Recovery, type Token, type TokenError } from '../src/index.ts'
import { createPost, createTokenEndpoint } from '../src/token-endpoint.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

const clock = handClock()
const good = { access_token: 't', token_type: 'Bearer' }

const json =
  (text: string, status = 200, headers: Record<string, string> = {}) =>
  () =>
    new Response(text, { status, headers: { 'content-type': 'application/json', ...headers } })

interface Form {
  readonly [name: string]: string | undefined
}

/** What a token request to a server with this reply comes to. */
function ask(reply: Reply, form: Form = {}, server = tokenServer(reply)): Promise<Token> {
  const post = createPost(
    {
      server: metadata,
      client: { clientId: 'me', clientSecret: 'hush' },
      authentication: clientSecretBasic,
      fetch: server.fetch,
      clock,
    },
    () => {},
  )
  const endpoint = createTokenEndpoint({ server: metadata }, metadata.token_endpoint, post)
  return endpoint({ grant_type: 'x', ...form }, new AbortController().signal)
}

const refusal = (reply: Reply) =>
  ask(reply).then(
    () => expect.fail('a token was given'),
    (error: TokenError) => error,
  )

describe('a token answer', () => {
  it('becomes a token that says what it is (TE-06, RFC 6749 §5.1)', async () => {
    const token = await ask(
      { access_token: 'abc', token_type: 'Bearer', expires_in: 60, scope: 'a b' },
      { scope: 'a b c', resource: 'https://RS.example/mcp/?q=1' },
    )

    expect(token.accessToken).toBe('abc')
    expect({ ...token }).toEqual({
      tokenType: 'Bearer',
      obtainedAt: clock.now(),
      expiresAt: clock.now() + 60_000,
      issuer: metadata.issuer,
      resource: 'https://RS.example/mcp/?q=1',
      scope: ['a', 'b'],
      requestedScope: ['a', 'b', 'c'],
      issuedTokenType: undefined,
    })
  })

  it('counts its life from the moment it was asked for, not from its arrival (TE-12)', async () => {
    const asked = clock.now()

    const token = await ask(() => {
      clock.pass(5_000)
      return Response.json({ ...good, expires_in: 60 })
    })

    expect(token.obtainedAt).toBe(asked)
    expect(token.expiresAt).toBe(asked + 60_000)
  })

  it.each(['bearer', 'BEARER', 'Bearer', 'bEaReR'])(
    'of type %s is Bearer (TE-07, RFC 6749 §5.1)',
    async (token_type) => {
      await expect(ask({ ...good, token_type })).resolves.toMatchObject({ tokenType: 'Bearer' })
    },
  )

  it.each(['N_A', 'mac', 'DPoP', 'Bearer ', 'Bearer\r\nX: 1', ''])(
    'of type %j is not used (TE-07, TX-09, RFC 6749 §7.1)',
    async (token_type) => {
      await expect(ask({ ...good, token_type })).rejects.toMatchObject({
        name: 'TokenError',
        code: 'token_type_not_supported',
        recovery: 'terminal',
        status: 200,
      })
    },
  )

  it.each([
    ['no token_type', { access_token: 't' }],
    ['a token_type that is no text', { access_token: 't', token_type: ['Bearer'] }],
    ['no access_token', { token_type: 'Bearer' }],
    ['null for an access_token', { ...good, access_token: null }],
    ['a number for an access_token', { ...good, access_token: 1 }],
    ['an object for an access_token', { ...good, access_token: {} }],
    ['an empty access_token', { ...good, access_token: '' }],
    ['an empty object', {}],
  ])('with %s is none (TE-06, TE-07, RFC 6749 §5.1)', async (_, reply) => {
    await expect(ask(reply)).rejects.toMatchObject({
      name: 'TokenError',
      code: 'invalid_response',
      recovery: 'terminal',
      status: 200,
      endpoint: metadata.token_endpoint,
      issuer: metadata.issuer,
    })
  })

  it.each(['\r\nX-Admin: 1', ' ', '\t', '\n', '\0', '\x1b[31m', '\x7f', 'é', '\u2028'])(
    'with %j in its access_token is refused, and the token is not repeated (TE-09, RFC 6750 §2.1)',
    async (hard) => {
      const error = await refusal({ ...good, access_token: `hunter2${hard}hunter3` })

      expect(error).toMatchObject({ code: 'invalid_response' })
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/hunter/)
    },
  )

  it('that has its members swapped does not show the token (NS-09)', async () => {
    const error = await refusal({ access_token: 'Bearer', token_type: 'hunter2' })

    expect(error).toMatchObject({ code: 'token_type_not_supported' })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/hunter/)
  })

  it('may hold more than we know, of any size (TE-08, RFC 6749 §5.1)', async () => {
    const access_token = 'x'.repeat(100_000)
    const more = { x_future: [1], foo: null }

    const token = await ask({ ...good, access_token, ...more })

    expect(token.accessToken).toBe(access_token)
    expect(token.extra).toEqual(more)
    expect(Object.keys(token).toSorted()).toEqual([
      'expiresAt',
      'issuedTokenType',
      'issuer',
      'obtainedAt',
      'requestedScope',
      'resource',
      'scope',
      'tokenType',
    ])
  })

  it('may bring a refresh token, an ID token and what it is that was issued (RFC 6749 §5.1)', async () => {
    const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token'

    const token = await ask({ ...good, refresh_token: 'r', id_token: 'i', issued_token_type, scope: 'a' })

    expect(token).toMatchObject({ refreshToken: 'r', idToken: 'i', issuedTokenType: issued_token_type })
    expect(token.extra).toEqual({})
  })

  it.each([null, '', 7, {}, ['r']])('with %j for any of these has none (SC-09)', async (odd) => {
    const token = await ask({ ...good, refresh_token: odd, id_token: odd, issued_token_type: odd })

    expect([token.refreshToken, token.idToken, token.issuedTokenType]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it.each([
    ['takes nothing from', `{"__proto__":{"access_token":"evil","token_type":"Bearer"}}`],
    ['takes nothing from the constructor in', `{"constructor":{"prototype":{"access_token":"evil"}}}`],
  ])('%s %s', async (_, text) => {
    await expect(ask(json(text))).rejects.toMatchObject({ code: 'invalid_response' })
    expect({}).not.toHaveProperty('access_token')
  })

  it('is not disturbed by a __proto__ beside its members', async () => {
    const text = '{"access_token":"t","token_type":"Bearer","__proto__":{"error":"x","expires_in":5}}'

    await expect(ask(json(text))).resolves.toMatchObject({ expiresAt: undefined })
  })

  it('may begin with a byte order mark (RFC 8259 §8.1)', async () => {
    await expect(ask(json(`\u{feff}${JSON.stringify(good)}`))).resolves.toBeDefined()
  })

  it('may have a JSON media type with a suffix, parameters and in any case (RFC 8259 §11)', async () => {
    for (const type of ['Application/JSON; charset=UTF-8', 'application/vnd.as+json']) {
      const reply = json(JSON.stringify(good), 200, { 'content-type': type })
      await expect(ask(reply)).resolves.toBeDefined()
    }
  })
})

describe('expires_in', () => {
  const tenYears = 10 * 365 * 86_400

  it.each([
    ['3600', 3600],
    ['"3600"', 3600],
    ['1.9', 1],
    ['0.5', 0],
    ['0', 0],
    ['"0"', 0],
    ['-5', 0],
    ['1e15', tenYears],
    [String(tenYears + 1), tenYears],
    ['"99999999999999999999"', tenYears],
    ['1e400', undefined],
    ['"NaN"', undefined],
    ['"-5"', undefined],
    ['"60.5"', undefined],
    ['"0x10"', undefined],
    ['" 60"', undefined],
    ['"1h"', undefined],
    ['""', undefined],
    ['null', undefined],
    ['true', undefined],
    ['[60]', undefined],
    ['{"valueOf":60}', undefined],
  ])('%s means %s seconds (RFC 6749 §5.1)', async (text, seconds) => {
    const token = await ask(json(`{"access_token":"t","token_type":"Bearer","expires_in":${text}}`))

    expect(token.expiresAt).toBe(seconds === undefined ? undefined : clock.now() + seconds * 1000)
  })

  it('left out means that the end is not known (RFC 6749 §5.1)', async () => {
    await expect(ask(good)).resolves.toMatchObject({ expiresAt: undefined })
  })
})

describe('scope', () => {
  it.each([
    ['left out means as asked', {}, ['a', 'b']],
    ['says what was granted', { scope: 'b c' }, ['b', 'c']],
    ['that is empty counts as left out (RFC 6749 §3.2)', { scope: '' }, ['a', 'b']],
    ['with spaces too many holds no empty one', { scope: ' b  c ' }, ['b', 'c']],
    ['as a list is read as one', { scope: ['b', 'c'] }, ['b', 'c']],
    ['of another type counts as left out', { scope: 5 }, ['a', 'b']],
    ['of null counts as left out', { scope: null }, ['a', 'b']],
  ])('%s (SC-11, RFC 6749 §5.1)', async (_, members, expected) => {
    await expect(ask({ ...good, ...members }, { scope: 'a b' })).resolves.toMatchObject({ scope: expected })
  })

  it('is empty where it was neither asked for nor granted', async () => {
    await expect(ask(good)).resolves.toMatchObject({ scope: [] })
  })
})

describe('a refusal', () => {
  it.each<[string, Recovery]>([
    ['invalid_client', 'terminal'],
    // Whoever gave what was presented can give it again.
    ['invalid_grant', 'interaction'],
    ['invalid_request', 'terminal'],
    ['invalid_scope', 'terminal'],
    ['invalid_target', 'terminal'],
    ['unauthorized_client', 'terminal'],
    ['unsupported_grant_type', 'terminal'],
    ['access_denied', 'terminal'],
    ['something_else', 'terminal'],
  ])(
    '%s is final, said in the words of the server, and asked once (TE-10, TE-11, RFC 6749 §5.2)',
    async (error, recovery) => {
      const server = tokenServer(json(JSON.stringify({ error, error_description: 'because "x"' }), 400))

      await expect(ask({}, { resource: 'https://rs.example/' }, server)).rejects.toMatchObject({
        name: 'TokenError',
        code: 'refused',
        recovery,
        status: 400,
        error,
        errorDescription: 'because "x"',
        retryAfterMs: undefined,
        endpoint: metadata.token_endpoint,
        issuer: metadata.issuer,
        message: expect.stringContaining(`"${error}", "because \\"x\\""`),
      })
      expect(server.arrivals).toHaveLength(1)
    },
  )

  it.each([
    ['a 200', json('{"error":"bad_verification_code","access_token":"t","token_type":"Bearer"}'), 200],
    ['a 401', json('{"error":"invalid_client"}', 401), 401],
    [
      'problem+json',
      json('{"error":"invalid_client","title":"x"}', 400, { 'content-type': 'application/problem+json' }),
      400,
    ],
  ])('in %s is one, even beside a token (TE-10)', async (_, reply, status) => {
    await expect(ask(reply)).rejects.toMatchObject({ code: 'refused', status })
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'by the word %s finds no advice in a prototype',
    async (error) => {
      const { message } = await refusal(json(JSON.stringify({ error }), 400))

      expect(message).toContain('The log of the server may say why.')
    },
  )

  it('is told without control characters, escapes and other scripts, and at most 200 characters long (TE-10, CH-12, RFC 6749 §5.2)', async () => {
    const error_description = `\x1b[31mred\u202e\r\n${'x'.repeat(500)}`

    const error = await refusal(json(JSON.stringify({ error: 'a\0b', error_description }), 400))

    expect(error.error).toBe('ab')
    expect(error.errorDescription).toBe(`[31mred${'x'.repeat(193)}`)
    expect(error.message).toMatch(/^[\x20-\x7e]*(?:\u2026[\x20-\x7e]*)*$/)
    expect(error.message.length).toBeLessThan(600)
  })

  it.each([
    ['a number', 7],
    ['an object', { code: 'x' }],
    ['an empty text', ''],
    ['null', null],
  ])('whose error is %s is no OAuth error, and no token (TE-10)', async (_, error) => {
    await expect(ask(json(JSON.stringify({ ...good, error })))).rejects.toMatchObject({
      code: 'invalid_response',
      error: undefined,
    })
  })
})

describe('an answer that is no OAuth answer', () => {
  const html = '<!doctype html><p>hunter2'

  it.each<[string, Reply, number]>([
    ['a page', json(html, 200, { 'content-type': 'text/html' }), 200],
    ['a page with 400', json(html, 400, { 'content-type': 'text/html' }), 400],
    ['a page with 401', json(html, 401, { 'content-type': 'text/html' }), 401],
    ['a page with 403', json(html, 403, { 'content-type': 'text/html' }), 403],
    ['a page that calls itself JSON', json(html), 200],
    ['nothing', json(''), 200],
    ['nothing with 404', json('', 404), 404],
    ['nothing with 204', () => new Response(null, { status: 204 }), 204],
    ['problem+json', json('{"title":"hunter2"}', 400, { 'content-type': 'application/problem+json' }), 400],
    ['an array', json('[{"access_token":"hunter2","token_type":"Bearer"}]'), 200],
    ['null', json('null'), 200],
    ['a text', json('"hunter2"'), 200],
    ['half an object', json('{"access_token":"hunter2","token_type":"Bearer"'), 200],
    ['a token with 201', json('{"access_token":"hunter2","token_type":"Bearer"}', 201), 201],
    ['a token with 206', json('{"access_token":"hunter2","token_type":"Bearer"}', 206), 206],
    ['a token with 400', json('{"access_token":"hunter2","token_type":"Bearer"}', 400), 400],
    [
      'a token as text',
      json('{"access_token":"hunter2","token_type":"Bearer"}', 200, { 'content-type': 'text/plain' }),
      200,
    ],
    [
      'a token as a form',
      json('access_token=hunter2&token_type=bearer', 200, {
        'content-type': 'application/x-www-form-urlencoded',
      }),
      200,
    ],
    [
      'bytes that are no UTF-8',
      () =>
        new Response(
          new Uint8Array([...new TextEncoder().encode('{"access_token":"hunter2'), 0xff, 0x22, 0x7d]),
          {
            headers: { 'content-type': 'application/json' },
          },
        ),
      200,
    ],
  ])('such as %s is told by its status, without its body (TE-06, TE-10)', async (_, reply, status) => {
    const error = await refusal(reply)

    expect(error).toMatchObject({ name: 'TokenError', code: 'invalid_response', status })
    expect(error.message).toContain(String(status))
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/hunter|doctype/)
  })
})

describe('what helps where there is no OAuth answer', () => {
  const page = { 'content-type': 'text/html' }
  const form = { 'content-type': 'application/x-www-form-urlencoded' }

  it.each<[string, Reply, string]>([
    ['time: a page of a proxy', json('<!doctype html>', 200, page), 'transient'],
    ['time: JSON that was cut off', json('{"access_token":"hun', 200), 'transient'],
    ['nothing: a page at a wrong address', json('<!doctype html>', 404, page), 'terminal'],
    ['nothing: a refusal that says nothing', json('', 400), 'terminal'],
    ['nothing: a server of another protocol', json('access_token=hunter2', 200, form), 'terminal'],
  ])('is %s (RFC 6749 §5)', async (_, reply, recovery) => {
    await expect(refusal(reply)).resolves.toMatchObject({ code: 'invalid_response', recovery })
  })
})

describe('a server that is down or overloaded', () => {
  it.each<[string, Reply, number]>([
    ['429', json('', 429), 429],
    ['500', json('<html>', 500, { 'content-type': 'text/html' }), 500],
    ['502', json('', 502), 502],
    ['503', json('', 503), 503],
    ['503 with an OAuth error', json('{"error":"invalid_client"}', 503), 503],
    ['temporarily_unavailable', json('{"error":"temporarily_unavailable"}', 400), 400],
    ['server_error', json('{"error":"server_error"}', 400), 400],
    ['temporarily_unavailable in a 200', json('{"error":"temporarily_unavailable"}'), 200],
  ])('by %s is worth another try, later (TE-11)', async (_, reply, status) => {
    const server = tokenServer(reply)

    await expect(ask({}, {}, server)).rejects.toMatchObject({
      name: 'TokenError',
      code: 'unavailable',
      recovery: 'transient',
      status,
    })
    expect(server.arrivals).toHaveLength(1)
  })

  it.each<[string, number | undefined]>([
    ['120', 120_000],
    ['0', 0],
    ['3600', 3_600_000],
    ['3601', 3_600_000],
    ['99999999999999999999', 3_600_000],
    ['at +90 s', 90_000],
    ['at -90 s', 0],
    ['at +7200 s', 3_600_000],
    ['soon', undefined],
    ['', undefined],
  ])(
    'says how long to leave it alone by %j, in ms and at most an hour (TE-11, RFC 9110 §10.2.3)',
    async (text, ms) => {
      const offset = /^at ([+-]\d+) s$/.exec(text)?.[1]
      const value = offset === undefined ? text : new Date(clock.now() + Number(offset) * 1000).toUTCString()

      const error = await refusal(json('', 503, { 'retry-after': value }))

      expect(error.retryAfterMs).toBe(ms)
    },
  )

  it('says nothing of it without Retry-After', async () => {
    await expect(refusal(json('', 503))).resolves.toMatchObject({ retryAfterMs: undefined })
  })
})
