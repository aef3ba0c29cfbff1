import { type Arrival, startTestbed, type Testbed, testClients } from '@x/testbed'
import { generateKeyPair } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import {
  type Auth,
  AuthorizationCodeAuth,
  type Binding,
  ClientCredentialsAuth,
  clientIdMetadataDocument,
  DeviceCodeAuth,
  dynamicRegistration,
  finishAuthorization,
  JwtBearerAuth,
  memoryStore,
  startAuthorization,
  TokenExchangeAuth,
} from '../../src/index.ts'
import { handClock } from '../hand-clock.ts'
import { decide } from '../person.ts'
import { browse } from '../sign-in.ts'
import { claimsOf } from './reading.ts'

const { worker, cli } = testClients

/** One where bound tokens are taken like others, and one where nothing goes without a nonce and a key. */
let plain: Testbed
let strict: Testbed
beforeAll(async () => {
  ;[plain, strict] = await Promise.all([
    startTestbed({ registers: true, deviceIntervalSeconds: 1 }),
    startTestbed({ boundTokensOnly: true, requiresNonces: true, deviceIntervalSeconds: 1, registers: true }),
  ])
})
afterAll(() => Promise.all([plain.close(), strict.close()]))
beforeEach(() => {
  for (const { authorizationServer, api, mcp } of [plain, strict])
    for (const { faults, journal } of [authorizationServer, api, mcp]) {
      faults.heal()
      journal.clear()
    }
})

const boundTo = (token: string): unknown => {
  const { cnf }: { cnf?: { jkt?: unknown } } = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
  )
  return cnf?.jkt
}

const requestsTo = (arrivals: readonly Arrival[], path: string) =>
  arrivals
    .filter((each) => each.path === path)
    .map(({ status, headers }) => ({ status, proof: headers['dpop'] }))

type Make = (testbed: Testbed, binding: Binding) => Promise<Auth>

const redirectUri = 'http://127.0.0.1:5555/callback'

const grants: readonly [name: string, make: Make][] = [
  [
    'client credentials',
    ({ api }, binding) => ClientCredentialsAuth.fromResource({ ...worker, resourceUrl: api.url, binding }),
  ],
  [
    'a code',
    ({ api }, binding) =>
      AuthorizationCodeAuth.fromResource({
        ...cli,
        resourceUrl: api.url,
        redirectUri,
        authorize: browse,
        binding,
      }),
  ],
  [
    'a device',
    ({ api }, binding) =>
      DeviceCodeAuth.fromResource({
        ...cli,
        resourceUrl: api.url,
        prompt: async (shown) => void (await decide(shown)),
        binding,
      }),
  ],
  [
    'an exchange',
    ({ api, authorizationServer: { issuer } }, binding) =>
      TokenExchangeAuth.fromResource({
        ...worker,
        resourceUrl: api.url,
        subjectToken: async () => {
          const options = { ...worker, issuer, resource: api.url, scope: 'api:read' }
          const subject = await ClientCredentialsAuth.fromIssuer(options)
          return (await subject.getToken()).accessToken
        },
        binding,
      }),
  ],
  [
    'an assertion',
    ({ api, authorizationServer: { platform } }, binding) =>
      JwtBearerAuth.fromResource({
        resourceUrl: api.url,
        assertion: ({ issuer }) => platform.sign({ subject: 'w1', audience: issuer }),
        binding,
      }),
  ],
]

