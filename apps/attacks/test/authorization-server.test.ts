/** The attacker runs an authorization server, one among those that a program deals with. */
import {
  ClientCredentialsAuth,
  dynamicRegistration,
  finishAuthorization,
  identityAssertion,
  JwtBearerAuth,
  memoryStore,
  privateKeyJwt,
  startAuthorization,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { agree, startAuthorizationServer, testClients } from '@x/testbed'
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
import { postings } from '../src/legs.ts'
import { claimsOf, secretsAmong, watchedStore } from '../src/secrets.ts'
import { comingBack, quickClock, redirectUri, secrets, victimOf } from '../src/victims.ts'
import { document, inTurn, type Page, refused, startWorld, status, text, type World } from '../src/world.ts'
import { failed } from './parts/failure.ts'

const honest = serverMetadata(issuer)
const evil = serverMetadata(evilIssuer)
const paths = (world: World, host: string) => world.at(host).map(({ url }) => new URL(url).pathname)

/** Its sign-in is that of the honest server, which sends the browser back with a code of its own. */
const mixed = { ...evil, authorization_endpoint: honest.authorization_endpoint }

it.each([
  ['the other server, which names itself', { iss: issuer }],
  ['the other server, which does not name itself', { iss: undefined }],
  ['whoever names nobody', { iss: '' }],
  ['whoever is named in upper case', { iss: 'HTTPS://evil.example' }],
  ['whoever is named with a slash', { iss: `${evilIssuer}/` }],
  ['whoever is named with a port', { iss: `${evilIssuer}:443` }],
])(
  'gives out the sign-in of another server for its own, and the code comes from %s: it is not sent anywhere (RFC 9700 §4.4; RFC 9207 §2.4; MCP Mix-Up Attacks)',
  async (_, answer) => {
    await using world = await startWorld({ ...honestPages(), ...serverPages(evilIssuer, 'evil') })
    const { store, kept } = watchedStore()
    const given = { fetch: world.fetch, store, browser: (url: URL) => comingBack(url, answer) }
    const place = { serverMetadata: mixed, resource: resourceUrl }
    await using auth = victimOf('authorization code', place, given)
    const start = { serverMetadata: mixed, clientId: 'me', redirectUri }
    const { url, pending } = await startAuthorization(start)

    expect(await failed(auth.getToken())).toMatchObject({ code: 'issuer_mismatch' })
    const finished = finishAuthorization(comingBack(url, answer), pending, { fetch: world.fetch })
    expect(await failed(finished)).toMatchObject({ code: 'issuer_mismatch' })

    expect(world.arrivals).toEqual([])
    expect(kept).toEqual([])
  },
)

it('says who it is by a second iss behind the first: the code is not sent anywhere (RFC 9207 §2.4; RFC 6749 §3.1; MCP Mix-Up Attacks)', async () => {
  await using world = await startWorld(serverPages(evilIssuer, 'evil'))
  const browser = (url: URL) => `${comingBack(url, { iss: evilIssuer })}&iss=${encodeURIComponent(issuer)}`
  const place = { serverMetadata: mixed, resource: resourceUrl }
  await using auth = victimOf('authorization code', place, { fetch: world.fetch, browser })

  expect(await failed(auth.getToken())).toMatchObject({ code: 'invalid_callback' })

  expect(world.arrivals).toEqual([])
})

it('sends the browser of another sign-in to its own redirect URI: the code is not sent anywhere (RFC 9700 §4.4.2; RFC 8252 §8.10; MCP Mix-Up Attacks)', async () => {
  // Neither server names itself: the redirect URI alone tells them apart.
  const nameless = { ...evil, authorization_response_iss_parameter_supported: false }
  await using world = await startWorld(serverPages(evilIssuer, 'evil'))
  const start = { serverMetadata: nameless, clientId: 'me', redirectUri: `${redirectUri}/evil` }
  const { url, pending } = await startAuthorization(start)
  const callback = comingBack(url, { iss: undefined })

  expect(await failed(finishAuthorization(callback, pending, { fetch: world.fetch }))).toMatchObject({
    code: 'redirect_uri_mismatch',
  })

  expect(world.arrivals).toEqual([])
})

it('refuses in the name of another server: its words are not shown as those of that (RFC 9207 §2.4; RFC 9700 §4.11.1; MCP Mix-Up Attacks)', async () => {
  await using world = await startWorld(honestPages())
  const browser = (url: URL) => {
    const state = url.searchParams.get('state') ?? ''
    const words = {
      error: 'access_denied',
      error_description: 'call 555-evil',
      error_uri: `${evilIssuer}/help`,
    }
    return `${redirectUri}?${new URLSearchParams({ ...words, state, iss: evilIssuer })}`
  }
  await using auth = victimOf('authorization code', { resourceUrl }, { fetch: world.fetch, browser })

  const error = await failed(auth.getToken())

  expect(error).toMatchObject({ code: 'issuer_mismatch', error: undefined, errorDescription: undefined })
  expect(String(error)).not.toMatch(/evil|555/)
  expect(world.at('evil.example')).toEqual([])
})

it.each(secrets)(
  'publishes metadata of another issuer to get the %s that is for that: nothing of it is used (RFC 8414 §3.3; RFC 9700 §4.4; MCP Mix-Up Attacks)',
  async (secret) => {
    for (const [named, claimed] of [
      [`${issuer}/evil-tenant`, issuer],
      [evilIssuer, issuer],
      [`${issuer}/`, issuer],
      ['https://as.example.evil.example', issuer],
    ] as const) {
      const { origin, pathname } = new URL(named)
      const lie = { ...evil, issuer: claimed }
      await using world = await startWorld({
        ...honestPages(),
        ...serverPages(evilIssuer, 'evil'),
        [metadataUrl]: { ...resourceMetadata, authorization_servers: [named] },
        [`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`]: lie,
        [`${origin}${pathname.replace(/\/$/, '')}/.well-known/openid-configuration`]: lie,
      })
      const { store, kept } = watchedStore()
      const shown: string[] = []
      const given = { fetch: world.fetch, store, shown }
      await using auth = victimOf(secret, { resourceUrl }, given)

      expect(await failed(auth.getToken()), named).toMatchObject({ code: 'issuer_mismatch' })

      expect(secretsAmong(world.arrivals), named).toEqual([])
      expect(world.arrivals.filter(({ method }) => method === 'POST')).toEqual([])
      expect([...shown, ...kept]).toEqual([])
    }
  },
)

it('changes its metadata while somebody signs in: the code goes where it said at first, and nothing is read again (RFC 9700 §4.4.2; MCP Authorization Code Protection)', async () => {
  await using world = await startWorld({ ...honestPages(), ...serverPages(evilIssuer, 'evil') })
  const start = { serverMetadata: honest, clientId: 'me', redirectUri }
  const { url, pending } = await startAuthorization(start)
  world.lay({ [wellKnown(issuer)]: { ...honest, token_endpoint: evil.token_endpoint } })

  await finishAuthorization(comingBack(url), pending, { fetch: world.fetch })

  expect(world.arrivals.map((each) => each.url)).toEqual([`${issuer}/token`])
  expect(secretsAmong(world.arrivals)).toContain('hush-code')
})

const inside = [
  'https://169.254.169.254/latest/meta-data',
  'https://127.0.0.1:6379/',
  'https://[::1]/',
  'https://10.0.0.1/',
  'https://vault.internal/',
  'http://plain.example/',
  'http://127.0.0.1/',
  'data:application/json,{}',
  'file:///etc/passwd',
]

it.each(postings.map(({ leg, url }) => [leg, url] as const))(
  'leads inside by its %s: nothing is sent there (RFC 9728 §7.7; MCP Server-Side Request Forgery)',
  async (name, endpoint) => {
    const { make, go } = legOf(name)
    const member = memberOf(endpoint)
    for (const url of inside) {
      await using world = await startWorld({
        ...honestPages(),
        [wellKnown(issuer)]: { ...honest, [member]: url },
      })
      const { store, kept } = watchedStore()
      await using auth = make({ fetch: world.fetch, store })

      await failed(go(auth))

      const hosts = world.asked.map((each) => new URL(each).host)
      expect([...new Set(hosts)].toSorted(), url).toEqual(['as.example', 'rs.example'])
      expect(
        world.at('as.example').filter((each) => each.url === endpoint),
        url,
      ).toEqual([])
      expect(kept.join(), url).not.toMatch(/hush-(?:client|handed)/)
    }
  },
)

it('fills its metadata with URLs of what is inside: only those that are needed are read (RFC 9728 §7.7; MCP Server-Side Request Forgery)', async () => {
  const [url = ''] = inside
  const names = ['jwks_uri', 'introspection_endpoint', 'userinfo_endpoint', 'op_tos_uri', 'op_policy_uri']
  const more = ['service_documentation', 'check_session_iframe', 'pushed_authorization_request_endpoint']
  const filled = Object.fromEntries([...names, ...more].map((name) => [name, url]))
  await using world = await startWorld({ ...honestPages(), [wellKnown(issuer)]: { ...honest, ...filled } })
  for (const secret of secrets) {
    await using auth = victimOf(secret, { resourceUrl }, { fetch: world.fetch })
    await auth.getToken()
  }

  expect(new Set(world.asked.map((each) => new URL(each).host))).toEqual(
    new Set(['rs.example', 'as.example']),
  )
})

it.each(postings.map(({ leg, url }) => [leg, url] as const))(
  'sends a request on from its %s: what was in it goes nowhere else (RFC 9700 §4.12; RFC 6749 §10.3)',
  async (name, endpoint) => {
    const { make, go } = legOf(name)
    for (const code of [302, 303, 307, 308]) {
      for (const location of [`${evilIssuer}/token`, 'https://169.254.169.254/', '/elsewhere']) {
        await using world = await startWorld({ ...honestPages(), [endpoint]: status(code, { location }) })
        const { store } = watchedStore()
        await using auth = make({ fetch: world.fetch, store })

        expect(await failed(go(auth)), location).toMatchObject({ code: 'redirect_refused' })

        expect(paths(world, 'as.example'), location).toContain(new URL(endpoint).pathname)
        expect(paths(world, 'as.example'), location).not.toContain('/elsewhere')
        expect(world.at('evil.example'), location).toEqual([])
        expect(world.at('169.254.169.254'), location).toEqual([])
      }
    }
  },
)

it('sends the reader of its metadata on to another host: nothing is asked there, and no secret is sent (RFC 8414 §3.3; MCP Server-Side Request Forgery)', async () => {
  const away = status(307, { location: `${evilIssuer}/metadata` })
  await using world = await startWorld({
    ...honestPages(),
    [`${evilIssuer}/metadata`]: { ...evil, issuer },
    [wellKnown(issuer)]: away,
    [`${issuer}/.well-known/openid-configuration`]: away,
  })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch })

  await failed(auth.getToken())

  expect(world.at('evil.example')).toEqual([])
  expect(secretsAmong(world.arrivals)).toEqual([])
})

