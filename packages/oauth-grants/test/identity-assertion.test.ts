import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Fetch,
  type GrantEvent,
  type IdentityAssertionOptions,
  identityAssertion,
  JwtBearerAuth,
  type JwtBearerOptions,
  memoryStore,
  publicClient,
  type TokenSource,
} from '../src/index.ts'
import { tokenType } from './exchange-server.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

const resource = 'https://rs.example/mcp'
const provider = { issuer: 'https://idp.example', token_endpoint: 'https://idp.example/token' } as const
const idJag = 'urn:ietf:params:oauth:token-type:id-jag'

interface Setting {
  employer?: Partial<IdentityAssertionOptions>
  client?: Partial<JwtBearerOptions>
  atProvider?: Reply[]
  atServer?: Reply[]
}

/** A user i1, i2, ... of an identity provider that gives j1, j2, ..., and a server that gives tokens for an hour. */
function bench({ employer, client, atProvider = [], atServer = [] }: Setting = {}) {
  let made = 0
  const next: Reply = () => {
    made += 1
    return Response.json({
      access_token: `j${made}`,
      token_type: 'N_A',
      issued_token_type: idJag,
      expires_in: 300,
    })
  }
  const idp = tokenServer(...(atProvider.length > 0 ? atProvider : [next]))
  const server = tokenServer(...atServer)
  const clock = handClock()
  const events: GrantEvent[] = []
  const onEvent = (event: GrantEvent) => void events.push(event)
  let users = 0
  const auth = new JwtBearerAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientSecret: 'hush',
    resource,
    scope: 'mcp:tools',
    assertion: identityAssertion({
      serverMetadata: provider,
      clientId: 'me-at-work',
      clientSecret: 'hush-at-work',
      identityToken: () => {
        users += 1
        return `i${users}`
      },
      fetch: idp.fetch,
      clock,
      onEvent,
      ...employer,
    }),
    fetch: server.fetch,
    clock,
    onEvent,
    ...client,
  })
  const formsOf = ({ arrivals }: typeof idp) => arrivals.map(({ body }) => new URLSearchParams(body))
  return { auth, clock, events, idp, server, formsOf }
}

