/** The attacker runs a resource, such as an MCP server, and a program is told to use it. */
import { MCPClient } from '@x/mcp-client'
import { discoverAuthorizationServer } from '@x/oauth-discovery'
import { memoryCache } from '@x/oauth-discovery/cache'
import {
  AuthorizationCodeAuth,
  authorizedFetch,
  ClientCredentialsAuth,
  createToken,
  dynamicRegistration,
  isOAuthError,
  memoryStore,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { startTestbed, testClients } from '@x/testbed'
import { expect, it } from 'vitest'
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
import { claimsOf, secretsAmong, watchedStore } from '../src/secrets.ts'
import { comingBack, redirectUri, secrets, victimOf } from '../src/victims.ts'
import { document, inTurn, type Page, type Pages, startWorld, status, text } from '../src/world.ts'
import { failed } from './parts/failure.ts'

const namingEvil = { ...resourceMetadata, authorization_servers: [evilIssuer] }
const evilPages = (): Pages => serverPages(evilIssuer, 'evil')
const pointingAt = (url: string) => `Bearer resource_metadata="${url}"`

it.each(secrets)(
  'names a server of its own to collect the %s: nobody is asked there, and nothing is sent (RFC 9728 §7.6; MCP Mix-Up Attacks)',
  async (secret) => {
    await using world = await startWorld({ ...honestPages(), ...evilPages(), [metadataUrl]: namingEvil })
    const { store, kept } = watchedStore()
    const shown: string[] = []
    const given = {
      fetch: world.fetch,
      expectedIssuer: issuer,
      store,
      shown,
    }
    await using auth = victimOf(secret, { resourceUrl }, given)

    expect(await failed(auth.getToken())).toMatchObject({ code: 'issuer_mismatch' })

    expect(world.at('evil.example')).toEqual([])
    expect(secretsAmong(world.arrivals)).toEqual([])
    expect([...shown, ...kept]).toEqual([])
  },
)

it.each(secrets)(
  'trusts another server once it was shown a token for the %s: neither that nor what is secret gets there (RFC 9700 §4.4; MCP Mix-Up Attacks)',
  async (secret) => {
    await using world = await startWorld({ ...honestPages(), ...evilPages() })
    const { store, kept } = watchedStore()
    await using auth = victimOf(secret, { resourceUrl }, { fetch: world.fetch, store })
    await auth.getToken()
    world.lay({
      [metadataUrl]: namingEvil,
      [resourceUrl]: status(401, { 'www-authenticate': pointingAt(metadataUrl) }),
    })

    await failed(auth.fetch(resourceUrl))

    expect(secretsAmong(world.arrivals)).toContain('hush-token-1')
    expect(world.at('evil.example')).toEqual([])
    expect(kept.join()).not.toContain('evil')
    expect(auth.current()?.accessToken ?? '').not.toContain('evil')
  },
)

it.each([
  ['by the authorization code', 'authorization code', undefined],
  ['by the device code', 'device code', undefined],
  ['earlier, and left a refresh token', 'authorization code', 'hush-handed-in'],
])(
  'trusts another server once somebody has signed in %s: who registers there brings nothing of the first (RFC 9700 §4.4; MCP Mix-Up Attacks)',
  async (_, secret, refreshToken) => {
    await using world = await startWorld({ ...honestPages(), ...evilPages() })
    const store = memoryStore()
    const browser = (url: URL) => comingBack(url, { code: url.origin === issuer ? 'hush-code' : 'evil-code' })
    const registration = dynamicRegistration({}, { store })
    const given = { fetch: world.fetch, store, browser, registration, refreshToken }
    await using auth = victimOf(secret, { resourceUrl }, given)
    const rejected = await auth.getToken()
    world.lay({ [metadataUrl]: namingEvil })

    const token = await auth.getToken({ rejected })

    expect(token.accessToken).toMatch(/^evil-token/)
    expect(world.at('evil.example').length).toBeGreaterThan(2)
    expect(secretsAmong(world.at('evil.example')).filter((each) => each.startsWith('hush'))).toEqual([])
  },
)

it.each([
  ['another host', 'https://victim.example/api', metadataUrl],
  ['its neighbour on the host', 'https://rs.example/bank', metadataUrl],
  ['what only begins with its name', 'https://rs.example/mcp-admin', metadataUrl],
  ['all of its host, from where only a tenant writes', 'https://rs.example', 'https://rs.example/mcp/meta'],
])(
  'says that it is %s: no token for that is asked for (RFC 9728 §3.3; RFC 9700 §4.9.1; MCP Token Audience Binding and Validation)',
  async (_, resource, place) => {
    const published = { ...resourceMetadata, resource }
    const challenge = status(401, { 'www-authenticate': pointingAt(place) })
    await using world = await startWorld({ ...honestPages(), [resourceUrl]: challenge, [place]: published })
    const { store, kept } = watchedStore()
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, store })

    expect(await failed(auth.fetch(resourceUrl))).toMatchObject({ code: 'resource_mismatch' })

    expect(world.at('as.example')).toEqual([])
    expect(secretsAmong(world.arrivals)).toEqual([])
    expect(kept).toEqual([])
  },
)