const forNobody = [
  'javascript:alert(document.domain)//https://as.example',
  'data:text/html,<script>alert(1)</script>',
  'file:///etc/passwd',
  'vbscript:msgbox(1)',
  'http://as.example/login',
  'https://as.example@evil.example/login',
  'https://as.example\\@evil.example/login',
  'https://as.example/\u001b]8;;https://evil.example\u0007',
  'https://\u0430s.example/login',
  ' --help https://as.example/login',
]

it('gives a person a sign-in that is no page of the web: nobody is sent there, and nothing is asked for (MCP OAuth Authorization URL Validation; RFC 9700 §4.11)', async () => {
  for (const url of forNobody) {
    const published = { ...honest, authorization_endpoint: url }
    await using world = await startWorld({ ...honestPages(), [wellKnown(issuer)]: published })
    const shown: string[] = []
    const given = { fetch: world.fetch, shown }
    await using auth = victimOf('authorization code', { resourceUrl }, given)

    await failed(auth.getToken())

    expect(shown, url).toEqual([])
    expect(secretsAmong(world.arrivals), url).toEqual([])
  }
})

it.each(['verification_uri', 'verification_url'])(
  'gives a device a %s that is no page of the web: nobody is shown it, and nothing is polled for (MCP OAuth Authorization URL Validation; RFC 8628 §5.4)',
  async (member) => {
    const page = { device_code: 'hush-device-code', user_code: 'ABCD', expires_in: 600, interval: 1 }
    for (const url of forNobody) {
      const answer = { ...page, [member]: url }
      await using world = await startWorld({ ...honestPages(), [`${issuer}/device`]: answer })
      const shown: string[] = []
      const given = { fetch: world.fetch, shown }
      await using auth = victimOf('device code', { resourceUrl }, given)

      await failed(auth.getToken())

      expect(shown, url).toEqual([])
      expect(paths(world, 'as.example'), url).not.toContain('/token')
    }
  },
)

