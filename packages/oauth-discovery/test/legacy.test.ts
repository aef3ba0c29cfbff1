import { describe, expect, it } from 'vitest'
import { type Clock, discoverAuthorizationServer, inspectResource, originAsServer } from '../src/index.ts'
import { type Page, pages, unauthorized } from './pages.ts'

// The example of MCP 2025-03-26, Authorization, 2.3.2.
const resource = 'https://api.example.com/v1/mcp'
const inserted = 'https://api.example.com/.well-known/oauth-protected-resource/v1/mcp'
const root = 'https://api.example.com/.well-known/oauth-protected-resource'
const published = 'https://api.example.com/.well-known/oauth-authorization-server'
const endpoints = {
  authorization_endpoint: 'https://api.example.com/authorize',
  token_endpoint: 'https://api.example.com/token',
  registration_endpoint: 'https://api.example.com/register',
  code_challenge_methods_supported: ['S256'],
}

/** Time that passes only when it is told to. */
function handClock(): Clock & { pass(): void } {
  const waiting: (() => void)[] = []
  return {
    now: () => 0,
    sleep: () => new Promise((resolve) => waiting.push(resolve)),
    pass() {
      for (const wake of waiting) wake()
    },
  }
}

const clock = handClock()
const limits = { clock, maxBytes: 100 }
const json = (body: string) => () => new Response(body, { headers: { 'content-type': 'application/json' } })
const status = (code: number) => () => new Response(null, { status: code })

/** What a place can answer besides a document of use and a 404, and the code of the error for a server there. */
const faults: [string, () => Response | Promise<Response>, string][] = [
  ['400', status(400), 'server_metadata_not_found'],
  ['401', status(401), 'server_metadata_not_found'],
  ['403', status(403), 'server_metadata_not_found'],
  ['410', status(410), 'server_metadata_not_found'],
  ['429', status(429), 'unavailable'],
  ['500', status(500), 'unavailable'],
  ['503', status(503), 'unavailable'],
  ['nothing in time', hang, 'timeout'],
  ['a reset', () => Promise.reject(new TypeError('fetch failed')), 'unavailable'],
  [
    'a page',
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    'server_metadata_not_found',
  ],
  ['broken JSON', json('{"issuer":'), 'server_metadata_not_found'],
  ['a document about nothing', json('{}'), 'server_metadata_invalid'],
  [
    'a document about another',
    json('{"issuer":"https://evil.example","resource":"https://evil.example"}'),
    'issuer_mismatch',
  ],
  ['a redirect to another origin', () => Response.redirect('https://evil.example/'), 'redirect_refused'],
  ['too much', json(JSON.stringify({ padding: 'x'.repeat(100) })), 'body_too_large'],
]

function hang(): Promise<Response> {
  clock.pass()
  return new Promise(() => {})
}

