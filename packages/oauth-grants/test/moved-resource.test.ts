import { type ResourceServer, startApi, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  AuthorizationCodeAuth,
  type Authorize,
  ClientCredentialsAuth,
  clientIdMetadataDocument,
  createToken,
  dynamicRegistration,
  memoryStore,
  publicClient,
  type Token,
  TokenExchangeAuth,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { arrived, demand, fakeServers, places, resourceUrl } from './located-bench.ts'
import { loginMetadata } from './login-bench.ts'
import { aside, byHand, times } from './session-bench.ts'
import { browse, callbackOf } from './sign-in.ts'

/** The server that a resource trusts at first, and the one that it trusts later. */
let [old, next]: [Testbed?, Testbed?] = []
beforeAll(async () => {
  ;[old, next] = await Promise.all([startTestbed({ registers: true }), startTestbed({ registers: true })])
})
afterAll(() => Promise.all([old?.close(), next?.close()]))
beforeEach(() => {
  for (const server of [oldServer(), newServer()]) {
    server.faults.heal()
    server.journal.clear()
  }
})

function serverOf(testbed: Testbed | undefined) {
  if (testbed === undefined) throw new Error('not started')
  return testbed.authorizationServer
}
const oldServer = () => serverOf(old)
const newServer = () => serverOf(next)

/** A resource that trusts the old server, and can be had trust another one at the same address. */
async function startMoving() {
  let api: ResourceServer = await startApi({ issuer: oldServer().issuer })
  const { url, origin } = api
  onTestFinished(() => api.close())
  const trust = async (issuer: string, authorizationServers = [issuer]) => {
    await api.close()
    api = await startApi({ port: Number(new URL(origin).port), issuer, authorizationServers })
    for (const server of [oldServer(), newServer()]) server.journal.clear()
  }
  oldServer().journal.clear()
  return { url, trust, api: () => api, move: () => trust(newServer().issuer) }
}

const metadataPath = '/.well-known/oauth-protected-resource/api'
const serverPath = '/.well-known/oauth-authorization-server'
const redirectUri = 'http://127.0.0.1:5555/callback'

type People = Partial<ConstructorParameters<typeof AuthorizationCodeAuth>[0]>

/** Somebody who signs in at whichever server the resource trusts, as a client that registers there. */
function person(url: string, given: People = {}) {
  const clients: (string | null)[] = []
  const authorize: Authorize = (page) => {
    clients.push(page.searchParams.get('client_id'))
    return browse(page)
  }
  const auth = new AuthorizationCodeAuth({
    resourceUrl: url,
    registration: dynamicRegistration({ client_name: 'Agent' }),
    redirectUri,
    authorize,
    ...given,
  })
  onTestFinished(() => auth.close())
  return { auth, clients }
}

function worker(url: string, given: Partial<ConstructorParameters<typeof ClientCredentialsAuth>[0]> = {}) {
  const auth = new ClientCredentialsAuth({ resourceUrl: url, ...testClients.worker, ...given })
  onTestFinished(() => auth.close())
  return auth
}

const status = async (response: Promise<Response>) => (await response).status
const mismatch = { name: 'DiscoveryError', code: 'issuer_mismatch' }

describe('a resource that trusts another server from now on', () => {
  it('has the client register and a person sign in there; the old token, client and refresh token are not shown to it (RG-15, RG-16, CH-10)', async () => {
    const { url, move } = await startMoving()
    const { auth, clients } = person(url)
    const first = await auth.getToken()
    await expect(status(auth.fetch(url))).resolves.toBe(200)
    await move()

    await expect(auth.fetch(url)).rejects.toMatchObject({ code: 'interaction_required' })
    const second = await auth.getToken()
    await expect(status(auth.fetch(url))).resolves.toBe(200)

    expect([first.issuer, second.issuer]).toEqual([oldServer().issuer, newServer().issuer])
    expect(new Set(clients).size).toBe(2)
    const told = JSON.stringify(newServer().journal.arrivals)
    for (const secret of [first.accessToken, first.refreshToken, clients[0]]) {
      expect(secret).toEqual(expect.any(String))
      expect(told).not.toContain(secret)
    }
    expect(arrived(newServer())).toMatchObject({ [`GET ${serverPath}`]: 1, 'POST /reg': 1, 'POST /token': 1 })
    expect(arrived(oldServer())).toEqual({})
  })

  it('has what was kept for the old one in a store left alone, and the next process begin at the new one (RG-15, RG-16)', async () => {
    const { url, move } = await startMoving()
    const store = memoryStore()
    const registration = dynamicRegistration({}, { store })
    const one = person(url, { store, registration })
    await one.auth.getToken()
    await move()
    await one.auth.fetch(url).catch(() => {})
    const token = await one.auth.getToken()
    const before = arrived(newServer())
    const two = person(url, { store, registration })

    await expect(status(two.auth.fetch(url))).resolves.toBe(200)

    await expect(two.auth.getToken()).resolves.toMatchObject({ accessToken: token.accessToken })
    expect(two.clients).toEqual([])
    expect(arrived(newServer())).toEqual(before)
  })

  it('has a client id that is a URL stay, without a registration; the tokens do not (RG-18, RG-16)', async () => {
    const issuers = ['https://as.example', 'https://new.example']
    let issuer = issuers[0] ?? ''
    const shown: [string | null, string][] = []
    const fakes = fakeServers({
      resource: ({ headers }) =>
        headers.get('authorization')?.endsWith(issuer) ? Response.json({}) : demand(),
      resourceMetadata: () => Response.json({ resource: resourceUrl, authorization_servers: [issuer] }),
    })
    const documentUrl = 'https://app.example/client.json'
    const fetch: typeof fakes.fetch = async (input, init) => {
      const request = new Request(input, init)
      const { origin, pathname } = new URL(request.url)
      if (!issuers.includes(origin)) return fakes.fetch(request)
      const metadata = Object.fromEntries(
        Object.entries(loginMetadata).map(([name, value]) => [
          name,
          typeof value === 'string' ? value.replace('https://as.example', origin) : value,
        ]),
      )
      if (pathname !== '/token')
        return Response.json({ ...metadata, client_id_metadata_document_supported: true })
      const form = new URLSearchParams(await request.text())
      shown.push([form.get('client_id'), form.get('grant_type') ?? ''])
      return Response.json({ access_token: origin, token_type: 'Bearer', refresh_token: 'r' })
    }
    const auth = new AuthorizationCodeAuth({
      resourceUrl,
      registration: clientIdMetadataDocument(documentUrl),
      redirectUri,
      authorize: (page) => callbackOf(page),
      fetch,
    })
    await auth.getToken()
    issuer = issuers[1] ?? ''

    await auth.fetch(resourceUrl).catch(() => {})
    await expect(auth.getToken()).resolves.toMatchObject({ issuer })

    expect(shown).toEqual([
      [documentUrl, 'authorization_code'],
      [documentUrl, 'authorization_code'],
    ])
  })

  it('is not shown a refresh token that was handed in for the old one (RG-15, RG-16)', async () => {
    const { url, move } = await startMoving()
    const registration = dynamicRegistration({}, { store: memoryStore() })
    const { refreshToken } = await person(url, { registration }).auth.getToken()
    const { auth, clients } = person(url, { registration, refreshToken })
    await auth.getToken()
    expect(clients).toEqual([])
    await move()

    await auth.fetch(url).catch(() => {})
    await expect(auth.getToken()).resolves.toMatchObject({ issuer: newServer().issuer })

    expect(refreshToken).toEqual(expect.any(String))
    expect(JSON.stringify(newServer().journal.arrivals)).not.toContain(refreshToken)
    expect(newServer().journal.count({ path: '/token' })).toBe(1)
  })

  it('is an error where the client was registered beforehand: neither server is sent anything, whoever asks, until the resource says otherwise (RG-17)', async () => {
    const { url, api, move, trust } = await startMoving()
    const auth = worker(url)
    const { accessToken } = await auth.getToken()
    await move()

    const ends = await Promise.allSettled(Array.from({ length: 50 }, () => auth.fetch(url)))
    await expect(auth.fetch(url)).rejects.toMatchObject(mismatch)

    expect(ends.map((each) => each.status === 'rejected' && each.reason)).toEqual(
      ends.map(() => expect.objectContaining(mismatch)),
    )
    expect(arrived(oldServer(), newServer())).toEqual({})
    await trust(oldServer().issuer)
    api().refuse(accessToken)
    await expect(status(auth.fetch(url))).resolves.toBe(200)
  })

  it('is an error also for people whose client was registered beforehand, and nobody is asked (RG-17)', async () => {
    const { url, move } = await startMoving()
    const { auth, clients } = person(url, { ...testClients.cli })
    await auth.getToken()
    await move()

    await expect(auth.fetch(url)).rejects.toMatchObject(mismatch)

    expect(clients).toHaveLength(1)
    expect(arrived(oldServer(), newServer())).toEqual({})
  })

  it('is an error where the server is the one that is expected, also for a client that could register (RG-17)', async () => {
    const { url, move } = await startMoving()
    const { auth } = person(url, { expectedIssuer: oldServer().issuer })
    await auth.getToken()
    await move()

    await expect(auth.fetch(url)).rejects.toMatchObject(mismatch)

    expect(arrived(oldServer(), newServer())).toEqual({})
  })

  it('is an error for whoever brings tokens of others, which are not shown to the new one (RG-15, RG-17)', async () => {
    const { url, move } = await startMoving()
    const subject = await worker(url).getToken()
    const auth = new TokenExchangeAuth({
      resourceUrl: url,
      ...testClients.worker,
      subjectToken: subject.accessToken,
    })
    await auth.fetch(url)
    await move()

    await expect(auth.fetch(url)).rejects.toMatchObject(mismatch)

    expect(arrived(oldServer(), newServer())).toEqual({})
    await auth.close()
  })

  it('ends a sign-in that is under way at the old one: it goes on at the new one (RG-16)', async () => {
    const { url, move } = await startMoving()
    const asked: URL[] = []
    const { auth } = person(url, {
      authorize(page) {
        asked.push(page)
        // Nobody comes back from the old one a second time.
        return asked.length === 2 ? new Promise(() => {}) : browse(page)
      },
    })
    const first = await auth.getToken()
    const challenge = {
      scheme: 'bearer',
      parameters: { error: 'insufficient_scope', scope: 'api:read mcp:write' },
    }
    const more = auth.getToken({ challenge })
    await expect.poll(() => asked.length).toBe(2)
    await move()

    await expect(auth.getToken({ rejected: first })).resolves.toMatchObject({ issuer: newServer().issuer })

    await expect(more).resolves.toMatchObject({ issuer: newServer().issuer })
  })
})

describe('a good token that is refused', () => {
  it('has the metadata of the resource read again, and one token asked for, whoever hears of it (CH-10, MC-07)', async () => {
    const { url, api } = await startMoving()
    const auth = worker(url)
    const token = await auth.getToken()
    api().refuse(token.accessToken)
    for (const { journal } of [api(), oldServer()]) journal.clear()

    const statuses = times(100, () => status(auth.fetch(url)))
    const tokens = times(1_000, () => auth.getToken({ rejected: token }))

    expect(new Set(await statuses)).toEqual(new Set([200]))
    expect(new Set(await tokens).size).toBe(1)
    expect(arrived(api(), oldServer())).toEqual({
      'GET /api': 200,
      [`GET ${metadataPath}`]: 1,
      'POST /token': 1,
    })
  })

  it('costs nothing where it has been replaced meanwhile (CH-10)', async () => {
    const { url, api } = await startMoving()
    const auth = worker(url)
    const token = await auth.getToken()
    const second = await auth.getToken({ rejected: token })
    for (const { journal } of [api(), oldServer()]) journal.clear()

    const late = await times(100, () => auth.getToken({ rejected: token }))

    expect(new Set(late.map(({ accessToken }) => accessToken))).toEqual(new Set([second.accessToken]))
    expect(arrived(api(), oldServer())).toEqual({})
  })

  it('is renewed where the refusal speaks of another resource: that names no other server (PR-05)', async () => {
    const metadata = 'https://api.example.com/other/metadata'
    const fakes = fakeServers({
      resource: ({ headers }) =>
        headers.get('authorization') === 'Bearer t2'
          ? Response.json({})
          : new Response(null, {
              status: 401,
              headers: headers.has('authorization')
                ? { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }
                : {},
            }),
    })
    const fetch: typeof fakes.fetch = async (input, init) => {
      const isOther = (input instanceof Request ? input.url : String(input)) === metadata
      const document = {
        resource: 'https://api.example.com/other',
        authorization_servers: ['https://evil.example'],
      }
      return isOther ? Response.json(document) : fakes.fetch(input, init)
    }
    const auth = new ClientCredentialsAuth({ resourceUrl, clientId: 'me', clientSecret: 'hush', fetch })
    onTestFinished(() => auth.close())

    const response = await auth.fetch(resourceUrl)

    expect(response.status).toBe(200)
    expect(fakes.counts()).toMatchObject({ resource: 3, token: 2 })
  })

  it('is renewed where another resource of the origin refuses it: what that says of a server counts for nothing (PR-05, RG-15)', async () => {
    const registration_endpoint = 'https://as.example/register'
    const fakes = fakeServers({
      serverMetadata: () => Response.json({ ...loginMetadata, registration_endpoint }),
    })
    const evil: string[] = []
    const fetch: typeof fakes.fetch = async (input, init) => {
      const request = new Request(input, init)
      if (request.url === registration_endpoint) return Response.json({ client_id: 'c' }, { status: 201 })
      if (new URL(request.url).hostname === 'evil.example') evil.push(request.url)
      if (request.url !== 'https://api.example.com/other') return fakes.fetch(request)
      const challenge = 'Bearer resource_metadata="https://evil.example/metadata"'
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    }
    const { auth } = person(resourceUrl, { fetch, authorize: (page) => callbackOf(page) })
    await auth.getToken()

    await expect(auth.fetch('https://api.example.com/other')).rejects.toMatchObject({
      code: 'interaction_required',
    })

    expect(evil).toEqual([])
    await expect(auth.getToken()).resolves.toMatchObject({ issuer: 'https://as.example' })
  })

  it('has nothing read again for a refusal that comes while its successor is fetched (CH-10)', async () => {
    const renewal = byHand<Response>()
    let requests = 0
    const fakes = fakeServers({
      token() {
        requests += 1
        const isFirst = requests === 1
        return isFirst ? Response.json({ access_token: 't1', token_type: 'Bearer' }) : renewal.promise
      },
    })
    const auth = worker(resourceUrl, { fetch: fakes.fetch, clientId: 'me', clientSecret: 'hush' })
    const rejected = await auth.getToken()
    const first = auth.getToken({ rejected })
    await expect.poll(() => requests).toBe(2)

    const late = times(50, () => auth.getToken({ rejected }))
    await aside()
    renewal.resolve(Response.json({ access_token: 't2', token_type: 'Bearer' }))

    await expect(first).resolves.toMatchObject({ accessToken: 't2' })
    expect(new Set(await late).size).toBe(1)
    expect(fakes.counts()).toMatchObject({ resourceMetadata: 2, token: 2 })
  })

  it('has all be read again where it is new: its server may have changed (CH-10)', async () => {
    const { url, api } = await startMoving()
    const auth = worker(url)
    const token = await auth.getToken()
    const second = await auth.getToken({ rejected: token })
    for (const { journal } of [api(), oldServer()]) journal.clear()

    await auth.getToken({ rejected: second })

    expect(arrived(api(), oldServer())).toEqual({
      [`GET ${metadataPath}`]: 1,
      [`GET ${serverPath}`]: 1,
      'POST /token': 1,
    })
  })

  it('has all be read again where a store has told the server (CH-10)', async () => {
    const { url, api } = await startMoving()
    const store = memoryStore()
    await worker(url, { store }).getToken()
    const auth = worker(url, { store })
    const token = await auth.getToken()
    for (const { journal } of [api(), oldServer()]) journal.clear()

    await auth.getToken({ rejected: token })

    expect(arrived(api(), oldServer())).toEqual({
      [`GET ${metadataPath}`]: 1,
      [`GET ${serverPath}`]: 1,
      'POST /token': 1,
    })
  })

  it('has nothing read again where the server was given', async () => {
    const fakes = fakeServers()
    const serverMetadata = { issuer: 'https://as.example', token_endpoint: places.token }
    const given = { serverMetadata, clientId: 'me', clientSecret: 'hush', fetch: fakes.fetch }
    await using auth = new ClientCredentialsAuth(given)

    await auth.getToken({ rejected: await auth.getToken() })

    expect(fakes.counts()).toEqual({ token: 2 })
  })

  it('has nothing read again where the issuer was given', async () => {
    const fakes = fakeServers()
    const given = { issuer: 'https://as.example', clientId: 'me', clientSecret: 'hush', fetch: fakes.fetch }
    await using auth = new ClientCredentialsAuth(given)

    await auth.getToken({ rejected: await auth.getToken() })

    expect(fakes.counts()).toEqual({ serverMetadata: 1, token: 2 })
  })

  it('keeps its server while the resource names that beside others (RG-16)', async () => {
    const { url, trust } = await startMoving()
    const { auth, clients } = person(url)
    const first = await auth.getToken()
    await trust(oldServer().issuer, [newServer().issuer, oldServer().issuer])

    const second = await auth.getToken({ rejected: first })

    expect(second.issuer).toBe(oldServer().issuer)
    expect(clients).toHaveLength(1)
    expect(arrived(newServer())).toEqual({})
  })

  it.each<[string, () => Response]>([
    ['is down', () => new Response(null, { status: 503 })],
    [
      'cannot be reached',
      () => {
        throw new TypeError('fetch failed')
      },
    ],
    ['publishes nothing for the moment', () => new Response(null, { status: 404 })],
  ])('is replaced by the same server where the resource %s (CH-10)', async (_, answer) => {
    let isGone = false
    const resourceMetadata = () =>
      isGone
        ? answer()
        : Response.json({ resource: resourceUrl, authorization_servers: ['https://as.example'] })
    const fakes = fakeServers({ resourceMetadata })
    const auth = worker(resourceUrl, { fetch: fakes.fetch, clientId: 'me', clientSecret: 'hush' })
    const token = await auth.getToken()
    isGone = true

    await expect(auth.getToken({ rejected: token })).resolves.toMatchObject({ accessToken: 't2' })
  })

  it('is not replaced where the resource takes bound ones only from now on, and none can be made (PR-15)', async () => {
    let more = {}
    const fakes = fakeServers({
      resourceMetadata: () =>
        Response.json({ resource: resourceUrl, authorization_servers: ['https://as.example'], ...more }),
    })
    const auth = worker(resourceUrl, { fetch: fakes.fetch, clientId: 'me', clientSecret: 'hush' })
    const rejected = await auth.getToken()
    more = { dpop_bound_access_tokens_required: true }

    await expect(auth.getToken({ rejected })).rejects.toMatchObject({ code: 'resource_not_supported' })

    expect(fakes.counts()['token']).toBe(1)
  })

  it('ends for who does not wait any longer, and for nobody else', async () => {
    const metadata = byHand<Response>()
    let reads = 0
    const document = () =>
      Response.json({ resource: resourceUrl, authorization_servers: ['https://as.example'] })
    const fakes = fakeServers({
      resourceMetadata() {
        reads += 1
        return reads === 1 ? document() : metadata.promise
      },
    })
    const auth = worker(resourceUrl, { fetch: fakes.fetch, clientId: 'me', clientSecret: 'hush' })
    const rejected = await auth.getToken()
    const impatient = new AbortController()
    const gone = auth.getToken({ rejected, signal: impatient.signal })
    const other = auth.getToken({ rejected })

    impatient.abort(new Error('no time'))
    await expect(gone).rejects.toThrow('no time')
    metadata.resolve(document())

    await expect(other).resolves.toMatchObject({ accessToken: 't2' })
    expect(reads).toBe(2)
  })

  /** A resource that takes the newest token only, and a server that publishes more from time to time. */
  function rotating(first: object = loginMetadata) {
    const presented: (string | null)[] = []
    let [published, good, obtained] = [first, '', 0]
    const fakes = fakeServers({
      resource({ headers }) {
        if (headers.get('authorization') === `Bearer ${good}`) return Response.json({})
        const challenge = headers.has('authorization')
          ? 'Bearer error="invalid_token"'
          : 'Bearer scope="read"'
        return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
      },
      resourceMetadata: () =>
        Response.json({
          resource: resourceUrl,
          authorization_servers: ['https://as.example'],
          scopes_supported: ['read', 'write'],
        }),
      serverMetadata: () => Response.json(published),
      async token(request) {
        presented.push(new URLSearchParams(await request.text()).get('refresh_token'))
        obtained += 1
        good = `t${obtained}`
        const refresh_token = `r${obtained}`
        return Response.json({ access_token: good, token_type: 'Bearer', expires_in: 3600, refresh_token })
      },
    })
    const scopes: (string | null)[] = []
    const authorize: Authorize = (page) => {
      scopes.push(page.searchParams.get('scope'))
      return callbackOf(page)
    }
    const given = { registration: undefined, clientId: 'me', fetch: fakes.fetch, authorize }
    const publish = (more: object) => {
      published = { ...published, ...more }
    }
    const refuse = () => {
      good = ''
    }
    return { given, presented, scopes, publish, refuse }
  }

  it('has a login stay where its server publishes something new, and no refresh token is presented twice (RT-01)', async () => {
    const { given, presented, publish, refuse } = rotating()
    const { auth } = person(resourceUrl, { ...given, refreshToken: 'r0' })

    for (let turn = 0; turn < 4; turn += 1) {
      await expect(status(auth.fetch(resourceUrl))).resolves.toBe(200)
      refuse()
      publish({ introspection_endpoint: `https://as.example/introspect/${turn}` })
    }

    expect(presented).toEqual(['r0', 'r1', 'r2', 'r3'])
  })

  it('has a refresh token that was handed in not presented again where the token endpoint has moved (RT-01)', async () => {
    const { given, presented, publish } = rotating()
    const { auth } = person(resourceUrl, { ...given, refreshToken: 'r0' })
    const first = await auth.getToken()
    const second = await auth.getToken({ rejected: first, interactive: false })
    publish({ token_endpoint: 'https://as.example/new' })

    await expect(auth.getToken({ rejected: second, interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })

    expect(presented).toEqual(['r0', 'r1'])
  })

  it('that is refused late signs nobody in again who has signed out, also not by what was handed in (RT-13)', async () => {
    const { revocation_endpoint: _, ...rest } = loginMetadata
    const { given, presented, publish } = rotating(rest)
    const { auth } = person(resourceUrl, { ...given, refreshToken: 'r0' })
    const first = await auth.getToken()
    const second = await auth.getToken({ rejected: first })
    publish({ introspection_endpoint: 'https://as.example/introspect' })
    await auth.signOut()
    const before = [...presented]

    for (const rejected of [second, first]) {
      await expect(auth.getToken({ rejected, interactive: false })).rejects.toMatchObject({
        code: 'interaction_required',
      })
    }

    expect(presented).toEqual(before)
  })

  it('has the scope that was demanded at first stay in a store: the next process finds the login (SC-01)', async () => {
    const { given, scopes, refuse } = rotating()
    const store = memoryStore()
    const one = person(resourceUrl, { ...given, store })
    await one.auth.fetch(resourceUrl).catch(() => {})
    await one.auth.getToken()
    refuse()
    await expect(status(one.auth.fetch(resourceUrl))).resolves.toBe(200)

    await person(resourceUrl, { ...given, store }).auth.getToken()

    expect(scopes).toEqual(['read'])
  })

  it('has a login stay where its server is the same, however it orders what it publishes', async () => {
    let reads = 0
    const fakes = fakeServers({
      serverMetadata() {
        reads += 1
        const entries = Object.entries(loginMetadata)
        return Response.json(Object.fromEntries(reads === 1 ? entries : entries.toReversed()))
      },
      async token(request) {
        const form = new URLSearchParams(await request.text())
        const name = form.get('grant_type') === 'refresh_token' ? `${form.get('refresh_token')}+` : 't'
        return Response.json({ access_token: name, refresh_token: name, token_type: 'Bearer' })
      },
    })
    const { auth } = person(resourceUrl, {
      registration: async () => undefined,
      clientId: 'me',
      fetch: fakes.fetch,
      authorize: (page) => callbackOf(page),
      clock: handClock(),
    })
    let token: Token = await auth.getToken()
    for (let turn = 0; turn < 3; turn += 1) {
      token = await auth.getToken({ rejected: token, interactive: false })
    }

    expect(token.accessToken).toBe('t+++')
    expect(reads).toBeGreaterThan(1)
  })
})

describe('a server that has forgotten the client', () => {
  /** A server where anybody may register, and which forgets whom it is told to. */
  function forgetful(more: Parameters<typeof fakeServers>[0] = {}) {
    const forgotten = new Set<string>()
    const [registered, refused]: [string[], string[]] = [[], []]
    const fakes = fakeServers({
      serverMetadata: () =>
        Response.json({ ...loginMetadata, registration_endpoint: 'https://as.example/register' }),
      async token(request) {
        const id = new URLSearchParams(await request.text()).get('client_id') ?? ''
        if (forgotten.has(id)) {
          refused.push(id)
          return Response.json({ error: 'invalid_client' }, { status: 401 })
        }
        const name = `${id}.${fakes.sent.length}`
        return Response.json({ access_token: name, token_type: 'Bearer', refresh_token: `r.${name}` })
      },
      ...more,
    })
    const fetch: typeof fakes.fetch = async (input, init) => {
      const request = new Request(input, init)
      if (request.url !== 'https://as.example/register') return fakes.fetch(request)
      registered.push(`c${registered.length + 1}`)
      return Response.json({ client_id: registered.at(-1), token_endpoint_auth_method: 'none' })
    }
    const forget = () => registered.forEach((each) => void forgotten.add(each))
    return { fetch, registered, refused, forget, forgotten, counts: fakes.counts }
  }

  const signIn: Authorize = (page) => callbackOf(page)

  it('has it register anew, once, for all who wait, and the call is made once more (RG-20)', async () => {
    const server = forgetful()
    const { auth } = person(resourceUrl, { fetch: server.fetch, authorize: signIn })
    const first = await auth.getToken()
    server.forget()

    const tokens = await times(50, () => auth.getToken({ rejected: first }))

    expect(new Set(tokens.map(({ accessToken }) => accessToken.split('.')[0]))).toEqual(new Set(['c2']))
    expect([server.registered, server.refused]).toEqual([['c1', 'c2'], ['c1']])
  })

  it('has a person asked for the same scope again, of which the server has said nothing (RG-20, SC-01)', async () => {
    const headers = { 'www-authenticate': 'Bearer scope="a b"' }
    const server = forgetful({ resource: () => new Response(null, { status: 401, headers }) })
    const scopes: (string | null)[] = []
    const authorize: Authorize = (page) => {
      scopes.push(page.searchParams.get('scope'))
      return callbackOf(page)
    }
    const { auth } = person(resourceUrl, { fetch: server.fetch, authorize })
    const first = await auth.getToken()
    server.forget()

    await auth.getToken({ rejected: first })

    expect(scopes).toEqual(['a b', 'a b'])
  })

  it('has the new client take the place of the old one in the store, and the next process uses that (RG-20)', async () => {
    const server = forgetful()
    const registration = dynamicRegistration({}, { store: memoryStore() })
    const given = { fetch: server.fetch, authorize: signIn, registration }
    const one = person(resourceUrl, given)
    const first = await one.auth.getToken()
    server.forget()
    await one.auth.getToken({ rejected: first })

    const token = await person(resourceUrl, given).auth.getToken()

    expect(token.accessToken).toMatch(/^c2\./)
    expect(server.registered).toEqual(['c1', 'c2'])
  })

  it('has a client that another process has registered meanwhile be used (RG-20)', async () => {
    const server = forgetful()
    const registration = dynamicRegistration({}, { store: memoryStore() })
    const given = { fetch: server.fetch, authorize: signIn, registration }
    const [one, other] = [person(resourceUrl, given), person(resourceUrl, given)]
    const [first, second] = [await one.auth.getToken(), await other.auth.getToken()]
    server.forget()

    await one.auth.getToken({ rejected: first })
    await other.auth.getToken({ rejected: second })

    expect(server.registered).toEqual(['c1', 'c2'])
  })

  it('is told where it forgets the new one as well: that is not tried again (RG-20)', async () => {
    const server = forgetful()
    const { auth } = person(resourceUrl, { fetch: server.fetch, authorize: signIn })
    const first = await auth.getToken()
    for (const each of ['c1', 'c2', 'c3']) server.forgotten.add(each)

    await expect(auth.getToken({ rejected: first })).rejects.toMatchObject({
      code: 'refused',
      error: 'invalid_client',
    })

    expect(server.registered).toEqual(['c1', 'c2'])
  })

  it('has no person be asked by fetch: who asks for a token brings one (RG-20)', async () => {
    const server = forgetful()
    const { auth, clients } = person(resourceUrl, { fetch: server.fetch, authorize: signIn })
    const rejected = await auth.getToken()
    server.forget()

    await expect(auth.getToken({ rejected, interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })

    expect(clients).toEqual([])
    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: expect.stringMatching(/^c2\./) })
  })

  it('is told at once where the client was registered beforehand (RG-20)', async () => {
    const server = forgetful()
    server.forgotten.add('me')
    const { auth } = person(resourceUrl, { fetch: server.fetch, authorize: signIn, clientId: 'me' })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'refused', error: 'invalid_client' })

    expect([server.registered, server.refused]).toEqual([[], ['me']])
    expect(server.counts()).toMatchObject({ resourceMetadata: 1, serverMetadata: 1 })
  })

  it('is told where the client id is a URL, which another try would not change (RG-20, RG-18)', async () => {
    const server = forgetful()
    const registration = async () => ({
      clientId: 'https://app.example/c',
      clientAuthentication: publicClient,
    })
    server.forgotten.add('https://app.example/c')
    const { auth } = person(resourceUrl, { fetch: server.fetch, authorize: signIn, registration })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'refused', error: 'invalid_client' })

    expect(server.refused).toHaveLength(1)
  })
})

