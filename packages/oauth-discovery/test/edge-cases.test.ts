import { describe, expect, it } from 'vitest'
import { type InspectOptions, inspectResource } from '../src/index.ts'
import { type Page, pages, unauthorized } from './pages.ts'

const resource = 'https://rs.example/mcp'
const inserted = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const root = 'https://rs.example/.well-known/oauth-protected-resource'
const named = 'https://rs.example/meta'
const as = 'https://as.example/.well-known/oauth-authorization-server'
const openid = 'https://as.example/.well-known/openid-configuration'
const issuer = 'https://as.example'
const authorization_servers = [issuer]

/** A case that implementations get wrong, in a web where all else is well. */
interface Edge {
  readonly edge: string
  readonly url?: string
  /** What goes over the wire, where that is another spelling. */
  readonly sent?: string
  readonly options?: InspectOptions
  readonly web: Record<string, Page>
  /** Members of the inspection, or the code of the error. */
  readonly gives: object | string
  /** In order, after the resource itself. */
  readonly asked: readonly string[]
}

const naming = (...servers: string[]) => ({ resource, authorization_servers: servers })
const about = (published: string) => ({ resource: published, authorization_servers })
const bytes =
  (body: BodyInit, type = 'application/json') =>
  () =>
    new Response(body, { headers: { 'content-type': type } })
const moved = (location: string) => () => new Response(null, { status: 302, headers: { location } })
const status = (code: number) => () => new Response(null, { status: code })
const text = JSON.stringify(about(resource))
const resourceIs = (published: string) => ({ kind: 'protected', resourceMetadata: { resource: published } })
const issuerIs = (published: string) => ({
  kind: 'protected',
  authorizationServerMetadata: { issuer: published },
})