describe('originAsServer', () => {
  it.each(['https://api.example.com', 'https://api.example.com/'])(
    'takes the document at the root of the origin, its issuer spelled %s (MCP 2025-03-26 Authorization §2.3.2)',
    async (issuer) => {
      const server = { issuer, token_endpoint: 'https://api.example.com/oauth/token' }
      const web = pages({ [resource]: unauthorized(), [published]: server })

      const found = await inspectResource(resource, { ...web, legacy: originAsServer })

      expect(found).toEqual({
        kind: 'legacy',
        challenge: undefined,
        authorizationServerMetadata: server,
        attempts: [
          { url: inserted, outcome: 'absent', status: 404 },
          { url: root, outcome: 'absent', status: 404 },
          { url: published, outcome: 'used', status: 200 },
        ],
      })
    },
  )

  it('assumes the endpoints of the specification where the document is a 404 (MCP 2025-03-26 Authorization §2.3.3)', async () => {
    const web = pages({ [resource]: unauthorized('Bearer scope=a') })

    const found = await inspectResource(resource, { ...web, legacy: originAsServer })

    expect(found).toEqual({
      kind: 'legacy',
      challenge: { scheme: 'bearer', parameters: { scope: 'a' } },
      authorizationServerMetadata: { issuer: 'https://api.example.com', ...endpoints },
      attempts: [
        { url: inserted, outcome: 'absent', status: 404 },
        { url: root, outcome: 'absent', status: 404 },
        { url: published, outcome: 'absent', status: 404 },
      ],
    })
  })

  it('keeps the port, and drops path and query (MCP 2025-03-26 Authorization §2.3.2)', async () => {
    const typed = 'https://api.example.com:8443/v1/mcp/?tenant=1'
    const web = pages({ [typed]: unauthorized() })

    const found = await inspectResource(typed, { ...web, legacy: originAsServer })

    expect(found).toMatchObject({
      authorizationServerMetadata: {
        issuer: 'https://api.example.com:8443',
        token_endpoint: 'https://api.example.com:8443/token',
      },
    })
    expect(web.asked.at(-1)).toBe('GET https://api.example.com:8443/.well-known/oauth-authorization-server')
  })

  it('names the revision of the protocol with this request and no other (MCP 2025-03-26 Authorization §2.3.1)', async () => {
    const web = pages({ [resource]: unauthorized() })

    await inspectResource(resource, { ...web, legacy: originAsServer })

    const versions = web.requests.map(({ url, headers }) => [url, headers.get('mcp-protocol-version')])
    expect(versions).toEqual([
      [resource, null],
      [inserted, null],
      [root, null],
      [published, '2025-03-26'],
    ])
  })

  it.each(faults)('assumes no endpoints where the document is %s (AS-06, AS-08)', async (_, page, code) => {
    const web = pages({ [resource]: unauthorized(), [published]: page })

    const attempt = inspectResource(resource, { ...web, ...limits, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code })
    expect(web.asked.at(-1)).toBe(`GET ${published}`)
  })

  it.each([
    'https://API.example.com',
    'https://api.example.com:443',
    'http://api.example.com',
    'https://api.example.com//',
    'https://api.example.com/v1/mcp',
    'https://example.com',
  ])('refuses the issuer %s (AS-05, RFC 8414 §3.3)', async (issuer) => {
    const web = pages({ [resource]: unauthorized(), [published]: { issuer } })

    const attempt = inspectResource(resource, { ...web, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ code: 'issuer_mismatch' })
  })
})

