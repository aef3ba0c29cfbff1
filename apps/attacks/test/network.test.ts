/** The attacker is on the way, or has the names: what is asked is answered by somebody else, badly, late or never. */
import { once } from 'node:events'
import { createServer as createPlainServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { MCPClient } from '@x/mcp-client'
import { memoryCache } from '@x/oauth-discovery/cache'
import { egressFetch } from '@x/oauth-discovery/node'
import {
  ClientCredentialsAuth,
  type Fetch,
  finishAuthorization,
  originAsServer,
  startAuthorization,
} from '@x/oauth-grants'
import { expect, it, vi } from 'vitest'
import { certificate, key } from '../src/certificate.ts'
import {
  evilIssuer,
  honestPages,
  issuer,
  metadataUrl,
  resourceMetadata,
  resourceUrl,
  serverMetadata,
  serverPages,
  wellKnown,
} from '../src/honest.ts'
import { type Leg, postings, readings } from '../src/legs.ts'
import { secretsAmong, watchedStore } from '../src/secrets.ts'
import { comingBack, quickClock, redirectUri, secrets, victimOf } from '../src/victims.ts'
import { type Answer, type Page, startWorld, status, text, type World } from '../src/world.ts'
import { failed } from './parts/failure.ts'

const names = vi.hoisted(() => new Map<string, string[]>())

/** Each look-up of a name of ours gives its next address; the last one stays. */
vi.mock('node:dns', async (importOriginal) => {
  const dns = await importOriginal<typeof import('node:dns')>()
  const lookup = (name: string, options: object, callback: (...found: unknown[]) => void) => {
    const addresses = names.get(name)
    if (addresses === undefined) return dns.lookup(name, options, callback)
    const address = addresses.length > 1 ? addresses.shift() : addresses[0]
    return callback(null, [{ address, family: 4 }])
  }
  return { ...dns, lookup }
})

const all = [...readings, ...postings]
const mb = 1024 * 1024

/** A document in which each member that anybody looks for is there, and evil. */
const evilDocument = {
  resource: resourceUrl,
  authorization_servers: [evilIssuer],
  ...serverMetadata(evilIssuer),
  access_token: 'evil-token',
  token_type: 'Bearer',
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  refresh_token: 'evil-refresh',
  device_code: 'evil-device-code',
  user_code: 'EVIL',
  verification_uri: `${evilIssuer}/activate`,
  expires_in: 600,
  client_id: 'evil-client',
}
const evilText = JSON.stringify(evilDocument)
/** The same with something more at its end. */
const withMore = (more: string) => `${evilText.slice(0, -1)}, "more": ${more}}`

/** Nothing of what came in the place of an answer has had an effect. */
async function expectNothing(world: World, { leg, url }: Leg, kept: readonly string[]): Promise<void> {
  expect(
    world.arrivals.some((each) => each.url === url),
    leg,
  ).toBe(true)
  expect(world.at('evil.example'), leg).toEqual([])
  expect(kept.join(), leg).not.toMatch(/evil-|EVIL/)
  const sent = world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? [])
  expect(sent, leg).toEqual([])
}

