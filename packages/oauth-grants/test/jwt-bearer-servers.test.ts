import {
  type AuthorizationServer,
  agree,
  startAuthorizationServer,
  startMcpServer,
  startTestbed,
  type Testbed,
  testClients,
} from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Assertion,
  type Auth,
  AuthorizationCodeAuth,
  identityAssertion,
  JwtBearerAuth,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'

const { app } = testClients

let provider: AuthorizationServer
let testbed: Testbed
beforeAll(async () => {
  provider = await startAuthorizationServer()
  testbed = await startTestbed({ strictClientAuthentication: true, identityProvider: provider.issuer })
})
afterAll(() => Promise.all([provider.close(), testbed.close()]))
beforeEach(() => {
  for (const { journal } of [provider, testbed.authorizationServer, testbed.mcp]) journal.clear()
})

/** The token requests that a server got, and what it answered. */
const requestsTo = ({ journal }: AuthorizationServer) =>
  journal.arrivals
    .filter(({ path }) => path === '/token')
    .map(({ body, status }) => ({ status, form: Object.fromEntries(new URLSearchParams(body)) }))

const claimsOf = (jwt = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())

/** A tool call as the revision 2026-07-28 has it. */
async function whoAmI({ fetch }: Auth): Promise<{ status: number; text: string }> {
  const revision = '2026-07-28'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const response = await fetch(testbed.mcp.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      'mcp-method': 'tools/call',
      'mcp-name': 'whoami',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'whoami', arguments: {}, _meta: meta },
    }),
  })
  return { status: response.status, text: await response.text() }
}

/** As its platform signs it, for whoever asks. */
const workload: Assertion = ({ issuer }) =>
  testbed.authorizationServer.platform.sign({ subject: 'job-7', audience: issuer })