it('gives a device a link besides that is no page of the web: it is left out (MCP OAuth Authorization URL Validation; RFC 8628 §3.3.1)', async () => {
  for (const url of forNobody) {
    const answer = {
      device_code: 'hush-device-code',
      user_code: 'ABCD',
      verification_uri: `${issuer}/activate`,
      verification_uri_complete: url,
      expires_in: 600,
      interval: 1,
    }
    await using world = await startWorld({ ...honestPages(), [`${issuer}/device`]: answer })
    const shown: string[] = []
    const given = { fetch: world.fetch, shown }
    await using auth = victimOf('device code', { resourceUrl }, given)

    await auth.getToken()

    expect(shown, url).toEqual([`${issuer}/activate undefined`])
  }
})

it('brings parameters of its own in the address of its sign-in: nobody is sent there (RFC 6749 §3.1; RFC 9700 §4.1)', async () => {
  for (const name of [
    'redirect_uri',
    'state',
    'client_id',
    'code_challenge',
    'code_challenge_method',
    'scope',
  ]) {
    const published = { ...honest, authorization_endpoint: `${issuer}/authorize?${name}=${evilIssuer}` }
    await using world = await startWorld({ ...honestPages(), [wellKnown(issuer)]: published })
    const shown: string[] = []
    const given = { fetch: world.fetch, shown }
    await using auth = victimOf('authorization code', { resourceUrl }, given)

    await failed(auth.getToken())

    expect(shown, name).toEqual([])
  }
})