describe('the way of a token', () => {
  it('is an exchange for an assertion, and the assertion for the token (EM-02, EM-03, EM-06, RFC 8693 §2.1, RFC 7523 §2.1)', async () => {
    const { auth, idp, server, formsOf } = bench()

    const token = await auth.getToken()

    expect(token).toMatchObject({ accessToken: 't1', tokenType: 'Bearer', issuer: metadata.issuer, resource })
    expect(idp.arrivals.map(({ url }) => url)).toEqual(['https://idp.example/token'])
    expect(formsOf(idp).map((form) => Object.fromEntries(form))).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
        subject_token: 'i1',
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        audience: 'https://as.example',
        resource: 'https://rs.example/mcp',
        scope: 'mcp:tools',
      },
    ])
    expect(server.arrivals.map(({ url }) => url)).toEqual(['https://as.example/token'])
    expect(formsOf(server).map((form) => Object.fromEntries(form))).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: 'j1',
        resource: 'https://rs.example/mcp',
        scope: 'mcp:tools',
      },
    ])
  })

  it('has the client say at both who it is, as each knows it (EM-04, EM-06)', async () => {
    const { auth, idp, server } = bench()

    await auth.getToken()

    const credentials = [idp, server].map(({ arrivals }) => arrivals[0]?.headers.get('authorization'))
    expect(credentials).toEqual([`Basic ${btoa('me-at-work:hush-at-work')}`, `Basic ${btoa('me:hush')}`])
  })

  it('is not begun by a client without a secret at the provider, unless that is wanted (EM-04)', async () => {
    const employer = { clientSecret: undefined }
    const { auth, idp, server } = bench({ employer })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'client_secret_missing' })
    expect([...idp.arrivals, ...server.arrivals]).toEqual([])

    const open = bench({ employer: { ...employer, clientAuthentication: publicClient } })
    await open.auth.getToken()
    expect(open.formsOf(open.idp)[0]?.get('client_id')).toBe('me-at-work')
  })

  it('is gone anew for each token, from the ID token on (EM-08)', async () => {
    const { auth, clock, idp, server, formsOf } = bench()
    await auth.getToken()
    clock.pass(3_600_000)
    const second = await auth.getToken()
    await auth.getToken({ rejected: second })

    expect(formsOf(idp).map((form) => form.get('subject_token'))).toEqual(['i1', 'i2', 'i3'])
    expect(formsOf(server).map((form) => form.get('assertion'))).toEqual(['j1', 'j2', 'j3'])
  })

  it('leaves no assertion anywhere, whatever store is given (EM-08, EM-09)', async () => {
    const saved: unknown[] = []
    const memory = memoryStore()
    const store = {
      ...memory,
      save: async (...given: Parameters<typeof memory.save>) => {
        saved.push(given)
        return memory.save(...given)
      },
    }
    const employer = { scope: undefined, store, partition: 'user-1' }
    const { auth, clock, formsOf, server } = bench({ employer })
    await auth.getToken()
    clock.pass(3_600_000)
    await auth.getToken()

    expect(saved).toEqual([])
    expect(formsOf(server).map((form) => form.get('assertion'))).toEqual(['j1', 'j2'])
  })

  it.each<[what: string, Partial<IdentityAssertionOptions>, sent: Record<string, string>]>([
    [
      'a type of its own',
      { subjectTokenType: tokenType('saml2') },
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
    ],
    [
      'no type after all',
      { subjectTokenType: undefined },
      { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
    ],
    ['a scope of its own', { scope: 'files' }, { scope: 'files' }],
    ['no scope after all', { scope: undefined }, { scope: 'mcp:tools' }],
    ['a text', { identityToken: 'the-id-token' }, { subject_token: 'the-id-token' }],
  ])('begins with %s, where that is given (EM-02)', async (_, employer, sent) => {
    const { auth, idp, formsOf } = bench({ employer })

    await auth.getToken()

    expect(Object.fromEntries(formsOf(idp)[0] ?? [])).toMatchObject(sent)
  })

  it('does not begin with an auth object, which has an access token to give (EM-02)', () => {
    expectTypeOf<string>().toExtend<IdentityAssertionOptions['identityToken']>()
    expectTypeOf<TokenSource>().not.toExtend<IdentityAssertionOptions['identityToken']>()
  })
})

describe('a server that lists what it takes', () => {
  const member = 'authorization_grant_profiles_supported'

  it.each<[listed: unknown]>([[[]], [['urn:example:grant-profile:other']]])(
    'and not such assertions costs no request at all: %j (EM-01)',
    async (listed) => {
      const { auth, idp, server } = bench({ client: { serverMetadata: { ...metadata, [member]: listed } } })

      await expect(auth.getToken()).rejects.toMatchObject({
        name: 'AuthConfigError',
        code: 'grant_not_supported',
        message: expect.stringContaining(metadata.issuer),
      })
      expect([...idp.arrivals, ...server.arrivals]).toEqual([])
    },
  )

  it.each<[listed: unknown]>([
    [['urn:ietf:params:oauth:grant-profile:id-jag']],
    [['urn:example:grant-profile:other', 'urn:ietf:params:oauth:grant-profile:id-jag']],
    [undefined],
    ['urn:ietf:params:oauth:grant-profile:id-jag'],
  ])('with such assertions, or in no list, gets one: %j (EM-01)', async (listed) => {
    const { auth } = bench({ client: { serverMetadata: { ...metadata, [member]: listed } } })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
  })
})

