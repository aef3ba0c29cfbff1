/**
 * What a client keeps from one request to the next.
 *
 * @module
 */
import { memoryCache } from '../../../src/cache.ts'
import { fetchAuthorizationServerMetadata, fetchResourceMetadata } from '../../../src/index.ts'
import {
  type Attack,
  document,
  evil,
  issuer,
  metadata,
  openid,
  resource,
  server,
  wellKnown,
} from '../attack.ts'
import { answer, inTurn } from '../pages.ts'

const withHeaders = (page: object, headers: Record<string, string>) =>
  answer(200, { 'content-type': 'application/json', ...headers }, JSON.stringify(page))

const forLong = { 'cache-control': 'max-age=31536000' }

/** Reads the metadata of the server twice, with one cache; the clock goes on in between. */
function twice(wentOnMs = 0): Attack['call'] {
  return async ({ options }) => {
    let now = 1_800_000_000_000
    const cache = memoryCache({ clock: { now: () => now } })
    const read = () => fetchAuthorizationServerMetadata(issuer, { ...options, cache })
    const first = await read().catch(({ code }: { code: string }) => code)
    now += wentOnMs
    return [first, await read()]
  }
}

export const keepingAttacks: readonly Attack[] = [
  {
    guard: 'cookies',
    attack: 'a cookie, so that a client is known again',
    rule: 'NS-06',
    web: {
      [resource]: answer(401, { 'set-cookie': ['who=you', 'where=here; Path=/'] }),
      [wellKnown]: withHeaders(document, { 'set-cookie': 'who=you' }),
      [server]: inTurn(answer(404, { 'set-cookie': 'who=you' })),
      [openid]: metadata,
    },
    call: ({ discover }) => discover(),
    outcome: { value: { authorizationServerMetadata: metadata } },
    seen: [`GET ${resource}`, `GET ${wellKnown}`, `GET ${server}`, `GET ${openid}`],
  },
  {
    guard: 'dropped-documents',
    attack: 'a document of an impostor that says it is good for a year',
    rule: 'PR-18',
    web: { [server]: inTurn(withHeaders(evil, forLong), metadata) },
    call: twice(),
    outcome: { value: ['issuer_mismatch', metadata] },
    seen: [`GET ${server}`, `GET ${server}`],
  },
  {
    guard: 'no-store',
    attack: 'a document that is not to be kept, and is another the next time',
    rule: 'PR-18, RFC 9111 §5.2.2.5',
    web: {
      [server]: inTurn(withHeaders({ ...metadata, turn: 1 }, { 'cache-control': 'no-store' }), metadata),
    },
    call: twice(),
    outcome: { value: [{ turn: 1 }, metadata] },
    seen: [`GET ${server}`, `GET ${server}`],
  },
  {
    guard: 'cache-age',
    attack: 'a document that says it is good for a year',
    rule: 'PR-18',
    web: { [server]: inTurn(withHeaders({ ...metadata, turn: 1 }, forLong), metadata) },
    call: twice(3_600_001),
    outcome: { value: [{ turn: 1 }, metadata] },
    seen: [`GET ${server}`, `GET ${server}`],
  },
  {
    guard: 'kept-outages',
    attack: 'an outage that says it is good for a year',
    rule: 'PR-18, AS-08',
    web: { [server]: inTurn(answer(503, forLong), metadata), [openid]: answer(404) },
    call: twice(),
    outcome: { value: ['unavailable', metadata] },
    seen: [`GET ${server}`, `GET ${openid}`, `GET ${server}`],
  },
  {
    guard: 'policy-first',
    attack: 'a server outside that leads to what a caller on this machine has read',
    rule: 'NS-01',
    web: {
      'https://127.0.0.1/.well-known/oauth-protected-resource': {
        resource: 'https://127.0.0.1',
        secret: 'inside',
      },
    },
    call: async ({ options }) => {
      const cache = memoryCache()
      await fetchResourceMetadata('https://127.0.0.1', { ...options, cache })
      const metadataUrl = 'https://127.0.0.1/.well-known/oauth-protected-resource'
      return fetchResourceMetadata(resource, { ...options, cache, metadataUrl })
    },
    outcome: {
      error: { code: 'resource_metadata_not_found', attempts: [{ code: 'address_refused' }, {}, {}] },
    },
    seen: [
      'GET https://127.0.0.1/.well-known/oauth-protected-resource',
      `GET ${wellKnown}`,
      'GET https://rs.example/.well-known/oauth-protected-resource',
    ],
  },
]
