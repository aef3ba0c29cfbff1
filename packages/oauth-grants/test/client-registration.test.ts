import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  clientSecretBasic,
  clientSecretPost,
  dynamicRegistration,
  type GrantEvent,
  publicClient,
} from '../src/index.ts'
import { bench, loopback, publicAnswer, refusing, secretAnswer } from './registration-bench.ts'
import type { Reply } from './token-server.ts'

describe('a request to be registered', () => {
  it('is JSON by POST to the endpoint that the server names (RG-12, RFC 7591 §3.1)', async () => {
    const { ask, arrivals, sent } = bench({})

    await ask()

    expect(arrivals).toMatchObject([{ method: 'POST', url: 'https://as.example/register' }])
    expect(arrivals[0]?.headers.get('content-type')).toBe('application/json')
    expect(arrivals[0]?.headers.get('authorization')).toBeNull()
    expect(sent()).toEqual([
      {
        application_type: 'native',
        client_name: 'Agent',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [loopback],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    ])
  })

  it.each([
    ['native', 'http://127.0.0.1/callback'],
    ['native', 'http://[::1]:7777/callback'],
    ['native', 'http://localhost/callback'],
    ['native', 'com.example.app:/callback'],
    ['web', 'https://app.example/callback'],
    ['web', 'HTTPS://app.example/callback'],
  ])('says %s where the browser comes back to %s (RG-09)', async (application_type, redirectUri) => {
    const { ask, sent } = bench({ redirectUri })

    await ask()

    expect(sent()).toMatchObject([{ application_type, redirect_uris: [redirectUri] }])
  })

  it('names the refresh grant beside its own, and no redirect where there is no browser (RG-09, RG-11)', async () => {
    const grantType = 'urn:ietf:params:oauth:grant-type:device_code'
    const { ask, sent } = bench({ grantType, redirectUri: undefined })

    await ask()

    expect(sent()).toMatchObject([
      {
        application_type: 'native',
        grant_types: [grantType, 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
    ])
  })

  it.each([
    ['none', undefined],
    ['none', ['client_secret_post', 'client_secret_basic', 'none']],
    ['client_secret_basic', ['client_secret_post', 'client_secret_basic']],
    ['client_secret_post', ['private_key_jwt', 'client_secret_post']],
    ['none', ['private_key_jwt']],
  ])('asks for %s where the server lists %j (RG-12)', async (method, listed) => {
    const { ask, sent } = bench({ server: { token_endpoint_auth_methods_supported: listed } })

    await ask()

    expect(sent()).toMatchObject([{ token_endpoint_auth_method: method }])
  })

  it('says what the caller says instead (RFC 7591 §2)', async () => {
    const register = dynamicRegistration({ application_type: 'web', token_endpoint_auth_method: 'none' })
    const { ask, sent } = bench({
      register,
      server: { token_endpoint_auth_methods_supported: ['client_secret_basic'] },
    })

    await ask()

    expect(sent()).toMatchObject([{ application_type: 'web', token_endpoint_auth_method: 'none' }])
  })

  it('is not sent where the server has no endpoint for it (RG-08)', async () => {
    const { ask, arrivals } = bench({ server: { registration_endpoint: undefined } })

    await expect(ask()).resolves.toBeUndefined()

    expect(arrivals).toEqual([])
  })

  it('is not sent in clear text (RG-22, RFC 7591 §5)', async () => {
    const { ask, arrivals } = bench({ server: { registration_endpoint: 'http://as.example/register' } })

    await expect(ask()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'insecure_url' })

    expect(arrivals).toEqual([])
  })

  it('is told as an event, as every exchange is', async () => {
    const events: GrantEvent[] = []
    const { ask } = bench({ options: { onEvent: (event) => events.push(event) } })

    await ask()

    expect(events).toMatchObject([{ type: 'exchange', purpose: 'client registration', status: 200 }])
  })

  it('ends with the signal of the caller', async () => {
    const { ask, arrivals } = bench({ options: { signal: AbortSignal.abort('enough') } })

    await expect(ask()).rejects.toBe('enough')

    expect(arrivals).toEqual([])
  })
})

describe('what the server has registered', () => {
  const created =
    (answer: object): Reply =>
    () =>
      Response.json(answer, { status: 201 })

  it.each<[string, Reply]>([
    ['200', publicAnswer],
    ['201', created(publicAnswer)],
  ])('is taken from an answer with status %s (RG-13, RFC 7591 §3.2.1)', async (_, reply) => {
    const { ask } = bench({}, reply)

    await expect(ask()).resolves.toEqual({ clientId: 'c1', clientAuthentication: publicClient })
  })

  it.each([
    ['none', { token_endpoint_auth_method: 'none' }, publicClient],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }, clientSecretBasic],
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }, clientSecretPost],
    ['client_secret_basic, the default,', {}, clientSecretBasic],
  ])(
    'authenticates by %s where the answer says so, whatever was asked for (RG-13)',
    async (_, said, method) => {
      const { ask } = bench({}, { ...secretAnswer, ...said })

      await expect(ask()).resolves.toEqual({
        clientId: 'c1',
        clientSecret: 'issued-secret',
        clientAuthentication: method,
      })
    },
  )

  it('is a public client where the answer has neither method nor secret (RG-13)', async () => {
    const { ask } = bench({}, { client_id: 'c1' })

    await expect(ask()).resolves.toMatchObject({ clientId: 'c1', clientAuthentication: publicClient })
  })

  it.each([
    ['no client_id', { client_secret: 'issued-secret' }],
    ['an empty client_id', { ...secretAnswer, client_id: '' }],
    ['a client_id that is no text', { ...secretAnswer, client_id: 7 }],
    ['a method that is not known here', { ...secretAnswer, token_endpoint_auth_method: 'private_key_jwt' }],
    ['a method that is no text', { ...secretAnswer, token_endpoint_auth_method: ['none'] }],
    ['a method without its secret', { client_id: 'c1', token_endpoint_auth_method: 'client_secret_post' }],
    [
      'an empty secret',
      { ...secretAnswer, client_secret: '', token_endpoint_auth_method: 'client_secret_basic' },
    ],
    ['a secret that has ended', { ...secretAnswer, client_secret_expires_at: 1_000_000_000 }],
  ])('is of no use with %s (RG-13, RG-14)', async (_, answer) => {
    const { ask } = bench({}, answer)

    const error = await ask().catch((each: unknown) => each)

    expect(error).toMatchObject({
      name: 'TokenError',
      code: 'invalid_response',
      issuer: 'https://as.example',
    })
    expect(inspect(error, { depth: 9 })).not.toContain('issued-secret')
  })

  it('has a secret that comes out in no event (RFC 7591 §5)', async () => {
    const events: GrantEvent[] = []
    const { ask } = bench({ options: { onEvent: (event) => events.push(event) } }, secretAnswer)

    await ask()

    expect(events).toHaveLength(1)
    expect(inspect(events, { depth: 9 })).not.toContain('issued-secret')
  })
})