it.each([
  ['says nothing of PKCE', undefined],
  ['knows it in clear text only', ['plain']],
  ['has an empty list', []],
  ['has a text that only holds the word', 'not S256'],
])(
  '%s: nobody is sent to sign in, and no code is asked for (RFC 9700 §4.8; RFC 7636 §7.2; MCP Authorization Code Protection)',
  async (_, code_challenge_methods_supported) => {
    const published = { ...honest, code_challenge_methods_supported }
    await using world = await startWorld({ ...honestPages(), [wellKnown(issuer)]: published })
    const shown: string[] = []
    const given = { fetch: world.fetch, shown }
    await using auth = victimOf('authorization code', { resourceUrl }, given)

    expect(await failed(auth.getToken())).toMatchObject({ code: 'pkce_not_supported' })

    expect(shown).toEqual([])
    expect(secretsAmong(world.arrivals)).toEqual([])
  },
)

it('refuses the challenge of PKCE, to have it left out: nobody is sent a second time (RFC 9700 §4.8; RFC 7636 §7.2)', async () => {
  await using world = await startWorld(honestPages())
  const shown: string[] = []
  const browser = (url: URL) =>
    comingBack(url, {
      code: undefined,
      error: 'invalid_request',
      error_description: 'code_challenge unknown',
    })
  const given = { fetch: world.fetch, browser, shown }
  await using auth = victimOf('authorization code', { resourceUrl }, given)

  await failed(auth.getToken())

  expect(shown.map((each) => new URL(each).searchParams.get('code_challenge_method'))).toEqual(['S256'])
  expect(secretsAmong(world.arrivals)).toEqual([])
})