/** Where only we can get: one of each kind. */
const inside = [
  'https://169.254.169.254/latest/meta-data',
  'https://127.0.0.1:6379/info',
  'https://[::1]/admin',
  'https://10.0.0.1/admin',
  'https://[::ffff:192.168.0.1]/admin',
  'https://vault.internal/secret',
]
const elsewhere = [...inside, 'http://plain.example/meta', 'data:application/json,{}', 'file:///etc/passwd']

it.each([
  [
    'resource_metadata',
    (url: string): Pages => ({ [resourceUrl]: status(401, { 'www-authenticate': pointingAt(url) }) }),
  ],
  [
    'authorization_servers',
    (url: string): Pages => ({ [metadataUrl]: { ...resourceMetadata, authorization_servers: [url] } }),
  ],
])(
  'leads inside by its %s: no request leaves (RFC 9728 §7.7; MCP Server-Side Request Forgery)',
  async (_, leading) => {
    for (const url of elsewhere) {
      await using world = await startWorld({ ...honestPages(), ...leading(url) })
      await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

      await auth.fetch(resourceUrl).catch(() => {})

      const hosts = world.asked.map((each) => new URL(each).host)
      expect(hosts, url).toContain('rs.example')
      expect(
        [...new Set(hosts)].filter((host) => !/^(?:rs|as)\.example$/.test(host)),
        url,
      ).toEqual([])
    }
  },
)

it('fills its document with URLs of what is inside: only those that are needed are read (RFC 9728 §7.7; MCP Server-Side Request Forgery)', async () => {
  const [url = ''] = inside
  const names = ['jwks_uri', 'resource_documentation', 'resource_policy_uri', 'resource_tos_uri', 'logo_uri']
  const published = { ...resourceMetadata, ...Object.fromEntries(names.map((name) => [name, url])) }
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: published })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  expect((await auth.fetch(resourceUrl)).status).toBe(200)

  expect(new Set(world.asked.map((each) => new URL(each).host))).toEqual(
    new Set(['rs.example', 'as.example']),
  )
})

it.each([302, 307, 308])(
  'sends the first question and its documents on by %i: where they lead nothing is asked (RFC 9700 §4.12; MCP Server-Side Request Forgery)',
  async (code) => {
    const away = status(code, { location: 'https://evil.example/mcp' })
    const evil = { 'https://evil.example/*': document(namingEvil), ...evilPages() }
    await using world = await startWorld({
      ...honestPages(),
      ...evil,
      [resourceUrl]: away,
      [metadataUrl]: away,
      'https://rs.example/.well-known/oauth-protected-resource': away,
    })
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

    expect(await failed(auth.getToken())).toMatchObject({ code: 'redirect_refused' })

    expect(world.at('evil.example')).toEqual([])
    expect(secretsAmong(world.arrivals)).toEqual([])
  },
)

