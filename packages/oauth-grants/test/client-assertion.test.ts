import { inspect } from 'node:util'
import { startAuthorizationServer } from '@x/testbed'
import { decodeProtectedHeader, exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { type AuthOptions, ClientCredentialsAuth, clientSecretJwt, privateKeyJwt } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { metadata, tokenServer } from './token-server.ts'

let keys: CryptoKeyPair
let pem: string
beforeAll(async () => {
  keys = await generateKeyPair('ES256', { extractable: true })
  pem = await exportPKCS8(keys.privateKey)
})

/** A client that signs, and what it sent. */
function signing(
  options: Partial<Parameters<typeof privateKeyJwt>[0]> = {},
  more: Partial<AuthOptions> = {},
) {
  const server = tokenServer()
  const auth = new ClientCredentialsAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientAuthentication: privateKeyJwt({ key: pem, algorithm: 'ES256', ...options }),
    fetch: server.fetch,
    ...more,
  })
  const forms = () => server.arrivals.map(({ body }) => new URLSearchParams(body))
  return { auth, forms, arrivals: server.arrivals }
}

const assertionIn = (form: URLSearchParams | undefined) => form?.get('client_assertion') ?? ''

describe('the assertion', () => {
  it.each([
    ['a PEM', () => pem],
    ['a WebCrypto key', () => keys.privateKey],
  ])(
    'is signed by %s for the issuer, as issuer and subject the client (CC-03, CC-04, TE-16)',
    async (_, key) => {
      const clock = handClock()
      const { auth, forms } = signing({ key: key(), keyId: 'k1', clock })
      await auth.getToken()

      const { payload, protectedHeader } = await jwtVerify(assertionIn(forms()[0]), keys.publicKey, {
        currentDate: new Date(clock.now()),
      })

      const now = clock.now() / 1000
      expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'k1' })
      expect(payload).toEqual({
        iss: 'me',
        sub: 'me',
        aud: 'https://as.example',
        iat: now,
        exp: now + 60,
        jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      })
    },
  )

  it('is signed by a key that cannot be taken out of the process', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: false })
    const { auth, forms } = signing({ key: privateKey })

    await auth.getToken()

    await expect(jwtVerify(assertionIn(forms()[0]), publicKey)).resolves.toBeDefined()
  })

  it('is meant for the issuer, letter by letter, and not for its endpoint (CC-04, AS-17)', async () => {
    const issuer = 'https://AS.example:443/Tenant/'
    const { auth, forms } = signing({}, { serverMetadata: { ...metadata, issuer } })

    await auth.getToken()

    const { payload } = await jwtVerify(assertionIn(forms()[0]), keys.publicKey)
    expect(payload.aud).toBe(issuer)
  })

  it('is meant for another audience by option only (CC-04)', async () => {
    const { auth, forms } = signing({ audience: metadata.token_endpoint })

    await auth.getToken()

    const { payload } = await jwtVerify(assertionIn(forms()[0]), keys.publicKey)
    expect(payload.aud).toBe(metadata.token_endpoint)
  })

  it('is a new one for each request (CC-03, RFC 7523 §3)', async () => {
    const { auth, forms } = signing()

    await auth.getToken({ rejected: await auth.getToken() })

    const [first, second] = await Promise.all(
      forms().map(async (form) => (await jwtVerify(assertionIn(form), keys.publicKey)).payload.jti),
    )
    expect(first).toBeTruthy()
    expect(second).toBeTruthy()
    expect(first).not.toBe(second)
  })

  it('comes once, with its type, without a client_id or a secret (CC-03, CC-05, TE-04)', async () => {
    const { auth, forms, arrivals } = signing({}, { clientSecret: 'hush' })

    await auth.getToken()

    expect([...(forms()[0] ?? [])]).toEqual([
      ['grant_type', 'client_credentials'],
      ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
      ['client_assertion', expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)],
    ])
    expect(arrivals[0]?.headers.has('authorization')).toBe(false)
  })

  it('has no kid where none was named', async () => {
    const { auth, forms } = signing()

    await auth.getToken()

    expect(decodeProtectedHeader(assertionIn(forms()[0]))).toEqual({ alg: 'ES256' })
  })
})

describe('an algorithm', () => {
  it.each(['none', 'HS256', 'HS512', 'es256', 'ES2567', 'RSA-OAEP', '', 'xES256'])(
    '%j is refused at once (AS-12)',
    (algorithm) => {
      expect(() => privateKeyJwt({ key: pem, algorithm })).toThrow(
        expect.objectContaining({ name: 'AuthConfigError', code: 'invalid_key' }),
      )
    },
  )

  it.each(['RS256', 'PS384', 'ES512', 'EdDSA', 'Ed25519'])(
    '%s signs what its public key checks',
    async (algorithm) => {
      const pair = await generateKeyPair(algorithm, { extractable: true })
      const { auth, forms } = signing({ key: await exportPKCS8(pair.privateKey), algorithm })

      await auth.getToken()

      const { protectedHeader } = await jwtVerify(assertionIn(forms()[0]), pair.publicKey)
      expect(protectedHeader.alg).toBe(algorithm)
    },
  )

  it('that the server does not list is told before anything is sent (AS-12)', async () => {
    const serverMetadata = { ...metadata, token_endpoint_auth_signing_alg_values_supported: ['RS256'] }
    const { auth, arrivals } = signing({}, { serverMetadata })

    await expect(auth.getToken()).rejects.toMatchObject({
      code: 'auth_method_not_supported',
      message: expect.stringContaining('lists "RS256"'),
    })
    expect(arrivals).toEqual([])
  })

  it('that the server lists is used (AS-12)', async () => {
    const serverMetadata = {
      ...metadata,
      token_endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256'],
    }
    const { auth } = signing({}, { serverMetadata })

    await expect(auth.getToken()).resolves.toBeDefined()
  })
})