const spellings: Edge[] = [
  {
    edge: 'an issuer with a slash more than its document is another (AS-05)',
    web: { [inserted]: naming('https://as.example/') },
    gives: 'issuer_mismatch',
    asked: [inserted, as],
  },
  {
    edge: 'an issuer with a slash less than its document is another (AS-05)',
    web: { [as]: { issuer: 'https://as.example/' } },
    gives: 'issuer_mismatch',
    asked: [inserted, as],
  },
  {
    edge: 'the slash at the end of the path of an issuer is not asked for, and compared (AS-03, AS-05)',
    web: { [inserted]: naming('https://as.example/t/'), [`${as}/t`]: { issuer: 'https://as.example/t/' } },
    gives: issuerIs('https://as.example/t/'),
    asked: [inserted, `${as}/t`],
  },
  {
    edge: 'the path of an issuer without its slash is another issuer (AS-03, AS-05)',
    web: { [inserted]: naming('https://as.example/t/'), [`${as}/t`]: { issuer: 'https://as.example/t' } },
    gives: 'issuer_mismatch',
    asked: [inserted, `${as}/t`],
  },
  {
    edge: 'a resource with a slash at the end is asked for with it, and is another (PR-03, PR-05)',
    url: `${resource}/`,
    web: { [`${inserted}/`]: about(resource) },
    gives: 'resource_mismatch',
    asked: [`${inserted}/`],
  },
  {
    edge: 'at the root the empty path and the slash are one resource (PR-05)',
    url: 'https://rs.example',
    sent: 'https://rs.example/',
    web: { [root]: about('https://rs.example/') },
    gives: resourceIs('https://rs.example/'),
    asked: [root, as],
  },
  {
    edge: 'an issuer is not rewritten as parsers write it (AS-17)',
    web: {
      [inserted]: naming('https://AS.example:443/%74'),
      [`${as}/%74`]: { issuer: 'https://AS.example:443/%74' },
    },
    gives: issuerIs('https://AS.example:443/%74'),
    asked: [inserted, `${as}/%74`],
  },
  {
    edge: 'a default port makes another issuer (AS-05, PR-16)',
    web: { [as]: { issuer: 'https://as.example:443' } },
    gives: 'issuer_mismatch',
    asked: [inserted, as],
  },
  {
    edge: 'the case of a percent-encoding makes another resource (PR-16)',
    url: 'https://rs.example/a%2fb',
    web: { [`${root}/a%2fb`]: about('https://rs.example/a%2Fb') },
    gives: 'resource_mismatch',
    asked: [`${root}/a%2fb`],
  },
  {
    edge: 'a name in another script makes another issuer than its ASCII form (PR-16, AS-05)',
    web: {
      [inserted]: naming('https://b\u00fccher.example'),
      'https://xn--bcher-kva.example/.well-known/oauth-authorization-server': {
        issuer: 'https://xn--bcher-kva.example',
      },
    },
    gives: 'issuer_mismatch',
    asked: [inserted, 'https://xn--bcher-kva.example/.well-known/oauth-authorization-server'],
  },
  {
    edge: 'two ways to compose a letter make two issuers (PR-16)',
    web: {
      [inserted]: naming('https://as.example/\u00fc'),
      [`${as}/%C3%BC`]: { issuer: 'https://as.example/u\u0308' },
    },
    gives: 'issuer_mismatch',
    asked: [inserted, `${as}/%C3%BC`],
  },
  {
    edge: 'an escape in JSON is the character that it stands for (PR-16)',
    web: { [as]: bytes('{"issuer":"https:\\/\\/\\u0061s.example"}') },
    gives: issuerIs(issuer),
    asked: [inserted, as],
  },
  ...['https://as.example?x=1', 'https://as.example#x'].map((each) => ({
    edge: `what has a query or a fragment is no issuer: ${each} (AS-07)`,
    web: { [inserted]: naming(each) },
    gives: 'invalid_url',
    asked: [inserted],
  })),
  {
    edge: 'the query of a resource goes behind the path and is a part of its name (PR-03, PR-05)',
    url: `${resource}?tenant=1`,
    web: { [`${inserted}?tenant=1`]: about(`${resource}?tenant=1`) },
    gives: resourceIs(`${resource}?tenant=1`),
    asked: [`${inserted}?tenant=1`, as],
  },
  {
    edge: 'a resource without its query is another (PR-05)',
    url: `${resource}?tenant=1`,
    web: { [`${inserted}?tenant=1`]: about(resource) },
    gives: 'resource_mismatch',
    asked: [`${inserted}?tenant=1`],
  },
  {
    edge: 'the fragment of a URL is not a part of the resource (PR-03, PR-06)',
    url: `${resource}#here`,
    sent: resource,
    web: {},
    gives: resourceIs(resource),
    asked: [inserted, as],
  },
  ...['https://RS.example/mcp', resource].map((published) => ({
    edge: `a host typed in capitals is known by either spelling, and keeps that of its document: ${published} (PR-06)`,
    url: 'https://RS.example/mcp',
    sent: resource,
    web: { [inserted]: about(published) },
    gives: resourceIs(published),
    asked: [inserted, as],
  })),
  ...['https://u:p@as.example', 'https:\\\\as.example', 'https://as.example\t', ' https://as.example'].map(
    (each) => ({
      edge: `what a parser would repair is no issuer: ${JSON.stringify(each)} (AS-07)`,
      web: { [inserted]: naming(each) },
      gives: 'invalid_url',
      asked: [inserted],
    }),
  ),
]