it('is honest, and a code that was stolen elsewhere is brought to our sign-in: it is of no use, and asked for once (RFC 9700 §4.5; RFC 7636 §1; MCP Authorization Code Protection)', async () => {
  await using server = await startAuthorizationServer()
  const published = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json()
  const start = {
    serverMetadata: published,
    ...testClients.cli,
    redirectUri: 'http://127.0.0.1:1/callback',
    scope: 'openid',
  }
  const [ours, theirs] = [await startAuthorization(start), await startAuthorization(start)]
  const callback = new URL(await agree(ours.url))
  const stolen = new URL(await agree(theirs.url)).searchParams.get('code') ?? ''
  callback.searchParams.set('code', stolen)

  expect(await failed(finishAuthorization(callback, ours.pending))).toMatchObject({ error: 'invalid_grant' })

  const redemptions = server.journal.arrivals.filter(({ path }) => path === '/token')
  expect(redemptions.map(({ status: code }) => code)).toEqual([400])
  expect(redemptions[0]?.body).not.toContain(new URL(theirs.url).searchParams.get('code_challenge'))
})

it.each([
  ['in the fragment', '', '#access_token=evil-token&token_type=Bearer'],
  ['in the query', 'access_token=evil-token&token_type=Bearer&', ''],
  ['in both', 'access_token=evil-token&id_token=evil-id&', '#access_token=evil-token&token_type=Bearer'],
])(
  'brings a token %s of a callback: it is not taken (RFC 9700 §4.6; RFC 9700 §2.1.2)',
  async (_, query, fragment) => {
    await using world = await startWorld(honestPages())
    const { store, kept } = watchedStore()
    const browser = (url: URL) => {
      const named = new URLSearchParams({ state: url.searchParams.get('state') ?? '', iss: issuer })
      return `${redirectUri}?${query}${named}${fragment}`
    }
    await using auth = victimOf('authorization code', { resourceUrl }, { fetch: world.fetch, store, browser })

    expect(await failed(auth.getToken())).toMatchObject({ code: 'invalid_callback' })

    expect(paths(world, 'as.example')).not.toContain('/token')
    expect(kept.join()).not.toContain('evil')
    expect(auth.current()).toBeUndefined()
  },
)

it('loses its answer to a code: the code is not sent a second time (RFC 6749 §4.1.2; RFC 6749 §10.5)', async () => {
  const codes = ['hush-code-1', 'hush-code-2']
  const cut: Page = (response) => response.destroy()
  await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: cut })
  const browser = (url: URL) => comingBack(url, { code: codes.shift() ?? '' })
  await using auth = victimOf('authorization code', { resourceUrl }, { fetch: world.fetch, browser })

  await failed(auth.getToken())
  await failed(auth.getToken())

  const sent = world.at('as.example').map(({ body }) => new URLSearchParams(body))
  const redeemed = sent.map((form) => form.get('code')).filter((code) => code !== null)
  expect(redeemed).toEqual(['hush-code-1', 'hush-code-2'])
  expect(new Set(sent.map((form) => form.get('code_verifier'))).size).toBe(3)
})

it('refuses a refresh token: it is forgotten, in the store as well, and not sent again (RFC 9700 §4.14.2; MCP Token Theft)', async () => {
  await using world = await startWorld(honestPages())
  const { store, held } = watchedStore()
  await using auth = victimOf('authorization code', { resourceUrl }, { fetch: world.fetch, store })
  const rejected = await auth.getToken()
  expect(await held()).toContain('hush-refresh-1')
  const refusing = inTurn(
    refused('invalid_grant'),
    document({ access_token: 'hush-next', token_type: 'Bearer' }),
  )
  world.lay({ [`${issuer}/token`]: refusing })

  await auth.getToken({ rejected })
  await auth.getToken()

  const refreshes = world.at('as.example').filter(({ body }) => body.includes('hush-refresh-1'))
  expect(refreshes).toHaveLength(1)
  expect(await held()).not.toContain('hush-refresh-1')
})

const token = { access_token: 'evil-token', token_type: 'Bearer', expires_in: 3600 }

