import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, MCPClient } from '@x/mcp-client'
import { createLimits, discoverAuthorizationServer, type Fetch } from '@x/oauth-discovery'
import { memoryCache } from '@x/oauth-discovery/cache'
import {
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  createToken,
  encrypted,
  finishAuthorization,
  memoryStore,
  startAuthorization,
  TokenExchangeAuth,
  type TokenExchangeOptions,
  type TokenStore,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { fileStore } from '@x/oauth-grants/node'
import { agree, startTestbed, testClients } from '@x/testbed'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { startPlainMcpServer, toolsNamed } from './parts/plain-mcp-server.ts'
import { type Answer, arrivedAt, serve } from './parts/serving.ts'
import { startTokenGiver } from './parts/token-giver.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

/** Closed after the test. */
function closing<T extends AsyncDisposable>(resource: T): T {
  open.push(resource)
  return resource
}

const folder = await mkdtemp(join(tmpdir(), 'attacks-tenant-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
const newPath = () => join(folder, `${randomUUID()}.json`)

const giver = await startTokenGiver()
afterAll(() => giver.close())
const { serverMetadata } = giver
const client = { serverMetadata, clientId: 'shop', clientSecret: 'shop-secret' }

const settle = (work: Promise<unknown>) => work.catch((error: unknown) => error)
const bearer = (headers: Headers) => headers.get('authorization')?.replace('Bearer ', '') ?? ''

describe('one object for many users', () => {
  const user = new AsyncLocalStorage<{ subject: string; actor?: string }>()
  const mine = () => user.getStore() ?? expect.fail('nobody asks')
  const forMany = (options: Partial<TokenExchangeOptions> = {}) =>
    closing(
      new TokenExchangeAuth({
        ...client,
        subjectToken: async () => {
          await Promise.resolve()
          return mine().subject
        },
        ...options,
      }),
    )
  const formFor = async (auth: TokenExchangeAuth, as: { subject: string; actor?: string }) => {
    const { accessToken } = await user.run(as, () => auth.getToken())
    return giver.formOf(accessToken)
  }

  it('calls at the same time as others, each refused once in between: no request goes out with the token of another (MCP Confused Deputy Problem)', async () => {
    const refused = new Set<string>()
    const answer: Answer = ({ headers, url }) => {
      const token = bearer(headers)
      const subject = giver.formOf(token).get('subject_token')
      const isFirst = !refused.has(`${subject}`)
      refused.add(`${subject}`)
      return Response.json({ subject, asked: url.searchParams.get('user') }, { status: isFirst ? 401 : 200 })
    }
    const api = closing(await serve(() => answer))
    const auth = forMany({ origins: [api.origin] })
    const names = Array.from({ length: 60 }, (_, call) => `user-${call % 6}`)

    await Promise.all(
      names.map((subject) => user.run({ subject }, () => auth.fetch(`${api.origin}/?user=${subject}`))),
    )

    const seen = api.journal.arrivals.map(({ path, headers }) => [
      new URLSearchParams(path.slice(2)).get('user'),
      giver.formOf(headers['authorization']?.slice(7) ?? '').get('subject_token'),
    ])
    expect(seen.length).toBeGreaterThanOrEqual(60)
    expect(seen.filter(([asked, shown]) => asked !== shown)).toEqual([])
  })

  it('changes the subject between the question and the answer: the token is kept for whom it was asked for (RFC 8693 §2.1; MCP Confused Deputy Problem)', async () => {
    let current = 'victim'
    let release = () => {}
    const slow = closing(
      await startTokenGiver(async () => {
        await new Promise<void>((resolve) => {
          release = resolve
        })
        return {}
      }),
    )
    const auth = closing(
      new TokenExchangeAuth({ ...client, serverMetadata: slow.serverMetadata, subjectToken: () => current }),
    )
    const arrived = (count: number) => expect.poll(() => slow.forms.length).toBe(count)

    const first = auth.getToken()
    await arrived(1)
    current = 'attacker'
    release()
    const theirs = await first
    const second = auth.getToken()
    await arrived(2)
    release()
    const own = await second

    expect(slow.formOf(theirs.accessToken).get('subject_token')).toBe('victim')
    expect(slow.formOf(own.accessToken).get('subject_token')).toBe('attacker')
  })

  it.each<[string, { subject: string; actor?: string }, { subject: string; actor?: string }]>([
    ['swaps subject and actor', { subject: 'a', actor: 'b' }, { subject: 'b', actor: 'a' }],
    ['leaves the actor out', { subject: 'a', actor: 'b' }, { subject: 'a' }],
    ['writes the actor into the subject', { subject: 'a', actor: 'b' }, { subject: 'a","b' }],
    ['moves the border between both', { subject: 'ab', actor: 'c' }, { subject: 'a', actor: 'bc' }],
    ['adds what is not seen', { subject: 'a' }, { subject: 'a\u200b' }],
    ['spells the same letter in another way', { subject: '\u00e4' }, { subject: 'a\u0308' }],
  ])(
    '%s: gets no token of the other, here or in a store (RFC 8693 §2.1; MCP Confused Deputy Problem)',
    async (_, victim, attacker) => {
      const store = memoryStore()
      for (const options of [{}, { store }]) {
        const make = ({ actor }: { actor?: string }) =>
          forMany({ ...options, ...(actor !== undefined && { actorToken: () => mine().actor ?? '' }) })
        const [theirs, own] = [make(victim), make(attacker)]

        const shown = [await formFor(theirs, victim), await formFor(own, attacker)].map((form) => ({
          subject: form.get('subject_token'),
          ...(form.has('actor_token') && { actor: form.get('actor_token') }),
        }))

        expect(shown).toEqual([victim, attacker])
      }
    },
  )

  it.each<[string, Partial<TokenExchangeOptions>]>([
    ['asks for another audience', { audience: 'billing' }],
    ['asks for another type', { requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token' }],
    [
      'says that the subject is of another type',
      { subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt' },
    ],
    ['asks for another resource', { resource: 'https://billing.example' }],
  ])(
    '%s with a subject of the same text: finds no token of the other in the store (RFC 8693 §2.1, RFC 9700 §2.3)',
    async (_, options) => {
      const store = memoryStore()
      const as = { subject: 'same' }
      const before = giver.forms.length

      await formFor(forMany({ store }), as)
      await formFor(forMany({ store, ...options }), as)

      expect(giver.forms.length - before).toBe(2)
    },
  )

  it('reads the names of a store: no token of a user is in one (MCP Token Theft)', async () => {
    const path = newPath()
    const auth = forMany({ store: fileStore({ path }), actorToken: () => 'actor-marked' })
    await formFor(auth, { subject: 'subject-marked' })

    expect(await readFile(path, 'utf8')).not.toMatch(/subject-marked|actor-marked/)
  })

  it('hands in a token that another server has issued, as one of this server: it is sent nowhere (RFC 8693 §3; MCP Token Passthrough)', async () => {
    const foreign = createToken({ accessToken: 'foreign-marked', issuer: 'https://other.example' })
    const source = { getToken: async () => foreign }

    const asSubject = await settle(forMany({ subjectToken: source }).getToken())
    const asActor = await settle(forMany({ subjectToken: 's', actorToken: source }).getToken())

    expect(arrivedAt(giver)).not.toContain('foreign-marked')
    for (const error of [asSubject, asActor]) expect(error).toMatchObject({ code: 'invalid_token' })
  })

  it('is made to step up by a resource: the sessions of others ask for nothing, and keep their tokens (MCP Scope Minimization)', async () => {
    let demands = 0
    const api = closing(
      await serve(() => ({ url }) => {
        if (url.searchParams.get('user') !== 'attacker') return Response.json({})
        demands += 1
        const demand = `Bearer error="insufficient_scope", scope="admin-${demands}"`
        return new Response(null, { status: 403, headers: { 'www-authenticate': demand } })
      }),
    )
    const auth = forMany({ origins: [api.origin] })
    const call = (subject: string) =>
      user.run({ subject }, async () => {
        await auth.fetch(`${api.origin}/?user=${subject}`)
        return (await auth.getToken()).accessToken
      })
    const before = await call('victim')
    for (let times = 0; times < 15; times += 1) await call('attacker')
    const after = await call('victim')

    expect(after).toBe(before)
    const asked = giver.forms.filter((form) => /^(?:victim|attacker)$/.test(form.get('subject_token') ?? ''))
    const scopes = (subject: string) =>
      asked.filter((form) => form.get('subject_token') === subject).map((form) => form.get('scope'))
    expect(scopes('victim')).toEqual([null])
    // The first token, and ten that more was asked for: then there is an end of it.
    expect(scopes('attacker')).toHaveLength(11)
  })
})

describe('one object for many users, and a resource that refuses one of them', () => {
  it('has each of its tokens refused: the server is asked for ten in their place, and others keep theirs (RFC 6750 §3.1)', async () => {
    const user = new AsyncLocalStorage<string>()
    const api = closing(
      await serve(
        () =>
          ({ url }) =>
            new Response(null, { status: url.searchParams.get('user') === 'refused' ? 401 : 200 }),
      ),
    )
    const subjectToken = () => user.getStore() ?? expect.fail('nobody asks')
    const auth = closing(new TokenExchangeAuth({ ...client, origins: [api.origin], subjectToken }))
    const call = (subject: string) =>
      user.run(subject, () => settle(auth.fetch(`${api.origin}/?user=${subject}`)))
    await call('served')
    for (let times = 0; times < 30; times += 1) await call('refused')

    expect(await call('served')).toMatchObject({ status: 200 })
    const asked = (subject: string) => giver.forms.filter((form) => form.get('subject_token') === subject)
    expect(asked('refused')).toHaveLength(11)
    expect(asked('served')).toHaveLength(1)
  })
})

const partitions = [
  undefined,
  '',
  'a',
  'a ',
  'A',
  '"',
  'a","b',
  'a,b',
  'a:b',
  'a/b',
  '../a',
  'a\\u0000',
  'a\u0000',
  'null',
  '[]',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '\u00e4',
  'a\u0308',
  'a\u200b',
  'a login',
  '\u{1f600}',
  '\ud800',
  '\\ud800',
]

describe('one store for many tenants', () => {
  const one = (store: TokenStore, options: object) =>
    closing(new ClientCredentialsAuth({ ...client, store, ...options }))

  it.each<[string, () => TokenStore]>([
    ['in memory', memoryStore],
    ['in a file', () => fileStore({ path: newPath() })],
    ['encrypted', () => encrypted(memoryStore(), crypto.getRandomValues(new Uint8Array(32)))],
  ])(
    'calls itself what separates or escapes in a store %s: finds no token of another (RFC 9700 §4.6)',
    async (_, make) => {
      const store = make()
      const tokens: string[] = []
      for (const partition of partitions)
        tokens.push((await one(store, { partition }).getToken()).accessToken)
      const again: string[] = []
      for (const partition of partitions) again.push((await one(store, { partition }).getToken()).accessToken)

      expect(new Set(tokens).size).toBe(partitions.length)
      expect(again).toEqual(tokens)
      expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    },
  )

  it.each<[string, object, object]>([
    ['partition', { partition: 'a' }, { clientId: 'shop","a' }],
    [
      'scope and resource',
      { scope: 'a b', resource: 'https://rs.example' },
      { scope: 'a', resource: 'https://rs.example/%22,%22b' },
    ],
    ['parameters', { parameters: { audience: 'x' } }, { parameters: { audience: ['x', ''] } }],
    ['parameters with another name', { parameters: { a: 'b', c: 'd' } }, { parameters: { a: 'b,c,d' } }],
    ['client', { clientId: 'shop' }, { clientId: 'shop\u200b' }],
  ])(
    'makes its name in the store look like that of another by its %s: finds no token of the other (RFC 9700 §4.6)',
    async (_, victim, attacker) => {
      const store = memoryStore()

      const theirs = await one(store, victim).getToken()
      const own = await one(store, attacker).getToken()

      expect(own.accessToken).not.toBe(theirs.accessToken)
    },
  )

  it('is a client of the same name at another server: the refresh token of the one is not shown to the other (RFC 9700 §4.4; MCP Token Theft)', async () => {
    const [honest, evil] = [
      closing(await startTokenGiver(() => ({ refresh_token: 'refresh-marked', expires_in: 0 }))),
      closing(await startTokenGiver()),
    ]
    const store = memoryStore()
    const login = (by: typeof honest, refreshToken?: string) =>
      closing(
        new AuthorizationCodeAuth({
          serverMetadata: by.serverMetadata,
          clientId: 'same',
          store,
          partition: 'p',
          refreshToken,
        }),
      )
    await login(honest, 'refresh-first').getToken()

    const found = await settle(login(evil).getToken())

    expect(found).toMatchObject({ code: 'interaction_required' })
    expect(arrivedAt(honest)).toContain('refresh-first')
    expect(arrivedAt(evil)).not.toContain('refresh')
  })

  it('may go to a private network itself, and its server is noted in the store: the secret of whoever may not is not sent there (MCP Server-Side Request Forgery)', async () => {
    const store = memoryStore()
    const [resourceUrl, issuer] = ['https://rs.example/mcp', 'https://10.0.0.5']
    const make = (partition: string, allowAddress: (url: URL) => boolean) => {
      const urls: string[] = []
      const fetch: Fetch = async (input) => {
        const { url } = new Request(input)
        urls.push(url)
        if (url.includes('protected-resource')) {
          return Response.json({ resource: resourceUrl, authorization_servers: [issuer] })
        }
        if (url.includes('.well-known')) return Response.json({ issuer, token_endpoint: `${issuer}/token` })
        if (url.endsWith('/token')) return Response.json({ access_token: 't', token_type: 'Bearer' })
        return new Response(null, { status: 401 })
      }
      const by = { clientId: 'shop', clientSecret: 's', store, partition, fetch, allowAddress }
      return { urls, auth: new ClientCredentialsAuth({ resourceUrl, ...by }) }
    }
    const mayGoThere = make('one', ({ hostname }) => hostname === '10.0.0.5')
    await mayGoThere.auth.getToken()
    await mayGoThere.auth.close()
    const mayNot = make('other', ({ hostname }) => hostname === 'other.internal')

    const found = await settle(closing(mayNot.auth).getToken())

    expect(mayNot.urls.filter((url) => url.includes('10.0.0.5'))).toEqual([])
    expect(found).toMatchObject({ code: 'address_refused' })
  })

  it('is a client of the same name at another server: finds no token of the first in the store (RFC 9700 §4.4, §4.6)', async () => {
    const evil = closing(await startTokenGiver())
    const store = memoryStore()
    const options = { store, partition: 'p', scope: 'read' }

    const theirs = await one(store, options).getToken()
    const own = await one(store, { ...options, serverMetadata: evil.serverMetadata }).getToken()

    expect(own.issuer).toBe(evil.origin)
    expect(own.accessToken).not.toBe(theirs.accessToken)
  })

  it('writes an entry of another server under the name of a victim: the refresh token in it is sent nowhere (RFC 9700 §4.4)', async () => {
    const names: string[] = []
    const inner = memoryStore()
    const store: TokenStore = {
      ...inner,
      load: (name) => {
        names.push(name)
        return inner.load(name)
      },
    }
    const login = () =>
      closing(new AuthorizationCodeAuth({ serverMetadata, clientId: 'shop', store, partition: 'victim' }))
    await settle(login().getToken())
    const planted = {
      ...createToken({ accessToken: 'ended', issuer: 'https://evil.example', expiresAt: 1, obtainedAt: 1 }),
      version: 1,
      accessToken: 'ended',
      refreshToken: 'planted-marked',
    }
    await inner.save(names[0] ?? expect.fail('no name'), JSON.stringify(planted), { expect: undefined })

    const found = await settle(login().getToken())

    expect(found).toMatchObject({ code: 'interaction_required' })
    expect(arrivedAt(giver)).not.toContain('planted-marked')
  })

  it('moves an encrypted value of its own under the name of a victim: nothing of it is used, or sent (RFC 9700 §4.6)', async () => {
    const inner = memoryStore()
    const names: string[] = []
    const watched: TokenStore = {
      ...inner,
      save: (name, ...rest) => {
        names.push(name)
        return inner.save(name, ...rest)
      },
    }
    const store = encrypted(watched, crypto.getRandomValues(new Uint8Array(32)))
    const attacker = await one(store, { partition: 'attacker' }).getToken()
    await one(store, { partition: 'victim' }).getToken()
    const [from = '', to = ''] = names
    const [moved, there] = [await inner.load(from), await inner.load(to)]
    await inner.save(to, moved?.value ?? '', { expect: there?.revision })

    const found = await settle(one(store, { partition: 'victim' }).getToken())

    expect(found).toMatchObject({ code: 'store_unreadable' })
    expect(found).not.toMatchObject({ accessToken: attacker.accessToken })
  })

  it('has a key of its own for proofs: finds no token that is bound to the key of another (RFC 9449 §6)', async () => {
    const bound = closing(await startTokenGiver(() => ({ token_type: 'DPoP' })))
    const path = newPath()
    const make = async () =>
      closing(
        new ClientCredentialsAuth({
          ...client,
          serverMetadata: bound.serverMetadata,
          store: fileStore({ path }),
          partition: 'same',
          binding: await dpop(),
        }),
      )

    const theirs = await (await make()).getToken()
    const own = await (await make()).getToken()

    expect(own.accessToken).not.toBe(theirs.accessToken)
    expect(own.binding?.thumbprint).not.toBe(theirs.binding?.thumbprint)
    expect(await readFile(path, 'utf8')).not.toMatch(/"d"|PRIVATE|privateKey/)
  })
})

describe('one cache for many tenants', () => {
  const metadata = (resource: string, issuer: string) => (url: string) => {
    if (url.includes('oauth-protected-resource'))
      return Response.json({ resource, authorization_servers: [issuer] })
    if (url.includes('.well-known')) return Response.json({ issuer, token_endpoint: `${issuer}/token` })
    return new Response(null, { status: 401 })
  }
  const noting = (answer: (url: string) => Response) => {
    const urls: string[] = []
    const fetch: Fetch = async (input) => {
      const { url } = new Request(input)
      urls.push(url)
      return answer(url)
    }
    return { fetch, urls }
  }

  it('may go to a private network itself, and leaves its answers there: whoever may not is refused as before (MCP Server-Side Request Forgery)', async () => {
    const cache = memoryCache()
    const { fetch } = noting(metadata('https://rs.example/mcp', 'https://10.0.0.5'))
    await discoverAuthorizationServer('https://rs.example/mcp', { cache, fetch, allowAddress: () => true })

    const other = noting(metadata('https://rs.example/mcp', 'https://10.0.0.5'))
    const found = await settle(
      discoverAuthorizationServer('https://rs.example/mcp', { cache, fetch: other.fetch }),
    )

    expect(found).toMatchObject({ code: 'address_refused' })
    expect(other.urls.filter((url) => url.includes('10.0.0.5'))).toEqual([])
  })

  it('changes what it was given: others are given what the server has said (RFC 9700 §4.4)', async () => {
    const cache = memoryCache()
    const { fetch } = noting(metadata('https://rs.example/mcp', 'https://as.example'))
    const find = () => discoverAuthorizationServer('https://rs.example/mcp', { cache, fetch })
    const { authorizationServerMetadata, resourceMetadata } = await find()
    Object.assign(authorizationServerMetadata, { token_endpoint: 'https://evil.example/token' })
    Object.assign(resourceMetadata, { authorization_servers: ['https://evil.example'] })

    const other = await find()

    expect(JSON.stringify(other)).not.toContain('evil.example')
  })

  it('fills all the room of shared limits with calls that hang: others have their turn after them (RFC 9728 §7.7)', async () => {
    const limits = createLimits({ concurrency: 1 })
    const hangs: Fetch = () => new Promise(() => {})
    const stuck = discoverAuthorizationServer('https://evil.example/', {
      limits,
      fetch: hangs,
      timeoutMs: 50,
    })
    const { fetch } = noting(metadata('https://rs.example/mcp', 'https://as.example'))

    const found = discoverAuthorizationServer('https://rs.example/mcp', { limits, fetch })

    await expect(stuck).rejects.toMatchObject({ code: 'timeout' })
    await expect(found).resolves.toMatchObject({
      authorizationServerMetadata: { issuer: 'https://as.example' },
    })
  })
})

describe('another session of the same service', () => {
  const redirectUri = 'https://app.example/callback'
  const begin = (by: { serverMetadata: typeof serverMetadata } = giver) =>
    startAuthorization({ serverMetadata: by.serverMetadata, clientId: 'shop', redirectUri })
  const callbackOf = (url: URL, code: string) =>
    `${redirectUri}?code=${code}&state=${url.searchParams.get('state')}`

  it('has the browser of a victim bring the code of the attacker: it is not redeemed in the session of the victim (RFC 9700 §4.7)', async () => {
    const [victim, attacker] = [await begin(), await begin()]
    const before = giver.forms.length

    const found = await settle(
      finishAuthorization(callbackOf(attacker.url, 'attacker-marked'), victim.pending, { clientSecret: 's' }),
    )

    expect(found).toMatchObject({ code: 'state_mismatch' })
    expect(giver.forms.slice(before)).toEqual([])
  })

  it('brings the code of a victim into its own session: it is not redeemed there (RFC 9700 §4.5)', async () => {
    const [victim, attacker] = [await begin(), await begin()]
    const before = giver.forms.length
    const stolen = callbackOf(victim.url, 'stolen-marked')
    const guesses = [stolen, stolen.replace(/&state=.*/, ''), stolen.replace(/state=.*/, 'state=')]

    for (const each of guesses) {
      const found = await settle(finishAuthorization(each, attacker.pending, {}))
      expect(found).toMatchObject({ code: 'state_mismatch' })
    }

    expect(giver.forms.slice(before)).toEqual([])
    expect(arrivedAt(giver)).not.toContain('stolen-marked')
  })

  it('swaps the codes of two sign-ins and leaves the states: a server that knows PKCE gives out no token (RFC 9700 §4.5.3)', async () => {
    const testbed = closing(await startTestbed())
    const { issuer, tokenEndpoint } = testbed.authorizationServer
    const metadata = {
      issuer,
      token_endpoint: tokenEndpoint,
      authorization_endpoint: `${issuer}/auth`,
      code_challenge_methods_supported: ['S256'],
    }
    const start = () =>
      startAuthorization({
        serverMetadata: metadata,
        clientId: testClients.cli.clientId,
        redirectUri: 'http://127.0.0.1/callback',
        resource: testbed.mcp.url,
        scope: 'mcp:tools',
      })
    const [victim, attacker] = [await start(), await start()]
    const callback = new URL(await agree(victim.url))
    callback.searchParams.set('state', attacker.url.searchParams.get('state') ?? '')

    const found = await settle(finishAuthorization(callback, attacker.pending, {}))

    expect(found).toMatchObject({ code: 'refused', error: 'invalid_grant' })
    expect(found).not.toHaveProperty('accessToken')
  })

  it('comes back in a tab of an earlier sign-in: the code in it is not redeemed (RFC 9700 §4.7)', async () => {
    const tabs: URL[] = []
    const auth = closing(
      new AuthorizationCodeAuth({
        serverMetadata,
        clientId: 'shop',
        redirectUri,
        authorize: (url) => {
          tabs.push(url)
          if (tabs.length === 1) throw new Error('closed')
          return callbackOf(tabs[0] ?? url, 'old-tab-marked')
        },
      }),
    )
    await settle(auth.getToken())

    const found = await settle(auth.getToken())

    expect(found).toMatchObject({ code: 'state_mismatch' })
    expect(arrivedAt(giver)).not.toContain('old-tab-marked')
  })

  it('ends the sign-in of a victim by the refusal of its own: nothing of that answer is believed (RFC 9700 §4.7)', async () => {
    const [victim, attacker] = [await begin(), await begin()]
    const state = attacker.url.searchParams.get('state')
    const refusal = `${redirectUri}?error=access_denied&error_description=marked&state=${state}`

    const found = await settle(finishAuthorization(refusal, victim.pending, {}))

    expect(found).toMatchObject({ code: 'state_mismatch', error: undefined, errorDescription: undefined })
    expect(String(found)).not.toContain('marked')
  })
})

describe('another user of the same MCP server', () => {
  type SharedCache = NonNullable<NonNullable<ConnectOptions['clientOptions']>['responseCacheStore']>

  /** A cache that several official clients share. */
  function sharedCache(): SharedCache {
    const kept = new Map<string, Awaited<ReturnType<SharedCache['get']>>>()
    let stamp = 0
    return {
      get: (key) => kept.get(JSON.stringify(key)),
      set: (key, entry) => {
        stamp += 1
        kept.set(JSON.stringify(key), { ...entry, stamp })
        return stamp
      },
      delete: (key) => void kept.delete(JSON.stringify(key)),
      evict: () => {},
      clear: () => {},
    }
  }

  const subjectOf = (headers: Headers) => {
    const form = giver.formOf(bearer(headers))
    return form.get('subject_token') ?? form.get('client_id') ?? 'nobody'
  }

  const as = (clientId: string, url: string, options: object = {}) =>
    closing(
      new ClientCredentialsAuth({
        serverMetadata: { ...serverMetadata, token_endpoint_auth_methods_supported: ['client_secret_post'] },
        clientId,
        clientSecret: 's',
        resource: url,
        ...options,
      }),
    )

  it('asks by a cache that both share: is not given the private results of another (MCP Session Hijacking)', async () => {
    const server = closing(
      await startPlainMcpServer({ answer: (_, { headers }) => toolsNamed(`of-${subjectOf(headers)}`) }),
    )
    const clientOptions = { responseCacheStore: sharedCache() }
    const connect = async (auth: ConnectOptions['auth']) =>
      closing(await MCPClient.connect(server.url, { auth, clientOptions }))
    const toolsOf = async (auth: ConnectOptions['auth']) =>
      (await (await connect(auth)).listTools()).tools.map(({ name }) => name)
    const [ada, bo] = [as('ada', server.url), as('bo', server.url)]
    const { accessToken } = await as('cy', server.url).getToken()
    let subject = 'one'
    const many = closing(
      new TokenExchangeAuth({ ...client, resource: server.url, subjectToken: () => subject }),
    )

    expect(await toolsOf(ada)).toEqual(['of-ada'])
    expect(await toolsOf(bo)).toEqual(['of-bo'])
    expect(await toolsOf(accessToken)).toEqual(['of-cy'])
    expect(await toolsOf(many)).toEqual(['of-one'])
    subject = 'two'
    expect(await toolsOf(many)).toEqual(['of-two'])
    expect(await toolsOf(undefined)).toEqual(['of-nobody'])
    // Each has asked for itself.
    expect(server.journal.arrivals.filter(({ body }) => body.includes('tools/list'))).toHaveLength(6)
    expect(await toolsOf(ada)).toEqual(['of-ada'])
    expect(server.journal.arrivals.filter(({ body }) => body.includes('tools/list'))).toHaveLength(6)
  })

  it('connects by a store that both share: is not told what the server said of itself to another (MCP Session Hijacking)', async () => {
    const server = closing(await startPlainMcpServer({ answer: () => toolsNamed() }))
    const store = memoryStore()
    const connect = async (partition: string) => {
      const auth = as('same', server.url, { store, partition })
      await using connected = await MCPClient.connect(server.url, { auth, store })
      await connected.listTools()
    }
    const asked = () => server.journal.arrivals.filter(({ body }) => body.includes('server/discover')).length

    await connect('victim')
    await connect('attacker')
    expect(asked()).toBe(2)
    await connect('victim')
    expect(asked()).toBe(2)
  })

  it('has a session of its own, and the server forgets all: no session travels with the token of another (MCP Session Hijacking)', async () => {
    const server = closing(
      await startPlainMcpServer({ hasSessions: true, answer: () => ({ result: { content: [] } }) }),
    )
    const clients = await Promise.all(
      ['ada', 'bo'].map(async (name) =>
        closing(await MCPClient.connect(server.url, { auth: as(name, server.url) })),
      ),
    )
    const call = () => Promise.all(clients.map((each) => each.callTool({ name: 'any' })))
    await call()
    server.forget()
    await call()

    const travels = server.journal.arrivals.flatMap(({ headers }) => {
      const session = headers['mcp-session-id']
      const token = headers['authorization']?.slice(7) ?? ''
      return session === undefined ? [] : [`${session} ${giver.formOf(token).get('client_id')}`]
    })
    expect(server.sessions).toHaveLength(4)
    expect(new Set(travels).size).toBe(4)
  })
})
