/**
 * Names that lead elsewhere than they seem to, which is seen only when they are connected to: `egressFetch`.
 *
 * In place of a public address there is 0.0.0.0, which is allowed, and leads to the same servers as 127.0.0.1, which is not.
 *
 * @module
 */
import { fetchAuthorizationServerMetadata } from '../../../src/index.ts'
import { type EgressOptions, egressFetch } from '../../../src/node.ts'
import type { Attack, Victim } from '../attack.ts'
import { certificate } from '../certificate.ts'
import { answer, redirect } from '../pages.ts'

const path = '/.well-known/oauth-authorization-server'
const openid = '/.well-known/openid-configuration'

async function read({ options, ports }: Victim, host: string, more: EgressOptions = {}): Promise<unknown> {
  await using fetch = egressFetch({ allow: ['0.0.0.0'], ca: certificate, ...more })
  return await fetchAuthorizationServerMetadata(`https://${host}:${ports.https}`, { ...options, fetch })
}

function inward(attack: string, host: string, answers: readonly string[]): Attack {
  return {
    guard: 'resolved-addresses',
    attack,
    rule: 'NS-05, NS-01',
    web: { [`https://${host}${path}`]: {}, [`https://${host}${openid}`]: {} },
    names: { [host]: [answers] },
    call: (victim) => read(victim, host),
    outcome: { error: { code: 'address_refused' } },
    seen: [],
    unseen: [`https://${host}${path}`],
  }
}

export const nameAttacks: readonly Attack[] = [
  inward('a name outside that is at 127.0.0.1', 'inward.example', ['127.0.0.1']),
  inward('a name that is at a public address, and at 127.0.0.1', 'mixed.example', ['0.0.0.0', '127.0.0.1']),
  inward('a name outside that is at 127.0.0.1, mapped to IPv6', 'inward.example', ['::ffff:127.0.0.1']),
  {
    ...inward('a name that is at ::8.8.8.8, which is no form of 8.8.8.8 any more', 'inward.example', [
      '::8.8.8.8',
    ]),
    guard: 'mapped-only',
    rule: 'NS-03, RFC 4291 §2.5.5.1',
  },
  {
    guard: 'resolved-addresses',
    attack: 'a name that is given another address after the first request (DNS rebinding)',
    rule: 'NS-05',
    web: {
      [`https://rebound.example${path}`]: answer(404, { connection: 'close' }),
      [`https://rebound.example${openid}`]: {},
    },
    names: { 'rebound.example': [['0.0.0.0'], ['127.0.0.1']] },
    call: (victim) => read(victim, 'rebound.example'),
    outcome: { error: { attempts: [{ status: 404 }, { code: 'address_refused' }] } },
    seen: [`GET https://rebound.example${path}`],
    unseen: [`https://rebound.example${openid}`],
  },
  {
    guard: 'addresses-in-urls',
    attack: 'a redirect to an address, where redirects are followed',
    rule: 'NS-04, NS-05',
    web: {
      'https://rs.example/': (response, happened) =>
        redirect(String(response.req.headers['x-inside']))(response, happened),
      'http://127.0.0.1/inside': {},
    },
    names: { 'rs.example': [['0.0.0.0']] },
    call: async ({ ports }) => {
      await using fetch = egressFetch({ allow: ['0.0.0.0'], ca: certificate })
      const headers = { 'x-inside': `http://127.0.0.1:${ports.http}/inside` }
      const response = await fetch(`https://rs.example:${ports.https}/`, { headers })
      return response.status
    },
    outcome: { error: { cause: { code: 'ADDRESS_REFUSED' } } },
    seen: ['GET https://rs.example/'],
    unseen: ['http://127.0.0.1/inside'],
  },
  {
    guard: 'addresses-in-urls',
    attack: 'an address in a URL, where a proxy would go there',
    rule: 'NS-05',
    web: { 'http://10.0.0.1/inside': {} },
    call: async ({ options, ports }) => {
      await using fetch = egressFetch({ proxy: `http://127.0.0.1:${ports.http}` })
      return await fetchAuthorizationServerMetadata('http://10.0.0.1', {
        ...options,
        fetch,
        allowAddress: () => true,
      })
    },
    outcome: { error: { code: 'address_refused' } },
    seen: [],
  },
  {
    guard: 'certificates',
    attack: 'a certificate that nobody trusts',
    rule: 'NS-07, AS-13',
    web: { [`https://as.example${path}`]: {}, [`https://as.example${openid}`]: {} },
    names: { 'as.example': [['0.0.0.0']] },
    call: (victim) => read(victim, 'as.example', { ca: [] }),
    outcome: { error: { code: 'unavailable', attempts: [{ reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, {}] } },
    seen: [],
    unseen: [`https://as.example${path}`],
  },
]