it.each<[string, object | string]>([
  ['a token that would end its header', { ...token, access_token: 'evil-token\r\nx-evil: 1' }],
  ['a token that is two', { ...token, access_token: 'evil-token, Basic YQ==' }],
  ['a token that is none', { ...token, access_token: ['evil-token'] }],
  ['a token of a type that nobody knows', { ...token, token_type: 'evil' }],
  ['a type that would end its header', { ...token, token_type: 'Bearer\r\nx-evil: 1' }],
  ['a token of no type', { ...token, token_type: undefined }],
  ['a token beside an error', { ...token, error: 'invalid_grant' }],
  ['a token in the prototype', `{"__proto__": ${JSON.stringify(token)}}`],
])(
  'answers with %s: no request carries it, and it is not kept (RFC 6750 §2.1; RFC 6749 §5.1; RFC 6749 §7.1)',
  async (_, answer) => {
    const page = typeof answer === 'string' ? text(answer) : document(answer)
    for (const secret of secrets) {
      await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: page })
      const { store, kept } = watchedStore()
      await using auth = victimOf(secret, { resourceUrl }, { fetch: world.fetch, store })

      await failed(auth.getToken())
      await auth.fetch(resourceUrl).catch(() => {})

      expect(paths(world, 'as.example'), secret).toContain('/token')
      expect(
        world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? []),
        secret,
      ).toEqual([])
      expect(kept.join(), secret).not.toContain('evil')
      expect(auth.current(), secret).toBeUndefined()
    }
  },
)

it.each([
  ['a refresh token', 'urn:ietf:params:oauth:token-type:refresh_token'],
  ['an ID token', 'urn:ietf:params:oauth:token-type:id_token'],
  ['an assertion for another server', 'urn:ietf:params:oauth:token-type:id-jag'],
  ['what it does not say', undefined],
])(
  'gives %s in exchange, and calls it Bearer: no request carries it, and it is not kept (RFC 8693 §2.2.1; MCP Token Passthrough)',
  async (_, issued_token_type) => {
    await using world = await startWorld({
      ...honestPages(),
      [`${issuer}/token`]: { ...token, issued_token_type },
    })
    const { store, kept } = watchedStore()
    await using auth = victimOf('subject token', { resourceUrl }, { fetch: world.fetch, store })

    await failed(auth.fetch(resourceUrl))

    expect(world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? [])).toEqual([])
    expect(kept.join()).not.toContain('evil')
  },
)

it.each(secrets.filter((each) => each !== 'subject token'))(
  'says that what it gives for the %s is an ID token, and calls it Bearer: no request carries it (RFC 8693 §2.2.1; RFC 6749 §7.1)',
  async (secret) => {
    const issued_token_type = 'urn:ietf:params:oauth:token-type:id_token'
    await using world = await startWorld({
      ...honestPages(),
      [`${issuer}/token`]: { ...token, issued_token_type },
    })
    await using auth = victimOf(secret, { resourceUrl }, { fetch: world.fetch })

    expect((await auth.getToken()).tokenType).toBe('N_A')
    await failed(auth.fetch(resourceUrl))

    expect(world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? [])).toEqual([])
  },
)

it.each(secrets)(
  'answers a proof of a key with a token that is bound to none, for the %s: no request carries it, and it is not kept (RFC 9449 §5; RFC 9700 §4.10.1)',
  async (secret) => {
    const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token'
    await using world = await startWorld({
      ...honestPages(),
      [`${issuer}/token`]: { ...token, issued_token_type },
    })
    const { store, kept } = watchedStore()
    const given = { fetch: world.fetch, store, binding: await dpop() }
    await using auth = victimOf(secret, { resourceUrl }, given)

    expect(await failed(auth.getToken())).toMatchObject({ code: 'token_type_not_supported' })
    await auth.fetch(resourceUrl).catch(() => {})

    expect(world.at('rs.example').flatMap(({ headers }) => headers.authorization ?? [])).toEqual([])
    expect(kept.join()).not.toContain('evil')
  },
)