describe.each(grants)('a token for %s', (_name, make) => {
  it('is bound, and the resource takes it with a proof (DP-01, DP-02, DP-03)', async () => {
    const binding = await dpop()
    await using auth = await make(plain, binding)

    const token = await auth.getToken()
    const answers = [await auth.fetch(plain.api.url), await auth.fetch(`${plain.api.url}/orders?a=b`)]

    expect(token).toMatchObject({ tokenType: 'DPoP', binding })
    expect(boundTo(token.accessToken)).toBe(binding.thumbprint)
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(plain.api.journal.count({ path: /^\/api/, status: 401 })).toBeLessThanOrEqual(1)
  })

  it('is got and used with nonces, each asked for once (DP-04, DP-05, DP-06)', async () => {
    await using auth = await make(strict, await dpop())
    await auth.getToken()
    strict.api.journal.clear()

    const answers = [await auth.fetch(strict.api.url), await auth.fetch(strict.api.url)]

    const toServer = requestsTo(strict.authorizationServer.journal.arrivals, '/token')
    const nonces = [...toServer, ...requestsTo(strict.api.journal.arrivals, '/api')].flatMap(({ proof }) =>
      proof === undefined ? [] : [claimsOf(proof).nonce],
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(nonces.filter((nonce) => nonce === undefined)).toHaveLength(2)
    expect(strict.api.journal.count({ path: '/api', status: 401 })).toBe(1)
  })
})

it('no proof goes with what is no token request: to a device, or to end a token (DP-01)', async () => {
  const { authorizationServer, api } = plain
  const auth = await DeviceCodeAuth.fromResource({
    ...cli,
    resourceUrl: api.url,
    prompt: async (shown) => void (await decide(shown)),
    binding: await dpop(),
  })
  await auth.getToken()

  await expect(auth.signOut()).resolves.toBe(true)

  const { arrivals } = authorizationServer.journal
  for (const path of ['/device/auth', '/token/revocation']) {
    expect(requestsTo(arrivals, path)).toEqual([{ status: 200, proof: undefined }])
  }
  expect(requestsTo(arrivals, '/token').every(({ proof }) => proof !== undefined)).toBe(true)
})

describe('the refresh token of a public client', () => {
  const signIn = (options: { binding: Binding; refreshToken?: string | undefined }, isThere = true) =>
    AuthorizationCodeAuth.fromResource({
      ...cli,
      resourceUrl: plain.api.url,
      redirectUri,
      scope: 'api:read',
      ...(isThere && { authorize: browse }),
      ...options,
    })

  it('is good with the key that it was given for, also after a restart (DP-08, RFC 9449 §5)', async () => {
    const keyPair = await generateKeyPair('ES256')
    const { refreshToken } = await (await signIn({ binding: await dpop({ keyPair }) })).getToken()
    const binding = await dpop({ keyPair })

    const token = await (await signIn({ binding, refreshToken }, false)).getToken()

    expect(boundTo(token.accessToken)).toBe(binding.thumbprint)
    expect(token.binding).toBe(binding)
  })

  it('is of no use with another key: somebody has to sign in again (DP-08, RFC 9449 §5)', async () => {
    const { refreshToken } = await (await signIn({ binding: await dpop() })).getToken()
    const auth = await signIn({ binding: await dpop(), refreshToken }, false)

    await expect(auth.getToken()).rejects.toMatchObject({ recovery: 'interaction' })
  })

  it('renews a token at its end, with the same key (DP-08)', async () => {
    const clock = handClock(Date.now())
    const binding = await dpop()
    const auth = await AuthorizationCodeAuth.fromResource({
      ...cli,
      resourceUrl: plain.api.url,
      redirectUri,
      authorize: browse,
      binding,
      clock,
    })
    const first = await auth.getToken()
    clock.pass(3_600_000)

    const second = await auth.getToken({ interactive: false })

    expect(second.accessToken).not.toBe(first.accessToken)
    expect(boundTo(second.accessToken)).toBe(binding.thumbprint)
    expect(plain.authorizationServer.journal.count({ path: '/token', status: 200 })).toBe(2)
  })
})

describe('a sign-in in two halves', () => {
  const begin = async (binding: Binding | undefined) => {
    const found = await fetch(`${plain.authorizationServer.issuer}/.well-known/oauth-authorization-server`)
    const serverMetadata = JSON.parse(await found.text())
    const options = {
      ...cli,
      serverMetadata,
      redirectUri,
      scope: 'api:read',
      resource: plain.api.url,
      binding,
    }
    const { url, pending } = await startAuthorization(options)
    return { url, pending, callback: await browse(url) }
  }

  it('names the key when it begins, and so binds the code (DP-11, RFC 9449 §10)', async () => {
    const binding = await dpop()
    const { url, pending, callback } = await begin(binding)

    const token = await finishAuthorization(callback, pending, { binding })

    expect(url.searchParams.get('dpop_jkt')).toBe(binding.thumbprint)
    expect(boundTo(token.accessToken)).toBe(binding.thumbprint)
    expect(token).toMatchObject({ tokenType: 'DPoP', binding })
  })

  it('is ended as it began, where tokens are bound if they can be (DP-11)', async () => {
    const binding = await dpop({ whereSupported: true })
    const { pending, callback } = await begin(binding)

    await expect(finishAuthorization(callback, pending, { binding })).resolves.toMatchObject({
      tokenType: 'DPoP',
      binding,
    })
  })

  it('names none, where tokens are not bound (DP-11)', async () => {
    const { url, pending, callback } = await begin(undefined)

    await expect(finishAuthorization(callback, pending)).resolves.toMatchObject({ tokenType: 'Bearer' })
    expect(url.searchParams.has('dpop_jkt')).toBe(false)
  })

  it('is not ended with another key, with none, or with one for none: no code is sent (DP-11)', async () => {
    const binding = await dpop()
    const [bound, other] = [await begin(binding), await begin(undefined)]

    for (const [{ callback, pending }, given] of [
      [bound, await dpop()],
      [bound, undefined],
      [other, binding],
    ] as const) {
      await expect(finishAuthorization(callback, pending, { binding: given })).rejects.toMatchObject({
        name: 'AuthConfigError',
        code: 'invalid_key',
      })
    }
    expect(plain.authorizationServer.journal.count({ path: '/token' })).toBe(0)
  })

  it('is not ended by whoever gets hold of the code, and has another key (DP-11, RFC 9449 §10)', async () => {
    const { pending, callback } = await begin(await dpop())
    const thief = await dpop()
    const changed = JSON.stringify({ ...JSON.parse(pending), thumbprint: thief.thumbprint })

    await expect(finishAuthorization(callback, changed, { binding: thief })).rejects.toMatchObject({
      code: 'refused',
      error: 'invalid_grant',
    })
  })
})

describe('a client that registers itself', () => {
  const register = (binding: Binding | undefined, store = memoryStore()) =>
    AuthorizationCodeAuth.fromResource({
      resourceUrl: plain.api.url,
      registration: [
        clientIdMetadataDocument('https://app.example/client.json'),
        dynamicRegistration({ client_name: 'Agent' }, { store }),
      ],
      redirectUri,
      authorize: browse,
      binding,
    })
  const sent = (): Record<string, unknown>[] =>
    plain.authorizationServer.journal.arrivals
      .filter(({ path }) => path === '/reg')
      .map(({ body }) => JSON.parse(body))

  it('says that its tokens are to be bound, if they are (DP-11, RFC 9449 §5.2)', async () => {
    const auth = await register(await dpop())
    await register(undefined)

    await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'DPoP' })
    expect(sent().map(({ dpop_bound_access_tokens: bound }) => bound)).toEqual([true, undefined])
  })

  it('is another client where they are not, and the same one for another key (DP-11)', async () => {
    const store = memoryStore()

    await register(await dpop(), store)
    await register(await dpop(), store)
    await register(undefined, store)

    expect(sent()).toHaveLength(2)
  })
})

it('a hundred requests that meet a new nonce cost one more try each, and no new token (DP-04)', async () => {
  await using auth = await ClientCredentialsAuth.fromResource({
    ...worker,
    resourceUrl: strict.api.url,
    binding: await dpop(),
  })
  await auth.fetch(strict.api.url)
  strict.api.forgetNonces()
  strict.api.journal.clear()
  strict.authorizationServer.journal.clear()

  const answers = await Promise.all(Array.from({ length: 100 }, () => auth.fetch(strict.api.url)))

  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  expect(strict.api.journal.arrivals.length).toBeLessThanOrEqual(200)
  expect(strict.authorizationServer.journal.arrivals).toEqual([])
})

it('a server that is shown a wrong time says its own, and takes a proof that is made by it (DP-13)', async () => {
  const clock = handClock(Date.now() - 3_600_000)
  await using auth = await ClientCredentialsAuth.fromResource({
    ...worker,
    resourceUrl: plain.api.url,
    binding: await dpop({ clock }),
  })

  const response = await auth.fetch(plain.api.url)

  expect(response.status).toBe(200)
  expect(plain.authorizationServer.journal.count({ path: '/token' })).toBe(2)
})
