import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type AuthConfigErrorCode,
  type AuthOptions,
  ClientCredentialsAuth,
  type ClientCredentialsOptions,
  type FromResource,
  type GrantEvent,
  isOAuthError,
  memoryStore,
  type TokenStore,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

afterEach(() => void vi.restoreAllMocks())

const base: ClientCredentialsOptions = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }

/** A client of a server that is made of replies, and the forms that it sent. */
function bench(options: Partial<AuthOptions> = {}, ...replies: Reply[]) {
  const server = tokenServer(...replies)
  const auth = new ClientCredentialsAuth({ ...base, fetch: server.fetch, ...options })
  const forms = () => server.arrivals.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  return { auth, forms, arrivals: server.arrivals }
}

describe('the constructor', () => {
  // What a program without types may pass.
  const untyped = (value: unknown) => value as AuthOptions['serverMetadata']

  it.each<[AuthConfigErrorCode, string, Partial<AuthOptions>]>([
    ['invalid_server_metadata', 'no metadata', { serverMetadata: untyped(undefined) }],
    ['invalid_server_metadata', 'no issuer', { serverMetadata: untyped({ token_endpoint: 'https://a.b/' }) }],
    ['invalid_server_metadata', 'an issuer that is a number', { serverMetadata: untyped({ issuer: 5 }) }],
    [
      'invalid_server_metadata',
      'an issuer without scheme',
      { serverMetadata: { ...metadata, issuer: 'as.example' } },
    ],
    ['invalid_server_metadata', 'an empty issuer', { serverMetadata: { ...metadata, issuer: '' } }],
    ['endpoint_missing', 'no token endpoint', { serverMetadata: { issuer: metadata.issuer } }],
    ['endpoint_missing', 'a relative one', { serverMetadata: { ...metadata, token_endpoint: '/token' } }],
    [
      'endpoint_missing',
      'one with a fragment (RFC 6749 §3.2)',
      { serverMetadata: { ...metadata, token_endpoint: 'https://as.example/token#x' } },
    ],
    [
      'insecure_url',
      'a token endpoint in clear text (AS-09)',
      { serverMetadata: { ...metadata, token_endpoint: 'http://as.example/token' } },
    ],
    [
      'insecure_url',
      'a token endpoint that is no place (AS-09)',
      { serverMetadata: { ...metadata, token_endpoint: 'javascript:alert(1)' } },
    ],
    [
      'grant_not_supported',
      'a server that lists other grants (AS-11)',
      { serverMetadata: { ...metadata, grant_types_supported: ['authorization_code'] } },
    ],
    [
      'grant_not_supported',
      'a server that lists none (AS-11)',
      { serverMetadata: { ...metadata, grant_types_supported: [] } },
    ],
    ['client_id_missing', 'an empty clientId', { clientId: '' }],
    ['client_secret_missing', 'no secret', { clientSecret: undefined }],
    ['client_secret_missing', 'an empty secret', { clientSecret: '' }],
    [
      'auth_method_not_supported',
      'a server that takes no secret (TE-02)',
      { serverMetadata: { ...metadata, token_endpoint_auth_methods_supported: ['private_key_jwt'] } },
    ],
    ...['a  b', ' a', 'a ', 'a"b', 'a\\b', 'ä', 'a\nb', 'a\tb', ' '].map(
      (scope): [AuthConfigErrorCode, string, Partial<AuthOptions>] => [
        'invalid_scope',
        `the scope ${JSON.stringify(scope)} (SC-10, RFC 6749 §3.3)`,
        { scope },
      ],
    ),
    ['invalid_resource', 'a relative resource (RFC 8707 §2)', { resource: '/mcp' }],
    ['invalid_resource', 'an empty resource (RFC 8707 §2)', { resource: '' }],
    [
      'invalid_resource',
      'a resource with a fragment (AC-15, RFC 8707 §2)',
      { resource: 'https://rs.example/#x' },
    ],
    ['invalid_origin', 'an origin in clear text (MC-09)', { origins: ['http://api.example'] }],
    ['invalid_origin', 'a resource in clear text (MC-09)', { resource: 'http://api.example/mcp' }],
  ])('throws %s for %s', (code, _, options) => {
    expect(() => bench(options)).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', code, recovery: 'terminal' }),
    )
  })

  it('throws for what only programs without types can pass', () => {
    const wrong = [
      [{ clientAuthentication: 'client_secret_post' }, 'auth_method_not_supported'],
      [{ clientSecret: 12345 }, 'client_secret_missing'],
      [{ serverMetadata: undefined }, 'invalid_server_metadata'],
      [{ clientId: undefined }, 'client_id_missing'],
    ] as const

    for (const [options, code] of wrong) {
      expect(() => bench(options as object)).toThrow(expect.objectContaining({ code }))
    }
  })

  it('holds to what it was made with, whatever becomes of the options', async () => {
    const options = {
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      scope: 'a',
      resource: 'https://a.example',
    }
    const server = tokenServer()
    const auth = new ClientCredentialsAuth({ ...options, fetch: server.fetch })
    const shared: ClientCredentialsOptions = { ...options, fetch: server.fetch }
    const first = new ClientCredentialsAuth(shared)
    Object.assign(shared, { resource: 'https://b.example', scope: 'b' })

    await Promise.all([auth.getToken(), first.getToken()])

    const forms = server.arrivals.map(({ body }) => new URLSearchParams(body))
    expect(forms.map((form) => `${form.get('resource')} ${form.get('scope')}`)).toEqual(
      Array.from({ length: 2 }, () => 'https://a.example a'),
    )
  })

  it('looks at the server first, then at the client, then at what is asked for', () => {
    const options: ClientCredentialsOptions = {
      serverMetadata: { issuer: '', token_endpoint: 'http://as.example/token', grant_types_supported: [] },
      clientId: '',
      scope: ' ',
      resource: '',
    }
    const mends: Partial<AuthOptions>[] = [
      {},
      { serverMetadata: { issuer: 'https://as.example', grant_types_supported: [] } },
      {
        serverMetadata: { ...metadata, token_endpoint: 'http://as.example/token', grant_types_supported: [] },
      },
      { serverMetadata: { ...metadata, grant_types_supported: [] } },
      { serverMetadata: metadata },
      { clientId: 'me' },
      { scope: 'a' },
      { resource: 'https://rs.example' },
      { clientSecret: 'hush' },
    ]

    const codes = mends.map((mend) => {
      Object.assign(options, mend)
      try {
        return String(new ClientCredentialsAuth(options).origins)
      } catch (error) {
        return isOAuthError(error) ? error.code : error
      }
    })

    expect(codes).toEqual([
      'invalid_server_metadata',
      'endpoint_missing',
      'insecure_url',
      'grant_not_supported',
      'client_id_missing',
      'invalid_scope',
      'invalid_resource',
      'client_secret_missing',
      'https://rs.example',
    ])
  })

  it('sends nothing', () => {
    const { arrivals } = bench()

    expect(arrivals).toEqual([])
  })

  it.each([
    ['lists no grants', metadata],
    ['lists ours', { ...metadata, grant_types_supported: ['authorization_code', 'client_credentials'] }],
  ])('takes a server that %s (AS-11)', async (_, serverMetadata) => {
    await expect(bench({ serverMetadata }).auth.getToken()).resolves.toBeDefined()
  })

  it('takes a token endpoint in clear text where allowAddress allows it (NS-02)', async () => {
    const serverMetadata = { issuer: 'http://keycloak:8080', token_endpoint: 'http://keycloak:8080/token' }

    const { auth, arrivals } = bench({ serverMetadata, allowAddress: ({ host }) => host === 'keycloak:8080' })
    await auth.getToken()

    expect(arrivals).toHaveLength(1)
  })
})

