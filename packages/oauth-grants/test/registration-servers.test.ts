import { inspect } from 'node:util'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  type Authorize,
  clientIdMetadataDocument,
  DeviceCodeAuth,
  dynamicRegistration,
  type FromResource,
  type GrantEvent,
  memoryStore,
  publicClient,
  type Registering,
} from '../src/index.ts'
import { loopbackReceiver } from '../src/node.ts'
import { decide } from './person.ts'
import { openServer } from './registration-bench.ts'
import { browse, callbackOf, loginServer } from './sign-in.ts'
import { tokenServer } from './token-server.ts'

/** A server where anybody may register, with a resource; and another. */
let testbed: Testbed
let other: Testbed
beforeAll(async () => {
  ;[testbed, other] = await Promise.all([
    startTestbed({ registers: true }),
    startTestbed({ registers: true }),
  ])
})
afterAll(() => Promise.all([testbed.close(), other.close()]))
beforeEach(() => {
  for (const { authorizationServer } of [testbed, other]) {
    authorizationServer.faults.heal()
    authorizationServer.journal.clear()
  }
})

const documentUrl = 'https://app.example/client.json'
const redirectUri = 'http://127.0.0.1:5555/callback'

type Options = Partial<FromResource<Registering<AuthorizationCodeOptions>>>

/** A client that nobody has registered, for the resource of the first server, with a person who signs in at once. */
function fromResource(options: Options = {}) {
  return AuthorizationCodeAuth.fromResource({
    resourceUrl: testbed.mcp.url,
    registration: dynamicRegistration({ client_name: 'Agent' }),
    redirectUri,
    authorize: browse,
    ...options,
  })
}

const registered = ({ authorizationServer }: Testbed = testbed) =>
  authorizationServer.journal.count({ method: 'POST', path: '/reg' })

/** The JSON of each request to be registered at the first server. */
const sent = (): Record<string, unknown>[] =>
  testbed.authorizationServer.journal.arrivals
    .filter(({ path }) => path === '/reg')
    .map(({ body }) => JSON.parse(body))

/** Changes what the first server publishes of itself. */
const publish = (members: Record<string, unknown>) =>
  testbed.authorizationServer.faults.add({ kind: 'changed-members', members }, { path: /well-known/ })

describe('a client that registers at a real server', () => {
  it.each([
    ['none', ['none', 'client_secret_basic']],
    ['client_secret_basic', ['client_secret_basic', 'client_secret_post']],
    ['client_secret_post', ['client_secret_post']],
  ])(
    'gets a token and refreshes it as one of the method %s (RG-11, RG-12, RG-13)',
    async (method, listed) => {
      publish({ token_endpoint_auth_methods_supported: listed })
      await using auth = await fromResource()

      const first = await auth.getToken()
      const second = await auth.getToken({ rejected: first })
      const response = await auth.fetch(testbed.mcp.url)

      expect(sent()).toMatchObject([{ token_endpoint_auth_method: method }])
      expect(second.accessToken).not.toBe(first.accessToken)
      expect(testbed.authorizationServer.journal.count({ path: /^\/auth/ })).toBeGreaterThan(0)
      expect(response.status).not.toBe(401)
    },
  )

  it('is native with the redirect URI of a receiver on this machine, whose port is free (RG-09, RFC 8252 §7.3)', async () => {
    const receiver = loopbackReceiver({ open: async (url) => void (await fetch(await browse(url))) })
    await using auth = await fromResource({ authorize: receiver, redirectUri: undefined })

    await expect(auth.getToken()).resolves.toMatchObject({ resource: testbed.mcp.url })

    expect(sent()).toMatchObject([
      { application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'] },
    ])
  })

  it.each([
    ['native', 'com.example.app:/callback'],
    ['web', 'https://app.example/callback'],
  ])('is %s with the redirect URI %s (RG-09)', async (application_type, uri) => {
    await using auth = await fromResource({ redirectUri: uri })

    await expect(auth.getToken()).resolves.toMatchObject({ resource: testbed.mcp.url })

    expect(sent()).toMatchObject([{ application_type, redirect_uris: [uri] }])
  })

  it('has a person sign in on another device (RG-09, RG-11, RFC 8628)', async () => {
    await using auth = await DeviceCodeAuth.fromResource({
      resourceUrl: testbed.mcp.url,
      registration: dynamicRegistration({ client_name: 'Agent' }),
      prompt: async (verification) => void (await decide(verification)),
    })

    await expect(auth.getToken()).resolves.toMatchObject({ resource: testbed.mcp.url })

    expect(sent()).toMatchObject([{ application_type: 'native', redirect_uris: [] }])
  })

  it('is found by the issuer as well', async () => {
    const { issuer } = testbed.authorizationServer
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      issuer,
      resource: testbed.mcp.url,
      scope: 'mcp:tools',
      registration: dynamicRegistration({}),
      redirectUri,
      authorize: browse,
    })

    await expect(auth.getToken()).resolves.toMatchObject({ issuer })
  })

  it('is told why it was refused, in the words of the server (RG-10)', async () => {
    const registration = dynamicRegistration({ redirect_uris: ['https://app.example/#me'] })

    await expect(fromResource({ registration })).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error: 'invalid_redirect_uri',
      errorDescription: expect.stringMatching(/\w+ \w+/),
    })

    expect(registered()).toBe(1)
  })

  it('has a secret that comes out in no event and no inspect (RFC 7591 §5)', async () => {
    publish({ token_endpoint_auth_methods_supported: ['client_secret_basic'] })
    const events: GrantEvent[] = []
    await using auth = await fromResource({ onEvent: (event) => events.push(event) })
    await auth.getToken()

    const shown = inspect([events, auth, JSON.stringify([events, auth])], { depth: 9, showHidden: true })

    const { headers } =
      testbed.authorizationServer.journal.arrivals.find(({ path }) => path === '/token') ?? {}
    const [, secret = ''] = atob(headers?.['authorization']?.slice(6) ?? '').split(':')
    expect(decodeURIComponent(secret)).toMatch(/made=up&only$/)
    for (const form of [secret, decodeURIComponent(secret.replaceAll('+', ' '))]) {
      expect(shown).not.toContain(form)
    }
  })
})