it.each([
  [302, 'GET'],
  [307, 'GET'],
  [302, 'POST'],
  [307, 'POST'],
  [308, 'POST'],
])(
  'sends a call on by %i (%s): the token does not go along, and whoever wants one there gets none (RFC 9700 §4.12; RFC 6750 §5.3)',
  async (code, method) => {
    const evil = {
      'https://evil.example/*': status(401, { 'www-authenticate': pointingAt('https://evil.example/meta') }),
    }
    await using world = await startWorld({ ...honestPages(), ...evil })
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })
    await auth.getToken()
    world.lay({ [resourceUrl]: status(code, { location: 'https://evil.example/mcp' }) })

    expect((await auth.fetch(resourceUrl, { method, body: method === 'GET' ? null : '{}' })).status).toBe(401)

    expect(world.at('evil.example')).toHaveLength(1)
    expect(secretsAmong(world.at('evil.example'))).toEqual([])
    expect(world.at('as.example').filter(({ url }) => url.endsWith('/token'))).toHaveLength(1)
  },
)

it.each(['http://rs.example/mcp', 'https://rs.example:8443/mcp', 'https://rs.example.evil.example/mcp'])(
  'sends a call on to %s, which only looks the same: the token does not go along (RFC 6750 §5.3; MCP Communication Security)',
  async (location) => {
    await using world = await startWorld({ ...honestPages(), [location]: status(200) })
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })
    await auth.getToken()
    world.lay({ [resourceUrl]: status(307, { location }) })

    expect((await auth.fetch(resourceUrl, { method: 'POST', body: '{}' })).status).toBe(200)

    expect(secretsAmong(world.arrivals.filter(({ url }) => url === location))).toEqual([])
    expect(secretsAmong(world.arrivals.filter(({ url }) => url === resourceUrl))).toEqual(['hush-token-1'])
  },
)

it.each([302, 307, 308])(
  'sends an MCP call on by %i: nothing goes along (MCP Access Token Privilege Restriction; RFC 6750 §5.3)',
  async (code) => {
    await using world = await startWorld({ ...honestPages(), 'https://evil.example/*': status(404) })
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })
    await auth.getToken()
    world.lay({ [resourceUrl]: status(code, { location: 'https://evil.example/mcp' }) })

    await failed(MCPClient.connect(resourceUrl, { auth }))

    expect(secretsAmong(world.at('rs.example'))).toEqual(['hush-token-1'])
    expect(world.at('evil.example')).toEqual([])
  },
)

it.each([302, 307, 308])(
  'sends a call with a bound token on by %i: nothing goes along, not even the question (RFC 9449 §11.7; RFC 9700 §4.12)',
  async (code) => {
    const token = document({ access_token: 'hush-bound', token_type: 'DPoP', expires_in: 3600 })
    await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: token })
    const binding = await dpop()
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, binding })
    await auth.getToken()
    world.lay({ [resourceUrl]: status(code, { location: 'https://evil.example/mcp' }) })

    const response = await auth.fetch(resourceUrl, { method: 'POST', body: '{}' })
    await failed(MCPClient.connect(resourceUrl, { auth }))

    expect(response.status).toBe(code)
    expect(world.at('evil.example')).toEqual([])
  },
)