describe('the request', () => {
  it('asks for what the caller wants, and nothing else (CC-01, RFC 6749 §4.4.2)', async () => {
    const { auth, forms } = bench({ scope: 'a b', resource: 'https://rs.example/mcp' })

    const token = await auth.getToken()

    expect(forms()).toEqual([
      { grant_type: 'client_credentials', scope: 'a b', resource: 'https://rs.example/mcp' },
    ])
    expect(token).toMatchObject({
      issuer: metadata.issuer,
      resource: 'https://rs.example/mcp',
      scope: ['a', 'b'],
    })
  })

  it.each([undefined, ''])('leaves out a scope of %j (SC-01, TE-01)', async (scope) => {
    const { auth, forms } = bench({ scope })

    await auth.getToken()

    expect(forms()).toEqual([{ grant_type: 'client_credentials' }])
  })

  it.each([
    'https://rs.example',
    'https://rs.example/',
    'https://RS.example:443/A/../b%2fc/?q=1&r',
    'https://rs.example/ü',
    'urn:example:api',
  ])('names the resource byte for byte: %s (CC-06, AC-15, RFC 8707 §2)', async (resource) => {
    const { auth, forms } = bench({ resource })

    const token = await auth.getToken()

    expect(forms()[0]?.['resource']).toBe(resource)
    expect(token.resource).toBe(resource)
  })

  it('never leaves out the resource after invalid_target (TE-11)', async () => {
    const refusal = () => Response.json({ error: 'invalid_target' }, { status: 400 })
    const { auth, forms } = bench({ resource: 'https://rs.example' }, refusal)

    await expect(auth.getToken()).rejects.toMatchObject({ error: 'invalid_target' })

    expect(forms()).toEqual([{ grant_type: 'client_credentials', resource: 'https://rs.example' }])
  })

  it('ignores a refresh token, works without one, and asks again as the first time (CC-07, SC-09, RFC 6749 §4.4.3)', async () => {
    const { auth, forms } = bench(
      {},
      { access_token: 't1', token_type: 'Bearer', refresh_token: 'r1', expires_in: 60 },
      { access_token: 't2', token_type: 'Bearer' },
      { access_token: 't3', token_type: 'Bearer' },
    )

    const first = await auth.getToken()
    const second = await auth.getToken({ rejected: first })
    const third = await auth.getToken({ rejected: second })

    expect([second.accessToken, third.accessToken]).toEqual(['t2', 't3'])
    expect(first.refreshToken).toBeUndefined()
    const asked = { grant_type: 'client_credentials' }
    expect(forms()).toEqual([asked, asked, asked])
  })

  it('is made when the token ends by the clock that was given, and not by the clock of the system', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const clock = handClock()
    const { auth, arrivals } = bench({ clock })
    await auth.getToken()
    vi.spyOn(Date, 'now').mockReturnValue(Number.MAX_SAFE_INTEGER)

    clock.pass(3_239_999)
    await auth.getToken()
    expect(arrivals).toHaveLength(1)
    clock.pass(360_001)

    expect((await auth.getToken()).accessToken).toBe('t2')
  })

  it('is one for 1,000 concurrent callers (RT-06)', async () => {
    const { auth, arrivals } = bench()

    await Promise.all(Array.from({ length: 1000 }, () => auth.getToken()))

    expect(arrivals).toHaveLength(1)
  })
})

