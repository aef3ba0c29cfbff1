import { inspect } from 'node:util'
import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Challenge,
  type DiscoveryEvent,
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  fetchResourceMetadata,
  inspectResource,
} from '../src/index.ts'
import { type Page, pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const inserted = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const root = 'https://rs.example/.well-known/oauth-protected-resource'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const openid = 'https://as.example/.well-known/openid-configuration'
const document = { resource, authorization_servers: ['https://as.example'] }
const server = { issuer: 'https://as.example', token_endpoint: 'https://as.example/token' }

const clock = { now: () => 1000, sleep: () => new Promise<void>(() => {}) }
const json = (body: string) => () => new Response(body, { headers: { 'content-type': 'application/json' } })

/** A web that notes what is told of the calls in it. */
function noted(table: Record<string, Page>) {
  const events: DiscoveryEvent[] = []
  return { ...pages(table), clock, events, onEvent: (event: DiscoveryEvent) => events.push(event) }
}

/** What each event tells, without its stamps. */
const told = (events: readonly DiscoveryEvent[]) => events.map(({ at: _at, flow: _flow, ...rest }) => rest)

const get = { type: 'exchange', method: 'GET', ms: 0 }

describe('the events', () => {
  it('are these, with these members, for the compiler too', () => {
    type Events = { [E in DiscoveryEvent as E['type']]: { [K in keyof E]: E[K] } }

    expectTypeOf<keyof Events>().toEqualTypeOf<'exchange' | 'challenge' | 'candidate' | 'ignored'>()
    expectTypeOf<Events['exchange']>().toEqualTypeOf<{
      readonly type: 'exchange'
      readonly at: number
      readonly flow: string
      readonly purpose: string
      readonly method: string
      readonly url: string
      readonly status?: number
      readonly ms: number
      readonly bytes?: number
      readonly code?: string
    }>()
    expectTypeOf<Events['challenge']>().toEqualTypeOf<{
      readonly type: 'challenge'
      readonly at: number
      readonly flow: string
      readonly url: string
      readonly challenges: readonly Challenge[]
    }>()
    expectTypeOf<Events['candidate']>().toEqualTypeOf<{
      readonly type: 'candidate'
      readonly at: number
      readonly flow: string
      readonly url: string
      readonly outcome: 'used' | 'absent' | 'refused'
      readonly code?: string | undefined
    }>()
    expectTypeOf<Events['ignored']>().toEqualTypeOf<{
      readonly type: 'ignored'
      readonly at: number
      readonly flow: string
      readonly url: string
      readonly member: string
    }>()
  })

  it('tell a whole walk in order', async () => {
    const web = noted({
      [resource]: unauthorized('Basic realm=x, Bearer scope=a'),
      [root]: json('{"resource":"https://rs.example","authorization_servers":["https://as.example"]}'),
      [as]: json('{"issuer":"https://as.example"}'),
    })

    await discoverAuthorizationServer(resource, web)

    expect(told(web.events)).toEqual([
      { ...get, purpose: 'probe of the resource', url: resource, status: 401, bytes: 0 },
      { ...get, purpose: 'resource metadata', url: inserted, status: 404, bytes: 12 },
      {
        type: 'challenge',
        url: resource,
        challenges: [
          { scheme: 'basic', parameters: { realm: 'x' } },
          { scheme: 'bearer', parameters: { scope: 'a' } },
        ],
      },
      { type: 'candidate', url: inserted, outcome: 'absent' },
      { ...get, purpose: 'resource metadata', url: root, status: 200, bytes: 80 },
      { type: 'candidate', url: root, outcome: 'used' },
      { ...get, purpose: 'authorization server metadata', url: as, status: 200, bytes: 31 },
      { type: 'candidate', url: as, outcome: 'used' },
    ])
  })

  it('have the time of the clock, and one flow for each call', async () => {
    const web = noted({ [resource]: unauthorized(), [inserted]: document, [as]: server })

    await discoverAuthorizationServer(resource, web)
    const first = web.events.splice(0)
    await fetchResourceMetadata(resource, web)

    expect(first.map(({ at }) => at)).toEqual(Array(6).fill(1000))
    const flows = [first, web.events].map((each) => [...new Set(each.map(({ flow }) => flow))])
    expect(flows).toEqual([
      [expect.stringMatching(/^[\da-f-]{36}$/)],
      [expect.stringMatching(/^[\da-f-]{36}$/)],
    ])
    expect(flows[0]).not.toEqual(flows[1])
  })

  it('tell of an exchange without an answer why there is none', async () => {
    const web = noted({ [as]: () => Promise.reject(new TypeError('fetch failed')), [openid]: server })

    await fetchAuthorizationServerMetadata('https://as.example', web)

    expect(told(web.events).slice(0, 2)).toEqual([
      { ...get, purpose: 'authorization server metadata', url: as, code: 'unreachable' },
      { type: 'candidate', url: as, outcome: 'refused', code: 'unavailable' },
    ])
  })

  it('tell each hop of a redirect (NS-04)', async () => {
    const moved = 'https://as.example/moved'
    const web = noted({
      [as]: () => Response.redirect(moved),
      [moved]: json('{"issuer":"https://as.example"}'),
    })

    await fetchAuthorizationServerMetadata('https://as.example', web)

    expect(told(web.events)).toEqual([
      { ...get, purpose: 'authorization server metadata', url: as, status: 302, bytes: 0 },
      { ...get, purpose: 'authorization server metadata', url: moved, status: 200, bytes: 31 },
      { type: 'candidate', url: as, outcome: 'used' },
    ])
  })

  it.each<[string, Page, object]>([
    ['about another', { issuer: 'https://evil.example' }, { outcome: 'refused', code: 'issuer_mismatch' }],
    ['about nothing', {}, { outcome: 'refused', code: 'server_metadata_invalid' }],
    [
      'of a server that is busy',
      () => new Response(null, { status: 429 }),
      { outcome: 'refused', code: 'unavailable' },
    ],
    [
      'that is elsewhere',
      () => Response.redirect('https://evil.example'),
      { outcome: 'refused', code: 'redirect_refused' },
    ],
    ['that is a page', () => new Response('<html>'), { outcome: 'absent' }],
  ])('say why a document %s is not taken', async (_, page, outcome) => {
    const web = noted({ [as]: page })

    await fetchAuthorizationServerMetadata('https://as.example', web).catch(() => {})

    const candidates = told(web.events).filter(({ type }) => type === 'candidate')
    expect(candidates[0]).toEqual({ type: 'candidate', url: as, ...outcome })
  })
})

describe('members of the wrong type', () => {
  const ignored = (events: readonly DiscoveryEvent[]) => told(events).filter(({ type }) => type === 'ignored')

  it('of a resource are told, and are as good as absent (PR-13)', async () => {
    const page = {
      resource,
      authorization_servers: ['https://as.example'],
      scopes_supported: 'a b',
      bearer_methods_supported: [1],
      resource_name: 7,
    }
    const web = noted({ [inserted]: page })

    const metadata = await fetchResourceMetadata(resource, web)

    expect(ignored(web.events)).toEqual([
      { type: 'ignored', url: inserted, member: 'scopes_supported' },
      { type: 'ignored', url: inserted, member: 'bearer_methods_supported' },
    ])
    expect(metadata).toEqual({
      resource,
      authorization_servers: ['https://as.example'],
      resource_name: 7,
    })
  })

  it.each([
    'authorization_endpoint',
    'token_endpoint',
    'registration_endpoint',
    'revocation_endpoint',
    'device_authorization_endpoint',
    'jwks_uri',
    'scopes_supported',
    'grant_types_supported',
    'token_endpoint_auth_methods_supported',
    'token_endpoint_auth_signing_alg_values_supported',
    'code_challenge_methods_supported',
  ])('of a server are told, and are as good as absent: %s (RFC 8414 §2)', async (member) => {
    for (const wrong of [null, 1, true, { a: 'b' }, ['a', 1]]) {
      const web = noted({ [as]: { issuer: 'https://as.example', [member]: wrong, x_other: wrong } })

      const metadata = await fetchAuthorizationServerMetadata('https://as.example', web)

      expect(ignored(web.events)).toEqual([{ type: 'ignored', url: as, member }])
      expect(metadata).toEqual({ issuer: 'https://as.example', x_other: wrong })
    }
  })

  it('leave no document where it does not say whom it is about (AS-05, PR-05)', async () => {
    const web = noted({ [as]: { ...server, issuer: ['https://as.example'] } })

    const attempt = fetchAuthorizationServerMetadata('https://as.example', web)

    await expect(attempt).rejects.toMatchObject({ code: 'server_metadata_invalid' })
    expect(told(web.events).slice(1, 3)).toEqual([
      { type: 'ignored', url: as, member: 'issuer' },
      { type: 'candidate', url: as, outcome: 'refused', code: 'server_metadata_invalid' },
    ])
  })
})

describe('no event and no message holds', () => {
  it('the query of a URL, wherever it comes from (NS-09)', async () => {
    const typed = `${resource}?key=hunter2`
    const named = 'https://rs.example/meta?sig=hunter3'
    const web = noted({
      [typed]: () => Response.redirect('https://rs.example/login?state=hunter4'),
      'https://rs.example/login?state=hunter4': unauthorized(`Bearer resource_metadata="${named}"`),
      [named]: () => Response.redirect('https://cdn.example/meta?sig=hunter5'),
    })

    const error: unknown = await inspectResource(typed, web).catch((caught: unknown) => caught)

    // The values of a challenge are told as they were sent.
    const events = told(web.events).filter(({ type }) => type !== 'challenge')
    expect(events).toHaveLength(8)
    expect(JSON.stringify(events)).not.toContain('hunter')
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter')
  })

  it.each<[string, object, object]>([
    ['where all is well', {}, {}],
    ['of a document about another resource', { resource: 'https://bank.example' }, {}],
    ['of a document that names no server', { authorization_servers: [] }, {}],
    ['of a document of the wrong type', { resource: 1 }, {}],
    ['of an impostor', {}, { issuer: 'https://evil.example' }],
    ['of a server that does not name itself', {}, { issuer: null }],
  ])(
    'the names, logos and links of a document, %s (PR-19, RFC 9728 §7.8)',
    async (_, resourceMembers, serverMembers) => {
      const texts = {
        resource_name: 'Your bank',
        'resource_name#de': 'Your bank',
        resource_documentation: 'https://bank.example/Your bank',
        resource_policy_uri: 'https://bank.example/Your bank',
        resource_tos_uri: 'https://bank.example/Your bank',
        logo_uri: 'https://bank.example/Your bank.svg',
        service_documentation: 'https://bank.example/Your bank',
        op_policy_uri: 'https://bank.example/Your bank',
        op_tos_uri: 'https://bank.example/Your bank',
      }
      const web = noted({
        [resource]: unauthorized(),
        [inserted]: { ...document, ...texts, ...resourceMembers },
        [as]: { ...server, ...texts, ...serverMembers },
      })

      const outcome = await discoverAuthorizationServer(resource, web).then(
        () => 'no error',
        (error: unknown) => inspect(error, { depth: 10, showHidden: true }),
      )

      expect(web.events.length).toBeGreaterThan(3)
      expect(outcome + JSON.stringify(web.events)).not.toContain('Your bank')
      expect(web.asked.filter((each) => each.includes('bank'))).toEqual([])
    },
  )
})