it.each([
  'https://evil.example/mcp',
  'https://rs.example@evil.example/mcp',
  'https://rs.example\\@evil.example/mcp',
  'https://rs.example.evil.example/mcp',
  'https://rs.example:8443/mcp',
  'http://rs.example/mcp',
  '//evil.example/mcp',
])(
  'has the token asked for at %s: nothing is sent there (RFC 9700 §4.9.1; MCP Token Passthrough)',
  async (url) => {
    await using world = await startWorld(honestPages())
    await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })
    await auth.fetch(resourceUrl)
    const before = world.asked.length

    expect(await failed(auth.fetch(url))).toMatchObject({ code: 'origin_refused' })
    expect(world.asked).toHaveLength(before)
    await failed(MCPClient.connect(url, { auth }))

    // To what makes URLs of text, one of these is a path of the resource.
    const origins = world.asked.slice(before).map((each) => new URL(each).origin)
    expect(origins.filter((each) => each !== 'https://rs.example')).toEqual([])
  },
)

it('wants tokens in the query of URLs: none is asked for, and none stands in a URL (RFC 9700 §4.3.2; RFC 6750 §5.3)', async () => {
  const published = { ...resourceMetadata, bearer_methods_supported: ['query', 'body'] }
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: published })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  expect(await failed(auth.fetch(resourceUrl))).toMatchObject({ code: 'resource_not_supported' })

  expect(secretsAmong(world.arrivals)).toEqual([])
})

it('lets another path of its host speak for it: the token is not given up, and no other server is looked for (RFC 9728 §7.3; MCP Mix-Up Attacks)', async () => {
  const tenant = 'https://rs.example/tenant'
  const pages = {
    [tenant]: status(401, { 'www-authenticate': pointingAt('https://rs.example/tenant/meta') }),
  }
  const meta = { 'https://rs.example/tenant/meta': namingEvil }
  await using world = await startWorld({ ...honestPages(), ...evilPages(), ...pages, ...meta })
  await using auth = victimOf('authorization code', { resourceUrl }, { fetch: world.fetch })
  await auth.getToken()

  await auth.fetch(tenant)

  expect(world.at('rs.example').filter(({ url }) => url.endsWith('/tenant/meta'))).toEqual([])
  expect(world.at('evil.example')).toEqual([])
})

it('refuses each token: a call is sent twice at most, and ten tokens a minute are asked for (RFC 6750 §3.1)', async () => {
  const refusing = status(401, { 'www-authenticate': `${pointingAt(metadataUrl)}, error="invalid_token"` })
  await using world = await startWorld({ ...honestPages(), [resourceUrl]: refusing })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })
  const tokens = () => world.at('as.example').filter(({ url }) => url.endsWith('/token')).length
  await auth.getToken()
  const before = world.arrivals.filter(({ url }) => url === resourceUrl).length

  await auth.fetch(resourceUrl)
  expect(world.arrivals.filter(({ url }) => url === resourceUrl)).toHaveLength(before + 2)
  for (let calls = 0; calls < 20; calls += 1) await auth.fetch(resourceUrl).catch(() => {})

  expect(tokens()).toBeLessThanOrEqual(11)
})

