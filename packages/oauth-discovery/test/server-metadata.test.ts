import { describe, expect, it } from 'vitest'
import { fetchAuthorizationServerMetadata, supportsGrantType } from '../src/index.ts'
import { pages } from './pages.ts'

const issuer = 'https://as.example/tenant1'
const [oauth, inserted, appended] = [
  'https://as.example/.well-known/oauth-authorization-server/tenant1',
  'https://as.example/.well-known/openid-configuration/tenant1',
  'https://as.example/tenant1/.well-known/openid-configuration',
] as const
const token_endpoint = 'https://as.example/token'

describe('fetchAuthorizationServerMetadata', () => {
  it.each([
    ['the RFC 8414 location', [oauth]],
    ['OpenID Connect, path inserted', [oauth, inserted]],
    ['OpenID Connect, name appended', [oauth, inserted, appended]],
  ])('finds the document at %s (AS-01, AS-02)', async (_, asked) => {
    const found = asked.at(-1) ?? ''
    const web = pages({ [found]: { issuer, token_endpoint } })

    const metadata = await fetchAuthorizationServerMetadata(issuer, web)

    expect(metadata).toEqual({ issuer, token_endpoint })
    expect(web.asked).toEqual(asked.map((url) => `GET ${url}`))
  })

  it('reads a full document and keeps unknown members (RFC 8414 §2)', async () => {
    const document = {
      issuer,
      authorization_endpoint: 'https://as.example/authorize',
      token_endpoint,
      registration_endpoint: 'https://as.example/register',
      revocation_endpoint: 'https://as.example/revoke',
      device_authorization_endpoint: 'https://as.example/device',
      jwks_uri: 'https://as.example/jwks',
      scopes_supported: ['a'],
      grant_types_supported: ['client_credentials'],
      response_types_supported: ['code'],
      token_endpoint_auth_methods_supported: ['client_secret_basic'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
      x_future: [1],
    }
    await expect(fetchAuthorizationServerMetadata(issuer, pages({ [oauth]: document }))).resolves.toEqual(
      document,
    )
  })

  it.each([
    'https://evil.example/tenant1',
    'https://as.example/tenant1/',
    'https://as.example',
    'https://AS.example/tenant1',
    'https://as.example:443/tenant1',
    'https://as.example/%74enant1',
  ])('refuses a document that names %s and asks no further (AS-05, AS-06, RFC 8414 §3.3)', async (other) => {
    const web = pages({ [oauth]: { issuer: other, token_endpoint }, [inserted]: { issuer, token_endpoint } })

    const attempt = fetchAuthorizationServerMetadata(issuer, web)

    await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch', recovery: 'terminal' })
    expect(web.asked).toEqual([`GET ${oauth}`])
  })

  it('keeps the issuer as it was published (AS-17)', async () => {
    const spelled = 'https://AS.example/tenant1'
    const metadata = await fetchAuthorizationServerMetadata(spelled, pages({ [oauth]: { issuer: spelled } }))

    expect(metadata.issuer).toBe(spelled)
  })

  it.each([
    ['404', () => new Response(null, { status: 404 })],
    ['an app shell', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['503', () => new Response(null, { status: 503 })],
    ['a document without issuer', () => Response.json({ token_endpoint })],
    ['a redirect to another host', () => Response.redirect('https://login.example/')],
    ['a network failure', () => Promise.reject(new TypeError('fetch failed'))],
  ])('asks the next place after %s (AS-08)', async (_, page) => {
    const web = pages({ [oauth]: page, [inserted]: { issuer } })

    await expect(fetchAuthorizationServerMetadata(issuer, web)).resolves.toEqual({ issuer })
  })

  it('takes a server that is down for down (AS-08)', async () => {
    const web = pages({ [oauth]: () => new Response(null, { status: 503 }) })

    await expect(fetchAuthorizationServerMetadata(issuer, web)).rejects.toMatchObject({
      code: 'unavailable',
      recovery: 'transient',
      message: expect.stringContaining('the server up'),
    })
  })

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['86400', 3_600_000],
    ['Tue, 24 Nov 2026 12:01:30 GMT', 90_000],
    ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
    ['Wed, 24 Nov 2027 12:00:00 GMT', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    ['soon', undefined],
    ['1.5', undefined],
    ['-5', undefined],
    ['5, 7', undefined],
    ['abc 3', undefined],
    ['', undefined],
    [undefined, undefined],
  ])(
    'passes on when a busy server wants to be asked again: %j is %j ms (RFC 9110 §10.2.3)',
    async (value, ms) => {
      const headers = value === undefined ? {} : { 'retry-after': value }
      const clock = { now: () => Date.UTC(2026, 10, 24, 12), sleep: () => new Promise<void>(() => {}) }

      for (const status of [429, 503]) {
        const web = pages({ [oauth]: () => new Response(null, { status, headers }) })
        const attempt = fetchAuthorizationServerMetadata(issuer, { ...web, clock })

        const attempts = [{ url: oauth, outcome: 'refused', status, code: 'unavailable', retryAfterMs: ms }]
        await expect(attempt).rejects.toMatchObject({
          code: 'unavailable',
          recovery: 'transient',
          retryAfterMs: ms,
          attempts: expect.arrayContaining(attempts),
        })
      }
    },
  )

  it('says what was wrong with a document of the wrong shape, and with none', async () => {
    const invalid = pages({ [oauth]: { token_endpoint } })

    await expect(fetchAuthorizationServerMetadata(issuer, invalid)).rejects.toMatchObject({
      code: 'server_metadata_invalid',
    })
    await expect(fetchAuthorizationServerMetadata(issuer, pages({}))).rejects.toMatchObject({
      code: 'server_metadata_not_found',
    })
  })

  it('rejects, and does not throw, on an issuer that is none (AS-07)', async () => {
    await expect(fetchAuthorizationServerMetadata('nonsense')).rejects.toMatchObject({ code: 'invalid_url' })
  })
})

describe('supportsGrantType', () => {
  it('believes a list, and takes a missing one for yes (AS-11)', () => {
    expect(supportsGrantType({ issuer, grant_types_supported: ['a'] }, 'a')).toBe(true)
    expect(supportsGrantType({ issuer, grant_types_supported: ['a'] }, 'b')).toBe(false)
    expect(supportsGrantType({ issuer }, 'b')).toBe(true)
  })
})