describe('a refusal to register', () => {
  it.each([
    ['invalid_redirect_uri', 'no loopback here'],
    ['invalid_client_metadata', 'client_uri is missing'],
  ])('is told in the words of the server: %s (RG-10, RFC 7591 §3.2.2)', async (error, description) => {
    const { ask, arrivals } = bench({}, refusing(error, description))

    const told = await ask().catch((each: unknown) => each)

    expect(told).toMatchObject({
      name: 'TokenError',
      code: 'refused',
      status: 400,
      error,
      errorDescription: description,
      endpoint: 'https://as.example/register',
      recovery: 'terminal',
    })
    expect(arrivals).toHaveLength(1)
  })

  it('names the redirect URI that was refused, without its query (RG-10)', async () => {
    const { ask } = bench({ redirectUri: `${loopback}?key=hush` }, refusing('invalid_redirect_uri'))

    const told = await ask().catch((each: unknown) => each)

    expect(String(told)).toContain('client registration of http://127.0.0.1/callback to https://as.example')
    expect(inspect(told, { depth: 9 })).not.toContain('hush')
  })

  it.each<[string, string, Reply]>([
    ['unavailable', 'status 503', () => new Response('raw body', { status: 503 })],
    [
      'invalid_response',
      'a page',
      () => new Response('<p>raw body</p>', { headers: { 'content-type': 'text/html' } }),
    ],
    ['invalid_response', 'a list', () => Response.json(['raw body'])],
    ['invalid_response', 'another status', () => Response.json({ client_id: 'raw body' }, { status: 202 })],
    [
      'invalid_response',
      'a refusal without a word',
      () => Response.json({ message: 'raw body' }, { status: 400 }),
    ],
    ['refused', 'a refusal with status 200', () => Response.json({ error: 'no', client_id: 'raw body' })],
    ['body_too_large', 'more than the limit', () => Response.json({ client_id: 'raw body'.repeat(1000) })],
    ['unreachable', 'nothing', () => Promise.reject(new TypeError('raw body'))],
  ])('is %s where what comes is %s, and repeats nothing of it (RG-10)', async (code, _, reply) => {
    const { ask } = bench({ options: { maxBytes: 2000 } }, reply)

    const error = await ask().catch((each: unknown) => each)

    expect(error).toMatchObject({ name: 'TokenError', code, issuer: 'https://as.example' })
    expect(String(error)).not.toContain('raw body')
  })
})
