import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type AuthConfigErrorCode,
  ClientCredentialsAuth,
  clientSecretPost,
  publicClient,
  TokenExchangeAuth,
  type TokenExchangeOptions,
} from '../src/index.ts'
import { exchangeBench, tokenType } from './exchange-server.ts'
import { metadata } from './token-server.ts'

describe('the request', () => {
  it('names the grant, the subject and its type, and says who we are (TX-01, TX-05, RFC 8693 §2.1)', async () => {
    const { auth, arrivals } = exchangeBench()

    await auth.getToken()

    expect(arrivals).toMatchObject([
      {
        method: 'POST',
        url: 'https://as.example/token',
        body: 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s1&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token',
      },
    ])
    expect(arrivals[0]?.headers.get('authorization')).toBe('Basic bWU6aHVzaA==')
  })

  it('names all that can be asked for, each in its own way (TX-01, TX-02, TX-03, TX-04, RFC 8693 §2.1)', async () => {
    const { auth, arrivals } = exchangeBench({
      subjectTokenType: tokenType('id_token'),
      actorToken: 'a1',
      actorTokenType: tokenType('jwt'),
      requestedTokenType: tokenType('access_token'),
      audience: ['one', 'https://two.example'],
      resource: ['https://rs.example/a/', 'https://RS.example/b?q=1'],
      scope: 'read write',
    })

    await auth.getToken()

    expect(arrivals[0]?.body.split('&')).toEqual([
      'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange',
      'subject_token=s1',
      'subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token',
      'actor_token=a1',
      'actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt',
      'requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token',
      'audience=one',
      'audience=https%3A%2F%2Ftwo.example',
      'resource=https%3A%2F%2Frs.example%2Fa%2F',
      'resource=https%3A%2F%2FRS.example%2Fb%3Fq%3D1',
      'scope=read+write',
    ])
  })

  it.each<[what: string, options: Partial<TokenExchangeOptions>, actor: string, type: string | null]>([
    ['as the option says', { actorTokenType: tokenType('jwt') }, 'a', tokenType('jwt')],
    ['as that of the subject', { subjectTokenType: tokenType('id_token') }, 'a', tokenType('id_token')],
    ['as that of an access token', {}, 'a', tokenType('access_token')],
  ])('gives the type of an actor token, %s (TX-02, RFC 8693 §2.1)', async (_, options, actor, type) => {
    const { auth, forms } = exchangeBench({ ...options, actorToken: actor })

    await auth.getToken()

    expect(forms()[0]?.get('actor_token')).toBe(actor)
    expect(forms()[0]?.get('actor_token_type')).toBe(type)
  })

  it('gives no type of an actor token where there is none (TX-02, RFC 8693 §2.1)', async () => {
    const { auth, forms } = exchangeBench({ actorTokenType: tokenType('jwt') })

    await auth.getToken()

    expect([...(forms()[0]?.keys() ?? [])]).toEqual(['grant_type', 'subject_token', 'subject_token_type'])
  })

  it.each([
    tokenType('access_token'),
    tokenType('refresh_token'),
    tokenType('id_token'),
    tokenType('saml1'),
    tokenType('saml2'),
    tokenType('jwt'),
    tokenType('id-jag'),
    'https://types.example/Badge',
  ])('gives the type %s of a subject letter by letter (TX-06, RFC 8693 §3)', async (subjectTokenType) => {
    const { auth, forms } = exchangeBench({ subjectTokenType })

    await auth.getToken()

    expect(forms()[0]?.get('subject_token_type')).toBe(subjectTokenType)
  })

  it.each<[what: string, audience: string | readonly string[] | undefined, sent: readonly string[]]>([
    ['none', undefined, []],
    ['an empty list', [], []],
    ['one', 'one', ['one']],
    ['a list of one', ['one'], ['one']],
    ['several, in order', ['b', 'a'], ['b', 'a']],
  ])('repeats the audience as often as there is one: %s (TX-03, RFC 8693 §2.1)', async (...row) => {
    const [, audience, sent] = row
    const { auth, forms } = exchangeBench({ audience })

    await auth.getToken()

    expect(forms()[0]?.getAll('audience')).toEqual(sent)
  })

  it("takes more of what this server wants, but for what is the protocol's own (TX-03)", async () => {
    const parameters = { tenant: 'x', audience: 'y' }
    const one = exchangeBench({ parameters })
    const other = exchangeBench({ parameters, audience: 'own' })

    await Promise.all([one.auth.getToken(), other.auth.getToken()])

    const wanted = [one, other].map(({ forms }) =>
      ['tenant', 'audience'].map((each) => forms()[0]?.getAll(each)),
    )
    expect(wanted).toEqual([
      [['x'], ['y']],
      [['x'], ['own']],
    ])
  })

  it('authenticates in the way that the caller names (TX-05, TE-02)', async () => {
    const { auth, arrivals, forms } = exchangeBench({ clientAuthentication: clientSecretPost })

    await auth.getToken()

    expect(arrivals[0]?.headers.get('authorization')).toBeNull()
    expect([forms()[0]?.get('client_id'), forms()[0]?.get('client_secret')]).toEqual(['me', 'hush'])
  })

  it('comes from a public client only where that was said (TX-05, TE-05)', async () => {
    const { auth, forms } = exchangeBench({
      clientSecret: undefined,
      clientAuthentication: publicClient,
    })

    await auth.getToken()

    expect(forms()[0]?.get('client_id')).toBe('me')
  })
})

