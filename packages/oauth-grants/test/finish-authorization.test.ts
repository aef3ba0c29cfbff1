import { inspect } from 'node:util'
import { startAuthorizationServer, testClients } from '@x/testbed'
import { describe, expect, it } from 'vitest'
import {
  AuthConfigError,
  type FinishAuthorizationOptions,
  finishAuthorization,
  startAuthorization,
} from '../src/index.ts'
import { begin, browse, callbackOf, end, loginServer } from './sign-in.ts'
import { tokenServer } from './token-server.ts'

describe('what is kept between the two halves', () => {
  it('is text that holds what the second half needs, and no more', async () => {
    const serverMetadata = {
      ...loginServer,
      authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_methods_supported: ['none'],
      jwks_uri: 'https://as.example/jwks',
      scopes_supported: ['a', 'b'],
    }

    const { pending } = await begin({ serverMetadata, scope: 'a', resource: 'https://rs.example' })

    expect(JSON.parse(pending)).toEqual({
      version: 1,
      server: {
        issuer: 'https://as.example',
        token_endpoint: 'https://as.example/token',
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: ['none'],
      },
      clientId: 'me',
      redirectUri: 'https://app.example/callback',
      state: expect.stringMatching(/^[\w-]{43}$/),
      codeVerifier: expect.stringMatching(/^[\w-]{43}$/),
      scope: 'a',
      resource: 'https://rs.example',
    })
  })

  it.each<[string, (pending: string) => string]>([
    ['a cookie', (pending) => decodeURIComponent(encodeURIComponent(pending))],
    ['JSON', (pending) => JSON.parse(JSON.stringify({ pending })).pending],
    ['base64', (pending) => Buffer.from(Buffer.from(pending).toString('base64url'), 'base64url').toString()],
    [
      'a form',
      (pending) => new URLSearchParams(new URLSearchParams({ pending }).toString()).get('pending') ?? '',
    ],
  ])('survives %s', async (_, keep) => {
    const { url, pending } = await begin()

    const { token } = await end({ url, pending: keep(pending) })

    expect(token).toMatchObject({ accessToken: 't1' })
  })

  it('fits into a cookie, also of a server that publishes much', async () => {
    await using server = await startAuthorizationServer()
    const response = await fetch(`${server.issuer}/.well-known/openid-configuration`)

    const { pending } = await begin({
      serverMetadata: await response.json(),
      resource: 'https://rs.example/mcp',
    })

    expect(encodeURIComponent(pending).length).toBeLessThan(2048)
  })

  /** The same with some members of another kind. */
  const changed = (members: object) => (pending: string) =>
    JSON.stringify({ ...JSON.parse(pending), ...members })
  const changedServer = (members: object) => (pending: string) => {
    const { server, ...rest } = JSON.parse(pending)
    return JSON.stringify({ ...rest, server: { ...server, ...members } })
  }

  it.each<[string, (pending: string) => unknown]>([
    ['is empty', () => ''],
    ['is no text', () => undefined],
    ['is cut off', (pending) => pending.slice(0, -5)],
    ['is no JSON', (pending) => `x${pending}`],
    ['is JSON of another kind', () => '[]'],
    ['is null', () => 'null'],
    ['is of a later version', changed({ version: 2 })],
    ['has no state', changed({ state: undefined })],
    ['has an empty state', changed({ state: '' })],
    ['has no verifier', changed({ codeVerifier: undefined })],
    ['has an empty verifier', changed({ codeVerifier: '' })],
    ['has no client', changed({ clientId: undefined })],
    ['has a client without a name', changed({ clientId: '' })],
    ['has no place to come back to', changed({ redirectUri: undefined })],
    ['has a place to come back to that is none', changed({ redirectUri: 'callback' })],
    ['has a resource that is none', changed({ resource: 5 })],
    ['has no server', changed({ server: undefined })],
    ['has a server without an issuer', changedServer({ issuer: undefined })],
    ['has a server whose issuer is no URL', changedServer({ issuer: 'as' })],
    ['has a server without a token endpoint', changedServer({ token_endpoint: undefined })],
    ['has a server whose token endpoint is no URL', changedServer({ token_endpoint: '/token' })],
    ['has a server with a text for a list', changedServer({ token_endpoint_auth_methods_supported: 'none' })],
  ])('is refused, unrepeated, where it %s: the code goes nowhere', async (_, damage) => {
    const { url, pending } = await begin({ resource: 'https://rs.example' })
    const { state, codeVerifier } = JSON.parse(pending)

    // What a program without types may pass.
    const { arrivals, error } = await end({ url, pending: damage(pending) as string })

    expect(error).toMatchObject({ name: 'AuthConfigError', code: 'invalid_pending', recovery: 'terminal' })
    const shown = inspect(error, { depth: 10, showHidden: true })
    for (const secret of [state, codeVerifier]) expect(shown).not.toContain(secret.slice(0, 20))
    expect(arrivals).toEqual([])
  })
})

