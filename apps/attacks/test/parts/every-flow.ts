/**
 * A program that gets tokens in every way there is, at servers that work and at such as break in each kind of way and
 * echo all that they were sent; and prints whatever it gets hold of, in every way that programs do. What was secret is
 * told to its parent.
 *
 * @module
 */
import { randomBytes, randomUUID } from 'node:crypto'
import diagnostics from 'node:diagnostics_channel'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { format, inspect } from 'node:util'
import { serialize } from 'node:v8'
import { MCPClient } from '@x/mcp-client'
import { discoverAuthorizationServer, inspectResource } from '@x/oauth-discovery'
import {
  type AuthOptions,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  type Clock,
  clientSecretJwt,
  clientSecretPost,
  createToken,
  DeviceCodeAuth,
  dynamicRegistration,
  encrypted,
  finishAuthorization,
  identityAssertion,
  JwtBearerAuth,
  memoryStore,
  privateKeyJwt,
  startAuthorization,
  TokenExchangeAuth,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { fileStore, loopbackReceiver, pastedRedirect } from '@x/oauth-grants/node'
import { startPlainMcpServer, toolsNamed } from './plain-mcp-server.ts'
import { type Asked, serve } from './serving.ts'

const secrets = new Set<string>()

const made = new Map<string, string>()

/** A text that is secret, the same whenever it is asked for by that name. */
function secret(name: string): string {
  const known = made.get(name) ?? `${name}-${randomUUID()}`
  made.set(name, known)
  secrets.add(known)
  return known
}

/** How the servers behave. */
const moods = [
  'good',
  'echoes',
  'echoes behind a known word',
  'is down and echoes',
  'shows a page',
  'mixes up members',
  'gives what no header carries',
  'redirects',
  'resets',
  'hangs',
] as const
type Mood = (typeof moods)[number]
let mood: Mood = 'good'

/** Whatever was secret in a request. */
function note({ headers, form }: Asked): void {
  const credential = headers.get('authorization')?.replace(/^\S+ /, '')
  const names =
    /^(?:client_secret|client_assertion|code|code_verifier|refresh_token|token|device_code|subject_token|actor_token|assertion)$/
  const posted = [...form].flatMap(([name, value]) => (names.test(name) ? [value] : []))
  // What was signed differs each time, and its reader looks for all of that kind.
  for (const each of [credential ?? '', ...posted]) if (!each.startsWith('eyJ')) secrets.add(each)
  secrets.delete('')
}

/** All that was sent, in each way that servers write it down. */
function echoOf({ headers, body, form, url }: Asked): string {
  const authorization = headers.get('authorization') ?? ''
  const decoded = Buffer.from(authorization.replace(/^\S+ /, ''), 'base64').toString()
  const values = [...form.values()].join(' ')
  return [values, body, authorization, decoded, headers.get('dpop') ?? '', url.href].join(' | ')
}

/** What a server does that is not well; undefined where it is. */
function broken(asked: Asked): Response | Promise<Response> | undefined {
  const echo = echoOf(asked)
  const quoted = echo.replace(/[^ !#-[\]-~]/g, '')
  const headers = { 'www-authenticate': `Bearer realm="${quoted}", error="${quoted}"`, 'x-echo': quoted }
  switch (mood) {
    case 'echoes':
      return Response.json(
        { error: echo, error_description: echo, error_uri: echo },
        { status: 400, headers },
      )
    case 'echoes behind a known word':
      return Response.json({ error: 'invalid_request', error_description: echo }, { status: 401, headers })
    case 'is down and echoes':
      return Response.json({ error: 'server_error', error_description: echo }, { status: 503, headers })
    case 'shows a page':
      return new Response(`<p>${echo}`, { headers: { ...headers, 'content-type': 'text/html' } })
    case 'mixes up members': {
      const token = secret('misplaced')
      return Response.json({
        access_token: 'Bearer',
        token_type: token,
        device_code: 5,
        user_code: token,
        client_id: 5,
      })
    }
    case 'gives what no header carries': {
      const token = `${secret('broken')}\n`
      return Response.json({ access_token: token, token_type: 'Bearer', device_code: token, client_id: '' })
    }
    case 'redirects':
      return new Response(echo, {
        status: 307,
        headers: { ...headers, location: `/else?${new URLSearchParams({ echo })}` },
      })
    case 'resets':
      throw new Error(echo)
    case 'hangs':
      return new Promise(() => {})
    case 'good':
      return undefined
    default:
      throw new Error(mood satisfies never)
  }
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

const server = await serve((origin) => (asked) => {
  const { url, form } = asked
  note(asked)
  if (url.pathname.includes('.well-known')) return Response.json(metadataAt(origin))
  const fault = broken(asked)
  if (fault !== undefined) return fault
  if (url.pathname === '/register')
    return Response.json({ client_id: 'registered', client_secret: secret('issued') })
  if (url.pathname === '/revoke') return new Response()
  if (url.pathname === '/device') {
    return Response.json({
      device_code: secret('device'),
      user_code: 'WDJB-MJHT',
      verification_uri: `${origin}/activate`,
      expires_in: 600,
      interval: 1,
    })
  }
  return Response.json({
    access_token: secret('access'),
    refresh_token: secret('refresh'),
    id_token: secret('id'),
    device_secret: secret('extra'),
    token_type: asked.headers.has('dpop') ? 'DPoP' : 'Bearer',
    expires_in: 3600,
    issued_token_type: form.get('requested_token_type') ?? accessTokenType,
  })
})

function metadataAt(issuer: string) {
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    authorization_endpoint: `${issuer}/authorize`,
    device_authorization_endpoint: `${issuer}/device`,
    registration_endpoint: `${issuer}/register`,
    revocation_endpoint: `${issuer}/revoke`,
    code_challenge_methods_supported: ['S256'],
  }
}

const serverMetadata = metadataAt(server.origin)

/** A resource that, unless it is good, refuses every token and echoes it. */
const api = await serve((origin) => (asked) => {
  note(asked)
  if (asked.url.pathname.includes('.well-known')) {
    return Response.json({ resource: `${origin}/api`, authorization_servers: [server.origin] })
  }
  if (resourceMood === 'good') return Response.json({ headers: Object.fromEntries(asked.headers) })
  const token = echoOf(asked).replace(/[^ !#-[\]-~]/g, '')
  const error = resourceMood === 'wants more' ? 'insufficient_scope' : 'invalid_token'
  const demand = `Bearer realm="${token}", error="${error}", scope="more", error_description="${token}", x="${token}"`
  return new Response(token, {
    status: resourceMood === 'wants more' ? 403 : 401,
    headers: { 'www-authenticate': demand, 'x-echo': token },
  })
})
let resourceMood: 'good' | 'refuses' | 'wants more' = 'good'

const mcp = await startPlainMcpServer({
  answer: (method, asked) => {
    note(asked)
    const echo = echoOf(asked).replace(/[^ !#-[\]-~]/g, '')
    const refused = (status: number, error: string) =>
      new Response(echo, {
        status,
        headers: {
          'www-authenticate': `Bearer realm="${echo}", error="${error}", error_description="${echo}", scope="more"`,
        },
      })
    if (mcpMood === '401') return refused(401, 'invalid_token')
    if (mcpMood === '403') return refused(403, 'insufficient_scope')
    if (mcpMood === '400') return refused(400, 'invalid_request')
    if (mcpMood === '500') return refused(500, 'x')
    if (mcpMood === 'page') return new Response(echo, { headers: { 'content-type': 'text/html' } })
    return method === 'tools/list' ? toolsNamed('a') : { result: { content: [], resultType: 'complete' } }
  },
})
let mcpMood = 'good'

/** Prints a value in each way that programs print. */
function show(what: string, value: unknown): void {
  console.log(what, value)
  console.error('%s %o %O %j', value, value, value, plain(value))
  console.dir(value, { depth: 12, showHidden: true })
  // Without `getters`: whoever has each getter called asks for the secrets by name.
  const whole = { depth: 12, showHidden: true, showProxy: true, maxStringLength: null } as const
  console.log(inspect(value, whole))
  console.log(format(value), String(value), JSON.stringify(plain(value)))
  if (typeof value === 'object' && value !== null) {
    const names: string[] = []
    for (const name in value) names.push(name)
    console.log(names, { ...value }, Object.getOwnPropertyDescriptors(value))
  }
  console.log(attempt(() => inspect(structuredClone(value), whole)))
  console.log(attempt(() => serialize(value).toString('latin1')))
  for (let each = value; each instanceof Error; each = each.cause) {
    console.log(each.stack, each.message, JSON.stringify(each, Object.getOwnPropertyNames(each)))
  }
}

/** Without what goes in a circle. */
function plain(value: unknown): unknown {
  return attempt(() => JSON.stringify(value)) === undefined ? undefined : value
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

const onEvent = (event: object) => {
  console.log('event', event, JSON.stringify(event), inspect(event, { depth: 10, showHidden: true }))
}

const folder = await mkdtemp(join(tmpdir(), 'attacks-logs-'))
/** A hundred times as fast. */
const hastyClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms / (ms > 5_000 ? 20 : 100), undefined, { signal, ref: false }),
}
const redirectUri = 'http://127.0.0.1/callback'
const clientSecret = secret("client:/+ secret é'")
/** Nobody waits for long for a server that hangs. */
const limited = {
  onEvent,
  get timeoutMs() {
    return mood === 'hangs' ? 30 : 5_000
  },
}
const base = {
  serverMetadata,
  clientId: 'me',
  clientSecret,
  onEvent,
  get timeoutMs() {
    return limited.timeoutMs
  },
}
const callbackOf = (url: URL) =>
  `${redirectUri}?code=${secret('code')}&state=${url.searchParams.get('state')}`
const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
])
const pem = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)).toString('base64')
for (let at = 0; at < pem.length; at += 64) secrets.add(pem.slice(at, at + 64))
const key = `-----BEGIN PRIVATE KEY-----\n${pem}\n-----END PRIVATE KEY-----`
const encryptionKey = randomBytes(32)
secrets.add(encryptionKey.toString('base64'))
const binding = await dpop()

const resource = `${api.origin}/api`

interface Source extends AsyncDisposable {
  getToken(): Promise<unknown>
  readonly fetch?: typeof fetch
  signOut?(): Promise<boolean>
}

/** Gets tokens, uses them, has them refused, renewed and revoked; and shows all that comes of it. */
async function live(make: () => Source | Promise<Source>): Promise<void> {
  const source = await caught('made', make)
  if (source === undefined) return
  // What it is does not depend on how a server behaves.
  if (mood === 'good') {
    show('object', source)
    const token = source.getToken().catch((error: unknown) => error)
    show('promise', token)
  }
  await caught('token', () => source.getToken())
  for (const each of ['good', 'refuses', 'wants more'] as const) {
    resourceMood = each
    await caught(`call of a resource that is: ${each}`, async () => {
      await source.fetch?.(resource, { headers: { authorization: `Bearer ${secret('own')}` } })
    })
  }
  resourceMood = 'good'
  await caught('call elsewhere', () => source.fetch?.(`https://evil.example/?x=${secret('query')}`))
  await caught('sign out', () => source.signOut?.())
  await source[Symbol.asyncDispose]()
  await caught('closed', () => source.getToken())
}

async function caught<T>(what: string, act: () => T): Promise<Awaited<T> | undefined> {
  try {
    const value = await act()
    show(what, value)
    return value
  } catch (error) {
    show(`${what}: thrown`, error)
    return undefined
  }
}

const withResource = <O extends object>(options: O): O & Pick<AuthOptions, 'resource'> => ({
  ...options,
  resource,
})

const flows: Readonly<Record<string, () => Promise<void>>> = {
  'client credentials in a header': () => live(() => new ClientCredentialsAuth(withResource(base))),
  'client credentials in a form, from a store': () =>
    live(
      () =>
        new ClientCredentialsAuth(
          withResource({ ...base, clientAuthentication: clientSecretPost, store: memoryStore() }),
        ),
    ),
  'a signed assertion of the client': () =>
    live(
      () =>
        new ClientCredentialsAuth(
          withResource({ ...base, clientAuthentication: privateKeyJwt({ key, algorithm: 'ES256' }) }),
        ),
    ),
  'an assertion that the secret has signed': () =>
    live(() => new ClientCredentialsAuth(withResource({ ...base, clientAuthentication: clientSecretJwt() }))),
  'bound tokens': () => live(() => new ClientCredentialsAuth(withResource({ ...base, binding }))),
  'token exchange': () =>
    live(
      () =>
        new TokenExchangeAuth(
          withResource({ ...base, subjectToken: () => secret('subject'), actorToken: secret('actor') }),
        ),
    ),
  'the assertion of a platform': () =>
    live(() => new JwtBearerAuth(withResource({ ...base, assertion: () => secret('assertion') }))),
  'the assertion of an employer': () => {
    const assertion = identityAssertion({ ...base, identityToken: () => secret('identity') })
    return live(() => new JwtBearerAuth(withResource({ ...base, assertion })))
  },
  'a device': () =>
    live(
      () =>
        new DeviceCodeAuth(
          withResource({
            ...base,
            clock: hastyClock,
            timeoutMs: undefined,
            prompt: (shown) => show('prompt', shown),
          }),
        ),
    ),
  'a person with a browser': () =>
    live(
      () =>
        new AuthorizationCodeAuth(
          withResource({ ...base, redirectUri, authorize: callbackOf, store: memoryStore() }),
        ),
    ),
  'a person who pastes': () => {
    const output = { write: (text: string) => console.log(text) }
    const input = (async function* () {
      yield `${redirectUri}?code=${secret('pasted')}&state=x\n`
    })()
    return live(
      () => new AuthorizationCodeAuth({ ...base, redirectUri, authorize: pastedRedirect({ input, output }) }),
    )
  },
  'a person at a receiver': () =>
    live(
      () =>
        new AuthorizationCodeAuth({
          ...base,
          loginTimeoutMs: 1_000,
          authorize: loopbackReceiver({
            open: async (url) => {
              const { searchParams } = new URL(url)
              const answer = new URLSearchParams({
                code: secret('code'),
                state: `${searchParams.get('state')}`,
              })
              // Whoever waits for the page would keep the sign-in from its end.
              get(`${searchParams.get('redirect_uri')}?${answer}`, (page) => {
                void textOf(page).then(console.log)
              })
            },
          }),
        }),
    ),
  'two halves of a sign-in': async () => {
    const { url, pending } = await startAuthorization({ ...base, redirectUri })
    const ends = [
      callbackOf(url),
      `${callbackOf(url)}&code=${secret('twice')}`,
      `${redirectUri}?code=${secret('other')}&state=${secret('state')}`,
      `https://evil.example/?code=${secret('elsewhere')}`,
      `no url ${secret('none')}`,
      `${callbackOf(url)}&iss=${secret('iss')}`,
    ]
    for (const end of ends) await caught('finish', () => finishAuthorization(end, pending, base))
    await caught('pending', () =>
      finishAuthorization(callbackOf(url), `${pending} ${secret('changed')}`, base),
    )
  },
  'nobody who comes back': () =>
    live(
      () =>
        new AuthorizationCodeAuth({
          ...base,
          redirectUri,
          loginTimeoutMs: 10,
          authorize: () => new Promise(() => {}),
        }),
    ),
  'a refresh token of before': () =>
    live(
      () =>
        new AuthorizationCodeAuth(
          withResource({ ...base, redirectUri, authorize: callbackOf, refreshToken: secret('handed-in') }),
        ),
    ),
  'a client that registers': () =>
    live(
      () =>
        new AuthorizationCodeAuth({
          resourceUrl: resource,
          ...limited,
          redirectUri,
          authorize: callbackOf,
          store: memoryStore(),
          registration: dynamicRegistration({ client_name: 'Agent' }, { store: memoryStore() }),
        }),
    ),
  'a resource that is asked first': async () => {
    const { clientId } = base
    const found = { resourceUrl: resource, clientId, clientSecret, ...limited }
    await live(() => new ClientCredentialsAuth(found))
    await live(() => ClientCredentialsAuth.fromIssuer({ ...found, issuer: server.origin, resource }))
    await caught('discovery', () => discoverAuthorizationServer(resource, { ...limited }))
    const withQuery = `${resource}?key=${secret('key')}`
    await caught('inspection', () => inspectResource(withQuery, { ...limited }))
    await caught('a password', () =>
      inspectResource(`https://u:${secret('password')}@rs.example/`, { onEvent }),
    )
  },
  'an encrypted store, and files that are none': async () => {
    const store = encrypted(memoryStore(), encryptionKey)
    show('store', store)
    await live(() => new ClientCredentialsAuth(withResource({ ...base, store })))
    const path = join(folder, `${randomUUID()}.json`)
    await writeFile(path, `{"version":2,"entries":{"a":"${secret('in-file')}"`, { mode: 0o600 })
    await live(() => new ClientCredentialsAuth(withResource({ ...base, store: fileStore({ path }) })))
    const other = encrypted(memoryStore(), randomBytes(32))
    await other.save('a', secret('sealed'), { expect: undefined })
    const moved = await other.load('a')
    const inner = memoryStore()
    await inner.save('a', moved?.value ?? '', { expect: undefined })
    await caught('another key', () => encrypted(inner, encryptionKey).load('a'))
    await caught('a bad key', () => encrypted(inner, Buffer.from(secret('short-key'))))
  },
  'an MCP server': async () => {
    const auth = new ClientCredentialsAuth({ ...base, resource: mcp.url })
    for (const each of ['good', '401', '403', '400', '500', 'page']) {
      mcpMood = 'good'
      const client = await caught('connect', () => MCPClient.connect(mcp.url, { auth, onEvent }))
      mcpMood = each
      if (client !== undefined) {
        // All of it would be megabytes of what checks schemas.
        console.log(inspect(client.client, { depth: 3, showHidden: true }))
        await caught('tools', () => client.listTools())
        await caught('call', () => client.callTool({ name: 'a', arguments: { x: secret('argument') } }))
        await client.close()
      }
      const token = secret('plain-token')
      await caught('connect with a token', () =>
        MCPClient.connect(`${mcp.url}?key=${secret('url')}`, { auth: token }),
      )
    }
    await caught('a password', () => MCPClient.connect(`https://u:${secret('password')}@mcp.example/`))
    await auth.close()
  },
  'tokens by themselves': async () => {
    const token = createToken({
      accessToken: secret('access'),
      refreshToken: secret('refresh'),
      idToken: secret('id'),
      extra: { device_secret: secret('extra') },
      binding,
    })
    show('token', token)
    show('list', [token, { token, map: new Map([[token, token]]), set: new Set([token]) }])
    show('binding', binding)
    await caught('no token', () => createToken({ accessToken: `${secret('bad')}\n` }))
    await caught('another type', () => createToken({ accessToken: secret('mac'), tokenType: secret('type') }))
  },
}

// What the platform tells of each request: that has a URL, and no secret belongs into one.
diagnostics.subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { origin: string; method: string; path: string } }
  if (!/[?&](?:echo|key)=/.test(request.path))
    console.log('request', request.origin, request.method, request.path)
})

const [only] = process.argv.slice(2)
for (const [name, run] of Object.entries(flows)) {
  if (only !== undefined && only !== name) continue
  console.log(`\n=== ${name}`)
  console.error(`\n=== ${name}`)
  for (const each of moods) {
    mood = each
    await run()
    // These do not ask the server that has moods, or not for what they are about.
    if (/^(?:tokens|an encrypted|an MCP)/.test(name)) break
  }
  // Nobody catches this one: the platform prints it.
  mood = 'echoes'
  void new ClientCredentialsAuth(base).getToken()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
console.log(`\n=== the report of the process`)
console.log(JSON.stringify(process.report.getReport()))
await Promise.all([server.close(), api.close(), mcp.close(), rm(folder, { recursive: true })])
process.send?.({ secrets: [...secrets], flows: Object.keys(flows) }, () => process.exit())