const demanding = (scope: string) =>
  status(403, { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` })

/** Never the same twice. */
function demandingMore(): Page {
  let calls = 0
  return (response) => {
    calls += 1
    demanding(`more${calls}`)(response)
  }
}

it.each(['invalid_token', 'something_else', undefined])(
  'has done what it was asked, and answers 403 with the error %s to be asked once more: it is not, and no other token is fetched (RFC 6750 §3.1)',
  async (error) => {
    const challenge = error === undefined ? 'Bearer' : `Bearer error="${error}"`
    await using world = await startWorld({
      ...honestPages(),
      [resourceUrl]: status(403, { 'www-authenticate': challenge }),
    })
    const place = { serverMetadata: serverMetadata(issuer), resource: resourceUrl }
    await using auth = victimOf('client secret', place, { fetch: world.fetch })

    const { status: answered } = await auth.fetch(resourceUrl, { method: 'POST', body: '{"pay":1}' })

    expect(answered).toBe(403)
    const urls = world.arrivals.map(({ method, url }) => `${method} ${url}`)
    expect(urls).toEqual([`POST ${issuer}/token`, `POST ${resourceUrl}`])
  },
)

it('demands a new scope with each call: a person is asked ten times, and then never again (MCP Scope Minimization; RFC 9700 §2.3)', async () => {
  await using world = await startWorld(honestPages())
  const shown: string[] = []
  const given = { fetch: world.fetch, shown }
  await using auth = victimOf('authorization code', { resourceUrl }, given)
  await auth.getToken()
  world.lay({ [resourceUrl]: demandingMore() })

  for (let tries = 0; tries < 15; tries += 1) {
    const error = await auth.fetch(resourceUrl).catch((thrown: unknown) => thrown)
    if (isOAuthError(error, 'interaction_required')) await auth.getToken({ challenge: error.challenge })
  }

  expect(shown).toHaveLength(11)
})

it('demands another scope whenever an MCP client has got the last: a person is asked twice for one call (MCP Scope Minimization; RFC 9700 §2.3)', async () => {
  await using world = await startWorld(honestPages())
  const shown: string[] = []
  const given = { fetch: world.fetch, shown }
  await using auth = victimOf('authorization code', { resourceUrl }, given)
  await auth.getToken()
  world.lay({ [resourceUrl]: demandingMore() })

  await failed(MCPClient.connect(resourceUrl, { auth }))

  expect(shown).toHaveLength(3)
})

it('demands offline_access: only the program decides whether somebody stays signed in (MCP Scope Minimization; RFC 9700 §4.14)', async () => {
  await using world = await startWorld({
    ...honestPages(),
    [resourceUrl]: demanding('mcp offline_access'),
    [metadataUrl]: { ...resourceMetadata, scopes_supported: ['mcp', 'offline_access'] },
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  await auth.fetch(resourceUrl)

  const bodies = world.at('as.example').map(({ body }) => body)
  expect(bodies.join()).toContain('scope=mcp')
  expect(bodies.join()).not.toContain('offline_access')
})

it('writes parameters into its scope: they stay within the scope, on the way of the browser and of the program (RFC 6749 §10.14; RFC 9700 §4.1)', async () => {
  const scope = 'mcp&redirect_uri=https://evil.example/&response_type=token&client_secret=x'
  const published = { ...resourceMetadata, scopes_supported: [scope] }
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: published })
  const shown: string[] = []
  const given = { fetch: world.fetch, shown }
  for (const secret of ['authorization code', 'client secret']) {
    await using auth = victimOf(secret, { resourceUrl }, given)
    await auth.getToken()
  }

  const [asked = ''] = shown
  const form = new URLSearchParams(world.at('as.example').at(-1)?.body)
  for (const sent of [new URL(asked).searchParams, form]) expect(sent.getAll('scope')).toEqual([scope])
  expect(new URL(asked).searchParams.getAll('redirect_uri')).toEqual([redirectUri])
  expect(form.getAll('client_secret')).toEqual([])
  expect(secretsAmong(world.at('evil.example'))).toEqual([])
})

it('writes members into the prototypes of objects: no server is found in them, and no copy of its document gets them (RFC 9728 §3.3; RFC 9728 §7.3)', async () => {
  const poison = JSON.stringify({ authorization_servers: [evilIssuer], polluted: true })
  const nested = `"__proto__": ${poison}, "constructor": {"prototype": ${poison}}`
  const challenge = `Bearer __proto__="x", constructor="y", resource_metadata="${metadataUrl}"`
  const { authorization_servers, ...others } = resourceMetadata
  const publish = (own: object) => ({
    [metadataUrl]: text(`${JSON.stringify(own).slice(0, -1)}, ${nested}}`),
  })
  await using world = await startWorld({
    ...honestPages(),
    ...evilPages(),
    [resourceUrl]: status(401, { 'www-authenticate': challenge }),
    ...publish(others),
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, cache: memoryCache() })
  await failed(auth.getToken())
  world.lay(publish({ ...others, authorization_servers }))

  const found = await discoverAuthorizationServer(resourceUrl, { fetch: world.fetch })

  // As many do who merge objects.
  const copy = Object.assign({}, found.resourceMetadata, found.challenge?.parameters)
  expect('polluted' in copy).toBe(false)
  expect('polluted' in {}).toBe(false)
  expect(world.at('evil.example')).toEqual([])
  expect(secretsAmong(world.arrivals)).toEqual([])
})

it('names two places for its metadata in one challenge: neither is read (RFC 9728 §5.1; RFC 9700 §4.4)', async () => {
  const challenge = `${pointingAt(metadataUrl)}, resource_metadata="https://evil.example/meta"`
  await using world = await startWorld({
    ...honestPages(),
    'https://evil.example/*': document(namingEvil),
    ...evilPages(),
    [resourceUrl]: status(401, { 'www-authenticate': challenge }),
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  await auth.getToken()

  expect(world.at('evil.example')).toEqual([])
})

it('shows what it was sent to another resource: a bound token is refused there, and a second time here (RFC 9700 §4.10.1; RFC 9449 §11.1)', async () => {
  await using testbed = await startTestbed({})
  const { api } = testbed
  const { worker } = testClients
  await using auth = new ClientCredentialsAuth({ ...worker, resourceUrl: api.url, binding: await dpop() })
  await auth.fetch(`${api.url}/orders`)
  const taken = api.journal.arrivals.find(({ path, status: code }) => path === '/api/orders' && code === 200)
  const { authorization = '', dpop: proof = '' } = taken?.headers ?? {}
  expect([authorization, proof]).not.toContain('')

  const again = await fetch(`${api.url}/orders`, { headers: { authorization, dpop: proof } })
  const other = await fetch(api.url, { headers: { authorization, dpop: proof } })
  const bearer = await fetch(api.url, { headers: { authorization: authorization.replace('DPoP', 'Bearer') } })
  const key = await dpop()
  const forged = await key.proof({
    method: 'GET',
    url: api.url,
    accessToken: authorization.replace('DPoP ', ''),
  })
  const signed = await fetch(api.url, { headers: { authorization, dpop: forged } })

  expect([again, other, bearer, signed].map((each) => each.status)).toEqual([401, 401, 401, 401])
})

it('is given a token by its name alone: another resource of the same server refuses it (RFC 9700 §4.10.2; MCP Token Audience Binding and Validation)', async () => {
  await using testbed = await startTestbed()
  const { mcp, api } = testbed
  await using auth = new ClientCredentialsAuth({ ...testClients.worker, resourceUrl: mcp.url })
  const { accessToken } = await auth.getToken()

  const replayed = await fetch(api.url, { headers: { authorization: `Bearer ${accessToken}` } })

  expect(claimsOf(accessToken)['aud']).toBe(mcp.url)
  expect(replayed.status).toBe(401)
})

it('tells a wrong time and a nonce: proofs for others hold neither (RFC 9449 §9; RFC 9449 §11.2)', async () => {
  const poisoned = status(401, {
    date: 'Thu, 01 Jan 2099 00:00:00 GMT',
    'dpop-nonce': 'evil-nonce',
    'www-authenticate': 'DPoP error="invalid_dpop_proof"',
  })
  await using world = await startWorld({ ...honestPages(), 'https://evil.example/*': poisoned })
  const binding = await dpop()
  const token = createToken({ accessToken: 'hush-bound', tokenType: 'DPoP', binding })
  const origins = ['https://rs.example', 'https://evil.example']
  const send = authorizedFetch({ getToken: async () => token }, { origins, fetch: world.fetch })

  await send('https://evil.example/mcp')
  await send(resourceUrl)

  const [proof = ''] = world.at('rs.example').map(({ headers }) => String(headers['dpop']))
  const { nonce, iat, htu } = claimsOf(proof)
  expect([nonce, htu]).toEqual([undefined, resourceUrl])
  expect(Math.abs(Number(iat) * 1000 - Date.now())).toBeLessThan(60_000)
})

it('is an MCP server that calls another resource for its user: that sees the exchanged token, and never the one that came (MCP Token Passthrough; RFC 8693 §5)', async () => {
  await using world = await startWorld(honestPages())
  const request = new Request('https://proxy.example/mcp', {
    headers: { authorization: 'Bearer hush-of-user' },
  })
  await using auth = new TokenExchangeAuth({
    resourceUrl,
    clientId: 'me',
    clientSecret: 'hush-client-secret',
    subjectToken: () => request.headers.get('authorization')?.replace('Bearer ', '') ?? '',
    fetch: world.fetch,
  })

  // Whoever passes on the headers as they came has the token of the user in them.
  await auth.fetch(resourceUrl, { headers: request.headers })

  expect(secretsAmong(world.at('rs.example'))).toEqual(['hush-token-1'])
  expect(secretsAmong(world.at('as.example'))).toContain('hush-of-user')
})

it('names a server of its own to a program that brings a token of another: it is not shown there (RFC 8693 §3; MCP Confused Deputy Problem)', async () => {
  await using world = await startWorld({ ...honestPages(), ...evilPages(), [metadataUrl]: namingEvil })
  const client = { clientId: 'me', clientSecret: 'secret', fetch: world.fetch }
  const subjectToken = new ClientCredentialsAuth({ ...client, serverMetadata: serverMetadata(issuer) })
  await using auth = new TokenExchangeAuth({ ...client, resourceUrl, subjectToken })

  expect(await failed(auth.getToken())).toMatchObject({ code: 'invalid_token' })

  expect(world.at('as.example').map(({ url }) => url)).toEqual([`${issuer}/token`])
  expect(world.at('evil.example').map(({ url }) => url)).toEqual([wellKnown(evilIssuer)])
  await subjectToken.close()
})

it('speaks for another resource once: that is kept neither for the other nor for itself (RFC 9728 §3.3; RFC 9728 §7.10)', async () => {
  const victim = 'https://victim.example/api'
  const changing = inTurn(document({ ...resourceMetadata, resource: victim }), document(resourceMetadata))
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: changing })
  const cache = memoryCache()
  const of = (url: string) => victimOf('client secret', { resourceUrl: url }, { fetch: world.fetch, cache })
  await using first = of(resourceUrl)
  await failed(first.getToken())
  await using second = of(victim)
  await failed(second.getToken())
  expect(secretsAmong(world.arrivals)).toEqual([])
  await using third = of(resourceUrl)

  const { resource } = await third.getToken()

  expect(resource).toBe(resourceUrl)
  expect(world.at('as.example').map(({ body }) => new URLSearchParams(body).get('resource'))).not.toContain(
    victim,
  )
})

it('says of a sign-in that is under way that another server is right: the code goes nowhere but to where it came from (RFC 9700 §4.4.2; MCP Authorization Code Protection)', async () => {
  await using world = await startWorld({ ...honestPages(), ...evilPages() })
  await using auth = new AuthorizationCodeAuth({
    resourceUrl,
    clientId: 'me',
    redirectUri,
    fetch: world.fetch,
    authorize(url) {
      world.lay({
        [metadataUrl]: namingEvil,
        [wellKnown(issuer)]: { ...serverMetadata(issuer), token_endpoint: `${evilIssuer}/token` },
      })
      return comingBack(url)
    },
  })

  await auth.getToken()

  expect(secretsAmong(world.at('as.example'))).toContain('hush-code')
  expect(world.at('evil.example')).toEqual([])
})

it('names an impostor before the real server: the search ends there, and nobody is shown a secret (RFC 8414 §6.2; RFC 9700 §4.4)', async () => {
  await using world = await startWorld({
    ...honestPages(),
    [metadataUrl]: { ...resourceMetadata, authorization_servers: [evilIssuer, issuer] },
    [wellKnown(evilIssuer)]: serverMetadata(issuer),
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  expect(await failed(auth.getToken())).toMatchObject({ code: 'issuer_mismatch' })

  expect(secretsAmong(world.arrivals)).toEqual([])
})

it('names a thousand servers to keep us busy, or others: four are asked (RFC 9728 §7.7)', async () => {
  const servers = Array.from({ length: 1_000 }, (_, index) => `https://as${index}.example`)
  await using world = await startWorld({
    ...honestPages(),
    [metadataUrl]: { ...resourceMetadata, authorization_servers: servers },
  })

  expect(await failed(discoverAuthorizationServer(resourceUrl, { fetch: world.fetch }))).toMatchObject({
    code: 'server_metadata_not_found',
  })

  const hosts = new Set(world.arrivals.map(({ url }) => new URL(url).host))
  expect([...hosts].toSorted()).toEqual([
    'as0.example',
    'as1.example',
    'as2.example',
    'as3.example',
    'rs.example',
  ])
})

