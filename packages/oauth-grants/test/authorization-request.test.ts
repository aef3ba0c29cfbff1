import { describe, expect, it } from 'vitest'
import {
  type AuthConfigErrorCode,
  AuthorizationCodeAuth,
  type AuthorizationServerMetadata,
  type StartAuthorizationOptions,
} from '../src/index.ts'
import { begin, callbackOf, end, loginServer, redirectUri } from './sign-in.ts'

const refusal = (code: AuthConfigErrorCode) => ({ name: 'AuthConfigError', code, recovery: 'terminal' })

/** A server whose people sign in there. */
const signInAt = (authorization_endpoint: string): AuthorizationServerMetadata => ({
  ...loginServer,
  authorization_endpoint,
})

describe('the address that a browser is sent to', () => {
  it('asks for a code, and says by whom, for what and whereto (AC-25, RFC 6749 §4.1.1)', async () => {
    const { url } = await begin({ scope: 'read write', resource: 'https://rs.example/mcp' })

    expect(url.origin + url.pathname).toBe('https://as.example/authorize')
    expect([...url.searchParams]).toEqual([
      ['response_type', 'code'],
      ['client_id', 'me'],
      ['redirect_uri', redirectUri],
      ['scope', 'read write'],
      ['resource', 'https://rs.example/mcp'],
      ['state', expect.any(String)],
      ['code_challenge', expect.any(String)],
      ['code_challenge_method', 'S256'],
    ])
  })

  it.each([undefined, ''])('leaves out what nobody asked for, such as the scope %j', async (scope) => {
    const { url } = await begin({ scope })

    expect([...url.searchParams.keys()]).toEqual([
      'response_type',
      'client_id',
      'redirect_uri',
      'state',
      'code_challenge',
      'code_challenge_method',
    ])
  })

  it.each([
    'https://rs.example',
    'https://rs.example/',
    'https://RS.example:443/mcp',
    'https://rs.example/mcp?tenant=a%20b',
    'urn:example:resource',
  ])(
    'names the same resource, byte for byte, as the token request does: %s (AC-14, AC-15)',
    async (resource) => {
      const begun = await begin({ resource })

      const { forms } = await end(begun)

      expect(begun.url.searchParams.getAll('resource')).toEqual([resource])
      expect(forms).toEqual([expect.objectContaining({ resource })])
    },
  )

  it.each([
    redirectUri,
    'https://app.example/callback?as=1',
    'http://127.0.0.1:8000/callback',
    'com.example.app:/callback',
  ])('names the same redirect URI as the token request does: %s (AC-24, RFC 6749 §4.1.3)', async (uri) => {
    const begun = await begin({ redirectUri: uri })

    const { forms } = await end(begun)

    expect(begun.url.searchParams.getAll('redirect_uri')).toEqual([uri])
    expect(forms).toEqual([expect.objectContaining({ redirect_uri: uri })])
  })
})

describe('the query of the authorization endpoint', () => {
  it.each([
    ['one parameter', '?tenant=1', '?tenant=1&'],
    ['escaped ones', '?tenant=a%20b&x=%7E', '?tenant=a%20b&x=%7E&'],
    ['one without a value', '?tenant', '?tenant&'],
    ['its own, twice', '?x=1&x=2', '?x=1&x=2&'],
    ['nothing', '?', '?'],
  ])('is kept as it is: %s (AC-16, RFC 6749 §3.1)', async (_, query, kept) => {
    const { url } = await begin({ serverMetadata: signInAt(`https://as.example/authorize${query}`) })

    expect(url.search).toMatch(/^\?.*response_type=code&client_id=me&/)
    expect(url.search.slice(0, kept.length)).toBe(kept)
  })

  it.each([
    'response_type=token',
    'client_id=evil',
    'redirect_uri=https%3A%2F%2Fevil.example%2F',
    'scope=all',
    'state=x',
    'resource=https%3A%2F%2Fevil.example',
    'code_challenge=x',
    'code_challenge_method=plain',
    'tenant=1&client_id=evil',
    'client%5Fid=evil',
  ])('is refused where it brings a parameter of ours: %s (AC-16)', async (query) => {
    const begun = begin({ serverMetadata: signInAt(`https://as.example/authorize?${query}`) })

    await expect(begun).rejects.toMatchObject(refusal('invalid_server_metadata'))
  })

  it('is refused where it brings a parameter that the caller wants to set (AC-16)', async () => {
    const serverMetadata = signInAt('https://as.example/authorize?audience=a')

    const begun = begin({ serverMetadata, parameters: { audience: 'b' } })

    await expect(begun).rejects.toMatchObject(refusal('invalid_server_metadata'))
  })

  it('keeps its own prompt (AC-16)', async () => {
    const serverMetadata = {
      ...signInAt('https://as.example/authorize?prompt=login'),
      scopes_supported: ['openid', 'offline_access'],
    }

    const { url } = await begin({ serverMetadata, scope: 'offline_access' })

    expect(url.searchParams.getAll('prompt')).toEqual(['login'])
  })
})