const places: Edge[] = [
  {
    edge: 'a resource on another origin ends the search (PR-08)',
    web: { [inserted]: about('https://bank.example/mcp'), [root]: about('https://rs.example') },
    gives: 'resource_mismatch',
    asked: [inserted],
  },
  {
    edge: 'the document at the root will do for a path (PR-02, PR-05)',
    web: { [inserted]: status(404), [root]: about('https://rs.example') },
    gives: resourceIs('https://rs.example'),
    asked: [inserted, root, as],
  },
  {
    edge: 'the document at the root will not do where the caller says so (PR-02)',
    options: { allowAncestor: false },
    web: { [inserted]: status(404), [root]: about('https://rs.example') },
    gives: 'resource_metadata_not_found',
    asked: [inserted],
  },
  ...['/meta', '//rs.example/meta', 'http://rs.example/meta', 'meta', ''].map((each) => ({
    edge: `a challenge that names no https URL names no place: ${JSON.stringify(each)} (PR-02)`,
    web: { [resource]: unauthorized(`Bearer resource_metadata="${each}"`) },
    gives: resourceIs(resource),
    asked: [inserted, as],
  })),
  {
    edge: 'a challenge may name a place on another host (PR-06)',
    web: {
      [resource]: unauthorized('Bearer resource_metadata="https://meta.example/mcp"'),
      'https://meta.example/mcp': about(resource),
    },
    gives: resourceIs(resource),
    asked: [inserted, 'https://meta.example/mcp', as],
  },
  {
    edge: 'what another host says of itself is nothing about the resource (PR-06, PR-08)',
    web: {
      [resource]: unauthorized('Bearer resource_metadata="https://meta.example/mcp"'),
      'https://meta.example/mcp': about('https://meta.example/mcp'),
    },
    gives: 'resource_mismatch',
    asked: [inserted, 'https://meta.example/mcp'],
  },
  {
    edge: 'a place in a challenge that answers 404 leads on to the well-known ones (PR-02)',
    web: { [resource]: unauthorized(`Bearer resource_metadata="${named}"`) },
    gives: { ...resourceIs(resource), attempts: [{ url: named }, { url: inserted }, { url: as }] },
    asked: [inserted, named, as],
  },
  {
    edge: 'a place in a challenge with a document about another resource ends the search (PR-08)',
    web: {
      [resource]: unauthorized(`Bearer resource_metadata="${named}"`),
      [named]: about('https://rs.example/other'),
    },
    gives: 'resource_mismatch',
    asked: [inserted, named],
  },
  {
    edge: 'an expected issuer is stayed with while it is listed beside a new one (PR-10, RG-15)',
    options: { expectedIssuer: issuer },
    web: { [inserted]: naming('https://new.example', issuer) },
    gives: issuerIs(issuer),
    asked: [inserted, as],
  },
]