it('has its endpoints in the prototype of its metadata, or of a client that it registers: nothing is found there (RFC 8414 §3.3; RFC 7591 §5)', async () => {
  const poisoned = (own: object, more: object) =>
    text(`${JSON.stringify(own).slice(0, -1)}, "__proto__": ${JSON.stringify({ ...more, polluted: true })}}`)
  const { token_endpoint, ...others } = honest
  const evilEndpoint = { token_endpoint: evil.token_endpoint }
  await using world = await startWorld({
    ...honestPages(),
    ...serverPages(evilIssuer, 'evil'),
    [wellKnown(issuer)]: poisoned(others, evilEndpoint),
  })
  const { store, kept } = watchedStore()
  const registration = dynamicRegistration({}, { store })
  for (const given of [{}, { registration }]) {
    await using auth = victimOf(
      'authorization code',
      { resourceUrl },
      { fetch: world.fetch, store, ...given },
    )
    await failed(auth.getToken())
    world.lay({
      [wellKnown(issuer)]: honest,
      [`${issuer}/register`]: poisoned({}, { client_id: 'evil-client', ...evilEndpoint }),
    })
  }

  expect(paths(world, 'as.example')).toContain('/register')
  expect(paths(world, 'as.example')).not.toContain(new URL(token_endpoint).pathname)
  expect(world.at('evil.example')).toEqual([])
  expect(kept.join()).not.toContain('evil-client')
  expect('polluted' in {}).toBe(false)
})

it('answers with a token and a prototype beside it: no copy of what it answered gets that (RFC 6749 §5.1)', async () => {
  const answer = text(`${JSON.stringify(token).slice(0, -1)}, "__proto__": {"polluted": true}}`)
  await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: answer })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, store: memoryStore() })

  const { extra } = await auth.getToken()

  // As many do who merge objects.
  expect('polluted' in Object.assign({}, extra)).toBe(false)
  expect('polluted' in {}).toBe(false)
})

it('gives a program of its own right a refresh token: it is not kept, nor ever sent (RFC 6749 §4.4.3; RFC 9700 §2.2.2)', async () => {
  const answer = { ...token, refresh_token: 'evil-refresh' }
  await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: answer })
  const { store, kept } = watchedStore()
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, store })

  const rejected = await auth.getToken()
  await auth.getToken({ rejected })

  expect(kept.join()).not.toContain('evil-refresh')
  expect(
    world
      .at('as.example')
      .map(({ body }) => body)
      .join(),
  ).not.toContain('evil-refresh')
})

it('says of its token that it is of another issuer and for another resource: it is kept, and sent, as its own (RFC 9700 §4.4; RFC 8707 §2)', async () => {
  const lie = {
    ...token,
    issuer: 'https://victim.example',
    iss: 'https://victim.example',
    resource: 'https://victim.example/',
  }
  await using world = await startWorld({ ...honestPages(), [`${issuer}/token`]: lie })
  await using auth = victimOf('client secret', { resourceUrl }, { fetch: world.fetch, store: memoryStore() })

  const given = await auth.getToken()
  await failed(auth.fetch('https://victim.example/'))

  expect([given.issuer, given.resource]).toEqual([issuer, resourceUrl])
  expect(world.at('victim.example')).toEqual([])
})

it('says of a client that it registers what others are to do: its redirect URI stays ours, and no place that it names is asked (RFC 7591 §5; MCP Open Redirection)', async () => {
  const answer = {
    client_id: 'hush-id',
    redirect_uris: [`${evilIssuer}/callback`],
    registration_client_uri: 'https://169.254.169.254/',
    jwks_uri: 'https://10.0.0.1/',
    token_endpoint: `${evilIssuer}/token`,
    issuer: evilIssuer,
  }
  await using world = await startWorld({ ...honestPages(), [`${issuer}/register`]: answer })
  const shown: string[] = []
  const registration = dynamicRegistration({})
  const given = { fetch: world.fetch, registration, shown }
  await using auth = victimOf('authorization code', { resourceUrl }, given)

  await auth.getToken()

  expect(shown.map((each) => new URL(each).searchParams.get('redirect_uri'))).toEqual([redirectUri])
  expect(new Set(world.asked.map((each) => new URL(each).host))).toEqual(
    new Set(['rs.example', 'as.example']),
  )
})