describe('the constructor', () => {
  it.each<[AuthConfigErrorCode, string, Partial<TokenExchangeOptions>]>([
    [
      'client_secret_missing',
      'no secret: whoever finds a token could trade it (TX-05)',
      { clientSecret: undefined },
    ],
    ['invalid_token', 'an empty subject token (TX-01)', { subjectToken: '' }],
    ['invalid_token', 'an empty actor token (TX-02)', { actorToken: '' }],
    [
      'grant_not_supported',
      'a server that lists other grants (AS-11)',
      { serverMetadata: { ...metadata, grant_types_supported: ['client_credentials'] } },
    ],
    [
      'endpoint_missing',
      'a server without a token endpoint',
      { serverMetadata: { issuer: metadata.issuer } },
    ],
    [
      'invalid_resource',
      'one of several resources with a fragment (TX-03, RFC 8707 §2)',
      { resource: ['https://rs.example/', 'https://rs.example/#x'] },
    ],
    ['invalid_parameter', 'a subject token by another way', { parameters: { subject_token: 'other' } }],
    ['invalid_parameter', 'an actor type by another way', { parameters: { actor_token_type: 'x' } }],
    ['invalid_parameter', 'a wanted type by another way', { parameters: { requested_token_type: 'x' } }],
    ['invalid_scope', 'a scope that is none (SC-10)', { scope: 'a  b' }],
  ])('throws %s for %s', (code, _, options) => {
    expect(() => exchangeBench(options)).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', code, recovery: 'terminal' }),
    )
  })

  it('asks for no subject, and sends nothing', () => {
    const subjectToken = vi.fn(() => 's1')

    const { arrivals } = exchangeBench({ subjectToken })

    expect(subjectToken).not.toHaveBeenCalled()
    expect(arrivals).toEqual([])
  })

  it('names the origins of all its resources (MC-03)', () => {
    const { auth } = exchangeBench({ resource: ['https://a.example/x', 'https://b.example/y', 'urn:c:d'] })

    expect(auth.origins).toEqual(['https://a.example', 'https://b.example'])
  })
})

describe('a real server', () => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())

  const claimsOf = (jwt: string): unknown =>
    JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())

  /** A token that the server itself issued to another client. */
  async function issued(client: 'worker' | 'poster', scope: string, resource: string) {
    const { issuer } = testbed.authorizationServer
    const options = { issuer, ...testClients[client], scope, resource }
    return ClientCredentialsAuth.fromIssuer(options)
  }

  it.each(['worker', 'poster'] as const)(
    'trades a token for one that is good at one resource, through the %s (TX-01, TX-04, TX-08, TX-10, TE-14)',
    async (name) => {
      const { api, mcp } = testbed
      const subject = await issued('worker', 'mcp:tools mcp:write api:read', mcp.url)
      const auth = await TokenExchangeAuth.fromResource({
        resourceUrl: api.url,
        ...testClients[name],
        ...(name === 'poster' && { clientAuthentication: clientSecretPost }),
        subjectToken: subject,
      })

      const token = await auth.getToken()
      const response = await auth.fetch(`${api.url}/orders`)

      const exchange = testbed.authorizationServer.journal.arrivals.at(-1)
      expect(new URLSearchParams(exchange?.body).getAll('resource')).toEqual([api.url])
      expect(response.status).toBe(200)
      expect(token).toMatchObject({
        scope: ['api:read'],
        resource: api.url,
        issuer: testbed.authorizationServer.issuer,
        issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      })
      expect(claimsOf(token.accessToken)).toMatchObject({
        sub: 'testbed-worker',
        aud: api.url,
        client_id: testClients[name].clientId,
        scope: 'api:read',
      })
    },
  )

  it('narrows the scope, and notes the actor in the token (TX-02, TX-03, TX-10, RFC 8693 §4.1)', async () => {
    const { api, mcp, authorizationServer } = testbed
    const subject = await (await issued('worker', 'mcp:tools api:read', mcp.url)).getToken()
    const actor = await issued('poster', 'api:read', mcp.url)
    const auth = await TokenExchangeAuth.fromIssuer({
      issuer: authorizationServer.issuer,
      ...testClients.poster,
      clientAuthentication: clientSecretPost,
      subjectToken: subject.accessToken,
      actorToken: actor,
      audience: api.url,
      scope: 'api:read mcp:write',
      origins: [api.origin],
    })

    const token = await auth.getToken()
    const response = await auth.fetch(`${api.url}/orders`)

    expect(response.status).toBe(200)
    expect(token).toMatchObject({ scope: ['api:read'], requestedScope: ['api:read', 'mcp:write'] })
    expect(claimsOf(token.accessToken)).toMatchObject({
      sub: 'testbed-worker',
      act: { sub: 'testbed-poster' },
      aud: api.url,
      scope: 'api:read',
    })
  })

  it('calls a dead subject token an invalid request, and is asked once (TX-11, RFC 8693 §2.2.2)', async () => {
    const { api, authorizationServer } = testbed
    const { issuer, journal } = authorizationServer
    const options = { issuer, ...testClients.worker, resource: api.url, subjectToken: 'dead' }
    const auth = await TokenExchangeAuth.fromIssuer(options)
    journal.clear()

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error: 'invalid_request',
      recovery: 'terminal',
    })
    expect(journal.count({ path: '/token' })).toBe(1)
  })
})