describe('the rule of the caller', () => {
  it.each(faults)(
    'is not used where the first place of the metadata is %s (PR-08, AS-08)',
    async (_, page) => {
      // With the refusal in hand nothing is asked ahead, so that time is over here and not before.
      const [web, response] = [pages({ [inserted]: page }), unauthorized()()]

      const attempt = inspectResource(resource, { ...web, ...limits, response, legacy: originAsServer })

      await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError' })
      expect(web.asked).not.toContain(`GET ${published}`)
    },
  )

  it.each(faults)('is not used where the place at the root is %s (PR-08, AS-08)', async (_, page) => {
    const web = pages({ [resource]: unauthorized(), [root]: page })

    const attempt = inspectResource(resource, { ...web, ...limits, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError' })
    expect(web.asked).toContain(`GET ${root}`)
    expect(web.asked).not.toContain(`GET ${published}`)
  })

  it.each([200, 204, 400, 403, 404, 405, 429, 500, 503])(
    'is not used where the resource answers %d',
    async (answer) => {
      const web = pages({ [resource]: status(answer) })

      const kind = await inspectResource(resource, { ...web, legacy: originAsServer }).then(
        (found) => found.kind,
        () => 'an error',
      )

      expect(kind).toBe(answer < 300 ? 'open' : 'an error')
      expect(web.asked).toEqual([resource, inserted, root].map((url) => `GET ${url}`))
    },
  )

  it.each([
    'Bearer resource_metadata="https://api.example.com/meta"',
    'DPoP resource_metadata="https://api.example.com/meta"',
    'Bearer resource_metadata="/relative"',
    'Bearer resource_metadata=""',
    'Basic realm=x, Bearer scope=a, DPoP resource_metadata="http://api.example.com/meta"',
    'Bearer resource_metadata="https://api.example.com/a", resource_metadata="https://api.example.com/b"',
    'Bearer Resource_Metadata="https://api.example.com/meta',
    `Bearer realm="${'x'.repeat(16_384)}", resource_metadata="https://api.example.com/meta"`,
  ])('is not used where a challenge says where the metadata is: %s', async (challenge) => {
    const web = pages({ [resource]: unauthorized(challenge) })

    const attempt = inspectResource(resource, { ...web, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_not_found' })
    expect(web.asked).not.toContain(`GET ${published}`)
  })

  it.each<[string, Page]>([
    [
      'is about another resource',
      { resource: 'https://api.example.com/v2', authorization_servers: ['https://as.example'] },
    ],
    ['names no server', { resource }],
    ['names a server that has no document', { resource, authorization_servers: ['https://as.example'] }],
  ])('is not used where the metadata %s (PR-08, PR-09)', async (_, page) => {
    const web = pages({ [resource]: unauthorized(), [inserted]: page })

    const attempt = inspectResource(resource, { ...web, legacy: originAsServer })

    await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError' })
    expect(web.asked).not.toContain(`GET ${published}`)
  })

  it.each(['https://api.example.com', 'https://trusted.example'])(
    'finds no other server than the expected one: %s (RG-15, RG-17)',
    async (expectedIssuer) => {
      const web = pages({ [resource]: unauthorized() })

      const attempt = inspectResource(resource, { ...web, legacy: originAsServer, expectedIssuer })

      if (expectedIssuer === 'https://api.example.com') {
        await expect(attempt).resolves.toMatchObject({ kind: 'legacy' })
        const revisions = web.requests.map(({ url, headers }) => [url, headers.get('mcp-protocol-version')])
        expect(revisions).toContainEqual([published, '2025-03-26'])
      } else {
        await expect(attempt).rejects.toMatchObject({
          code: 'issuer_mismatch',
          message: expect.stringContaining('"https://trusted.example"'),
        })
      }
    },
  )

  it('is not used unless it is given', async () => {
    const web = pages({ [resource]: unauthorized(), [published]: { issuer: 'https://api.example.com' } })

    await expect(inspectResource(resource, web)).rejects.toMatchObject({
      code: 'resource_metadata_not_found',
    })
    expect(web.asked).not.toContain(`GET ${published}`)
  })

  it('is not used by discoverAuthorizationServer', async () => {
    const web = pages({ [resource]: unauthorized(), [published]: { issuer: 'https://api.example.com' } })
    const options = { ...web, legacy: originAsServer }

    const attempt = discoverAuthorizationServer(resource, options)

    await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_not_found' })
    expect(web.asked).not.toContain(`GET ${published}`)
  })

  it('is used on a refusal that the caller already holds', async () => {
    const web = pages({ [published]: { issuer: 'https://api.example.com' } })

    const found = await inspectResource(resource, {
      ...web,
      response: unauthorized()(),
      legacy: originAsServer,
    })

    expect(found.kind).toBe('legacy')
    expect(web.asked).toEqual([inserted, root, published].map((url) => `GET ${url}`))
  })

  it('is used after one place where no ancestor will do', async () => {
    const web = pages({ [resource]: unauthorized() })

    const found = await inspectResource(resource, { ...web, allowAncestor: false, legacy: originAsServer })

    expect(found.kind).toBe('legacy')
    expect(web.asked).toEqual([resource, inserted, published].map((url) => `GET ${url}`))
  })

  it('may fail, with what it fails with', async () => {
    const reason = new Error('not on the list')

    const attempt = inspectResource(resource, {
      ...pages({ [resource]: unauthorized() }),
      legacy: () => Promise.reject(reason),
    })

    await expect(attempt).rejects.toBe(reason)
  })
})
