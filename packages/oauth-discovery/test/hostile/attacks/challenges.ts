/**
 * Headers that say more than they should, and texts that are not only read.
 *
 * @module
 */
import { fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../../../src/index.ts'
import {
  type Attack,
  document,
  evilDocument,
  issuer,
  metadata,
  resource,
  root,
  server,
  wellKnown,
} from '../attack.ts'
import { after, answer, bytes, unauthorized } from '../pages.ts'

const bait = 'https://evil.example/meta'

/** A challenge that must not be followed: what the resource publishes is. */
function disregarded(guard: string, attack: string, rule: string, challenge: string): Attack {
  return {
    guard,
    attack,
    rule,
    web: {
      [resource]: unauthorized(challenge),
      [wellKnown]: document,
      [server]: metadata,
      [bait]: evilDocument,
    },
    call: ({ discover }) => discover(),
    outcome: { value: { authorizationServerMetadata: metadata } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
    unseen: [bait],
  }
}

const many = (length: number, make: (n: number) => string) =>
  Array.from({ length }, (_, n) => make(n)).join(',')

export const challengeAttacks: readonly Attack[] = [
  disregarded(
    'header-length',
    'a challenge of 100 kB',
    'CH-13',
    `Bearer resource_metadata="${bait}", x="${'x'.repeat(100_000)}"`,
  ),
  disregarded(
    'challenge-count',
    'thousands of challenges before the one that counts',
    'CH-13',
    `${many(5000, () => 'A')}, Bearer resource_metadata="${bait}"`,
  ),
  disregarded(
    'parameter-count',
    'a hundred parameters before the one that counts',
    'CH-13',
    `Bearer ${many(100, (n) => `p${n}=1`)}, resource_metadata="${bait}"`,
  ),
  disregarded(
    'repeated-parameters',
    'a second value for the same parameter',
    'CH-05, RFC 9110 §11.2',
    `Bearer resource_metadata="${wellKnown}", resource_metadata="${bait}"`,
  ),
  disregarded(
    'quotes',
    'a challenge inside the quotes of another',
    'CH-03, RFC 9110 §5.6.4',
    `Bearer realm="\\", Bearer resource_metadata=${bait}, Other \\"x"`,
  ),
  disregarded(
    'commas',
    'a challenge that follows another without a comma',
    'CH-03, RFC 9110 §11.6.1',
    `Basic Bearer resource_metadata="${bait}"`,
  ),
  {
    ...disregarded('challenge-status', 'a challenge in an answer that is no refusal', 'CH-11', ''),
    web: {
      [resource]: answer(200, { 'www-authenticate': `Bearer resource_metadata="${bait}"` }),
      [wellKnown]: document,
      [server]: metadata,
      [bait]: evilDocument,
    },
  },
  {
    ...disregarded('', '', '', ''),
    guard: 'error-characters',
    attack: 'escapes for a terminal in the description of an error',
    rule: 'CH-12, RFC 6750 §3',
    web: {
      [resource]: unauthorized('Bearer error="x", error_description="\x9b2J\x9b31mcall us"'),
      [wellKnown]: document,
      [server]: metadata,
    },
    unseen: [],
    untold: /\x9b|\\x9B/,
  },
  ...['\u009b2J', '\u202e', '\u2028'].map(
    (sign): Attack => ({
      guard: 'printable',
      attack: `an issuer with ${JSON.stringify(sign).replace(/[^ -~]/g, (each) => `U+${each.charCodeAt(0).toString(16).padStart(4, '0')}`)} in it`,
      rule: 'NS-09',
      web: { [server]: { ...metadata, issuer: `https://evil${sign}.example` } },
      call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
      outcome: { error: { code: 'issuer_mismatch' } },
      seen: [`GET ${server}`],
      untold: new RegExp(sign),
    }),
  ),
  {
    guard: 'short-texts',
    attack: 'an issuer of 100 kB',
    rule: 'NS-09',
    web: { [server]: { ...metadata, issuer: `https://${'x'.repeat(100_000)}` } },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { error: { code: 'issuer_mismatch' } },
    seen: [`GET ${server}`],
    untold: /x{250}/,
  },
  {
    guard: 'short-urls',
    attack: 'a challenge that points at a URL of 8 kB',
    rule: 'NS-09',
    web: { [resource]: unauthorized(), [wellKnown]: document },
    call: ({ options }) =>
      fetchResourceMetadata(resource, {
        ...options,
        metadataUrl: `https://127.0.0.1/${'x'.repeat(8000)}`,
      }).then(() => 'found'),
    outcome: { value: 'found' },
    seen: [`GET ${wellKnown}`],
    untold: /x{400}/,
  },
  {
    guard: 'queries',
    attack: 'a secret in the query of a URL that a challenge points at',
    rule: 'NS-09',
    web: { [resource]: unauthorized() },
    call: ({ options }) =>
      fetchResourceMetadata(resource, {
        ...options,
        metadataUrl: 'https://rs.example/meta?token=secret#secret',
      }),
    outcome: { error: { code: 'resource_metadata_not_found' } },
    seen: ['GET https://rs.example/meta?token=secret', `GET ${wellKnown}`, `GET ${root}`],
    untold: /secret/,
  },
  {
    guard: 'passwords',
    attack: 'a password and a token in the issuer that a resource names',
    rule: 'NS-09',
    web: {
      [wellKnown]: { resource, authorization_servers: ['https://user:secret@as.example/?token=secret'] },
    },
    call: ({ options, discover }) => discover({ ...options }),
    outcome: { error: { code: 'invalid_url' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    untold: /secret/,
  },
  {
    guard: 'foreign-causes',
    attack: 'an answer that is no HTTP, with a secret in it',
    rule: 'NS-09',
    web: { [resource]: after(`GET ${wellKnown}`, bytes('HTTP/1.1 secret secret\r\n\r\nsecret')) },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'unreachable' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    untold: /secret/,
  },
]
