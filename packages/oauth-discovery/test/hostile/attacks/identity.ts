/**
 * Documents that are about somebody else.
 *
 * @module
 */
import { fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../../../src/index.ts'
import {
  type Attack,
  document,
  evil,
  evilServer,
  issuer,
  metadata,
  openid,
  resource,
  root,
  server,
  wellKnown,
} from '../attack.ts'
import { pointingAt, text } from '../pages.ts'

/** Another issuer in the document: none of it is used, and the next place is not asked. */
function impostor(named: string, why: string): Attack {
  return {
    guard: 'issuer',
    attack: `a server that says it is ${named}, ${why}`,
    rule: 'AS-05, AS-06, RFC 8414 §3.3',
    web: { [server]: { ...metadata, issuer: named }, [openid]: metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: [`GET ${server}`],
    unseen: [openid],
  }
}

/** Another resource in the document: the same. */
function stranger(named: string, why: string): Attack {
  return {
    guard: 'resource',
    attack: `a resource that says it is ${named}, ${why}`,
    rule: 'PR-05, PR-08, RFC 9728 §3.3',
    web: { [wellKnown]: { ...document, resource: named }, [root]: document },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'resource_mismatch' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    unseen: [root],
  }
}

/** A document about something above the resource, at a place that the challenge names. */
function above(guard: string, attack: string, at: string, named: string, more: object = {}): Attack {
  return {
    guard,
    attack,
    rule: 'PR-07, RFC 9728 §3.3',
    web: { [resource]: pointingAt(at), [at]: { ...document, resource: named }, [server]: metadata },
    call: ({ discover }) => discover(more),
    outcome: { error: { code: 'resource_mismatch' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${at}`],
    unseen: [server],
  }
}

export const identityAttacks: readonly Attack[] = [
  impostor('https://evil.example', 'another host'),
  impostor('https://as.example/', 'with a slash more'),
  impostor('https://AS.example', 'in other letters'),
  impostor('https://as.example:443', 'with the port that goes without saying'),
  impostor('http://as.example', 'in clear text'),
  impostor('https://аs.example', 'with a letter of another alphabet'),
  impostor('https://as.example/../as.example', 'by a detour'),
  impostor('https://as.example.', 'by its full name'),
  impostor('https://as%2Eexample', 'in an escape'),
  {
    ...impostor('', ''),
    attack: 'a document that names its issuer twice',
    web: {
      [server]: text('{"issuer":"https://as.example","issuer":"https://evil.example"}'),
      [openid]: metadata,
    },
  },
  {
    ...impostor('https://as.example/', ''),
    guard: 'issuer-slash',
    attack: 'a slash at the end of an issuer, where nobody has allowed it',
  },
  {
    guard: 'root-slash',
    attack: "a slash at the end of a tenant's issuer, where it is allowed for a host",
    rule: 'AS-05, RFC 8414 §3.3',
    web: {
      'https://as.example/.well-known/oauth-authorization-server/one': {
        ...metadata,
        issuer: 'https://as.example/one/',
      },
    },
    call: ({ options }) =>
      fetchAuthorizationServerMetadata('https://as.example/one', { ...options, tolerateIssuerSlash: true }),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: ['GET https://as.example/.well-known/oauth-authorization-server/one'],
  },
  {
    guard: 'end-at-impostor',
    attack: 'an impostor whose other place has a document that would do',
    rule: 'AS-06',
    web: { [server]: evil, [openid]: metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: [`GET ${server}`],
    unseen: [openid],
  },
  {
    guard: 'end-of-servers',
    attack: 'an impostor that is followed by another server',
    rule: 'AS-06, PR-11',
    web: {
      [wellKnown]: { resource, authorization_servers: [issuer, 'https://evil.example'] },
      [server]: { ...metadata, issuer: 'https://bank.example' },
      [evilServer]: evil,
    },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
    unseen: [evilServer],
  },
  {
    guard: 'expected-issuer',
    attack: 'a resource that names another server than the one that is wanted',
    rule: 'PR-11',
    web: { [wellKnown]: { resource, authorization_servers: ['https://evil.example'] }, [evilServer]: evil },
    call: ({ discover }) => discover({ expectedIssuer: issuer }),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
    unseen: [evilServer],
  },
  stranger('https://bank.example/mcp', 'on another host'),
  stranger('https://rs.example/other', 'another path'),
  stranger('https://rs.example/mcp/', 'with a slash more'),
  stranger('https://RS.example/mcp', 'in other letters'),
  stranger('https://rs.example:443/mcp', 'with the port that goes without saying'),
  stranger('https://rs.example/mcp?x', 'with a query'),
  stranger('https://rs.example', 'at the place of the path'),
  stranger('http://rs.example/mcp', 'in clear text'),
  above(
    'ancestor-place',
    'a document about the whole host, at a place that a tenant can fill',
    'https://rs.example/mcp/meta',
    'https://rs.example/',
  ),
  above(
    'ancestor-path',
    'a document about a neighbour, at its own place',
    'https://rs.example/.well-known/oauth-protected-resource/other',
    'https://rs.example/other',
  ),
  above(
    'ancestor-segments',
    'a document about a neighbour whose name is the beginning of ours',
    'https://rs.example/.well-known/oauth-protected-resource/mc',
    'https://rs.example/mc',
  ),
  above(
    'ancestor-origin',
    'a document about another host, at its own place',
    'https://evil.example/.well-known/oauth-protected-resource',
    'https://evil.example/',
  ),
  above(
    'ancestor-spelling',
    'a document about the host with a query, at its own place',
    'https://rs.example/.well-known/oauth-protected-resource?tenant=evil',
    'https://rs.example/?tenant=evil',
  ),
  above('no-ancestor', 'a document about a host that is shared with others', root, 'https://rs.example', {
    allowAncestor: false,
  }),
  {
    guard: 'no-root',
    attack: 'a document of the whole host, which is shared with others',
    rule: 'PR-07',
    web: { [root]: { ...document, resource: 'https://rs.example' } },
    call: ({ options }) => fetchResourceMetadata(resource, { ...options, allowAncestor: false }),
    outcome: { error: { code: 'resource_metadata_not_found' } },
    seen: [`GET ${wellKnown}`],
    unseen: [root],
  },
]
