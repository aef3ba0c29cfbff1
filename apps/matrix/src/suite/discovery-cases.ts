import {
  createLimits,
  type DiscoveryEvent,
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  inspectResource,
  originAsServer,
  parseWwwAuthenticate,
} from '@x/oauth-discovery'
import { memoryCache } from '@x/oauth-discovery/cache'
import type { Case } from './case.ts'
import { failureOf, holds, refused, same } from './claims.ts'

const resourceDocument = '/.well-known/oauth-protected-resource/mcp'
/** Of a server of which no document could be read. */
const lost = { code: 'unavailable', recovery: 'transient' }
const serverDocument = '/.well-known/oauth-authorization-server'

export const discoveryCases: readonly Case[] = [
  {
    name: 'finds the server of a resource from its URL alone (RFC 9728 §5)',
    async run({ open }) {
      const { mcpUrl, issuer } = await open()
      const { challenge, resourceMetadata, authorizationServerMetadata } =
        await discoverAuthorizationServer(mcpUrl)
      same(challenge?.scheme, 'bearer', 'scheme')
      same(resourceMetadata.resource, mcpUrl, 'resource')
      same(authorizationServerMetadata.issuer, issuer, 'issuer')
    },
  },
  {
    name: 'takes the answer that the caller has already',
    async run({ open }) {
      const { mcpUrl, issuer, count } = await open()
      const found = await discoverAuthorizationServer(mcpUrl, { response: await fetch(mcpUrl) })
      same(found.authorizationServerMetadata.issuer, issuer, 'issuer')
      same(await count('mcp', { method: 'GET', path: '/mcp' }), 1, 'requests for the resource')
    },
  },
  {
    name: 'finds an issuer with a path where RFC 8414 has it (§3.1)',
    async run({ open }) {
      const { mcpUrl, issuer } = await open({ issuerPath: '/tenant1' })
      const found = await discoverAuthorizationServer(mcpUrl)
      holds(issuer.endsWith('/tenant1'), 'the issuer has a path')
      same(found.authorizationServerMetadata.issuer, issuer, 'issuer')
    },
  },
  {
    name: 'asks OpenID Connect Discovery where there is no document by RFC 8414',
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      await spoil(
        'authorizationServer',
        { kind: 'status', status: 404 },
        { method: 'GET', path: serverDocument },
      )
      same((await fetchAuthorizationServerMetadata(issuer)).issuer, issuer, 'issuer')
    },
  },
  {
    name: 'refuses a document that names another issuer (RFC 8414 §3.3)',
    async run({ open }) {
      const { mcpUrl, break: spoil } = await open()
      const members = { issuer: 'https://evil.example' }
      await spoil('authorizationServer', { kind: 'changed-members', members }, { method: 'GET' })
      await refused(discoverAuthorizationServer(mcpUrl), { name: 'DiscoveryError', code: 'issuer_mismatch' })
    },
  },
  {
    name: 'refuses a document about another resource (RFC 9728 §3.3)',
    async run({ open }) {
      const { mcpUrl, break: spoil } = await open()
      const members = { resource: 'https://evil.example/mcp' }
      await spoil('mcp', { kind: 'changed-members', members }, { method: 'GET', path: resourceDocument })
      await refused(discoverAuthorizationServer(mcpUrl), { code: 'resource_mismatch' })
    },
  },
  {
    name: 'takes the origin for the server of a resource that publishes nothing, if told to (MCP 2025-03-26)',
    async run({ open }) {
      const { mcpUrl, break: spoil } = await open()
      const headers = { 'www-authenticate': 'Bearer' }
      await spoil('mcp', { kind: 'status', status: 401, headers }, { method: 'GET', path: '/mcp' })
      await spoil('mcp', { kind: 'status', status: 404 }, { method: 'GET' })
      const found = await inspectResource(mcpUrl, { legacy: originAsServer })
      same(found.kind, 'legacy', 'kind')
      same(
        'authorizationServerMetadata' in found && found.authorizationServerMetadata.token_endpoint,
        `${new URL(mcpUrl).origin}/token`,
      )
    },
  },
  {
    name: 'tells a resource that needs no token from one that does',
    async run({ open }) {
      const { mcpUrl, break: spoil } = await open()
      same((await inspectResource(mcpUrl)).kind, 'protected', 'kind')
      await spoil('mcp', { kind: 'status', status: 404 }, { method: 'GET', path: resourceDocument })
      await spoil(
        'mcp',
        { kind: 'status', status: 404 },
        { method: 'GET', path: '/.well-known/oauth-protected-resource' },
      )
      await spoil('mcp', { kind: 'body', body: '{}' }, { method: 'GET', path: '/mcp' })
      same((await inspectResource(mcpUrl)).kind, 'open', 'kind')
      await refused(discoverAuthorizationServer(mcpUrl), { code: 'not_protected' })
    },
  },
  {
    name: 'reads no more of a body than its limit, whatever its length',
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      await spoil('authorizationServer', { kind: 'oversized', bytes: 5_000_000 }, { method: 'GET' })
      const attempt = fetchAuthorizationServerMetadata(issuer, { maxBytes: 10_000 })
      await refused(attempt, { code: 'body_too_large', recovery: 'terminal' })
    },
  },
  {
    name: 'follows a redirect within the origin',
    except: {
      Chromium:
        '`fetch` hides where a redirect leads when it is not to follow it, and unseen it is not followed: `redirect_refused`',
    },
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      const [method, path] = ['GET', serverDocument]
      await spoil('authorizationServer', { kind: 'redirect', location: path }, { method, path, times: 1 })
      // Where it was led nowhere, it would ask there.
      const second = '/.well-known/openid-configuration'
      await spoil('authorizationServer', { kind: 'status', status: 404 }, { method, path: second })
      same((await fetchAuthorizationServerMetadata(issuer)).issuer, issuer, 'issuer')
    },
  },
  {
    name: 'refuses a redirect to another origin, and sends nothing there',
    async run({ open }) {
      const { mcpUrl, issuer, break: spoil, count } = await open()
      await spoil('authorizationServer', { kind: 'redirect', location: mcpUrl }, { method: 'GET' })
      await refused(fetchAuthorizationServerMetadata(issuer), { code: 'redirect_refused' })
      same(await count('mcp', { method: 'GET' }), 0, 'requests there')
    },
  },
  {
    name: 'goes nowhere by plain http, nor to an address that no server outside can mean',
    async run() {
      const asked: string[] = []
      const send = async (input: string | URL | Request) => {
        const { href } = new URL(input instanceof Request ? input.url : input)
        asked.push(href)
        return Response.json({
          resource: 'https://rs.example/mcp',
          authorization_servers: ['https://10.0.0.1'],
        })
      }
      const led = discoverAuthorizationServer('https://rs.example/mcp', { fetch: send })
      await refused(led, { code: 'address_refused' })
      await refused(discoverAuthorizationServer('http://rs.example/mcp', { fetch: send }), {
        code: 'insecure_url',
      })
      same(
        [...new Set(asked)].filter((url) => !url.startsWith('https://rs.example/')),
        [],
        'other addresses',
      )
    },
  },
  {
    name: 'gives up at its deadline: no answer',
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      await spoil('authorizationServer', { kind: 'hang' }, { method: 'GET' })
      const attempt = fetchAuthorizationServerMetadata(issuer, { timeoutMs: 200 })
      await refused(attempt, { code: 'timeout', recovery: 'transient' })
    },
  },
  {
    name: 'gives up at its deadline: a body that goes on for ever',
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      await spoil('authorizationServer', { kind: 'drip', ms: 50 }, { method: 'GET' })
      await refused(fetchAuthorizationServerMetadata(issuer, { timeoutMs: 300 }), { code: 'timeout' })
    },
  },
  {
    name: 'ends when its caller does, with the reason of the caller',
    async run({ open }) {
      const { mcpUrl, break: spoil } = await open()
      await spoil('authorizationServer', { kind: 'hang' }, { method: 'GET' })
      const reason = new Error('no longer of interest')
      const controller = new AbortController()
      setTimeout(() => controller.abort(reason), 100)
      const failure = await failureOf(discoverAuthorizationServer(mcpUrl, { signal: controller.signal }))
      same(failure.message, reason.message)
      holds(failure === reason, 'the reason itself comes back')
    },
  },
  ...(['reset', 'lost-answer', 'truncated'] as const).map(
    (kind): Case => ({
      name: `names a connection that breaks: ${kind}`,
      async run({ open }) {
        const { issuer, break: spoil } = await open()
        await spoil('authorizationServer', { kind }, { method: 'GET' })
        const error = await refused(fetchAuthorizationServerMetadata(issuer), lost)
        holds(!error.message.includes('(undefined)'), `it says why: ${error.message}`)
      },
    }),
  ),
  {
    name: 'names a server that is not there',
    async run() {
      // Nobody listens there, and browsers let a page ask.
      await refused(fetchAuthorizationServerMetadata('http://127.0.0.1:59999'), lost)
    },
  },
  {
    name: 'tells a server that is overloaded, and for how long (RFC 9110 §10.2.3)',
    async run({ open }) {
      const { issuer, break: spoil } = await open()
      const headers = { 'retry-after': '7' }
      await spoil('authorizationServer', { kind: 'status', status: 503, headers }, { method: 'GET' })
      const attempt = fetchAuthorizationServerMetadata(issuer)
      await refused(attempt, { code: 'unavailable', recovery: 'transient', retryAfterMs: 7_000 })
    },
  },
  {
    name: 'keeps what it read, and reads once for all who ask at once',
    async run({ open }) {
      const { mcpUrl, arrivals } = await open()
      const cache = memoryCache()
      await Promise.all(Array.from({ length: 5 }, () => discoverAuthorizationServer(mcpUrl, { cache })))
      await discoverAuthorizationServer(mcpUrl, { cache })
      same((await arrivals('mcp')).map(({ path }) => path).toSorted(), [resourceDocument, '/mcp'], 'requests')
      same(
        (await arrivals('authorizationServer')).map(({ path }) => path),
        [serverDocument],
        'requests',
      )
    },
  },
  {
    name: 'reads again what was being read in a request that ended meanwhile',
    async run({ open, request }) {
      const { issuer, break: spoil } = await open()
      const cache = memoryCache()
      const second = { method: 'GET', path: '/.well-known/openid-configuration' }
      await spoil('authorizationServer', { kind: 'status', status: 404 }, second)
      await spoil('authorizationServer', { kind: 'delay', ms: 200 }, { method: 'GET', times: 1 })
      await request(async () => {
        fetchAuthorizationServerMetadata(issuer, { cache }).catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 50))
      })
      await request(async () => {
        same((await fetchAuthorizationServerMetadata(issuer, { cache })).issuer, issuer, 'issuer')
      })
    },
  },
  {
    name: 'does no more at once than its limits allow',
    async run({ open }) {
      const { issuer } = await open()
      const limits = createLimits({ concurrency: 2 })
      let [now, most] = [0, 0]
      const send: typeof fetch = async (input, init) => {
        now += 1
        most = Math.max(most, now)
        try {
          return await fetch(input, init)
        } finally {
          now -= 1
        }
      }
      const calls = Array.from({ length: 8 }, () =>
        fetchAuthorizationServerMetadata(issuer, { limits, fetch: send }),
      )
      await Promise.all(calls)
      same(most, 2, 'requests at once')
    },
  },
  {
    name: 'tells what it does as it goes',
    async run({ open }) {
      const { mcpUrl } = await open()
      const events: DiscoveryEvent[] = []
      await discoverAuthorizationServer(mcpUrl, { onEvent: (event) => events.push(event) })
      const statuses = events.flatMap((event) =>
        event.type === 'exchange' && 'status' in event ? [event.status] : [],
      )
      same(
        statuses.toSorted((one, other) => one - other),
        [200, 200, 401],
        'statuses',
      )
      holds(
        events.some(({ type }) => type === 'challenge'),
        'the challenge is told',
      )
    },
  },
  {
    name: 'reads challenges as RFC 9110 §11.6.1 has them, and bent ones',
    async run() {
      const read = (header: string) =>
        parseWwwAuthenticate(header).map(({ scheme, token68, parameters }) => [
          scheme,
          token68 ?? '',
          { ...parameters },
        ])
      for (const [header, ...challenges] of challengeVectors) same(read(header), challenges, header)
      same(parseWwwAuthenticate(null), [], 'no header')
    },
  },
  {
    name: 'reads several field lines as this `Headers` joins them (RFC 9110 §5.3)',
    async run() {
      const headers = new Headers()
      headers.append('www-authenticate', 'Basic realm="x, y"')
      headers.append('www-authenticate', 'Bearer scope="a b"')
      const read = parseWwwAuthenticate(headers.get('www-authenticate'))
      same(
        read.map(({ scheme, parameters }) => [scheme, { ...parameters }]),
        [
          ['basic', { realm: 'x, y' }],
          ['bearer', { scope: 'a b' }],
        ],
      )
    },
  },
]

type Read = readonly [scheme: string, token68: string, parameters: Readonly<Record<string, string>>]

const challengeVectors: readonly (readonly [header: string, ...challenges: Read[]])[] = [
  ['Bearer', ['bearer', '', {}]],
  ['Bearer realm="a", error="invalid_token"', ['bearer', '', { realm: 'a', error: 'invalid_token' }]],
  ['Bearer realm="a \\"quoted\\" word"', ['bearer', '', { realm: 'a "quoted" word' }]],
  ['Basic realm="x", Bearer scope="a b"', ['basic', '', { realm: 'x' }], ['bearer', '', { scope: 'a b' }]],
  ['Negotiate YWJj==, DPoP algs="ES256"', ['negotiate', 'YWJj==', {}], ['dpop', '', { algs: 'ES256' }]],
  [
    'Bearer resource_metadata=https://rs.example/x',
    ['bearer', '', { resource_metadata: 'https://rs.example/x' }],
  ],
  ['Bearer, realm="a"', ['bearer', '', { realm: 'a' }]],
  ['Bearer\trealm="a"', ['bearer', '', { realm: 'a' }]],
]
