/**
 * Ways of pushing a client into a weaker mode.
 *
 * @module
 */
import { fetchResourceMetadata, originAsServer } from '../../../src/index.ts'
import { type Attack, document, evil, resource, root, server, wellKnown } from '../attack.ts'
import { answer, bytes, type Page, pointingAt, silence, text, unauthorized } from '../pages.ts'

const legacyPlace = 'https://rs.example/.well-known/oauth-authorization-server'
const legacyServer = { issuer: 'https://rs.example', token_endpoint: 'https://rs.example/token' }

/** A resource that refuses, and whose own document is not plainly absent: the rule of old servers is not for it. */
function notLegacy(
  guard: string,
  attack: string,
  code: string,
  page: Page,
  asked: readonly string[],
): Attack {
  return {
    guard,
    attack,
    rule: 'AS-08, PR-08',
    web: { [resource]: unauthorized(), [wellKnown]: page, [legacyPlace]: legacyServer },
    call: ({ inspect }) => inspect({ legacy: originAsServer }),
    outcome: { error: { code } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, ...asked.map((url) => `GET ${url}`)],
    unseen: [legacyPlace],
  }
}

/** A server of old whose document is not plainly absent: its endpoints are not guessed. */
function notGuessed(attack: string, code: string, page: Page, guard = 'legacy-endpoints'): Attack {
  return {
    guard,
    attack,
    rule: 'AS-06, AS-08',
    web: { [resource]: unauthorized(), [legacyPlace]: page },
    call: ({ inspect }) => inspect({ legacy: originAsServer }),
    outcome: { error: { code } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${root}`, `GET ${legacyPlace}`],
  }
}

/** A resource that answers without a token, and whose document cannot be had for now: it is not open. */
function notOpen(guard: string, attack: string, page: Page): Attack {
  return {
    guard,
    attack,
    rule: 'AS-08',
    web: { [resource]: text('{}'), [wellKnown]: page, [root]: document },
    call: ({ inspect }) => inspect(),
    outcome: { error: { code: 'unavailable', recovery: 'transient' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`],
    unseen: [root],
  }
}

const html = text('<!doctype html>', 'text/html')

export const downgradeAttacks: readonly Attack[] = [
  notOpen('outage-first', 'an outage of the metadata, with 503', answer(503)),
  notOpen('outage-first', 'an outage of the metadata, with 500', answer(500)),
  notOpen('too-many', 'metadata that was asked for too often, with 429', answer(429)),
  notOpen('outage-first', 'metadata whose connection breaks off', bytes('')),
  {
    guard: 'no-wider',
    attack: 'an outage of the metadata, where there is a document for all of the host',
    rule: 'AS-08',
    web: { [wellKnown]: answer(503), [root]: { ...document, resource: 'https://rs.example' } },
    call: ({ options }) => fetchResourceMetadata(resource, options),
    outcome: { error: { code: 'unavailable' } },
    seen: [`GET ${wellKnown}`],
    unseen: [root],
  },
  notLegacy(
    'legacy-absence',
    'metadata that may not be read, with 403',
    'resource_metadata_not_found',
    answer(403),
    [root],
  ),
  notLegacy('legacy-absence', 'a login page in place of metadata', 'resource_metadata_not_found', html, [
    root,
  ]),
  notLegacy(
    'outage-first',
    'an outage of the metadata of a resource that refuses',
    'unavailable',
    answer(500),
    [],
  ),
  notLegacy(
    'end-at-impostor',
    'metadata of another resource, where the rule of old servers would do',
    'resource_mismatch',
    { resource: 'https://bank.example' },
    [],
  ),
  {
    ...notLegacy('legacy-status', 'a 405 without metadata', 'resource_metadata_not_found', answer(404), [
      root,
    ]),
    web: { [resource]: answer(405), [legacyPlace]: legacyServer },
  },
  {
    ...notLegacy(
      'legacy-told',
      'a challenge that points at nothing',
      'resource_metadata_not_found',
      answer(404),
      [root, 'https://rs.example/gone'],
    ),
    web: { [resource]: pointingAt('https://rs.example/gone'), [legacyPlace]: legacyServer },
  },
  notGuessed('a server of old that is down', 'unavailable', answer(500)),
  notGuessed('a server of old that refuses with 403', 'server_metadata_not_found', answer(403)),
  notGuessed('a server of old that gives a login page', 'server_metadata_not_found', html),
  notGuessed('a server of old that is another', 'issuer_mismatch', evil, 'legacy-issuer'),
  {
    guard: 'outage-first',
    attack: 'an outage of a server, with other places that have nothing',
    rule: 'AS-08',
    web: { [wellKnown]: document, [server]: answer(503, { 'retry-after': '7' }) },
    call: ({ discover }) => discover(),
    outcome: { error: { code: 'unavailable', recovery: 'transient', retryAfterMs: 7000 } },
    seen: [
      `GET ${resource}`,
      `GET ${wellKnown}`,
      `GET ${server}`,
      'GET https://as.example/.well-known/openid-configuration',
    ],
  },
  {
    guard: 'silence-ends',
    attack: 'a place of metadata that is silent, after one that has nothing',
    rule: 'AS-08, NS-06',
    web: { [resource]: text('{}'), [root]: silence },
    call: ({ inspect }) => inspect({ timeoutMs: 300 }),
    outcome: { error: { code: 'timeout', recovery: 'transient' } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${root}`],
  },
]