describe('a key', () => {
  it.each<[string, () => Promise<Partial<Parameters<typeof privateKeyJwt>[0]>>]>([
    ['that is no PEM', async () => ({ key: 'hunter2-not-a-pem' })],
    ['that was cut short', async () => ({ key: `${pem.slice(0, 90)}\n-----END PRIVATE KEY-----` })],
    ['of another kind than the algorithm', async () => ({ key: pem, algorithm: 'RS256' })],
    ['of another curve', async () => ({ key: pem, algorithm: 'ES384' })],
    ['that is public', async () => ({ key: keys.publicKey })],
    ['of WebCrypto of another kind', async () => ({ key: keys.privateKey, algorithm: 'EdDSA' })],
  ])('%s is told, without a piece of it, and nothing is sent (NS-09)', async (_, options) => {
    const given = await options()
    const { auth, arrivals } = signing(given)

    const error: unknown = await auth.getToken().catch((caught: unknown) => caught)

    expect(error).toMatchObject({ name: 'AuthConfigError', code: 'invalid_key' })
    expect(error).not.toHaveProperty('cause')
    const shown = inspect(error, { depth: 10, showHidden: true })
    const pieces = [pem.split('\n')[1]?.slice(0, 24), 'hunter2', 'PRIVATE KEY---']
    for (const piece of pieces) expect(shown).not.toContain(piece)
    expect(arrivals).toEqual([])
  })
})

describe('a real server', () => {
  it('accepts the assertion of a key that it knows, and of no other (CC-02, CC-03, TE-16)', async () => {
    const publicJwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
    await using server = await startAuthorizationServer({
      clients: [
        {
          client_id: 'signer',
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: 'ES256',
          jwks: { keys: [publicJwk] },
          grant_types: ['client_credentials'],
          response_types: [],
          redirect_uris: [],
        },
      ],
    })
    const make = (key: CryptoKey) =>
      ClientCredentialsAuth.fromIssuer({
        issuer: server.issuer,
        clientId: 'signer',
        clientAuthentication: privateKeyJwt({ key, algorithm: 'ES256', keyId: 'k1' }),
      })
    const auth = await make(keys.privateKey)
    const token = await auth.getToken()
    const stranger = await make((await generateKeyPair('ES256')).privateKey)

    // The second assertion is accepted too: its jti is another.
    await expect(auth.getToken({ rejected: token })).resolves.toMatchObject({ issuer: server.issuer })
    await expect(stranger.getToken()).rejects.toMatchObject({ error: 'invalid_client' })
  })
})

describe('an assertion that the secret has signed', () => {
  const secret = 'a secret of the client, long enough for SHA-256: 0123456789abcdef'
  const byName = { clientSecret: secret, clientAuthentication: clientSecretJwt() }

  it.each([[undefined], ['HS384'], ['HS512']] as const)(
    'by %s is all that goes out, and the secret stays (CC-03, CC-04)',
    async (algorithm) => {
      const clock = handClock()
      const { auth, forms } = signing(
        {},
        { ...byName, clientAuthentication: clientSecretJwt({ algorithm, clock }) },
      )
      await auth.getToken()

      const assertion = assertionIn(forms()[0])
      const { payload, protectedHeader } = await jwtVerify(assertion, new TextEncoder().encode(secret), {
        currentDate: new Date(clock.now()),
      })
      expect(protectedHeader).toEqual({ alg: algorithm ?? 'HS256' })
      expect(payload).toMatchObject({ iss: 'me', sub: 'me', aud: 'https://as.example' })
      expect(Object.fromEntries(forms()[0] ?? [])).toEqual({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      })
    },
  )

  it('needs a secret, and an algorithm that the server lists (AS-12)', async () => {
    const serverMetadata = { ...metadata, token_endpoint_auth_signing_alg_values_supported: ['RS256'] }
    const without = signing({}, { ...byName, clientSecret: undefined })
    const unlisted = signing({}, { ...byName, serverMetadata })

    await expect(without.auth.getToken()).rejects.toMatchObject({ code: 'client_secret_missing' })
    await expect(unlisted.auth.getToken()).rejects.toMatchObject({ code: 'auth_method_not_supported' })
    expect([...without.arrivals, ...unlisted.arrivals]).toEqual([])
  })

  it('is taken by a real server, and that of another secret is not (CC-02)', async () => {
    const client = {
      client_id: 'signer',
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_jwt',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    } as const
    await using server = await startAuthorizationServer({ clients: [client] })
    const make = (clientSecret: string) =>
      ClientCredentialsAuth.fromIssuer({ ...byName, issuer: server.issuer, clientId: 'signer', clientSecret })

    await expect((await make(secret)).getToken()).resolves.toBeDefined()
    await expect((await make(`${secret}!`)).getToken()).rejects.toMatchObject({ error: 'invalid_client' })
  })
})