it('leads a reader in a circle: after three steps nobody follows (RFC 9110 §15.4; RFC 9728 §7.7)', async () => {
  let steps = 0
  const onward = (response: Parameters<ReturnType<typeof status>>[0]) => {
    steps += 1
    // It would end, or this would last as long as the reader.
    if (steps > 20) document(resourceMetadata)(response)
    else status(302, { location: `${metadataUrl}?step=${steps}` })(response)
  }
  await using world = await startWorld({ ...honestPages(), [metadataUrl]: onward })

  expect(isOAuthError(await failed(discoverAuthorizationServer(resourceUrl, { fetch: world.fetch })))).toBe(
    true,
  )

  expect(world.arrivals.filter(({ url }) => url.startsWith(metadataUrl)).length).toBe(4)
})

it.each([
  ['first', 'evil.example', 'rs.example'],
  ['last', 'rs.example', 'evil.example'],
])(
  'says twice where its metadata is, the evil one %s, for two readers to read it in two ways: neither is taken (RFC 9110 §11.2; RFC 9728 §7.7)',
  async (_, one, other) => {
    const meta = 'https://evil.example/meta'
    const challenge = [one, other]
      .map((host) => `resource_metadata="${host === 'rs.example' ? metadataUrl : meta}"`)
      .join(', ')
    await using world = await startWorld({
      ...honestPages(),
      [resourceUrl]: status(401, { 'www-authenticate': `Bearer ${challenge}` }),
      [meta]: namingEvil,
    })

    const found = await discoverAuthorizationServer(resourceUrl, { fetch: world.fetch })

    expect(found.authorizationServerMetadata.issuer).toBe(issuer)
    expect(world.at('evil.example')).toEqual([])
  },
)

it('names a URL with a password in it, which would stand in every log: it is refused, and in no text (RFC 9728 §7.7)', async () => {
  const meta = 'https://somebody:hush-word@rs.example/meta'
  await using world = await startWorld({
    ...honestPages(),
    [resourceUrl]: status(401, { 'www-authenticate': pointingAt(meta) }),
  })
  const events: unknown[] = []
  const options = { fetch: world.fetch, onEvent: (event: unknown) => events.push(event) }

  await discoverAuthorizationServer(resourceUrl, options)

  expect(events).toContainEqual(expect.objectContaining({ outcome: 'refused', code: 'invalid_url' }))
  expect(world.asked.filter((url) => url.includes('/meta'))).toEqual([])
  expect(JSON.stringify([events.filter(isNoChallenge), world.asked])).not.toContain('hush-word')
})

/** That event has what the resource said, word by word. */
const isNoChallenge = (event: unknown) => !JSON.stringify(event).includes('"challenge"')