describe('origins', () => {
  it.each<[string, Partial<AuthOptions>, readonly string[]]>([
    ['that of the resource', { resource: 'https://RS.example:443/mcp?x' }, ['https://rs.example']],
    ['none for a resource that is no place', { resource: 'urn:example:api' }, []],
    ['none where there is no resource', {}, []],
    [
      'those of the option, in place of that of the resource',
      { resource: 'https://rs.example/', origins: ['https://b.example/x', 'https://c.example'] },
      ['https://b.example', 'https://c.example'],
    ],
  ])('are %s', (_, options, expected) => {
    expect(bench(options).auth.origins).toEqual(expected)
  })

  it('that are none let a token be had, and fetch nothing', async () => {
    const { auth } = bench()

    await expect(auth.getToken()).resolves.toBeDefined()
    await expect(auth.fetch('https://rs.example/')).rejects.toMatchObject({ code: 'origin_refused' })
  })

  it('can be in clear text where allowAddress allows it', async () => {
    const { auth, arrivals } = bench({
      origins: ['http://orders:8080'],
      allowAddress: ({ host }) => host === 'orders:8080',
    })

    await auth.fetch('http://orders:8080/x')

    expect(arrivals.at(-1)?.headers.get('authorization')).toBe('Bearer t1')
  })
})