describe('a person', () => {
  const everywhere = () => true

  it.each<[string, string, Partial<StartAuthorizationOptions>, AuthConfigErrorCode]>([
    ['to a script', 'javascript:alert(1)', {}, 'insecure_url'],
    [
      'to a script, whatever the caller allows',
      'javascript:alert(1)//',
      { allowAddress: everywhere },
      'insecure_url',
    ],
    ['to a file', 'file:///etc/passwd', { allowAddress: everywhere }, 'insecure_url'],
    ['to another program', 'ms-settings:privacy', { allowAddress: everywhere }, 'insecure_url'],
    ['to data', 'data:text/html,x', {}, 'insecure_url'],
    ['in clear text', 'http://as.example/authorize', {}, 'insecure_url'],
    ['to this machine by a server that is elsewhere', 'http://127.0.0.1:8080/authorize', {}, 'insecure_url'],
    ['to this machine by its name', 'http://localhost/authorize', {}, 'insecure_url'],
    ['under a user name', 'https://as.example@evil.example/authorize', {}, 'insecure_url'],
    ['under a password', 'https://:x@evil.example/authorize', {}, 'insecure_url'],
    [
      'under a user name, whatever the caller allows',
      'https://as.example@evil.example/authorize',
      { allowAddress: everywhere },
      'insecure_url',
    ],
    ['to what is a host by a repair only', 'https:as.example/authorize', {}, 'insecure_url'],
    ['to an address with a line end', 'https://as.example/authorize\n', {}, 'insecure_url'],
    ['to an address with other letters', 'https://аs.example/authorize', {}, 'insecure_url'],
    ['to an address with a fragment', 'https://as.example/authorize#x', {}, 'endpoint_missing'],
    ['to no whole address', '/authorize', {}, 'endpoint_missing'],
    ['nowhere', '', {}, 'endpoint_missing'],
  ])('is not sent %s: %s (AC-17)', async (_, endpoint, options, code) => {
    const serverMetadata = signInAt(endpoint)
    let timesAsked = 0
    const authorize = (url: URL) => {
      timesAsked += 1
      return callbackOf(url)
    }
    const given = { serverMetadata, clientId: 'me', redirectUri, ...options }

    await expect(begin({ serverMetadata, ...options })).rejects.toMatchObject(refusal(code))
    expect(() => new AuthorizationCodeAuth({ ...given, authorize })).toThrow(
      expect.objectContaining(refusal(code)),
    )
    expect(timesAsked).toBe(0)
  })

  it.each([
    ['an issuer that is elsewhere, in clear text', 'http://as.example', 'http://127.0.0.1:8080/authorize'],
    ['an issuer that is elsewhere', 'https://as.example', 'http://[::1]:8080/authorize'],
  ])('is not sent to this machine by %s (AC-17)', async (_, issuer, authorization_endpoint) => {
    const begun = begin({ serverMetadata: { ...loginServer, issuer, authorization_endpoint } })

    await expect(begun).rejects.toMatchObject(refusal('insecure_url'))
  })

  it.each([
    [
      'to this machine by a server on this machine',
      'http://127.0.0.1:9000',
      'http://127.0.0.1:9000/auth',
      undefined,
    ],
    ['in clear text where the caller allows it', 'http://as.test', 'http://as.test/auth', everywhere],
  ])('is sent %s (AC-17)', async (_, issuer, authorization_endpoint, allowAddress) => {
    const serverMetadata = {
      ...loginServer,
      issuer,
      authorization_endpoint,
      token_endpoint: `${issuer}/token`,
    }

    const { url } = await begin({ serverMetadata, allowAddress })

    expect(url.href).toContain(`${authorization_endpoint}?response_type=code`)
  })
})