const answers: Edge[] = [
  {
    edge: 'what another origin says after a redirect is no challenge (CH-11, NS-04)',
    web: {
      [resource]: moved('https://evil.example/mcp'),
      'https://evil.example/mcp': unauthorized('Bearer resource_metadata="https://evil.example/meta"'),
    },
    gives: 'redirect_refused',
    asked: [inserted],
  },
  {
    edge: 'several header fields are one list (CH-02)',
    web: {
      [resource]: () => {
        const headers = new Headers({ 'www-authenticate': 'Basic realm="x"' })
        headers.append('www-authenticate', `Bearer resource_metadata="${named}"`)
        return new Response(null, { status: 401, headers })
      },
      [named]: about(resource),
    },
    gives: { challenge: { scheme: 'bearer' } },
    asked: [inserted, named, as],
  },
  ...['Bearer', 'Bearer,Basic realm=x'].map((each) => ({
    edge: `a scheme without parameters is a challenge: ${each} (CH-02, CH-08)`,
    web: { [resource]: unauthorized(each) },
    gives: { kind: 'protected', challenge: { scheme: 'bearer', parameters: {} } },
    asked: [inserted, as],
  })),
  ...[
    `Negotiate abc==, Bearer resource_metadata="${named}"`,
    `Bearer resource_metadata=${named}`,
    `Bearer resource_metadata="${named}", Basic realm="open`,
    `Bearer resource_metadata="${named}",, ,`,
  ].map((each) => ({
    edge: `what is whole in a header is read: ${each} (CH-03)`,
    web: { [resource]: unauthorized(each), [named]: about(resource) },
    gives: { challenge: { scheme: 'bearer', parameters: { resource_metadata: named } } },
    asked: [inserted, named, as],
  })),
  {
    edge: 'a document of another media type is none (PR-04)',
    web: { [inserted]: bytes(text, 'text/html'), [root]: bytes(text, 'text/plain') },
    gives: 'resource_metadata_not_found',
    asked: [inserted, root],
  },
  ...['application/json;charset=utf-8', 'Application/JSON', 'application/oauth-metadata+json'].map(
    (type) => ({
      edge: `a document of a media type of JSON is one: ${type} (PR-04)`,
      web: { [inserted]: bytes(text, type) },
      gives: resourceIs(resource),
      asked: [inserted, as],
    }),
  ),
  {
    edge: 'one byte order mark is stepped over (RFC 8259 §8.1)',
    web: { [inserted]: bytes(`\ufeff${text}`) },
    gives: resourceIs(resource),
    asked: [inserted, as],
  },
  ...[
    Buffer.from(text, 'utf16le'),
    Buffer.from(`${text.slice(0, -1)},"x":"\u00ff"}`, 'latin1'),
    Buffer.from(`\ufeff\ufeff${text}`),
  ].map((body, index) => ({
    edge: `${['UTF-16', 'what is no UTF-8', 'a second byte order mark'][index]} is no JSON (PR-04, RFC 8259 §8.1)`,
    web: { [inserted]: bytes(body, 'application/json; charset=utf-16') },
    gives: 'resource_metadata_not_found',
    asked: [inserted, root],
  })),
  ...[400, 401, 403, 404, 410].map((code) => ({
    edge: `a page with ${code} is no document, whatever it holds (PR-04, AS-08)`,
    web: {
      [as]: () => Response.json({ issuer: 'https://evil.example' }, { status: code }),
      [openid]: { issuer },
    },
    gives: issuerIs(issuer),
    asked: [inserted, as, openid],
  })),
  {
    edge: 'a name like one of a prototype is nothing in a document (PR-13)',
    web: {
      [inserted]: bytes(`${text.slice(0, -1)},"__proto__":{"scopes_supported":["a"]},"constructor":{}}`),
    },
    gives: { resourceMetadata: expect.not.objectContaining({ scopes_supported: ['a'] }) },
    asked: [inserted, as],
  },
  {
    edge: 'an issuer that is no text is no issuer (AS-05)',
    web: { [as]: { issuer: 1 } },
    gives: 'server_metadata_invalid',
    asked: [inserted, as, openid],
  },
  ...[null, 'https://as.example', { 0: issuer }, [issuer, 1]].map((servers) => ({
    edge: `a list of servers that is none names none: ${JSON.stringify(servers)} (PR-09)`,
    web: { [inserted]: { resource, authorization_servers: servers } },
    gives: 'resource_metadata_invalid',
    asked: [inserted],
  })),
  {
    edge: 'a redirect within the origin changes nothing of who is expected (NS-04, AS-05)',
    web: {
      [as]: moved('/t/.well-known/openid-configuration'),
      'https://as.example/t/.well-known/openid-configuration': { issuer: 'https://as.example/t' },
    },
    gives: 'issuer_mismatch',
    asked: [inserted, as, 'https://as.example/t/.well-known/openid-configuration'],
  },
  {
    edge: 'a redirect to another origin is no document (NS-04)',
    web: { [inserted]: moved('https://evil.example/'), [root]: about('https://rs.example') },
    gives: resourceIs('https://rs.example'),
    asked: [inserted, root, as],
  },
]

const titled = (edges: readonly Edge[]) => edges.map((each) => [each.edge, each] as const)

describe.each([
  ['spelling', titled(spellings)],
  ['place', titled(places)],
  ['answer', titled(answers)],
])('an edge case of %s', (_, edges) => {
  it.each(edges)('%s', async (_edge, { url = resource, sent = url, options, web: changed, gives, asked }) => {
    const table = { [sent]: unauthorized(), [inserted]: about(resource), [as]: { issuer }, ...changed }
    const web = pages(table)

    const outcome = await inspectResource(url, { ...web, ...options }).catch((error: unknown) => error)

    expect(outcome).toMatchObject(typeof gives === 'string' ? { name: 'DiscoveryError', code: gives } : gives)
    expect(web.asked).toEqual([sent, ...asked].map((each) => `GET ${each}`))
  })
})

describe('a URL that parsers would repair', () => {
  it.each([
    'https://u:p@rs.example/mcp',
    'https:\\\\rs.example\\mcp',
    'https://rs.example/mcp\t',
    'https://rs.example/m\rcp',
    'https://rs.example/m\ncp',
    ' https://rs.example/mcp',
    'https://rs.example/m cp',
    'https://rs.example/\u0000',
  ])('is refused before anything is asked: %j (NS-01)', async (url) => {
    const web = pages({})

    const attempt = inspectResource(url, web)

    await expect(attempt).rejects.toMatchObject({ code: 'invalid_url' })
    expect(web.asked).toEqual([])
  })
})
