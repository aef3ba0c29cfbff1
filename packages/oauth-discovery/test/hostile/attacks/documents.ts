/**
 * Answers that are no metadata, or metadata that would do harm inside.
 *
 * @module
 */
import { fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../../../src/index.ts'
import {
  type Attack,
  document,
  evilServer,
  issuer,
  metadata,
  openid,
  resource,
  server,
  wellKnown,
} from '../attack.ts'
import { answer, type Page, text } from '../pages.ts'

const read: Attack['call'] = ({ options }) => fetchAuthorizationServerMetadata(issuer, options)
const json = JSON.stringify(metadata)

/** What the first place gives is passed over, and the next is asked. */
function passedOver(guard: string, attack: string, rule: string, page: Page): Attack {
  const right = { ...metadata, token_endpoint: 'https://as.example/right' }
  return {
    guard,
    attack,
    rule,
    web: { [server]: page, [openid]: right },
    call: read,
    outcome: { value: right },
    seen: [`GET ${server}`, `GET ${openid}`],
  }
}

const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`

export const documentAttacks: readonly Attack[] = [
  passedOver('media-type', 'a document as text/html', 'AS-08', text(json, 'text/html')),
  passedOver('media-type', 'a document as text/plain', 'AS-08', text(json, 'text/plain')),
  passedOver('media-type', 'a document without a media type', 'AS-08', answer(200, {}, json)),
  passedOver(
    'status-200',
    'a document as the page of an error',
    'AS-08, RFC 8414 §3.2',
    answer(404, { 'content-type': 'application/json' }, json),
  ),
  passedOver(
    'status-200',
    'a document that was only accepted',
    'AS-08, RFC 8414 §3.2',
    answer(202, { 'content-type': 'application/json' }, json),
  ),
  passedOver(
    'utf-8',
    'a document with a byte that is no UTF-8',
    'AS-08, RFC 8259 §8.1',
    text(Buffer.from(json.replace('/token', '/t\xffken'), 'latin1')),
  ),
  passedOver(
    'faults-of-json',
    'an app shell that says it is JSON',
    'AS-08',
    text('<!doctype html><title>secret</title>'),
  ),
  passedOver(
    'faults-of-json',
    'a document in UTF-16',
    'AS-08, RFC 8259 §8.1',
    text(Buffer.from(json, 'utf16le')),
  ),
  passedOver('faults-of-json', 'a document that breaks off', 'AS-08', text(json.slice(0, -1))),
  passedOver(
    'faults-of-json',
    'a document that is 100,000 levels deep',
    'AS-08, NS-06',
    text(`${json.slice(0, -1)},"x":${nested}}`),
  ),
  passedOver('objects-only', 'null', 'AS-08, RFC 8414 §3.2', text('null')),
  passedOver('objects-only', 'a text', 'AS-08, RFC 8414 §3.2', text('"issuer"')),
  passedOver(
    'about',
    'a document that does not say whom it is about',
    'AS-08',
    text('{"token_endpoint":"x"}'),
  ),
  {
    guard: 'prototypes',
    attack: 'members that are prototypes, at every depth',
    rule: 'PR-13',
    web: {
      [server]: text(
        `{"issuer":"${issuer}","__proto__":{"admin":1},"x":{"__proto__":{"admin":1},"y":[{"__proto__":{"admin":1}}]}}`,
      ),
    },
    call: async ({ options }) => {
      const found = await fetchAuthorizationServerMetadata(issuer, options)
      const x = found['x'] as { y: object[] } // as the page above says
      // Member by member, as programs merge what they have read: what is called __proto__ becomes the prototype.
      const merge = (from: object) => {
        const to: Record<string, unknown> = {}
        for (const [name, value] of Object.entries(from)) to[name] = value
        return 'admin' in to
      }
      return [found, x, ...x.y].map(merge)
    },
    outcome: { value: [false, false, false] },
    seen: [`GET ${server}`],
  },
  {
    guard: 'member-types',
    attack: 'endpoints that are no text',
    rule: 'PR-13',
    web: {
      [server]: {
        issuer,
        token_endpoint: ['https://evil.example'],
        grant_types_supported: 'a',
        jwks_uri: {},
      },
    },
    call: async (victim) => Object.keys(Object(await read(victim))),
    outcome: { value: ['issuer'] },
    seen: [`GET ${server}`],
  },
  {
    guard: 'member-types',
    attack: 'authorization servers that are one text',
    rule: 'PR-09',
    web: { [wellKnown]: { resource, authorization_servers: 'https://evil.example' }, [evilServer]: metadata },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'resource_metadata_invalid' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    unseen: [evilServer],
  },
  {
    guard: 'member-types',
    attack: 'a resource that is an object',
    rule: 'PR-13',
    web: { [wellKnown]: { ...document, resource: { toString: 'x' } } },
    call: ({ options }) => fetchResourceMetadata(resource, options),
    outcome: { error: { code: 'resource_metadata_invalid' } },
    seen: [`GET ${wellKnown}`, 'GET https://rs.example/.well-known/oauth-protected-resource'],
  },
  {
    guard: 'server-count',
    attack: 'ten thousand authorization servers',
    rule: 'PR-10',
    web: {
      [wellKnown]: {
        resource,
        authorization_servers: Array.from({ length: 10_000 }, (_, n) => `https://as${n}.example`),
      },
    },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'server_metadata_not_found' } },
    seen: [
      `GET ${resource}`,
      `GET ${wellKnown}`,
      'GET https://as0.example/.well-known/oauth-authorization-server',
      'GET https://as0.example/.well-known/openid-configuration',
      'GET https://as1.example/.well-known/oauth-authorization-server',
      'GET https://as1.example/.well-known/openid-configuration',
      'GET https://as2.example/.well-known/oauth-authorization-server',
      'GET https://as2.example/.well-known/openid-configuration',
      'GET https://as3.example/.well-known/oauth-authorization-server',
      'GET https://as3.example/.well-known/openid-configuration',
    ],
  },
]