describe('a workload', () => {
  it('calls a tool with what its platform says of it, from the URL of the server on (WI-01, WI-02, RFC 7523 §2.1)', async () => {
    const { authorizationServer, mcp } = testbed
    await using auth = await JwtBearerAuth.fromResource({ resourceUrl: mcp.url, assertion: workload })

    const called = await whoAmI(auth)

    expect(called.status).toBe(200)
    expect(called.text).toContain('job-7')
    expect(claimsOf((await auth.getToken()).accessToken)).toMatchObject({ sub: 'job-7', aud: mcp.url })
    const requests = requestsTo(authorizationServer)
    expect(requests).toEqual([
      {
        status: 200,
        form: {
          grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
          assertion: expect.any(String),
          resource: mcp.url,
          scope: expect.stringContaining('mcp:tools'),
        },
      },
    ])
    expect(claimsOf(requests[0]?.form['assertion'])).toEqual({
      iss: 'https://platform.example',
      sub: 'job-7',
      aud: authorizationServer.issuer,
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
    })
  })

  it('goes on with a new assertion when its token has ended, and when it is refused (WI-04, WI-05)', async () => {
    const { authorizationServer, mcp } = testbed
    const clock = handClock(Date.now())
    await using auth = await JwtBearerAuth.fromResource({ resourceUrl: mcp.url, assertion: workload, clock })
    await whoAmI(auth)
    clock.pass(3_600_000)
    await whoAmI(auth)
    mcp.refuse((await auth.getToken()).accessToken)

    const last = await whoAmI(auth)

    expect(last.status).toBe(200)
    const requests = requestsTo(authorizationServer)
    expect(requests.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(new Set(requests.map(({ form }) => claimsOf(form['assertion'])['jti'])).size).toBe(3)
  })

  it.each<[what: string, Partial<{ scope: string; assertion: Assertion }>, error: string]>([
    ['of a scope that the resource does not have', { scope: 'mcp:nothing' }, 'invalid_scope'],
    [
      'of an assertion for the token endpoint in place of the issuer',
      { assertion: (request) => workload({ ...request, issuer: `${request.issuer}/token` }) },
      'invalid_grant',
    ],
    ['of what is no assertion', { assertion: () => 'hunter2' }, 'invalid_grant'],
  ])('is refused once because %s, and nothing else is tried (WI-02, WI-03)', async (_, options, error) => {
    const { authorizationServer, mcp } = testbed
    await using auth = await JwtBearerAuth.fromResource({
      resourceUrl: mcp.url,
      assertion: workload,
      ...options,
    })

    await expect(whoAmI(auth)).rejects.toMatchObject({ name: 'TokenError', code: 'refused', error })

    expect(requestsTo(authorizationServer)).toMatchObject([{ status: 400 }])
    expect(mcp.journal.count({ method: 'POST' })).toBe(0)
  })

  it('is refused once where it presents the same assertion again (WI-03, WI-04, RFC 7523 §3)', async () => {
    const { authorizationServer, mcp } = testbed
    const { issuer } = authorizationServer
    const same = await authorizationServer.platform.sign({ subject: 'job-7', audience: issuer })
    await using auth = await JwtBearerAuth.fromResource({ resourceUrl: mcp.url, assertion: () => same })
    await whoAmI(auth)
    mcp.refuse((await auth.getToken()).accessToken)

    await expect(whoAmI(auth)).rejects.toMatchObject({ code: 'refused', error: 'invalid_grant', issuer })

    expect(requestsTo(authorizationServer).map(({ status }) => status)).toEqual([200, 400])
  })

  it('presents nothing to a server that is not the one it expects, whoever names it (WI-04, EM-07)', async () => {
    const { issuer } = testbed.authorizationServer
    await using evil = await startAuthorizationServer()
    await using mcp = await startMcpServer({ issuer, authorizationServers: [evil.issuer] })
    const asked: string[] = []
    const attempt = JwtBearerAuth.fromResource({
      resourceUrl: mcp.url,
      expectedIssuer: issuer,
      assertion: (request) => {
        asked.push(request.issuer)
        return workload(request)
      },
    })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError' })
    expect(asked).toEqual([])
    expect(evil.journal.count({ method: 'POST' })).toBe(0)
    expect(testbed.authorizationServer.journal.count({ method: 'POST' })).toBe(0)
  })
})

describe('a user whose employer says yes', () => {
  /** What the user's sign-in at the employer's identity provider gave. */
  async function signIn(): Promise<string> {
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      issuer: provider.issuer,
      ...app,
      scope: 'openid',
      redirectUri: 'http://127.0.0.1/callback',
      authorize: (url) => agree(url),
    })
    return (await auth.getToken()).idToken ?? ''
  }

  /** A client that both know, and the user who has signed in. */
  const connect = (identityToken: string, expectedIssuer?: string) =>
    JwtBearerAuth.fromResource({
      ...app,
      resourceUrl: testbed.mcp.url,
      expectedIssuer,
      scope: 'mcp:tools',
      assertion: identityAssertion({
        serverMetadata: { issuer: provider.issuer, token_endpoint: provider.tokenEndpoint },
        ...app,
        identityToken,
      }),
    })

  it('calls a tool at another server without being asked there (EM-01, EM-02, EM-03, EM-04, EM-06, EM-07)', async () => {
    const { authorizationServer, mcp } = testbed
    const identityToken = await signIn()
    await using auth = await connect(identityToken, authorizationServer.issuer)
    provider.journal.clear()

    const called = await whoAmI(auth)

    expect(called.status).toBe(200)
    expect(called.text).toContain('the-user')
    const assertion = requestsTo(authorizationServer)[0]?.form['assertion']
    expect(claimsOf(assertion)).toMatchObject({
      iss: provider.issuer,
      sub: 'the-user',
      aud: authorizationServer.issuer,
      client_id: app.clientId,
      resource: mcp.url,
      scope: 'mcp:tools',
    })
    expect(requestsTo(provider)).toMatchObject([
      { status: 200, form: { audience: authorizationServer.issuer, resource: mcp.url } },
    ])
    expect(authorizationServer.journal.count({ path: '/auth' })).toBe(0)
  })

  it('goes on with a new assertion for each token, which the server takes once (EM-08)', async () => {
    const { authorizationServer, mcp } = testbed
    await using auth = await connect(await signIn())
    await whoAmI(auth)
    mcp.refuse((await auth.getToken()).accessToken)

    const second = await whoAmI(auth)

    expect(second.status).toBe(200)
    const requests = requestsTo(authorizationServer)
    expect(requests.map(({ status }) => status)).toEqual([200, 200])
    expect(new Set(requests.map(({ form }) => claimsOf(form['assertion'])['jti'])).size).toBe(2)
  })

  it('puts no assertion and no ID token into a URL, or before the resource (EM-09)', async () => {
    const { authorizationServer, mcp } = testbed
    const identityToken = await signIn()
    await using auth = await connect(identityToken)
    await whoAmI(auth)

    const assertion = requestsTo(authorizationServer)[0]?.form['assertion'] ?? expect.fail('none was sent')
    const seen = [provider, authorizationServer, mcp].flatMap(({ journal }) =>
      journal.arrivals.flatMap(({ path, headers }) => [path, JSON.stringify(headers)]),
    )
    expect(seen.length).toBeGreaterThan(5)
    for (const secret of [identityToken, assertion]) expect(seen.join('\n')).not.toContain(secret)
    expect(mcp.journal.arrivals.map(({ body }) => body).join('\n')).not.toContain(assertion)
  })

  it('hears a refusal of the identity provider as its own, and the server gets nothing (WI-03)', async () => {
    const { authorizationServer } = testbed
    const identityToken = await authorizationServer.platform.sign({
      subject: 'the-user',
      audience: app.clientId,
    })
    await using auth = await connect(identityToken)

    await expect(whoAmI(auth)).rejects.toMatchObject({
      name: 'TokenError',
      code: 'refused',
      error: 'invalid_request',
      issuer: provider.issuer,
    })
    expect(requestsTo(provider)).toMatchObject([{ status: 400 }])
    expect(requestsTo(authorizationServer)).toEqual([])
  })
})
