import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen, type RunningServer } from '@x/testbed'
import { describe, expect, it } from 'vitest'
import { type DiscoveryResult, discoverAuthorizationServer, inspectResource } from '../src/index.ts'
import { pages } from './pages.ts'

const probe = 'GET /mcp'
const metadata = 'GET /.well-known/oauth-protected-resource/mcp'
const elsewhere = 'GET /elsewhere'
const server = 'GET /.well-known/oauth-authorization-server/as'
const openid = 'GET /.well-known/openid-configuration/as'
const tokenRequest = 'POST /token'
const call = 'POST /mcp'

type Page = (response: ServerResponse, request: IncomingMessage) => unknown

const json =
  (body: object): Page =>
  (response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const status =
  (code: number, headers: Record<string, string> = {}): Page =>
  (response) =>
    response.writeHead(code, headers).end()

interface Waves extends RunningServer {
  /** The requests that came, by how many answers each of them had to wait for. */
  readonly waves: readonly (readonly string[])[]
}

/**
 * A resource and its authorization server, which answer none of a wave before all of it have come: whoever asks for one
 * of them only after another waits for ever.
 */
async function startWaves(
  plan: readonly (readonly string[])[],
  changed: Record<string, Page> = {},
): Promise<Waves> {
  const waves: string[][] = [[]]
  const held: (() => void)[] = []
  const running = await listen(0, async (origin) => {
    const answers: Record<string, Page> = {
      [probe]: status(401),
      [metadata]: json({ resource: `${origin}/mcp`, authorization_servers: [`${origin}/as`] }),
      [elsewhere]: json({ resource: `${origin}/mcp`, authorization_servers: [`${origin}/as`] }),
      [server]: json({ issuer: `${origin}/as`, token_endpoint: `${origin}/token` }),
      [openid]: json({ issuer: `${origin}/as` }),
      [tokenRequest]: json({ access_token: 'secret', token_type: 'Bearer' }),
      [call]: (response, { headers }) =>
        response.writeHead(headers.authorization === 'Bearer secret' ? 200 : 401).end(),
      ...changed,
    }
    return (request, response) => {
      const name = `${request.method} ${request.url}`
      const wave = waves.at(-1) ?? []
      wave.push(name)
      held.push(() => (answers[name] ?? status(404))(response, request))
      if (wave.length < (plan[waves.length - 1]?.length ?? 0)) return
      if (waves.length < plan.length) waves.push([])
      for (const answer of held.splice(0)) answer()
    }
  })
  return { ...running, waves }
}

const sorted = (waves: readonly (readonly string[])[]) => waves.map((wave) => wave.toSorted())

/** What comes after discovery, with no more than what it has found. */
async function callWithToken({
  authorizationServerMetadata,
  resourceMetadata,
}: DiscoveryResult): Promise<number> {
  const { resource } = resourceMetadata
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource })
  const issued = await fetch(authorizationServerMetadata.token_endpoint ?? '', { method: 'POST', body })
  const { access_token } = (await issued.json()) as { access_token: string } // see the answers of the server
  const headers = { authorization: `Bearer ${access_token}` }
  const answer = await fetch(resource, { method: 'POST', headers })
  return answer.status
}