describe('the partition', () => {
  it('is a random one for each object, so that no two share what is private', () => {
    const [one, other] = [bench().auth.partition, bench().auth.partition]

    expect(one).toMatch(/^[0-9a-f-]{36}$/)
    expect(one).not.toBe(other)
  })

  it('is the one that was named', () => {
    expect(bench({ partition: 'tenant 1' }).auth.partition).toBe('tenant 1')
  })
})

it('gives the token in hand without a wait, and nothing where it has ended', async () => {
  const clock = handClock()
  const { auth, arrivals } = bench({ clock })
  expect(auth.current()).toBeUndefined()

  const token = await auth.getToken()

  expect(auth.current()).toBe(token)
  clock.pass(10_000_000)
  expect(auth.current()).toBeUndefined()
  expect(arrivals).toHaveLength(1)
})

describe('a store that is shared', () => {
  /** How many token requests two objects make one after the other. */
  async function requests(one: Partial<AuthOptions>, other: Partial<AuthOptions>) {
    const { fetch, arrivals } = tokenServer()
    const shared = { ...base, fetch, store: memoryStore() }
    for (const options of [one, other]) await new ClientCredentialsAuth({ ...shared, ...options }).getToken()
    return arrivals.length
  }

  it.each<[string, Partial<AuthOptions>, Partial<AuthOptions>]>([
    ['alike', {}, {}],
    [
      'alike in every option',
      { scope: 'a', resource: 'urn:a', partition: 'p' },
      { scope: 'a', resource: 'urn:a', partition: 'p' },
    ],
    ['that ask for the same scope in another order', { scope: 'a b c' }, { scope: 'c a b' }],
    ['with and without an empty scope', { scope: '' }, {}],
  ])('spares the second of two objects its request: %s (TE-15)', async (_, one, other) => {
    await expect(requests(one, other)).resolves.toBe(1)
  })

  it.each<[string, Partial<AuthOptions>, Partial<AuthOptions>]>([
    ['partition', { partition: 'p' }, { partition: 'q' }],
    ['partition, one has none', { partition: 'p' }, {}],
    ['client', { clientId: 'me' }, { clientId: 'you' }],
    ['issuer', {}, { serverMetadata: { ...metadata, issuer: 'https://as2.example' } }],
    ['resource', { resource: 'https://a.example' }, { resource: 'https://a.example/' }],
    ['scope', { scope: 'a' }, { scope: 'a b' }],
    ['scope, in case', { scope: 'a' }, { scope: 'A' }],
    [
      'audience that only this server knows',
      { parameters: { audience: 'one' } },
      { parameters: { audience: 'two' } },
    ],
    ['place of the same word', { resource: 'urn:a' }, { scope: 'urn:a' }],
    ['word that looks like two', { clientId: 'a","b' }, { clientId: 'a', resource: 'b:c' }],
  ])('never gives one the token of another: another %s (TE-15, MC-03)', async (_, one, other) => {
    await expect(requests(one, other)).resolves.toBe(2)
  })

  it('is told no secret in the names of its entries (NS-09)', async () => {
    const store = memoryStore()
    const load = vi.fn<TokenStore['load']>((key) => store.load(key))

    await bench({ store: { ...store, load } }).auth.getToken()

    expect(load).toHaveBeenCalled()
    expect(load.mock.calls.join()).not.toContain('hush')
  })
})