describe('a client that is kept in a store', () => {
  it('is one for two objects, of which the second asks nobody', async () => {
    const store = memoryStore()
    const options = { registration: dynamicRegistration({}, { store }), store }
    await using one = await fromResource(options)
    await using second = await fromResource(options)

    const token = await one.getToken()

    await expect(second.getToken({ interactive: false })).resolves.toMatchObject({
      accessToken: token.accessToken,
    })
    expect(registered()).toBe(1)
  })

  it('is shown to no other server: there it is another client (RG-15)', async () => {
    const registration = dynamicRegistration({}, { store: memoryStore() })
    const ids: (string | null)[] = []
    const authorize: Authorize = (url) => {
      ids.push(url.searchParams.get('client_id'))
      return browse(url)
    }
    await using here = await fromResource({ registration, authorize })
    await using there = await fromResource({ registration, authorize, resourceUrl: other.mcp.url })

    await here.getToken()
    await there.getToken()

    expect(new Set(ids).size).toBe(2)
    expect([registered(testbed), registered(other)]).toEqual([1, 1])
    expect(JSON.stringify(other.authorizationServer.journal.arrivals)).not.toContain(ids[0])
  })
})

describe('of the ways to become a client', () => {
  it('the id that was registered beforehand is taken first, and nothing is registered (RG-01, RG-02)', async () => {
    publish({ client_id_metadata_document_supported: true })
    const way = vi.fn(dynamicRegistration({}))
    await using auth = await fromResource({ ...testClients.cli, registration: [way] })

    await expect(auth.getToken()).resolves.toMatchObject({ resource: testbed.mcp.url })

    expect(way).not.toHaveBeenCalled()
    expect(registered()).toBe(0)
  })

  it('the document comes next, where the server reads such documents (RG-01, RG-03, RG-08)', async () => {
    publish({ client_id_metadata_document_supported: true })
    const authorize = vi.fn<Authorize>(() => new Promise(() => {}))
    const ways = [clientIdMetadataDocument(documentUrl), dynamicRegistration({})]
    await using auth = await fromResource({ registration: ways, authorize })

    auth.getToken().catch(() => {})
    await vi.waitFor(() => expect(authorize).toHaveBeenCalled())

    expect(authorize.mock.calls[0]?.[0].searchParams.get('client_id')).toBe(documentUrl)
    expect(registered()).toBe(0)
  })

  it.each([undefined, false, 'true', 1, null])(
    'the document is left out where the server says %j of such documents (RG-01, RG-03)',
    async (client_id_metadata_document_supported) => {
      publish({ client_id_metadata_document_supported })
      const ways = [clientIdMetadataDocument(documentUrl), dynamicRegistration({})]

      await using auth = await fromResource({ registration: ways })

      await expect(auth.getToken()).resolves.toMatchObject({ resource: testbed.mcp.url })
      expect(registered()).toBe(1)
    },
  )

  it('none is left: the server is named (RG-01, RG-08)', async () => {
    publish({ registration_endpoint: undefined })
    const ways = [clientIdMetadataDocument(documentUrl), dynamicRegistration({})]

    await expect(fromResource({ registration: ways })).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'client_id_missing',
      message: expect.stringContaining(testbed.authorizationServer.issuer),
    })

    expect(testbed.authorizationServer.journal.count({ method: 'POST' })).toBe(0)
  })

  it('none was given, and no clientId', async () => {
    await expect(fromResource({ registration: undefined })).rejects.toMatchObject({
      code: 'client_id_missing',
    })
  })
})

