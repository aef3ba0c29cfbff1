import { startTestbed, testClients } from '@x/testbed'
import { describe, expect, it, vi } from 'vitest'
import {
  authorizedFetch,
  ClientCredentialsAuth,
  createToken,
  type Obtain,
  TokenSession,
} from '../src/index.ts'
import { loginBench } from './login-bench.ts'
import { type Reply, tokenServer } from './token-server.ts'

const url = 'https://api.example/orders'
const origins = ['https://api.example']

/** An answer with a challenge. */
const no =
  (status: number, challenge = '') =>
  () =>
    new Response(String(status), { status, headers: { 'www-authenticate': challenge } })
const ok: Reply = () => new Response('ok')
const insufficient = no(403, 'Bearer error="insufficient_scope", scope="b"')
const more = no(403, 'Bearer error="insufficient_scope", scope="c"')

/** A fetch over a session of t1, t2, ... each for the scope that was asked for, and a resource made of replies. */
function bench(...replies: Reply[]) {
  const resource = tokenServer(...replies)
  let made = 0
  const obtain = vi.fn<Obtain>(async ({ scope }) => {
    made += 1
    return createToken({ accessToken: `t${made}`, requestedScope: scope?.split(' ') ?? [] })
  })
  const session = new TokenSession(obtain)
  const fetch = authorizedFetch(session, { origins, fetch: resource.fetch })
  return {
    fetch,
    session,
    arrivals: resource.arrivals,
    sent: () => resource.arrivals.map(({ headers }) => headers.get('authorization')?.replace('Bearer ', '')),
    scopes: () => obtain.mock.calls.map(([{ scope }]) => scope),
  }
}

describe('a 403 for insufficient_scope', () => {
  it('is answered by one demand for more, and one try with it (SC-02, SC-04)', async () => {
    const { fetch, sent, scopes } = bench(insufficient, ok)

    const response = await fetch(url)

    expect(response.status).toBe(200)
    expect(sent()).toEqual(['t1', 't2'])
    expect(scopes()).toEqual([undefined, 'b'])
  })

  it('is read wherever it stands among the challenges (CH-09)', async () => {
    const several = no(403, 'Basic realm="a, b", DPoP error="insufficient_scope", scope="b", Bearer')
    const { fetch, scopes } = bench(several, ok)

    await fetch(url)

    expect(scopes()).toEqual([undefined, 'b'])
  })

  it('is the answer, unread, the second time, though it wants something else (SC-06)', async () => {
    const { fetch, sent, scopes } = bench(insufficient, more)

    const response = await fetch(url)

    expect(response.status).toBe(403)
    await expect(response.text()).resolves.toBe('403')
    expect(sent()).toEqual(['t1', 't2'])
    expect(scopes()).toEqual([undefined, 'b'])
  })

  it('is the answer where it wants nothing that was not asked for before: nothing is sent again (SC-06)', async () => {
    const { fetch, sent, scopes } = bench(insufficient)
    await fetch(url)

    const response = await fetch(url)

    expect(response.status).toBe(403)
    await expect(response.text()).resolves.toBe('403')
    expect(sent()).toEqual(['t1', 't2', 't2'])
    expect(scopes()).toEqual([undefined, 'b'])
  })

  it('with an answer of 401 counts as the same (RFC 6750 §3.1)', async () => {
    const { fetch, sent, scopes } = bench(no(401, 'Bearer error="insufficient_scope", scope="b"'), ok)

    await expect(fetch(url)).resolves.toMatchObject({ status: 200 })

    expect(sent()).toEqual(['t1', 't2'])
    expect(scopes()).toEqual([undefined, 'b'])
  })

  it('that only a person can help with makes the call fail, with what to ask them for', async () => {
    const cancelled = vi.fn()
    const challenge = 'Bearer error="insufficient_scope", scope="b"'
    const resource: Reply = () =>
      new Response(new ReadableStream({ cancel: cancelled }), {
        status: 403,
        headers: { 'www-authenticate': challenge },
      })
    const token = { access_token: 't', token_type: 'Bearer' }
    const { auth, presented, signIns } = loginBench({ origins, scope: 'a' }, token, resource, token, ok)
    await auth.getToken()

    const error: unknown = await auth.fetch(url).catch((caught: unknown) => caught)

    expect(error).toMatchObject({
      name: 'AuthorizationError',
      code: 'interaction_required',
      recovery: 'interaction',
      challenge: { parameters: { error: 'insufficient_scope', scope: 'b' } },
    })
    expect(cancelled).toHaveBeenCalledTimes(1)
    expect(presented()).toEqual(['authorization_code', '/orders'])
    expect(signIns).toEqual(['a'])
  })

  it('is over once somebody has signed in for what the error says (SC-04)', async () => {
    const token = { access_token: 't', token_type: 'Bearer' }
    const wide = { access_token: 'wide', token_type: 'Bearer' }
    const { auth, arrivals, signIns } = loginBench({ origins, scope: 'a' }, token, insufficient, wide, ok)
    await auth.getToken()

    await auth.fetch(url).catch((error) => auth.getToken({ challenge: error.challenge }))
    const response = await auth.fetch(url)

    expect(response.status).toBe(200)
    expect(arrivals.at(-1)?.headers.get('authorization')).toBe('Bearer wide')
    expect(signIns).toEqual(['a', 'a b'])
  })
})