it.each<[string, Page, RegExp]>([
  ['more than anybody reads', text(withMore(JSON.stringify('x'.repeat(2 * mb)))), /body_too_large/],
  [
    'little that unpacks to 64 MB',
    text(gzipSync(withMore(JSON.stringify('x'.repeat(64 * mb)))), { 'content-encoding': 'gzip' }),
    /body_too_large/,
  ],
  ['what has no end', endless, /body_too_large/],
  ['a document 100,000 levels deep', text(withMore('['.repeat(100_000) + ']'.repeat(100_000))), /./],
  ['half a document', text(evilText.slice(0, -20)), /./],
  ['a document that is cut off', cutOff, /./],
  [
    'what is no UTF-8',
    text(Buffer.concat([Buffer.from(withMore('"')), Buffer.from([0xff, 0x22, 0x7d])])),
    /./,
  ],
  ['the same as a page for people', status(200, { 'content-type': 'text/html' }, evilText), /./],
  ['the same as an error', status(503, { 'content-type': 'application/json' }, evilText), /./],
])(
  'answers any question with %s: nothing of it is used or kept (RFC 8259 §9; RFC 9110 §17.5)',
  async (_, page, codes) => {
    for (const each of all.filter(({ url }) => url !== resourceUrl && !url.endsWith('/revoke'))) {
      await using world = await startWorld({
        ...honestPages(),
        ...serverPages(evilIssuer, 'evil'),
        [each.url]: page,
        [each.url.replace('oauth-authorization-server', 'openid-configuration')]: page,
        'https://rs.example/.well-known/oauth-protected-resource': page,
      })
      const { store, kept } = watchedStore()
      await using auth = each.make({ fetch: world.fetch, store })

      expect(await failed(each.go(auth)), each.leg).toMatchObject({ code: expect.stringMatching(codes) })

      await expectNothing(world, each, kept)
      expect(auth.current(), each.leg).toBeUndefined()
    }
  },
)

it.each<[string, Answer]>([
  ['not at all', () => {}],
  ['by a byte now and then', drip],
])(
  'answers any question %s: it is over at the deadline, with the connection, and nothing is used or kept (RFC 9700 §3; RFC 9110 §17.5)',
  async (_, slow) => {
    // Of the first question the head will do.
    for (const each of all.filter(({ url }) => url !== resourceUrl || slow !== drip)) {
      const [clock, over] = [quickClock(), Promise.withResolvers<void>()]
      const page: Page = (response, arrival) => {
        response.on('close', over.resolve)
        slow(response, arrival)
        setImmediate(clock.end)
      }
      await using world = await startWorld({ ...honestPages(), [each.url]: page })
      const { store, kept } = watchedStore()
      await using auth = each.make({ fetch: world.fetch, store, clock })

      const code = expect.stringMatching(/^(?:timeout|login_expired)$/)
      expect(await failed(each.go(auth)), each.leg).toMatchObject({ code })

      await over.promise
      await expectNothing(world, each, kept)
    }
  },
)

it('answers the first question without end: only its head is read, and the connection is ended (RFC 9700 §3; RFC 9110 §17.5)', async () => {
  const over = Promise.withResolvers<void>()
  const page: Page = (response) => {
    response.on('close', over.resolve)
    endless(response)
  }
  await using world = await startWorld({ ...honestPages(), [resourceUrl]: page })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  await auth.getToken()

  await over.promise
})

it('sends on what was asked over https to the same place in clear text: nothing gets there (MCP Communication Security; RFC 6749 §10.8)', async () => {
  for (const each of all) {
    const away = status(307, { location: each.url.replace('https:', 'http:') })
    await using world = await startWorld({ ...honestPages(), [each.url]: away })
    await using auth = each.make({ fetch: world.fetch, store: watchedStore().store })

    await each.go(auth).catch(() => {})

    expect(
      world.arrivals.some(({ url }) => url === each.url),
      each.leg,
    ).toBe(true)
    expect(
      world.arrivals.filter(({ url }) => url.startsWith('http:')),
      each.leg,
    ).toEqual([])
  }
})

it('hears what a program sends in clear text: it sends nothing secret so, unless to its own machine (MCP Communication Security; RFC 6750 §5.3)', async () => {
  const plain = 'http://rs.example/mcp'
  const server = { ...serverMetadata(issuer), token_endpoint: 'http://as.example/token' }
  await using world = await startWorld(honestPages())
  for (const secret of secrets) {
    const given = { fetch: world.fetch }
    await failed(
      Promise.resolve().then(() =>
        victimOf(secret, { serverMetadata: server, resource: resourceUrl }, given),
      ),
    )
    await failed(Promise.resolve().then(() => victimOf(secret, { resourceUrl: plain }, given)))
  }
  await failed(MCPClient.connect(plain, { auth: 'hush-token', fetch: world.fetch }))

  expect(world.arrivals).toEqual([])
})