it('forgets its clients without end: one is registered anew, and then no more (RFC 7591 §5)', async () => {
  let clients = 0
  const registering: Page = (response) => {
    clients += 1
    document({ client_id: `client-${clients}` })(response)
  }
  await using world = await startWorld({
    ...honestPages(),
    [`${issuer}/register`]: registering,
    [`${issuer}/token`]: refused('invalid_client'),
  })
  await using auth = victimOf(
    'authorization code',
    { resourceUrl },
    { fetch: world.fetch, registration: dynamicRegistration({}) },
  )

  await failed(auth.getToken())

  expect(paths(world, 'as.example').filter((path) => path === '/register')).toHaveLength(2)
})

it('never lets a device in, and never says no: it is asked once a second, and not after its time (RFC 8628 §3.5)', async () => {
  const device = {
    device_code: 'hush-device-code',
    user_code: 'ABCD',
    verification_uri: `${issuer}/activate`,
    expires_in: 20,
    interval: 0.001,
  }
  await using world = await startWorld({
    ...honestPages(),
    [`${issuer}/device`]: device,
    [`${issuer}/token`]: refused('authorization_pending'),
  })
  await using auth = victimOf('device code', { resourceUrl }, { fetch: world.fetch, clock: quickClock() })

  expect(await failed(auth.getToken())).toMatchObject({ code: 'login_expired' })

  expect(paths(world, 'as.example').filter((path) => path === '/token').length).toBeLessThanOrEqual(20)
})

it('lists the token endpoint of another server as its own: what a client signs names it all the same, and is of no use there (RFC 7523 §3; RFC 9700 §2.5)', async () => {
  await using world = await startWorld(honestPages())
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ])
  for (const token_endpoint of [honest.token_endpoint, evil.token_endpoint]) {
    await using auth = new ClientCredentialsAuth({
      serverMetadata: { ...evil, token_endpoint },
      clientId: 'me',
      clientAuthentication: privateKeyJwt({ key: privateKey, algorithm: 'ES256' }),
      fetch: world.fetch,
    })
    await auth.getToken().catch(() => {})
  }

  const assertions = world.arrivals.map(({ body }) => new URLSearchParams(body).get('client_assertion') ?? '')
  expect(assertions.map((each) => claimsOf(each)['aud'])).toEqual([evilIssuer, evilIssuer])
})

it("is named by a resource to get at an employer's users: it sees no ID token, and an assertion that names it alone (MCP Confused Deputy Problem; RFC 9700 §4.9.1)", async () => {
  const idp = 'https://idp.example'
  const idJag = 'urn:ietf:params:oauth:token-type:id-jag'
  const answer = { access_token: 'hush-assertion', token_type: 'N_A', issued_token_type: idJag }
  await using world = await startWorld({
    ...honestPages(),
    ...serverPages(evilIssuer, 'evil'),
    [metadataUrl]: { ...resourceMetadata, authorization_servers: [evilIssuer] },
    [`${idp}/token`]: answer,
  })
  await using auth = new JwtBearerAuth({
    resourceUrl,
    clientId: 'me',
    clientSecret: 'at-the-resource',
    assertion: identityAssertion({
      serverMetadata: { issuer: idp, token_endpoint: `${idp}/token` },
      clientId: 'me',
      clientSecret: 'hush-idp-secret',
      identityToken: () => 'hush-id-token',
      fetch: world.fetch,
    }),
    fetch: world.fetch,
  })

  await auth.getToken()

  const [asked] = world.at('idp.example')
  expect(new URLSearchParams(asked?.body).getAll('audience')).toEqual([evilIssuer])
  expect(secretsAmong(world.at('evil.example'))).toEqual(['hush-assertion'])
  expect(secretsAmong(world.at('rs.example'))).toEqual([])
})

function legOf(name: string) {
  return postings.find(({ leg }) => leg === name) ?? expect.fail(`there is no ${name}`)
}

/** By which a server names an endpoint in its metadata. */
function memberOf(endpoint: string): string {
  return Object.entries(honest).find(([, value]) => value === endpoint)?.[0] ?? expect.fail('it is not named')
}