const refusal = (named: string) =>
  new Response(null, { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${named}"` } })

/** A page that never answers, and tells when whoever asked for it has closed the connection. */
function hanging() {
  const { promise: givenUp, resolve } = Promise.withResolvers<{ wasAnswered: boolean }>()
  const hang: Page = (response) => response.on('close', () => resolve({ wasAnswered: response.headersSent }))
  return { hang, givenUp }
}

describe('from the URL to the first call with a token', () => {
  it('four answers are waited for, two of them by discovery', async () => {
    const plan = [[probe, metadata], [server], [tokenRequest], [call]]
    await using running = await startWaves(plan)

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`, { timeoutMs: 3_000 })
    const answer = await callWithToken(found)

    expect(answer).toBe(200)
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })

  it('three are waited for, one of them by discovery, where the issuer is expected', async () => {
    const plan = [[probe, metadata, server], [tokenRequest], [call]]
    await using running = await startWaves(plan)

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`, {
      expectedIssuer: `${running.origin}/as`,
      timeoutMs: 3_000,
    })
    const answer = await callWithToken(found)

    expect(answer).toBe(200)
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })
})

describe('discovery waits for', () => {
  it('one answer more where an expected issuer has an OpenID document alone (AS-02)', async () => {
    const plan = [[probe, metadata, server], [openid]]
    await using running = await startWaves(plan, { [server]: status(404) })

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`, {
      expectedIssuer: `${running.origin}/as`,
      timeoutMs: 3_000,
    })

    expect(found.authorizationServerMetadata).toEqual({ issuer: `${running.origin}/as` })
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })

  it('two answers where the caller holds a refusal, and asks nothing ahead (PR-02)', async () => {
    const plan = [[elsewhere], [server]]
    await using running = await startWaves(plan)

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`, {
      response: refusal(`${running.origin}/elsewhere`),
      timeoutMs: 3_000,
    })

    expect(found.authorizationServerMetadata.issuer).toBe(`${running.origin}/as`)
    expect(running.waves).toEqual(plan)
  })

  it('one answer where the caller holds a refusal and expects an issuer', async () => {
    const plan = [[elsewhere, server]]
    await using running = await startWaves(plan)

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`, {
      response: refusal(`${running.origin}/elsewhere`),
      expectedIssuer: `${running.origin}/as`,
      timeoutMs: 3_000,
    })

    expect(found.authorizationServerMetadata.issuer).toBe(`${running.origin}/as`)
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })

  it('two answers to know that a resource is open', async () => {
    const plan = [[probe, metadata], ['GET /.well-known/oauth-protected-resource']]
    await using running = await startWaves(plan, { [probe]: status(200), [metadata]: status(404) })

    const found = await inspectResource(`${running.origin}/mcp`, { timeoutMs: 3_000 })

    expect(found.kind).toBe('open')
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })
})

describe('what was asked ahead', () => {
  const lead = (response: ServerResponse, { headers }: IncomingMessage) => {
    const challenge = `Bearer resource_metadata="http://${headers.host}/elsewhere"`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
  }

  it.each<[string, Page]>([
    ['says that there is nothing', status(404)],
    ['is down', status(503)],
    [
      'is about another resource',
      json({ resource: 'https://evil.example', authorization_servers: ['https://evil.example'] }),
    ],
    ['cuts the connection', (response) => response.destroy()],
    ['sends us away', status(302, { location: 'https://evil.example/' })],
  ])('is of no matter where a challenge names another place: it %s (PR-02)', async (_, page) => {
    const plan = [[probe, metadata], [elsewhere], [server]]
    await using running = await startWaves(plan, { [probe]: lead, [metadata]: page })

    const found = await inspectResource(`${running.origin}/mcp`, { timeoutMs: 3_000 })

    expect(found.kind).toBe('protected')
    expect(found.attempts.map(({ url }) => new URL(url).pathname)).toEqual([
      '/elsewhere',
      '/.well-known/oauth-authorization-server/as',
    ])
    expect(sorted(running.waves)).toEqual(sorted(plan))
  })

  it('is not waited for, and given up when the walk ends', async () => {
    const plan = [[probe, metadata], [elsewhere], [server]]
    const { hang, givenUp } = hanging()
    await using running = await startWaves(plan, { [probe]: lead, [metadata]: hang })

    const found = await discoverAuthorizationServer(`${running.origin}/mcp`)

    expect(found.resourceMetadata.resource).toBe(`${running.origin}/mcp`)
    await expect(givenUp).resolves.toEqual({ wasAnswered: false })
  })

  it('is given up when the resource does not answer', async () => {
    const plan = [[probe, metadata]]
    const { hang, givenUp } = hanging()
    const cut: Page = (response) => response.destroy()
    await using running = await startWaves(plan, { [probe]: cut, [metadata]: hang })

    const attempt = discoverAuthorizationServer(`${running.origin}/mcp`)

    await expect(attempt).rejects.toMatchObject({ code: 'unreachable' })
    await expect(givenUp).resolves.toEqual({ wasAnswered: false })
  })

  it('is given up where the document of the resource does not name the expected issuer (RG-17)', async () => {
    const plan = [[probe, metadata, 'GET /.well-known/oauth-authorization-server/other']]
    const { hang, givenUp } = hanging()
    await using running = await startWaves(plan, {
      'GET /.well-known/oauth-authorization-server/other': hang,
    })

    const attempt = discoverAuthorizationServer(`${running.origin}/mcp`, {
      expectedIssuer: `${running.origin}/other`,
    })

    await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch' })
    await expect(givenUp).resolves.toEqual({ wasAnswered: false })
  })

  it('is asked once, and used where it is what was wanted', async () => {
    const resource = 'https://rs.example/mcp'
    const place = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
    const as = 'https://as.example/.well-known/oauth-authorization-server'
    const challenge = { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${place}"` } }
    const web = pages({
      [resource]: () => new Response(null, challenge),
      [place]: { resource, authorization_servers: ['https://as.example'] },
      [as]: { issuer: 'https://as.example' },
    })

    await discoverAuthorizationServer(resource, { ...web, expectedIssuer: 'https://as.example' })

    expect(web.asked.toSorted()).toEqual([as, place, resource].map((url) => `GET ${url}`))
  })
})