it.each([
  ['of a stranger', {}],
  ['of another name', { ca: certificate }],
])(
  'shows a certificate %s: no request is sent to whoever has it (RFC 6749 §10.9; MCP Communication Security)',
  async (_, trust) => {
    const heard: string[] = []
    await using server = await startTls((request, response) => {
      heard.push(`${request.method} ${request.url}`)
      response.end()
    })
    await using fetch = egressFetch({ ...trust, allow: ['127.0.0.0/8', '::1'] })
    names.set('evil.localhost', ['127.0.0.1'])
    const place = `https://evil.localhost:${server.port}`
    for (const secret of secrets) {
      const of = { serverMetadata: serverMetadata(place), resource: `${place}/mcp` }
      await using auth = victimOf(secret, of, { fetch, browser: (url) => comingBack(url, { iss: place }) })

      expect(await failed(auth.getToken()), secret).toMatchObject({ code: 'unreachable' })
    }
    await failed(MCPClient.connect(`${place}/mcp`, { auth: 'hush-token', fetch }))

    expect(server.connections()).toBeGreaterThan(secrets.length)
    expect(heard).toEqual([])
  },
)

it('gives a name the address of what is inside: nothing connects there, be all URLs allowed (RFC 9728 §7.7; MCP Server-Side Request Forgery)', async () => {
  const heard: string[] = []
  await using server = await startPlain('127.0.0.1', (request, response) => {
    heard.push(`${request.method} ${request.url}`)
    response.end()
  })
  names.set('inward.example', ['127.0.0.1'])
  await using fetch = egressFetch()
  const allowAddress = () => true
  for (const host of ['inward.example', 'localhost', '127.0.0.1', '[::ffff:127.0.0.1]']) {
    const place = `http://${host}:${server.port}`
    const circumstances = { fetch, allowAddress }
    await using found = victimOf('client secret', { resourceUrl: `${place}/mcp` }, circumstances)
    const given = { serverMetadata: serverMetadata(place), resource: `${place}/mcp` }
    await using named = victimOf('client secret', given, circumstances)

    for (const auth of [found, named]) {
      expect(await failed(auth.getToken()), host).toMatchObject({ code: 'address_refused' })
    }
  }

  expect(heard).toEqual([])
})