describe('the identity provider', () => {
  it.each<[what: string, issued: unknown]>([
    ['an access token', tokenType('access_token')],
    ['an ID token', tokenType('id_token')],
    ['what it does not name', undefined],
    ['what it spells otherwise', 'urn:ietf:params:oauth:token-type:ID-JAG'],
  ])('that gives %s gets nothing sent on (EM-05, RFC 8693 §2.2.1)', async (_, issued_token_type) => {
    const answer = { access_token: 'j1', token_type: 'Bearer', expires_in: 300, issued_token_type }
    const { auth, idp, server } = bench({ atProvider: [answer] })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'invalid_response',
      issuer: 'https://idp.example',
      endpoint: 'https://idp.example/token',
    })
    expect(idp.arrivals).toHaveLength(1)
    expect(server.arrivals).toEqual([])
  })

  it.each([
    'invalid_request',
    'invalid_grant',
    'invalid_target',
    'access_denied',
    'insufficient_user_authentication',
  ])('that refuses with %s is named, asked once, and nobody else is asked (WI-03)', async (error) => {
    const no: Reply = () => Response.json({ error, error_description: 'Not for you.' }, { status: 400 })
    const { auth, idp, server } = bench({ atProvider: [no] })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error,
      errorDescription: 'Not for you.',
      issuer: 'https://idp.example',
      message: expect.stringContaining('https://idp.example'),
    })
    expect(idp.arrivals).toHaveLength(1)
    expect(server.arrivals).toEqual([])
  })

  it('that does not answer is named, for its deadline is the shorter one', async () => {
    const asked = Promise.withResolvers<void>()
    const never: Reply = () => {
      asked.resolve()
      return new Promise(() => {})
    }
    const { auth, clock, server } = bench({ atProvider: [never] })
    const attempt = auth.getToken()
    await asked.promise

    clock.pass(10_000)

    await expect(attempt).rejects.toMatchObject({ code: 'timeout', issuer: 'https://idp.example' })
    expect(server.arrivals).toEqual([])
  })

  it('is asked nothing without an ID token', async () => {
    const { auth, idp, server } = bench({ employer: { identityToken: () => '' } })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'invalid_token' })
    expect([...idp.arrivals, ...server.arrivals]).toEqual([])
  })

  it('is asked no longer than the object lives', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    const fetch: Fetch = (input, init) => {
      asked.resolve(new Request(input, init).signal)
      return new Promise(() => {})
    }
    const { auth, server } = bench({ employer: { fetch } })
    const attempt = auth.getToken()
    const signal = await asked.promise

    await Promise.all([expect(attempt).rejects.toMatchObject({ code: 'closed' }), auth.close()])

    expect(signal.aborted).toBe(true)
    expect(server.arrivals).toEqual([])
  })
})

it('waits for an ID token that does not come no longer than for any assertion', async () => {
  const asked = Promise.withResolvers<void>()
  const identityToken = () => {
    asked.resolve()
    return new Promise<string>(() => {})
  }
  const { auth, clock, idp } = bench({ employer: { identityToken } })
  const attempt = auth.getToken()
  await asked.promise

  clock.pass(20_000)

  await expect(attempt).rejects.toMatchObject({ code: 'timeout', issuer: metadata.issuer })
  expect(idp.arrivals).toEqual([])
})

it.each<[who: string, Setting]>([
  ['nobody', {}],
  ['the identity provider', { atProvider: [echo('hunter-id')] }],
  ['the server', { atServer: [echo('hunter-jag')] }],
])('shows no token of either kind where %s echoes it (EM-09, NS-09)', async (_, setting) => {
  const jag = { access_token: 'hunter-jag', token_type: 'N_A', issued_token_type: idJag, expires_in: 300 }
  const employer = { identityToken: 'hunter-id' }
  const { auth, events, idp, server } = bench({ atProvider: [jag], ...setting, employer })

  const outcome = await auth.getToken().catch((error: unknown) => error)

  expect(idp.arrivals).toHaveLength(1)
  expect([...idp.arrivals, ...server.arrivals].map(({ url }) => url).join()).not.toContain('hunter')
  for (const each of [outcome, events, auth]) {
    expect(inspect(each, { depth: 10, showHidden: true }) + JSON.stringify(each)).not.toContain('hunter')
  }
})

function echo(secret: string): Reply {
  return () => Response.json({ error: secret, error_description: `no: ${secret}` }, { status: 400 })
}