describe('the code', () => {
  it('goes to the server that was noted at the start, once, in one form (AC-12, RFC 6749 §4.1.3)', async () => {
    const begun = await begin({ scope: 'a', resource: 'https://rs.example' })

    const { arrivals, forms } = await end(begun)

    expect(arrivals).toMatchObject([{ method: 'POST', url: 'https://as.example/token' }])
    expect(forms).toEqual([
      {
        grant_type: 'authorization_code',
        code: 'c1',
        redirect_uri: 'https://app.example/callback',
        client_id: 'me',
        code_verifier: JSON.parse(begun.pending).codeVerifier,
        resource: 'https://rs.example',
      },
    ])
  })

  it('goes there whatever becomes of the metadata meanwhile (AC-07, AC-12)', async () => {
    const serverMetadata = { ...loginServer, authorization_response_iss_parameter_supported: true }
    const starting = begin({ serverMetadata })
    const evil = { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }
    Object.assign(serverMetadata, evil, { authorization_response_iss_parameter_supported: false })
    const begun = await starting

    const { arrivals } = await end(begun, callbackOf(begun.url, { code: 'c1', iss: 'https://as.example' }))

    expect(arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
  })

  it('goes nowhere else, whatever is passed with it (AC-12)', async () => {
    const { url, pending } = await begin()
    const { fetch, arrivals } = tokenServer()
    const evil = { issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }
    // What a program without types may pass.
    const options = {
      fetch,
      serverMetadata: evil,
      server: evil,
      url: evil.token_endpoint,
      clientId: 'you',
    } as object

    await finishAuthorization(callbackOf(url), pending, options)

    expect(arrivals.map((each) => each.url)).toEqual(['https://as.example/token'])
    expect(arrivals[0]?.body).toContain('client_id=me')
  })

  it.each<[string, () => Promise<Response>]>([
    ['no answer comes', () => Promise.reject(new TypeError('fetch failed'))],
    ['the connection is cut', () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNRESET' }))],
    ['the server is overloaded', async () => new Response('', { status: 503 })],
    ['the server sends it elsewhere', async () => Response.redirect('https://evil.example/token', 307)],
    ['the answer is nonsense', async () => new Response('<html>')],
  ])('is sent once, also where %s: it may have been used (AC-22, RFC 6749 §4.1.2)', async (_, reply) => {
    const { arrivals, error } = await end(await begin(), undefined, reply)

    expect(error).toMatchObject({ name: 'TokenError' })
    expect(arrivals).toHaveLength(1)
  })

  it('is in no error, nor is the verifier, where the server echoes them (NS-09)', async () => {
    const begun = await begin()
    const { codeVerifier } = JSON.parse(begun.pending)
    const text = `no: hunter-code-1 ${codeVerifier}`
    const echo = () => Response.json({ error: 'invalid_grant', error_description: text }, { status: 400 })

    const { error } = await end(begun, callbackOf(begun.url, { code: 'hunter-code-1' }), echo)

    expect(error).toMatchObject({ code: 'refused', errorDescription: 'no: [redacted] [redacted]' })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(
      new RegExp(`hunter|${codeVerifier.slice(0, 20)}`),
    )
  })

  it('waits no longer than the caller does', async () => {
    const { url, pending } = await begin()
    const leaving = new AbortController()
    const hanging = () => new Promise<Response>(() => leaving.abort(new Error('the request has ended')))

    const attempt = finishAuthorization(callbackOf(url), pending, {
      fetch: tokenServer(hanging).fetch,
      signal: leaving.signal,
    })

    await expect(attempt).rejects.toThrow('the request has ended')
  })
})

describe('two sign-ins at once', () => {
  it('do not mix, in whichever order they end (AC-06, AC-12)', async () => {
    const other = {
      ...loginServer,
      issuer: 'https://as2.example',
      authorization_endpoint: 'https://as2.example/authorize',
      token_endpoint: 'https://as2.example/token',
    }
    const [one, two] = await Promise.all([begin(), begin({ serverMetadata: other, clientId: 'you' })])

    const ends = await Promise.all([
      end(two, callbackOf(two.url, { code: 'c2' })),
      end(one, callbackOf(one.url, { code: 'c1' })),
    ])

    expect(
      ends.map(({ arrivals, forms }) => [arrivals[0]?.url, forms[0]?.['client_id'], forms[0]?.['code']]),
    ).toEqual([
      ['https://as2.example/token', 'you', 'c2'],
      ['https://as.example/token', 'me', 'c1'],
    ])
  })

  it.each([
    ['that names itself', { iss: 'https://evil.example' }],
    ['that names nobody', {}],
    ['that says to be the other', { iss: 'https://as.example' }],
  ])('are not mixed up by a server %s: no code goes to it (AC-06, AC-10, AC-12)', async (_, iss) => {
    const evil = {
      ...loginServer,
      issuer: 'https://evil.example',
      authorization_endpoint: 'https://evil.example/authorize',
      token_endpoint: 'https://evil.example/token',
    }
    // The browser is sent on to the honest server, whose answer it brings to the sign-in at the other.
    const [honest, hostile] = await Promise.all([begin(), begin({ serverMetadata: evil })])
    const brought = callbackOf(honest.url, { code: 'honest', ...iss })

    const { arrivals, error } = await end(hostile, brought)

    expect(error).toMatchObject({ code: 'state_mismatch' })
    expect(arrivals).toEqual([])
  })

  it('are not mixed up where the state was stolen as well, by a server that names itself (AC-08, AC-12)', async () => {
    const evil = {
      ...loginServer,
      issuer: 'https://evil.example',
      token_endpoint: 'https://evil.example/token',
    }
    const hostile = await begin({ serverMetadata: evil })
    const brought = callbackOf(hostile.url, { code: 'honest', iss: 'https://as.example' })

    const { arrivals, error } = await end(hostile, brought)

    expect(error).toMatchObject({ code: 'issuer_mismatch' })
    expect(arrivals).toEqual([])
  })
})

describe('a client', () => {
  it.each<[string, string[] | undefined, FinishAuthorizationOptions, object]>([
    ['is public without a secret', ['client_secret_basic'], {}, { client_id: 'me' }],
    [
      'authenticates by Basic, where nothing is listed',
      undefined,
      { clientSecret: 'hush' },
      { authorization: `Basic ${btoa('me:hush')}` },
    ],
    [
      'authenticates by the form, where that is listed',
      ['client_secret_post'],
      { clientSecret: 'hush' },
      { client_id: 'me', client_secret: 'hush' },
    ],
  ])('at the token endpoint %s (TE-02, TE-05)', async (_, methods, options, expected) => {
    const serverMetadata = { ...loginServer, token_endpoint_auth_methods_supported: methods }
    const { url, pending } = await begin({ serverMetadata })
    const { fetch, arrivals } = tokenServer()

    await finishAuthorization(callbackOf(url), pending, { fetch, ...options })

    const form = new URLSearchParams(arrivals[0]?.body)
    const sent = ['client_id', 'client_secret'].flatMap((name) =>
      form.has(name) ? [[name, form.get(name)]] : [],
    )
    const authorization = arrivals[0]?.headers.get('authorization')
    expect({ ...Object.fromEntries(sent), ...(authorization && { authorization }) }).toEqual(expected)
  })

  it('that has an empty secret is refused before its code is sent', async () => {
    const { url, pending } = await begin()
    const { fetch, arrivals } = tokenServer()

    const attempt = finishAuthorization(callbackOf(url), pending, { fetch, clientSecret: '' })

    await expect(attempt).rejects.toBeInstanceOf(AuthConfigError)
    await expect(attempt).rejects.toMatchObject({ code: 'client_secret_missing' })
    expect(arrivals).toEqual([])
  })
})

describe('the token', () => {
  const answer = {
    access_token: 't1',
    token_type: 'Bearer',
    expires_in: 60,
    refresh_token: 'r1',
    id_token: 'not.a.jwt',
    session_state: 's',
    account: { id: 5 },
  }

  it('has all that the server answered, and an ID token that nobody has verified', async () => {
    const { token } = await end(
      await begin({ scope: 'a b', resource: 'https://rs.example' }),
      undefined,
      answer,
    )

    expect(token).toMatchObject({
      accessToken: 't1',
      refreshToken: 'r1',
      idToken: 'not.a.jwt',
      extra: { session_state: 's', account: { id: 5 } },
      issuer: 'https://as.example',
      resource: 'https://rs.example',
      scope: ['a', 'b'],
      requestedScope: ['a', 'b'],
    })
  })

  it('has the scope that was granted, and that which was asked for (SC-11)', async () => {
    const { token } = await end(await begin({ scope: 'a b' }), undefined, { ...answer, scope: 'a' })

    expect(token).toMatchObject({ scope: ['a'], requestedScope: ['a', 'b'] })
  })

  it('may come without a refresh token (SC-09)', async () => {
    const { token } = await end(await begin(), undefined, { ...answer, refresh_token: undefined })

    expect(token).toMatchObject({ accessToken: 't1', refreshToken: undefined })
  })
})

describe('at a real server', () => {
  it.each<[string, { clientId: string; clientSecret?: string }]>([
    ['a public client', testClients.cli],
    ['a confidential client', testClients.app],
  ])(
    '%s gets a token for a code, and nothing for the same code again (AC-22)',
    async (_, { clientId, clientSecret }) => {
      await using server = await startAuthorizationServer({ strictClientAuthentication: true })
      const response = await fetch(`${server.issuer}/.well-known/openid-configuration`)
      const { url, pending } = await startAuthorization({
        serverMetadata: await response.json(),
        clientId,
        redirectUri: 'http://127.0.0.1:5555/callback',
        scope: 'mcp:tools openid',
        resource: 'https://rs.example/mcp',
      })
      const callback = await browse(url)

      const token = await finishAuthorization(callback, pending, { clientSecret })
      const again = finishAuthorization(callback, pending, { clientSecret })

      expect(token).toMatchObject({ issuer: server.issuer, resource: 'https://rs.example/mcp' })
      expect(token.idToken?.split('.')).toHaveLength(3)
      await expect(again).rejects.toMatchObject({ code: 'refused', error: 'invalid_grant' })
      expect(server.journal.count({ path: '/token', status: 200 })).toBe(1)
    },
  )
})