it('gives a name another address once it was looked at: nothing connects there (MCP Server-Side Request Forgery; RFC 9728 §7.7)', async () => {
  const heard: string[] = []
  await using outside = await startPlain('127.0.0.1', (request, response) => {
    response.setHeader('connection', 'close')
    const place = `http://${request.headers.host}`
    const documents: Record<string, object> = {
      '/.well-known/oauth-protected-resource/mcp': {
        resource: `${place}/mcp`,
        authorization_servers: [place],
      },
      '/.well-known/oauth-authorization-server': serverMetadata(place),
    }
    const document = documents[request.url ?? '']
    if (document === undefined) return response.writeHead(401).end()
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  await using within = await startPlain(
    '127.0.0.2',
    (request, response) => {
      heard.push(`${request.method} ${request.url}`)
      response.end()
    },
    outside.port,
  )
  // The first question, the two documents, and then the token request.
  names.set('rebound.example', ['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.2'])
  await using fetch = egressFetch({ allow: ['127.0.0.1'] })
  const place = { resourceUrl: `http://rebound.example:${within.port}/mcp` }
  await using auth = victimOf('client secret', place, { fetch, allowAddress: () => true })

  expect(await failed(auth.getToken())).toMatchObject({ code: 'address_refused', name: 'TokenError' })

  expect(heard).toEqual([])
})

it('sends a call on to an address inside: nothing connects there (MCP Server-Side Request Forgery; RFC 9700 §4.12)', async () => {
  const heard: string[] = []
  await using within = await startPlain('127.0.0.2', (request, response) => {
    heard.push(`${request.method} ${request.url}`)
    response.end()
  })
  await using outside = await startPlain('127.0.0.1', (_, response) =>
    response.writeHead(302, { location: `http://127.0.0.2:${within.port}/latest/meta-data` }).end(),
  )
  await using fetch = egressFetch({ allow: ['127.0.0.1'] })
  const place = `http://127.0.0.1:${outside.port}`
  await using world = await startWorld(serverPages(issuer, 'hush'))
  const server = { serverMetadata: serverMetadata(issuer), resource: `${place}/mcp` }
  const either: Fetch = (input, init) => (urlOf(input).startsWith(issuer) ? world.fetch : fetch)(input, init)
  await using auth = victimOf('client secret', server, { fetch: either })

  await failed(auth.fetch(`${place}/mcp`))

  expect(secretsAmong(world.arrivals)).toContain('hush-client-secret')
  expect(heard).toEqual([])
})

it.each<[string, Page]>([
  ['answers 503', status(503)],
  ['answers 429', status(429)],
  ['answers with a page', status(200, { 'content-type': 'text/html' }, '<p>')],
  ['answers 403', status(403)],
  ['cuts the connection', (response) => response.destroy()],
])(
  '%s in the place of its metadata, to have an older way taken: no secret is sent to where that leads (RFC 9728 §7.3; MCP Mix-Up Attacks)',
  async (_, page) => {
    await using world = await startWorld({
      ...serverPages('https://rs.example', 'evil'),
      [wellKnown('https://rs.example')]: status(404),
      [resourceUrl]: status(401),
      [metadataUrl]: page,
      'https://rs.example/.well-known/oauth-protected-resource': page,
    })
    const { store, kept } = watchedStore()
    const client = { clientId: 'me', clientSecret: 'hush-client-secret' }
    const legacy = { legacy: originAsServer, fetch: world.fetch, store }
    await using auth = new ClientCredentialsAuth({ ...client, ...legacy, resourceUrl })

    await failed(auth.getToken())

    expect(secretsAmong(world.arrivals)).toEqual([])
    expect(kept).toEqual([])
  },
)

it('plants a cookie with each answer: none comes back (RFC 9700 §4.7; RFC 6749 §10.12)', async () => {
  const planted =
    (page: Page): Page =>
    (response, arrival) => {
      response.setHeader('set-cookie', 'evil=1; Path=/; Secure; SameSite=None')
      if (typeof page === 'function') page(response, arrival)
      else text(JSON.stringify(page))(response)
    }
  const pages = Object.entries(honestPages()).map(([url, page]) => [url, planted(page)])
  await using world = await startWorld(Object.fromEntries(pages))
  const jar: string[] = []
  /** As a browser does. */
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init)
    if (request.credentials !== 'omit' && jar.length > 0) request.headers.set('cookie', jar.join('; '))
    const response = await world.fetch(request)
    jar.push(...response.headers.getSetCookie())
    return response
  }
  for (const each of all) {
    await using auth = each.make({ fetch, store: watchedStore().store })
    await each.go(auth)
  }

  expect(jar.length).toBeGreaterThan(all.length)
  expect(world.arrivals.filter(({ headers }) => headers.cookie !== undefined)).toEqual([])
})

const twice = (document: object, more: string) => text(`${JSON.stringify(document).slice(0, -1)}, ${more}}`)
const victim = 'https://victim.example'

it.each<[string, string, Page]>([
  ['the resource', metadataUrl, twice(resourceMetadata, `"resource": "${victim}/api"`)],
  ['the issuer', wellKnown(issuer), twice(serverMetadata(issuer), `"issuer": "${victim}"`)],
  [
    'the type of a token',
    `${issuer}/token`,
    twice({ access_token: 'evil-token', token_type: 'Bearer' }, '"token_type": "evil"'),
  ],
])(
  'says %s twice, once as it has to be: what was looked at is what would be used, and it is refused (RFC 8259 §4; RFC 9728 §3.3; RFC 8414 §3.3)',
  async (_, url, page) => {
    await using world = await startWorld({ ...honestPages(), [url]: page })
    const { store, kept } = watchedStore()
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, store })

    await failed(auth.fetch(resourceUrl))

    expect(world.at('victim.example')).toEqual([])
    expect(kept.join()).not.toMatch(/evil|victim/)
    expect(world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? [])).toEqual([])
  },
)

