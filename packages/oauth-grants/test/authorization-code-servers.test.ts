import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  type Authorize,
  type FromResource,
} from '../src/index.ts'
import { browse, callbackOf, loginServer } from './sign-in.ts'

/** The server that the client is registered at, with a resource; and one that somebody else runs. */
let testbed: Testbed
let other: Testbed
beforeAll(async () => {
  ;[testbed, other] = await Promise.all([startTestbed(), startTestbed()])
})
afterAll(() => Promise.all([testbed.close(), other.close()]))
beforeEach(() => {
  for (const { authorizationServer } of [testbed, other]) {
    authorizationServer.faults.heal()
    authorizationServer.journal.clear()
  }
})

const client = { ...testClients.cli, redirectUri: 'http://127.0.0.1:5555/callback' }

/** For the resource of the first server, with a person who signs in at once. */
function fromResource(options: Partial<FromResource<AuthorizationCodeOptions>> = {}) {
  return AuthorizationCodeAuth.fromResource({
    ...client,
    resourceUrl: testbed.mcp.url,
    authorize: browse,
    ...options,
  })
}

describe('a sign-in for a resource', () => {
  it('gets a token that the resource takes (AC-01, AC-14)', async () => {
    await using auth = await fromResource()

    const token = await auth.getToken()
    const response = await auth.fetch(testbed.mcp.url)

    expect(token).toMatchObject({ resource: testbed.mcp.url, issuer: testbed.authorizationServer.issuer })
    expect(response.status).not.toBe(401)
  })

  it('is at the issuer that was named, where the resource names it (RG-15)', async () => {
    const { issuer } = testbed.authorizationServer
    await using auth = await fromResource({ expectedIssuer: issuer })

    await expect(auth.getToken()).resolves.toMatchObject({ issuer })
  })

  it('sends nobody to another server than the one that was named: that one is not even asked (RG-15, RG-17)', async () => {
    const authorize = vi.fn<Authorize>(browse)

    const attempt = fromResource({
      ...testClients.app,
      resourceUrl: other.mcp.url,
      expectedIssuer: testbed.authorizationServer.issuer,
      authorize,
    })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
    expect(authorize).not.toHaveBeenCalled()
    expect(other.authorizationServer.journal.arrivals).toEqual([])
    expect(testbed.authorizationServer.journal.count({ path: /^(?!\/\.well-known)/ })).toBe(0)
  })

  it('does not begin at a server whose metadata does not mention PKCE (AC-02)', async () => {
    const silent = { code_challenge_methods_supported: undefined }
    testbed.authorizationServer.faults.add(
      { kind: 'changed-members', members: silent },
      { path: /well-known/ },
    )
    const authorize = vi.fn<Authorize>(browse)

    await expect(fromResource({ authorize })).rejects.toMatchObject({ code: 'pkce_not_supported' })

    expect(authorize).not.toHaveBeenCalled()
    expect(testbed.authorizationServer.journal.count({ path: /^\/(?:auth|token)/ })).toBe(0)
  })

  it.each([null, 'S256', ['plain']])(
    'does not begin at a server that publishes the methods %j either (AC-02, AC-03)',
    async (code_challenge_methods_supported) => {
      const members = { code_challenge_methods_supported }
      testbed.authorizationServer.faults.add({ kind: 'changed-members', members }, { path: /well-known/ })

      await expect(fromResource()).rejects.toMatchObject({ code: 'pkce_not_supported' })
    },
  )

  it('sends no code where the server does not name itself, as it has promised (AC-08, AC-10)', async () => {
    await using auth = await fromResource({
      async authorize(url) {
        const callback = new URL(await browse(url))
        callback.searchParams.delete('iss')
        return callback
      },
    })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'issuer_mismatch' })
    expect(testbed.authorizationServer.journal.count({ path: '/token' })).toBe(0)
  })

  it('brings no code of another server to this one: a mix-up (AC-06, AC-10, AC-12)', async () => {
    const answers: string[] = []
    await using honest = await fromResource({
      async authorize(url) {
        answers.push(await browse(url))
        throw new Error('the browser is led away')
      },
    })
    await expect(honest.getToken()).rejects.toThrow('led away')
    await using hostile = await AuthorizationCodeAuth.fromResource({
      ...client,
      resourceUrl: other.mcp.url,
      authorize: () => answers[0] ?? expect.fail('there is an answer'),
    })

    await expect(hostile.getToken()).rejects.toMatchObject({ code: 'state_mismatch' })

    const toTokenEndpoint = { path: '/token' }
    expect(other.authorizationServer.journal.count(toTokenEndpoint)).toBe(0)
    expect(testbed.authorizationServer.journal.count(toTokenEndpoint)).toBe(0)
  })
})

describe('a sign-in at an issuer', () => {
  it('needs no resource: the caller says the scope', async () => {
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      ...client,
      issuer: testbed.authorizationServer.issuer,
      authorize: browse,
      scope: 'openid',
    })

    const { scope, resource, idToken } = await auth.getToken()

    expect([scope, resource]).toEqual([['openid'], undefined])
    expect(idToken).toEqual(expect.any(String))
  })

  it('takes a confidential client, by Basic, also with a secret that has to be escaped (TE-03)', async () => {
    await using strict = await startTestbed({ strictClientAuthentication: true })
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      ...testClients.app,
      redirectUri: client.redirectUri,
      issuer: strict.authorizationServer.issuer,
      authorize: browse,
      scope: 'openid',
    })

    await expect(auth.getToken()).resolves.toMatchObject({ tokenType: 'Bearer' })
  })
})