describe('a redirect URI', () => {
  it.each([
    'https://app.example/callback',
    'https://app.example',
    'http://127.0.0.1/callback',
    'http://127.0.0.1:8000/callback',
    'http://[::1]:8000/callback',
    'http://localhost:8000/callback',
    'com.example.app:/callback',
    'com.example.app://callback',
    'com.example.my-app2:/callback',
    'COM.example.app:/callback',
  ])('may be %s (AC-21, RG-19, RFC 8252 §7)', async (uri) => {
    const { url } = await begin({ redirectUri: uri })

    expect(url.searchParams.get('redirect_uri')).toBe(uri)
  })

  it.each([
    ['in clear text', 'http://app.example/callback'],
    ['of a scheme that any app could have', 'myapp:/callback'],
    ['of a scheme that ends in a dot', 'myapp.:/callback'],
    ['a script', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['no place at all', 'urn:ietf:wg:oauth:2.0:oob'],
    ['with a fragment', 'https://app.example/callback#x'],
    ['with an empty fragment', 'https://app.example/callback#'],
    ['relative', '/callback'],
    ['empty', ''],
  ])('is refused where it is %s: %s (AC-21, RG-19, RFC 8252 §7.1)', async (_, uri) => {
    const authorize = (url: URL) => callbackOf(url)
    const given = { serverMetadata: loginServer, clientId: 'me', redirectUri: uri, authorize }

    await expect(begin({ redirectUri: uri })).rejects.toMatchObject(refusal('invalid_redirect_uri'))
    expect(() => new AuthorizationCodeAuth(given)).toThrow(
      expect.objectContaining(refusal('invalid_redirect_uri')),
    )
  })

  it('is needed, where nothing listens for the answer', () => {
    const given = { serverMetadata: loginServer, clientId: 'me', authorize: (url: URL) => callbackOf(url) }

    expect(() => new AuthorizationCodeAuth(given)).toThrow(
      expect.objectContaining(refusal('invalid_redirect_uri')),
    )
  })
})

describe('what a server wants beside the protocol', () => {
  it('is added to the address, and to nothing else', async () => {
    const begun = await begin({ parameters: { audience: 'api', login_hint: 'a@b.example', x: ['1', '2'] } })

    const { forms } = await end(begun)

    expect(begun.url.searchParams.getAll('audience')).toEqual(['api'])
    expect(begun.url.searchParams.getAll('login_hint')).toEqual(['a@b.example'])
    expect(begun.url.searchParams.getAll('x')).toEqual(['1', '2'])
    expect(Object.keys(forms[0] ?? {}).toSorted()).toEqual([
      'client_id',
      'code',
      'code_verifier',
      'grant_type',
      'redirect_uri',
    ])
  })

  it('is left out where it is empty', async () => {
    const { url } = await begin({ parameters: { audience: '', x: [] } })

    expect(url.searchParams.has('audience')).toBe(false)
    expect(url.searchParams.has('x')).toBe(false)
  })

  it.each([
    'response_type',
    'response_mode',
    'client_id',
    'client_secret',
    'client_assertion',
    'client_assertion_type',
    'redirect_uri',
    'scope',
    'resource',
    'state',
    'code',
    'code_challenge',
    'code_challenge_method',
    'code_verifier',
    'grant_type',
    'refresh_token',
    'request',
    'request_uri',
  ])('cannot take the place of the protocol: %s', async (name) => {
    const parameters = { [name]: 'x' }
    const given = { serverMetadata: loginServer, clientId: 'me', redirectUri, parameters }

    await expect(begin({ parameters })).rejects.toMatchObject(refusal('invalid_parameter'))
    expect(() => new AuthorizationCodeAuth(given)).toThrow(
      expect.objectContaining(refusal('invalid_parameter')),
    )
  })
})

describe('consent is asked for', () => {
  const openid = ['openid', 'offline_access']

  it.each([
    ['at an OpenID provider, to stay signed in', openid, 'read offline_access', {}, ['consent']],
    ['unless nobody wants to stay signed in', openid, 'read', {}, []],
    ['unless nobody asks for anything', openid, undefined, {}, []],
    ['unless it is no OpenID provider', ['offline_access'], 'offline_access', {}, []],
    ['unless it lists no scopes', undefined, 'offline_access', {}, []],
    ['unless the caller wants another prompt', openid, 'offline_access', { prompt: 'login' }, ['login']],
  ])('%s (OpenID Connect Core §11)', async (_, scopes_supported, scope, parameters, prompts) => {
    const { url } = await begin({ serverMetadata: { ...loginServer, scopes_supported }, scope, parameters })

    expect(url.searchParams.getAll('prompt')).toEqual(prompts)
  })
})

describe('a start that cannot work', () => {
  // What a program without types may pass.
  const untyped = (value: unknown) => value as AuthorizationServerMetadata

  it.each<[AuthConfigErrorCode, string, Partial<StartAuthorizationOptions>]>([
    ['invalid_server_metadata', 'no metadata', { serverMetadata: untyped(undefined) }],
    [
      'invalid_server_metadata',
      'no issuer',
      { serverMetadata: untyped({ ...loginServer, issuer: undefined }) },
    ],
    [
      'invalid_server_metadata',
      'no URL for an issuer',
      { serverMetadata: { ...loginServer, issuer: 'as.example' } },
    ],
    [
      'endpoint_missing',
      'no authorization endpoint',
      { serverMetadata: { ...loginServer, authorization_endpoint: undefined } },
    ],
    [
      'endpoint_missing',
      'no token endpoint',
      { serverMetadata: { ...loginServer, token_endpoint: undefined } },
    ],
    [
      'insecure_url',
      'a token endpoint in clear text',
      { serverMetadata: { ...loginServer, token_endpoint: 'http://as.example/token' } },
    ],
    [
      'grant_not_supported',
      'a server that has other grants only',
      { serverMetadata: { ...loginServer, grant_types_supported: ['client_credentials'] } },
    ],
    ['client_id_missing', 'no client id', { clientId: '' }],
    ['invalid_scope', 'a scope with a line end', { scope: 'a\nb' }],
    ['invalid_resource', 'a resource with a fragment', { resource: 'https://rs.example/#x' }],
    ['invalid_resource', 'a relative resource', { resource: '/mcp' }],
  ])('says %s for %s', async (code, _, options) => {
    await expect(begin(options)).rejects.toMatchObject(refusal(code))
  })
})