describe('any other 403', () => {
  it.each([
    '',
    'Bearer',
    'Bearer scope="b"',
    'Bearer error="invalid_token", scope="b"',
    'Bearer error="Insufficient_Scope", scope="b"',
    'Bearer error_description="insufficient_scope", scope="b"',
    'Bearer realm="error=\\"insufficient_scope\\", scope=b"',
  ])('is the answer of the resource, and nothing is asked for: %j (CH-09)', async (challenge) => {
    const { fetch, sent, scopes } = bench(no(403, challenge))

    const response = await fetch(url)

    expect(response.status).toBe(403)
    await expect(response.text()).resolves.toBe('403')
    expect(sent()).toEqual(['t1'])
    expect(scopes()).toEqual([undefined])
  })
})

describe('both refusals of one request', () => {
  it.each<[string, Reply[], (string | undefined)[]]>([
    ['401, then 403', [no(401), insufficient, ok], [undefined, undefined, 'b']],
    ['403, then 401', [insufficient, no(401), ok], [undefined, 'b', 'b']],
  ])('are answered once each: %s (MC-04, SC-06)', async (_, replies, asked) => {
    const { fetch, sent, scopes } = bench(...replies)

    await expect(fetch(url)).resolves.toMatchObject({ status: 200 })

    expect(sent()).toEqual(['t1', 't2', 't3'])
    expect(scopes()).toEqual(asked)
  })

  it.each<[string, Reply[], number]>([
    ['401, 403, 401', [no(401), insufficient, no(401)], 401],
    ['401, 403, 403', [no(401), insufficient, more], 403],
    ['403, 401, 403', [insufficient, no(401), more], 403],
    ['403, 401, 401', [insufficient, no(401), no(401)], 401],
  ])('are the answer the next time, after three requests: %s (MC-04, SC-06)', async (_, replies, status) => {
    const { fetch, sent } = bench(...replies)

    await expect(fetch(url)).resolves.toMatchObject({ status })

    expect(sent()).toEqual(['t1', 't2', 't3'])
  })

  it.each<[string, () => [string | Request, RequestInit?]]>([
    ['a text', () => [url, { method: 'POST', body: 'é\0' }]],
    ['a Request with a body', () => [new Request(url, { method: 'POST', body: 'é\0' })]],
    [
      'a Request with a stream',
      // Node's fetch wants `duplex`, which the type does not know.
      () => [
        new Request(url, { method: 'POST', body: new Blob(['é\0']).stream(), duplex: 'half' } as RequestInit),
      ],
    ],
  ])('leave the body whole, each time: %s (MC-06)', async (_, make) => {
    const { fetch, arrivals } = bench(no(401), insufficient, ok)

    await fetch(...make())

    expect(arrivals.map(({ body }) => body)).toEqual(['é\0', 'é\0', 'é\0'])
  })
})

describe('a body that can be read once', () => {
  it('is not sent again for more scope; the next call has it (MC-06)', async () => {
    const { fetch, arrivals, sent } = bench(insufficient, ok)
    // Node's fetch wants `duplex`, which the type does not know.
    const init = { method: 'POST', body: new Blob(['once']).stream(), duplex: 'half' } as RequestInit

    const response = await fetch(url, init)

    expect(response.status).toBe(403)
    expect(arrivals.map(({ body }) => body)).toEqual(['once'])
    await fetch(url)
    expect(sent()).toEqual(['t1', 't2'])
  })
})

it('puts what is no access token on no request (TX-09, RFC 8693 §2.2.1)', async () => {
  const resource = tokenServer()
  const session = new TokenSession(async () => createToken({ accessToken: 'saml', tokenType: 'N_A' }))
  const fetch = authorizedFetch(session, { origins, fetch: resource.fetch })

  await expect(fetch(url)).rejects.toMatchObject({ name: 'AuthConfigError', code: 'invalid_token' })
  await expect(fetch(url)).rejects.toMatchObject({ code: 'invalid_token' })

  expect(resource.arrivals).toEqual([])
})

it('gets from a real server what a real resource demands (SC-02, SC-04)', async () => {
  await using testbed = await startTestbed()
  const { authorizationServer, mcp } = testbed
  const auth = new ClientCredentialsAuth({
    serverMetadata: { issuer: authorizationServer.issuer, token_endpoint: authorizationServer.tokenEndpoint },
    ...testClients.worker,
    scope: 'mcp:tools',
    resource: mcp.url,
  })
  const challenge = 'Bearer error="insufficient_scope", scope="mcp:write"'
  mcp.faults.add(
    { kind: 'status', status: 403, headers: { 'www-authenticate': challenge } },
    { method: 'DELETE', times: 1 },
  )

  const response = await auth.fetch(mcp.url, { method: 'DELETE' })
  await response.body?.cancel()

  const asked = authorizationServer.journal.arrivals.map(({ body }) => new URLSearchParams(body).get('scope'))
  expect(asked).toEqual(['mcp:tools', 'mcp:tools mcp:write'])
  await expect(auth.getToken()).resolves.toMatchObject({ scope: ['mcp:tools', 'mcp:write'] })
  expect(mcp.journal.count({ method: 'DELETE' })).toBe(2)
})