describe('signing out', () => {
  it('revokes the refresh token: at the server nobody gets anything for it (RFC 7009 §2.1)', async () => {
    await using auth = await fromResource()
    const { refreshToken } = await auth.getToken()

    await expect(auth.signOut()).resolves.toBe(true)

    await using later = await fromResource({ refreshToken, authorize: undefined })
    await expect(later.getToken()).rejects.toMatchObject({ code: 'interaction_required' })
    const sent = testbed.authorizationServer.journal.arrivals.filter(({ path }) => path.startsWith('/token'))
    expect(sent.map(({ path, status }) => [path, status])).toEqual([
      ['/token', 200],
      ['/token/revocation', 200],
      ['/token', 400],
    ])
  })

  it('forgets the token: who asks for one has to sign in again', async () => {
    const authorize = vi.fn<Authorize>(browse)
    await using auth = await fromResource({ authorize })
    const first = await auth.getToken()
    await auth.signOut()

    await expect(auth.getToken({ interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })
    const second = await auth.getToken()

    expect(authorize).toHaveBeenCalledTimes(2)
    expect(second.accessToken).not.toBe(first.accessToken)
  })

  it('forgets the token where the server is down as well, and says that it did not revoke it', async () => {
    await using auth = await fromResource()
    await auth.getToken()
    testbed.authorizationServer.faults.add({ kind: 'status', status: 503 }, { path: '/token/revocation' })

    await expect(auth.signOut()).rejects.toMatchObject({ name: 'TokenError', code: 'unavailable' })

    await expect(auth.getToken({ interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })
  })

  it('of who never signed in sends nothing', async () => {
    await using auth = await fromResource()
    testbed.authorizationServer.journal.clear()

    await expect(auth.signOut()).resolves.toBe(false)

    expect(testbed.authorizationServer.journal.arrivals).toEqual([])
  })
})

describe('to stay signed in', () => {
  const resource = 'https://rs.example/mcp'

  /** A resource and its server, which list these scopes; gives the scope that a person is asked for. */
  async function scopeAsked(
    lists: { resource?: string[]; server?: string[]; challenge?: string },
    scope?: string,
  ) {
    const answers: Record<string, () => Response> = {
      [resource]: () =>
        new Response('', {
          status: 401,
          headers: {
            'www-authenticate': `Bearer${lists.challenge === undefined ? '' : ` scope="${lists.challenge}"`}`,
          },
        }),
      'https://rs.example/.well-known/oauth-protected-resource/mcp': () =>
        Response.json({
          resource,
          authorization_servers: [loginServer.issuer],
          scopes_supported: lists.resource,
        }),
      'https://as.example/.well-known/oauth-authorization-server': () =>
        Response.json({ ...loginServer, scopes_supported: lists.server }),
      [loginServer.token_endpoint]: () => Response.json({ access_token: 't1', token_type: 'Bearer' }),
    }
    const authorize = vi.fn<Authorize>((url) => callbackOf(url))
    const auth = await AuthorizationCodeAuth.fromResource({
      resourceUrl: resource,
      clientId: 'me',
      redirectUri: 'https://app.example/callback',
      scope,
      authorize,
      fetch: async (input) => answers[new Request(input).url]?.() ?? new Response('', { status: 404 }),
    })
    await auth.getToken()
    return authorize.mock.calls[0]?.[0].searchParams.get('scope')
  }

  it.each<[string, Parameters<typeof scopeAsked>[0], string | undefined, string | null]>([
    [
      'is asked for, where the server lists it',
      { resource: ['a'], server: ['a', 'offline_access'] },
      undefined,
      'a offline_access',
    ],
    [
      'is asked for, where a challenge names the scope',
      { challenge: 'a', server: ['offline_access'] },
      undefined,
      'a offline_access',
    ],
    [
      'is not asked for, where the server does not list it',
      { resource: ['a'], server: ['a'] },
      undefined,
      'a',
    ],
    ['is not asked for, where the server lists nothing', { resource: ['a'] }, undefined, 'a'],
    [
      'is not asked for because a resource lists it',
      { resource: ['a', 'offline_access'], server: ['a'] },
      undefined,
      'a',
    ],
    [
      'is not asked for because a challenge names it',
      { challenge: 'a offline_access', server: ['a'] },
      undefined,
      'a',
    ],
    ['is not asked for alone', { server: ['offline_access'] }, undefined, null],
    ['is not added to the scope of the caller', { resource: ['a'], server: ['offline_access'] }, 'b', 'b'],
    [
      'is asked for where the caller does',
      { resource: ['a'], server: ['a'] },
      'b offline_access',
      'b offline_access',
    ],
  ])('offline_access %s (SC-08)', async (_, lists, scope, asked) => {
    await expect(scopeAsked(lists, scope)).resolves.toBe(asked)
  })
})