describe('nothing is registered', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['lacks the grant', 'grant_not_supported', { grant_types_supported: ['client_credentials'] }],
    ['has no token endpoint', 'endpoint_missing', { token_endpoint: undefined }],
    ['has no page to sign in', 'endpoint_missing', { authorization_endpoint: undefined }],
    ['does not know PKCE', 'pkce_not_supported', { code_challenge_methods_supported: ['plain'] }],
  ])('at a server that %s', async (_, code, members) => {
    const { token_endpoint, ...rest } = { ...openServer, ...members }
    const metadata = { ...rest, ...(token_endpoint && { token_endpoint }) }
    const { fetch, arrivals } = tokenServer(metadata)

    const attempt = AuthorizationCodeAuth.fromIssuer({
      issuer: metadata.issuer,
      registration: dynamicRegistration({}),
      redirectUri,
      authorize: String,
      fetch,
    })

    await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code })
    expect(arrivals.map(({ method }) => method)).not.toContain('POST')
  })

  it.each<[string, string, Record<string, unknown>]>([
    ['lacks the grant', 'grant_not_supported', { grant_types_supported: ['authorization_code'] }],
    ['has no page for it', 'endpoint_missing', { device_authorization_endpoint: undefined }],
  ])('for a device at a server that %s', async (_, code, members) => {
    const metadata = { ...openServer, device_authorization_endpoint: 'https://as.example/device', ...members }
    const { fetch, arrivals } = tokenServer(metadata)

    const attempt = DeviceCodeAuth.fromIssuer({
      issuer: metadata.issuer,
      registration: dynamicRegistration({}),
      prompt: () => {},
      fetch,
    })

    await expect(attempt).rejects.toMatchObject({ name: 'AuthConfigError', code })
    expect(arrivals.map(({ method }) => method)).not.toContain('POST')
  })

  it.each(['http://app.example/callback', 'app:/callback', 'javascript:alert(1)', undefined])(
    'for the redirect URI %s, which no browser may come back to (RG-19)',
    async (uri) => {
      await expect(fromResource({ redirectUri: uri })).rejects.toMatchObject({ code: 'invalid_redirect_uri' })

      expect(registered()).toBe(0)
    },
  )
})

describe('the URL of a client metadata document', () => {
  it.each(['https://app.example/client', 'https://app.example:8443/a/b.json?v=1', documentUrl])(
    'may be %s (RG-04)',
    async (url) => {
      const client = await clientIdMetadataDocument(url)({
        serverMetadata: { ...loginServer, client_id_metadata_document_supported: true },
        grantType: 'authorization_code',
        redirectUri,
        options: {},
      })

      expect(client).toEqual({ clientId: url, clientAuthentication: publicClient })
    },
  )

  it.each([
    ['http', 'http://app.example/client.json'],
    ['without a path', 'https://app.example'],
    ['with the path / only', 'https://app.example/'],
    ['one with a dot segment', 'https://app.example/a/../client.json'],
    ['one with a single dot', 'https://app.example/./client.json'],
    ['one with a dot segment in disguise', 'https://app.example/a/%2e%2e/client.json'],
    ['one with a fragment', 'https://app.example/client.json#me'],
    ['one with an empty fragment', 'https://app.example/client.json#'],
    ['one with a user name', 'https://me@app.example/client.json'],
    ['one with a password', 'https://me:hush@app.example/client.json'],
    ['no URL', 'client.json'],
    ['empty', ''],
  ])('is refused at once where it is %s (RG-04)', (_, url) => {
    expect(() => clientIdMetadataDocument(url)).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', code: 'client_id_missing' }),
    )
  })

  it('stays the client id when the server changes (RG-18)', async () => {
    const register = clientIdMetadataDocument(documentUrl)
    const at = (issuer: string) =>
      register({
        serverMetadata: { ...loginServer, issuer, client_id_metadata_document_supported: true },
        grantType: 'authorization_code',
        redirectUri,
        options: {},
      })

    const [here, there] = await Promise.all([at('https://as.example'), at('https://new.example')])

    expect([here?.clientId, there?.clientId]).toEqual([documentUrl, documentUrl])
  })
})

describe('what is presented at the token endpoint', () => {
  it('is the id of a public client that has a document: no secret (RG-03)', async () => {
    const metadata = { ...openServer, client_id_metadata_document_supported: true }
    const { fetch, arrivals } = tokenServer(metadata, {})
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      issuer: metadata.issuer,
      registration: clientIdMetadataDocument(documentUrl),
      redirectUri,
      authorize: (url) => callbackOf(url),
      fetch,
    })

    await auth.getToken().catch(() => {})

    const form = new URLSearchParams(arrivals[1]?.body)
    expect(form.get('client_id')).toBe(documentUrl)
    expect(arrivals[1]?.headers.get('authorization')).toBeNull()
  })
})
