/**
 * Ways of keeping a client busy, and of filling its memory.
 *
 * @module
 */
import { memoryCache } from '../../../src/cache.ts'
import { createLimits, fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../../../src/index.ts'
import { type Attack, document, issuer, metadata, openid, resource, server, wellKnown } from '../attack.ts'
import {
  after,
  answer,
  bomb,
  bytes,
  drip,
  endless,
  headThenSilence,
  type Page,
  redirect,
  respond,
  silence,
  slow,
} from '../pages.ts'

function delaying(attack: string, page: Page): Attack {
  return {
    guard: 'deadline',
    attack,
    rule: 'NS-06',
    web: { [server]: page, [openid]: metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, { ...options, timeoutMs: 300 }),
    outcome: { error: { code: 'timeout', recovery: 'transient' } },
    seen: [`GET ${server}`],
    unseen: [openid],
  }
}

function filling(attack: string, page: Page): Attack {
  return {
    guard: 'body-limit',
    attack,
    rule: 'NS-06',
    web: { [server]: page, [openid]: metadata },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, { ...options, timeoutMs: 5000 }),
    outcome: { value: metadata },
    seen: [`GET ${server}`, `GET ${openid}`],
    memory: 48,
  }
}

const spread: Page = (response, happened) => respond(slow(250, redirect('/1')), response, happened)

export const bodyAttacks: readonly Attack[] = [
  delaying('a server that never answers', silence),
  delaying('a server that falls silent after its headers', headThenSilence),
  delaying('an answer that comes byte by byte, each of them in time', drip),
  {
    ...delaying('redirects that each come in time, and together late', spread),
    web: {
      [server]: spread,
      'https://as.example/1': slow(250, redirect('/2')),
      'https://as.example/2': slow(250, redirect('/3')),
      'https://as.example/3': metadata,
      [openid]: metadata,
    },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, { ...options, timeoutMs: 600 }),
    mayBeSeen: ['GET https://as.example/1', 'GET https://as.example/2'],
    unseen: ['https://as.example/3', openid],
  },
  {
    guard: 'deadline',
    attack: 'servers that each are down in time, and together late',
    rule: 'NS-06',
    web: Object.fromEntries([
      [wellKnown, { resource, authorization_servers: ['https://a.example', 'https://b.example'] }],
      ...['a', 'b'].flatMap((host) =>
        ['oauth-authorization-server', 'openid-configuration'].map((name) => [
          `https://${host}.example/.well-known/${name}`,
          slow(250, answer(503)),
        ]),
      ),
    ]),
    call: ({ discover }) => discover({ timeoutMs: 600 }),
    outcome: { error: { code: 'timeout' } },
    seen: [
      `GET ${resource}`,
      `GET ${wellKnown}`,
      'GET https://a.example/.well-known/oauth-authorization-server',
    ],
    mayBeSeen: [
      'GET https://a.example/.well-known/openid-configuration',
      'GET https://b.example/.well-known/oauth-authorization-server',
    ],
    unseen: ['https://b.example/.well-known/openid-configuration'],
  },
  {
    guard: 'own-patience',
    attack: 'a silent server that another call is still waiting for',
    rule: 'NS-06',
    web: { [server]: silence },
    call: async ({ options }) => {
      const cache = memoryCache()
      const other = fetchAuthorizationServerMetadata(issuer, { ...options, cache, timeoutMs: 900 })
      const mine = fetchAuthorizationServerMetadata(issuer, { ...options, cache, timeoutMs: 200 })
      return Promise.race([other.catch(() => 'the other was first'), mine])
    },
    outcome: { error: { code: 'timeout' } },
    seen: [`GET ${server}`],
  },
  {
    guard: 'time-of-all',
    attack: 'silent servers, one after the other',
    rule: 'NS-06',
    web: Object.fromEntries(
      [1, 2, 3].map((n) => [`https://as${n}.example/.well-known/oauth-authorization-server`, silence]),
    ),
    call: ({ options }) => {
      const limits = createLimits({ concurrency: 1, totalMs: 250 })
      const all = [1, 2, 3].map((n) =>
        fetchAuthorizationServerMetadata(`https://as${n}.example`, { ...options, limits }).catch(
          ({ code }: { code: string }) => code,
        ),
      )
      return Promise.all(all)
    },
    outcome: { value: ['timeout', 'timeout', 'timeout'] },
    seen: ['GET https://as1.example/.well-known/oauth-authorization-server'],
  },
  filling('a document without end', endless('application/json')),
  filling('1 GB of spaces as gzip', bomb('gzip')),
  filling('1 GB of spaces as zstd', bomb('zstd')),
  filling('256 MB of spaces as brotli', bomb('br')),
  {
    ...filling('a page without end that is no document', endless('text/html')),
    call: ({ options }) =>
      fetchAuthorizationServerMetadata(issuer, { ...options, timeoutMs: 5000, maxBytes: 65_536 }),
  },
  {
    guard: 'body-end',
    attack: 'a document without end that goes on while the next one is asked for',
    rule: 'NS-06',
    web: { [server]: endless('application/json'), [openid]: after(`end of ${server}`, metadata) },
    call: ({ options }) => fetchAuthorizationServerMetadata(issuer, options),
    outcome: { value: metadata },
    seen: [`GET ${server}`, `GET ${openid}`],
  },
  {
    guard: 'probe-body',
    attack: 'an event stream without end as the first answer',
    rule: 'NS-06',
    web: { [resource]: endless('text/event-stream'), [wellKnown]: document, [server]: metadata },
    call: ({ discover }) => discover({ timeoutMs: 5000 }),
    outcome: { value: { authorizationServerMetadata: metadata } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
    memory: 48,
  },
  {
    guard: 'probe-body',
    attack: 'a first answer whose body never comes',
    rule: 'NS-06',
    web: { [resource]: headThenSilence, [wellKnown]: document, [server]: metadata },
    call: ({ discover }) => discover(),
    outcome: { value: { authorizationServerMetadata: metadata } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
  },
  {
    guard: 'probe-end',
    attack: 'a first answer that is kept open while documents are asked for',
    rule: 'NS-06',
    web: {
      [resource]: endless('text/event-stream'),
      [wellKnown]: document,
      [server]: after(`end of ${resource}`, metadata),
    },
    call: ({ discover }) => discover(),
    outcome: { value: { authorizationServerMetadata: metadata } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`],
  },
  {
    guard: 'no-retry',
    attack: 'a server that hangs up, whom a client of HTTP would ask again',
    rule: 'NS-06',
    web: { [wellKnown]: bytes('') },
    call: ({ options }) => fetchResourceMetadata(resource, options),
    outcome: { error: { code: 'unavailable' } },
    seen: [`GET ${wellKnown}`],
  },
  {
    guard: 'retry-after',
    attack: 'a server that wants to be left alone for a thousand years',
    rule: 'NS-06, RFC 9110 §10.2.3',
    web: { [wellKnown]: answer(503, { 'retry-after': '31536000000' }) },
    call: ({ options }) => fetchResourceMetadata(resource, options),
    outcome: { error: { code: 'unavailable', retryAfterMs: 3_600_000 } },
    seen: [`GET ${wellKnown}`],
  },
]