it('says the token endpoint twice: the secret goes to one of them only (RFC 8259 §4; RFC 9700 §4.4)', async () => {
  const first = { token_endpoint: `${evilIssuer}/token`, issuer }
  const page = twice(first, JSON.stringify(serverMetadata(issuer)).slice(1, -1))
  await using world = await startWorld({
    ...honestPages(),
    ...serverPages(evilIssuer, 'evil'),
    [wellKnown(issuer)]: page,
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  await auth.getToken()

  expect(secretsAmong(world.at('as.example'))).toEqual(['hush-client-secret'])
  expect(world.at('evil.example')).toEqual([])
})

it.each([
  ['of an earlier sign-in', (earlier: URL) => comingBack(earlier, { code: 'evil-code' })],
  ['without a state', (_: URL, now: URL) => comingBack(now, { state: undefined })],
  ['with an empty state', (_: URL, now: URL) => comingBack(now, { state: '' })],
  [
    'with half of the state',
    (_: URL, now: URL) => comingBack(now, { state: now.searchParams.get('state')?.slice(0, 20) ?? '' }),
  ],
  [
    'with the state twice',
    (earlier: URL, now: URL) => `${comingBack(now)}&state=${earlier.searchParams.get('state')}`,
  ],
])(
  'brings a browser back to a sign-in with an answer %s: the code is not sent anywhere (RFC 9700 §4.7.1; RFC 6749 §10.12; MCP Open Redirection)',
  async (_, forge) => {
    await using world = await startWorld(honestPages())
    const start = { serverMetadata: serverMetadata(issuer), clientId: 'me', redirectUri }
    const [earlier, now] = [await startAuthorization(start), await startAuthorization(start)]

    const finishing = finishAuthorization(forge(earlier.url, now.url), now.pending, { fetch: world.fetch })

    expect(await failed(finishing)).toMatchObject({
      code: expect.stringMatching(/^(?:state_mismatch|invalid_callback)$/),
    })
    expect(world.arrivals).toEqual([])
  },
)

it('has metadata kept for ten years that names a server of its own: after an hour it is read again (RFC 9728 §7.10; RFC 9700 §4.4)', async () => {
  const poisoned = text(JSON.stringify({ ...resourceMetadata, authorization_servers: [evilIssuer] }), {
    'cache-control': 'public, max-age=315360000, immutable',
  })
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: poisoned })
  let now = Date.now()
  const cache = memoryCache({ clock: { now: () => now } })
  const make = () =>
    victimOf('client secret', { resourceUrl }, { fetch: world.fetch, cache, expectedIssuer: issuer })
  await using first = make()
  await failed(first.getToken())
  world.lay({ [metadataUrl]: resourceMetadata })
  now += 3_600_001
  await using second = make()

  await second.getToken()

  expect(world.at('evil.example')).toEqual([])
  expect(secretsAmong(world.at('as.example'))).toEqual(['hush-client-secret'])
})

function urlOf(input: string | URL | Request): string {
  return input instanceof Request ? input.url : String(input)
}

function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write(evilText.slice(0, -1))
  const pour = () => {
    if (!response.destroyed) response.write(' '.repeat(64 * 1024), pour)
  }
  pour()
}

function cutOff(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': String(evilText.length + 1),
  })
  response.write(evilText, () => response.destroy())
}

function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}

async function startPlain(host: string, listener: RequestListener, port = 0) {
  const server = createPlainServer(listener)
  await once(server.listen(port, host), 'listening')
  return {
    port: (server.address() as AddressInfo).port, // it listens to TCP
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function startTls(listener: RequestListener) {
  const server = createServer({ key, cert: certificate }, listener)
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.on('tlsClientError', () => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port, // it listens to TCP
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