it('is what it was made of, whatever becomes of the objects that it was made of (TE-15)', async () => {
  const serverMetadata = { ...metadata }
  const parameters: Record<string, string> = { audience: 'one' }
  const { auth, forms } = bench({ serverMetadata, parameters })

  serverMetadata.issuer = 'https://other.example'
  parameters['client_assertion'] = 'smuggled'
  const { issuer } = await auth.getToken()

  expect(issuer).toBe('https://as.example')
  expect(forms()).toEqual([{ grant_type: 'client_credentials', audience: 'one' }])
})

describe('a closed object', () => {
  const closed = { name: 'AuthConfigError', code: 'closed' }

  it('gives no token and fetches nothing', async () => {
    const { auth, arrivals } = bench({ resource: 'https://rs.example' })
    await auth.getToken()

    await auth.close()

    await expect(auth.getToken()).rejects.toMatchObject(closed)
    await expect(auth.fetch('https://rs.example/')).rejects.toMatchObject(closed)
    expect(arrivals).toHaveLength(1)
  })

  it('closes at the end of its block', async () => {
    const inside = async () => {
      await using auth = bench().auth
      await auth.getToken()
      return auth
    }

    await expect((await inside()).getToken()).rejects.toMatchObject(closed)
  })
})

describe('found from a resource', () => {
  const resource = 'https://rs.example/mcp'
  const prm = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
  const as = 'https://as.example/.well-known/oauth-authorization-server'

  /** A resource, its server and whatever else is named, as a table; and what was asked of them. */
  function web({
    challenge = 'Bearer',
    resourceMetadata = {},
    ...pages
  }: {
    challenge?: string
    resourceMetadata?: object
    [url: string]: unknown
  } = {}) {
    const table: Record<string, unknown> = {
      [prm]: { resource, authorization_servers: [metadata.issuer], ...resourceMetadata },
      [as]: metadata,
      [metadata.token_endpoint]: { access_token: 't', token_type: 'Bearer' },
      ...pages,
    }
    const asked: string[] = []
    const forms: Record<string, string>[] = []
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input, init)
      asked.push(`${request.method} ${request.url}`)
      if (request.method === 'POST') forms.push(Object.fromEntries(new URLSearchParams(await request.text())))
      const page = table[request.url]
      if (page !== undefined) return Response.json(page)
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    }
    return { fetch, asked, forms }
  }

  function find(
    { fetch }: Pick<ReturnType<typeof web>, 'fetch'>,
    options: Partial<FromResource<ClientCredentialsOptions>> = {},
  ) {
    const me = { clientId: 'me', clientSecret: 'hush' }
    return ClientCredentialsAuth.fromResource({ resourceUrl: resource, ...me, fetch, ...options })
  }

  it('is asked in four requests, each once: resource, its metadata, the server, the token (PR-01, PR-02)', async () => {
    const all = web()

    const auth = await find(all)
    await auth.getToken()

    expect(all.asked).toEqual([
      `GET ${resource}`,
      `GET ${prm}`,
      `GET ${as}`,
      `POST ${metadata.token_endpoint}`,
    ])
    expect(auth.origins).toEqual(['https://rs.example'])
  })

  it.each<[string, string | undefined, string, unknown, string | undefined]>([
    ['that of the challenge', undefined, 'Bearer scope="a b"', ['c', 'a'], 'a b'],
    ['all that the metadata lists, without one', undefined, 'Bearer', ['c', 'd'], 'c d'],
    [
      'all that the metadata lists, where the challenge names an empty one',
      undefined,
      'Bearer scope=""',
      ['c'],
      'c',
    ],
    ['none, without either', undefined, 'Bearer', undefined, undefined],
    ['none, where the list is empty', undefined, 'Bearer', [], undefined],
    ['none, where the list is null', undefined, 'Bearer', null, undefined],
    ['that of the caller, before all others (SC-14)', 'mine', 'Bearer scope="a b"', ['c'], 'mine'],
    ['none, where the caller wants none (SC-14)', '', 'Bearer scope="a b"', ['c'], undefined],
    ['without what is no scope token (SC-10)', undefined, 'Bearer scope="a\\"b c d\\\\e"', [], 'c'],
    [
      'without listed ones that are no scope tokens (SC-10)',
      undefined,
      'Bearer',
      ['ok', 'b"d', 'bäd', 'a\\b', 'a\nb'],
      'ok',
    ],
    ['none, where no scope token is left (SC-10)', undefined, 'Bearer', ['"', 'ä'], undefined],
  ])(
    'is asked for the scope: %s (SC-01, SC-02, SC-03)',
    async (_, scope, challenge, scopes_supported, expected) => {
      const all = web({ challenge, resourceMetadata: { scopes_supported } })

      await (await find(all, { scope })).getToken()

      expect(all.forms.map((form) => form['scope'])).toEqual([expected])
    },
  )

  it.each([
    ['https://rs.example/mcp', 'https://rs.example/mcp'],
    ['https://RS.example/mcp', 'https://RS.example/mcp'],
    ['https://RS.example/mcp', 'https://rs.example/mcp'],
  ])(
    'for %s is asked for the resource as it was published: %s (CC-06, AC-15)',
    async (resourceUrl, published) => {
      const all = web({ resourceMetadata: { resource: published } })

      const token = await (await find(all, { resourceUrl })).getToken()

      expect(all.forms[0]?.['resource']).toBe(published)
      expect(token.resource).toBe(published)
    },
  )

  it('gains no slash for a resource that is an origin (AC-15)', async () => {
    const resourceUrl = 'https://rs.example'
    const document = { resource: resourceUrl, authorization_servers: [metadata.issuer] }
    const all = web({ 'https://rs.example/.well-known/oauth-protected-resource': document })

    await (await find(all, { resourceUrl })).getToken()

    expect(all.forms[0]?.['resource']).toBe('https://rs.example')
  })

  it('sends the token to the origins of the option, where there is one', async () => {
    const auth = await find(web(), { origins: ['https://gateway.example'] })

    expect(auth.origins).toEqual(['https://gateway.example'])
  })

  it.each<[string, object]>([
    ['takes tokens in a query only (PR-14)', { bearer_methods_supported: ['query'] }],
    ['takes tokens in no way (PR-14)', { bearer_methods_supported: [] }],
    ['takes DPoP-bound tokens only (PR-15)', { dpop_bound_access_tokens_required: true }],
  ])(
    'is refused where the resource %s, before anybody is asked for a token (RFC 9728 §2)',
    async (_, resourceMetadata) => {
      const all = web({ resourceMetadata })

      await expect(find(all)).rejects.toMatchObject({
        name: 'AuthConfigError',
        code: 'resource_not_supported',
      })
      expect(all.forms).toEqual([])
    },
  )

  it.each<[string, object]>([
    ['takes tokens in a header among others', { bearer_methods_supported: ['body', 'header'] }],
    ['says nothing of how', {}],
    ['needs no DPoP', { dpop_bound_access_tokens_required: false }],
  ])('is used where the resource %s (PR-14, PR-15)', async (_, resourceMetadata) => {
    const auth = await find(web({ resourceMetadata }))

    await expect(auth.getToken()).resolves.toMatchObject({ resource })
  })

  it('sends the secret to the first server that has the grant, and to no other (PR-11)', async () => {
    const other = { issuer: 'https://as2.example', token_endpoint: 'https://as2.example/token' }
    const all = web({
      resourceMetadata: { authorization_servers: [metadata.issuer, other.issuer] },
      [as]: { ...metadata, grant_types_supported: ['authorization_code'] },
      'https://as2.example/.well-known/oauth-authorization-server': other,
      'https://as2.example/token': { access_token: 't', token_type: 'Bearer' },
    })

    const token = await (await find(all)).getToken()

    expect(token.issuer).toBe('https://as2.example')
    expect(all.asked.filter((each) => each.startsWith('POST'))).toEqual(['POST https://as2.example/token'])
  })

  it('is refused where no server has the grant (AS-11)', async () => {
    const all = web({ [as]: { ...metadata, grant_types_supported: ['authorization_code'] } })

    await expect(find(all)).rejects.toMatchObject({ code: 'grant_not_supported' })
  })

  it('fails as discovery fails', async () => {
    const all = web({ [as]: { ...metadata, issuer: 'https://evil.example' } })

    await expect(find(all)).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
    expect(all.forms).toEqual([])
  })

  it("ends with the caller's signal, which does not end what comes later", async () => {
    const reason = new Error('enough')
    const controller = new AbortController()

    const auth = await find(web(), { signal: controller.signal })
    controller.abort(reason)

    await expect(auth.getToken()).resolves.toBeDefined()
    await expect(find(web(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('tells of all of it to one handler: discovery as one flow, the renewal as another (NS-09)', async () => {
    const events: GrantEvent[] = []

    await (await find(web(), { onEvent: (event) => events.push(event) })).getToken()

    expect(events.map(({ type }) => type)).toEqual([
      'exchange',
      'exchange',
      'challenge',
      'candidate',
      'exchange',
      'candidate',
      'renewal',
      'exchange',
      'renewal',
    ])
    const flows = events.map(({ flow }) => flow)
    expect(new Set(flows.slice(0, 6)).size).toBe(1)
    expect(new Set(flows.slice(6)).size).toBe(1)
    expect(flows[0]).not.toBe(flows[6])
    expect(JSON.stringify(events)).not.toMatch(/hush|"t"/)
  })
})

describe('found from an issuer', () => {
  const options = { issuer: metadata.issuer, clientId: 'me', clientSecret: 'hush' }

  it('is asked by the fetch that was given, and for the one resource that was named (TE-14)', async () => {
    const { fetch, arrivals } = tokenServer(metadata, { access_token: 't', token_type: 'Bearer' })

    const auth = await ClientCredentialsAuth.fromIssuer({ ...options, fetch, resource: 'urn:a', scope: 'a' })
    await auth.getToken()

    expect(arrivals.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET https://as.example/.well-known/oauth-authorization-server',
      'POST https://as.example/token',
    ])
    expect(arrivals[1]?.body).toBe('grant_type=client_credentials&scope=a&resource=urn%3Aa')
  })

  it('is refused where it names another issuer, and no secret is sent (AS-05)', async () => {
    const { fetch, arrivals } = tokenServer({ ...metadata, issuer: 'https://evil.example' })

    const attempt = ClientCredentialsAuth.fromIssuer({ ...options, fetch })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
    expect(arrivals.map(({ method }) => method)).toEqual(['GET'])
  })

  it("ends with the caller's signal", async () => {
    const reason = new Error('enough')
    const { fetch } = tokenServer(metadata)
    const signal = AbortSignal.abort(reason)

    await expect(ClientCredentialsAuth.fromIssuer({ ...options, fetch, signal })).rejects.toBe(reason)
  })
})

describe.each([undefined, '/tenant1'])('a real server with the path %s', (issuerPath) => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed(issuerPath === undefined ? {} : { issuerPath })
  })
  afterAll(() => testbed.close())
  beforeEach(() => {
    for (const { journal, faults } of [testbed.authorizationServer, testbed.api]) {
      faults.heal()
      journal.clear()
    }
  })
  const paths = (server: 'authorizationServer' | 'api') =>
    testbed[server].journal.arrivals.map(({ method, path }) => `${method} ${path}`)
  const prefix = issuerPath ?? ''
  const token = `POST ${prefix}/token`

  it('needs no more than { issuer, token_endpoint } and given credentials (RG-02)', async () => {
    const { issuer, tokenEndpoint } = testbed.authorizationServer
    const auth = new ClientCredentialsAuth({
      serverMetadata: { issuer, token_endpoint: tokenEndpoint },
      ...testClients.worker,
      scope: 'api:read',
      resource: testbed.api.url,
    })

    await expect(auth.getToken()).resolves.toMatchObject({
      tokenType: 'Bearer',
      issuer,
      resource: testbed.api.url,
      scope: ['api:read'],
    })

    expect(paths('authorizationServer')).toEqual([token])
    expect(await auth.fetch(`${testbed.api.url}/orders`)).toMatchObject({ status: 200 })
  })

  it('is found from its issuer in one request (AS-01, AS-02)', async () => {
    const { issuer } = testbed.authorizationServer

    const auth = await ClientCredentialsAuth.fromIssuer({ issuer, ...testClients.poster, scope: 'api:read' })

    await expect(auth.getToken()).resolves.toMatchObject({ issuer })
    expect(paths('authorizationServer')).toEqual([
      `GET /.well-known/oauth-authorization-server${prefix}`,
      token,
    ])
  })

  it('is found from the resource: probe, metadata, server, token, and the call; then nothing but calls', async () => {
    const { api, authorizationServer } = testbed

    const auth = await ClientCredentialsAuth.fromResource({ resourceUrl: api.url, ...testClients.worker })
    const response = await auth.fetch(`${api.url}/orders`)
    await auth.fetch(`${api.url}/orders`)

    expect(response.status).toBe(200)
    await expect(auth.getToken()).resolves.toMatchObject({
      issuer: authorizationServer.issuer,
      resource: api.url,
      scope: ['api:read'],
    })
    expect(paths('api')).toEqual([
      'GET /api',
      'GET /.well-known/oauth-protected-resource/api',
      'GET /api/orders',
      'GET /api/orders',
    ])
    expect(paths('authorizationServer')).toEqual([
      `GET /.well-known/oauth-authorization-server${prefix}`,
      token,
    ])
  })

  it('is asked once more when a token has ended, and nothing is looked up again', async () => {
    const { api } = testbed
    const clock = handClock()
    const auth = await ClientCredentialsAuth.fromResource({
      resourceUrl: api.url,
      ...testClients.worker,
      clock,
    })
    await auth.getToken()
    testbed.authorizationServer.journal.clear()
    api.journal.clear()
    clock.pass(3_600_000)

    await expect(auth.fetch(`${api.url}/orders`)).resolves.toMatchObject({ status: 200 })

    expect(paths('authorizationServer')).toEqual([token])
    expect(paths('api')).toEqual(['GET /api/orders'])
  })

  it('that refuses is quoted (TE-10, TE-11)', async () => {
    const { issuer, tokenEndpoint } = testbed.authorizationServer
    const auth = new ClientCredentialsAuth({
      serverMetadata: { issuer, token_endpoint: tokenEndpoint },
      ...testClients.worker,
      clientSecret: 'wrong',
    })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error: 'invalid_client',
      status: 401,
      endpoint: tokenEndpoint,
      issuer,
    })
  })

  it('that hangs is left at once when the object is closed', async () => {
    const { issuer, tokenEndpoint, faults, journal } = testbed.authorizationServer
    faults.add({ kind: 'hang' })
    const auth = new ClientCredentialsAuth({
      serverMetadata: { issuer, token_endpoint: tokenEndpoint },
      ...testClients.worker,
    })
    const going = auth.getToken().catch((error: unknown) => error)
    await vi.waitUntil(() => journal.count({ path: `${prefix}/token` }) === 1)

    await auth[Symbol.asyncDispose]()

    await expect(going).resolves.toMatchObject({ code: 'closed' })
  })
})
