import { startAuthorizationServer, testClients } from '@x/testbed'
import { describe, expect, it } from 'vitest'
import {
  type AuthOptions,
  ClientCredentialsAuth,
  clientSecretBasic,
  clientSecretPost,
  publicClient,
  rawClientSecretBasic,
} from '../src/index.ts'
import { metadata, tokenServer } from './token-server.ts'

/** What goes over the wire for one token. */
async function sent(options: Partial<AuthOptions>) {
  const server = tokenServer()
  const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush', fetch: server.fetch }
  await new ClientCredentialsAuth({ ...base, ...options }).getToken()
  const { url, headers, body } = server.arrivals[0] ?? expect.fail('nothing was sent')
  return { url, authorization: headers.get('authorization'), form: new URLSearchParams(body) }
}

const listing = (methods: readonly string[] | undefined) => ({
  ...metadata,
  token_endpoint_auth_methods_supported: methods,
})

describe('the method', () => {
  it.each([
    [undefined, 'client_secret_basic'],
    [['client_secret_basic'], 'client_secret_basic'],
    [['client_secret_post', 'client_secret_basic'], 'client_secret_basic'],
    [['none', 'private_key_jwt', 'client_secret_post'], 'client_secret_post'],
    [['x_future', 'client_secret_post'], 'client_secret_post'],
  ])('of a server that lists %j is %s (TE-02, AS-10, RFC 8414 §2)', async (listed, expected) => {
    const { authorization, form } = await sent({ serverMetadata: listing(listed) })

    const method = authorization === null ? 'client_secret_post' : 'client_secret_basic'
    expect(method).toBe(expected)
    expect(form.has('client_secret')).toBe(expected === 'client_secret_post')
  })

  it.each([[[]], [['none']], [['private_key_jwt', 'tls_client_auth']], [['client_secret_jwt']]])(
    'cannot be chosen for a server that lists %j (TE-02)',
    (listed) => {
      const make = () =>
        new ClientCredentialsAuth({
          serverMetadata: listing(listed),
          clientId: 'me',
          clientSecret: 'hush',
        })

      expect(make).toThrow(
        expect.objectContaining({
          code: 'auth_method_not_supported',
          message: expect.stringContaining(JSON.stringify(String(listed))),
        }),
      )
    },
  )

  it('puts id and secret together as they are, for servers that do not decode them, by name only (TE-03)', async () => {
    const odd = { clientId: 'm%e', clientSecret: 'h:u+s h%\u00e9' }

    const raw = await sent({ ...odd, clientAuthentication: rawClientSecretBasic })
    const encoded = await sent(odd)

    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    expect(raw.authorization).toBe(basic('m%e:h:u+s h%\u00e9'))
    expect(encoded.authorization).toBe(basic('m%25e:h%3Au%2Bs+h%25%C3%A9'))
  })

  it('that puts them together has no way to write an id with a colon (TE-03)', async () => {
    const attempt = sent({ clientId: 'm:e', clientAuthentication: rawClientSecretBasic })

    await expect(attempt).rejects.toMatchObject({ code: 'client_id_missing' })
  })

  it('that the caller names is used, whatever the server lists', async () => {
    const serverMetadata = listing(['client_secret_basic'])

    const { authorization, form } = await sent({ serverMetadata, clientAuthentication: clientSecretPost })

    expect(authorization).toBeNull()
    expect(form.get('client_secret')).toBe('hush')
  })

  it.each([
    ['client_secret_basic', clientSecretBasic],
    ['client_secret_post', clientSecretPost],
    ['none', publicClient],
  ])('%s is the only one in its request, and not in the URL (TE-04, RFC 6749 §2.3)', async (method, use) => {
    const { url, authorization, form } = await sent({ clientAuthentication: use })

    expect(use.method).toBe(method)
    expect(url).toBe(metadata.token_endpoint)
    expect(authorization !== null).toBe(method === 'client_secret_basic')
    expect(form.has('client_secret')).toBe(method === 'client_secret_post')
    expect(form.has('client_id')).toBe(method !== 'client_secret_basic')
  })

  it('is used again for every token (CC-01, RFC 6749 §4.4.2)', async () => {
    const server = tokenServer()
    const auth = new ClientCredentialsAuth({
      serverMetadata: metadata,
      clientId: 'me',
      clientSecret: 'hush',
      fetch: server.fetch,
    })

    await auth.getToken({ rejected: await auth.getToken() })

    const credentials = server.arrivals.map(({ headers }) => headers.get('authorization'))
    expect(credentials).toEqual(Array(2).fill(`Basic ${btoa('me:hush')}`))
  })
})