describe('signOut', () => {
  it('of an object that has asked for nothing yet revokes what an earlier process has left, without a search', async () => {
    const { url, api } = await startMoving()
    const store = memoryStore()
    const registration = dynamicRegistration({}, { store })
    await person(url, { store, registration }).auth.getToken()
    for (const { journal } of [api(), oldServer()]) journal.clear()

    await expect(person(url, { store, registration }).auth.signOut()).resolves.toBe(true)

    expect(arrived(api(), oldServer())).toEqual({ 'POST /token/revocation': 1 })
  })

  it('forgets what an earlier process has left also a day later, and where nothing can be reached (RT-13)', async () => {
    const [store, clock] = [memoryStore(), handClock(Date.UTC(2100, 0, 1))]
    const fakes = fakeServers({
      token: () => Response.json({ access_token: 't', token_type: 'Bearer', refresh_token: 'r' }),
    })
    const authorize = vi.fn<Authorize>((page) => callbackOf(page))
    const given = { registration: undefined, clientId: 'me', scope: 'a', store, clock, authorize }
    await person(resourceUrl, { ...given, fetch: fakes.fetch }).auth.getToken()
    clock.pass(2 * 86_400_000)
    const down = () => Promise.reject(new TypeError('fetch failed'))

    const leaving = person(resourceUrl, { ...given, fetch: down }).auth.signOut()

    await expect(leaving).rejects.toMatchObject({ name: 'TokenError', code: 'unreachable' })
    await person(resourceUrl, { ...given, fetch: fakes.fetch }).auth.getToken()
    expect(authorize).toHaveBeenCalledTimes(2)
  })

  it('of one that was never used asks nobody, and no client is registered for it', async () => {
    const fakes = fakeServers()

    await expect(person(resourceUrl, { fetch: fakes.fetch }).auth.signOut()).resolves.toBe(false)

    expect(fakes.sent).toEqual([])
  })

  it('of one that was never used looks for the server where a refresh token was handed in, which is revoked (RT-13)', async () => {
    const fakes = fakeServers()
    const revoked: (string | null)[] = []
    const fetch: typeof fakes.fetch = async (input, init) => {
      const request = new Request(input, init)
      if (request.url !== loginMetadata.revocation_endpoint) return fakes.fetch(request)
      revoked.push(new URLSearchParams(await request.text()).get('token'))
      return new Response()
    }
    const { auth } = person(resourceUrl, { clientId: 'me', refreshToken: 'r0', fetch })

    await expect(auth.signOut()).resolves.toBe(true)

    expect(revoked).toEqual(['r0'])
  })

  it('of one that has nothing says so', async () => {
    const fakes = fakeServers()
    const { auth } = person(resourceUrl, { clientId: 'me', fetch: fakes.fetch })

    await expect(auth.signOut()).resolves.toBe(false)

    expect(fakes.counts()['token']).toBeUndefined()
  })
})

it('keeps a token that is none of its own for none (CH-10)', async () => {
  const fakes = fakeServers()
  const auth = worker(resourceUrl, { fetch: fakes.fetch, clientId: 'me', clientSecret: 'hush' })
  await auth.getToken()

  await auth.getToken({ rejected: createToken({ accessToken: 'other' }) })

  expect(fakes.counts()).toEqual({ resource: 1, resourceMetadata: 1, serverMetadata: 1, token: 1 })
})