describe('clientSecretBasic', () => {
  it('sends the header of the example (RFC 6749 §2.3.1)', async () => {
    const { authorization } = await sent({
      clientId: 's6BhdRkqt3',
      clientSecret: '7Fjfp0ZBr1KtDRbnfVdmIw',
    })

    expect(authorization).toBe('Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3')
  })

  it.each([
    ['RFC 6749 appendix B', ' %&+£€', '+%25%26%2B%C2%A3%E2%82%AC'],
    ['every hard one', ':%/+é&= ', '%3A%25%2F%2B%C3%A9%26%3D+'],
    ['a URL', 'https://client.example/a?b', 'https%3A%2F%2Fclient.example%2Fa%3Fb'],
    ['what needs no encoding', '*-._AZaz09', '*-._AZaz09'],
    ['what is encoded although URLs let it be', "~!'()", '%7E%21%27%28%29'],
  ])(
    'form-encodes id and secret each before Basic: %s (TE-03, RFC 6749 §2.3.1)',
    async (_, hard, encoded) => {
      const { authorization, form } = await sent({ clientId: hard, clientSecret: hard })

      expect(authorization).toBe(`Basic ${btoa(`${encoded}:${encoded}`)}`)
      expect([...form.keys()]).toEqual(['grant_type'])
    },
  )
})

describe('clientSecretPost', () => {
  it('sends id and secret in the form, which encodes them (RFC 6749 §2.3.1)', async () => {
    const hard = ':%/+é&= '

    const { form } = await sent({
      clientId: hard,
      clientSecret: hard,
      clientAuthentication: clientSecretPost,
    })

    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'client_credentials',
      client_id: hard,
      client_secret: hard,
    })
  })
})

describe('publicClient', () => {
  it('sends the client_id in the form, and no secret even if there is one (TE-05, RFC 6749 §3.2.1)', async () => {
    const { authorization, form } = await sent({ clientAuthentication: publicClient })

    expect(authorization).toBeNull()
    expect(Object.fromEntries(form)).toEqual({ grant_type: 'client_credentials', client_id: 'me' })
  })

  it('needs no secret', async () => {
    const { form } = await sent({ clientAuthentication: publicClient, clientSecret: undefined })

    expect(form.get('client_id')).toBe('me')
  })
})

describe('a missing secret', () => {
  it.each([[undefined], ['']])('%j is told at construction', (clientSecret) => {
    const make = () => new ClientCredentialsAuth({ serverMetadata: metadata, clientId: 'me', clientSecret })

    expect(make).toThrow(expect.objectContaining({ name: 'AuthConfigError', code: 'client_secret_missing' }))
  })

  it.each([clientSecretBasic, clientSecretPost])(
    'is told before anything is sent where the method was named ($method)',
    async (clientAuthentication) => {
      const { fetch, arrivals } = tokenServer()
      const auth = new ClientCredentialsAuth({
        serverMetadata: metadata,
        clientId: 'me',
        clientAuthentication,
        fetch,
      })

      await expect(auth.getToken()).rejects.toMatchObject({ code: 'client_secret_missing' })
      expect(arrivals).toEqual([])
    },
  )
})

describe('a real server', () => {
  it.each([
    ['worker', 'client_secret_basic'],
    ['poster', 'client_secret_post'],
  ] as const)('accepts the %s by %s, and not with another secret (TE-02, TE-03)', async (name, method) => {
    await using server = await startAuthorizationServer()
    const { issuer, tokenEndpoint } = server
    const serverMetadata = {
      issuer,
      token_endpoint: tokenEndpoint,
      token_endpoint_auth_methods_supported: [method],
    }
    const { clientId, clientSecret } = testClients[name]

    const right = new ClientCredentialsAuth({ serverMetadata, clientId, clientSecret })
    const wrong = new ClientCredentialsAuth({ serverMetadata, clientId, clientSecret: `${clientSecret}x` })

    await expect(right.getToken()).resolves.toMatchObject({ tokenType: 'Bearer', issuer })
    await expect(wrong.getToken()).rejects.toMatchObject({ code: 'refused', error: 'invalid_client' })
    const inHeader = server.journal.arrivals.map(({ headers }) => 'authorization' in headers)
    expect(inHeader).toEqual(Array(2).fill(method === 'client_secret_basic'))
  })
})
