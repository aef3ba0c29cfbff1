/**
 * What is kept for each tenant where a program acts for many.
 *
 * @module
 */
import { OAuth2Client as BadgatewayClient, OAuth2Fetch } from '@badgateway/oauth2-client'
import { ClientCredentialsProvider } from '@modelcontextprotocol/client'
import { ClientCredentialsProvider as ProviderV1 } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { OAuth2Client as GoogleClient } from 'google-auth-library'
import * as oauth from 'oauth4webapi'
import { Configuration } from 'openid-client'
import { ClientCredentials } from 'simple-oauth2'
import { collectGarbage, median } from './interleaved.ts'
import { type Goal, judge, type Measure } from './result.ts'

const tenants = 10_000

/** What is known of one tenant, and of its server. */
interface Tenant {
  readonly clientId: string
  readonly clientSecret: string
  readonly server: { readonly issuer: string; readonly token_endpoint: string }
}

interface Maker {
  readonly name: string
  readonly make: (tenant: Tenant) => unknown
}

const resource = 'https://rs.example/mcp'

const makers: readonly Maker[] = [
  {
    name: 'ours',
    make: ({ clientId, clientSecret, server }) =>
      new ClientCredentialsAuth({ serverMetadata: server, clientId, clientSecret, resource }),
  },
  {
    name: '@modelcontextprotocol/client',
    make: ({ clientId, clientSecret, server: { issuer } }) =>
      new ClientCredentialsProvider({ clientId, clientSecret, expectedIssuer: issuer }),
  },
  {
    name: '@modelcontextprotocol/sdk (v1)',
    make: ({ clientId, clientSecret, server: { issuer } }) =>
      new ProviderV1({ clientId, clientSecret, expectedIssuer: issuer }),
  },
  {
    name: 'oauth4webapi',
    make: ({ clientId, clientSecret, server }) => ({
      server,
      client: { client_id: clientId },
      authentication: oauth.ClientSecretBasic(clientSecret),
    }),
  },
  {
    name: 'openid-client',
    make: ({ clientId, clientSecret, server }) => new Configuration(server, clientId, clientSecret),
  },
  {
    name: 'simple-oauth2',
    make: ({ clientId: id, clientSecret: secret, server: { issuer: tokenHost } }) =>
      new ClientCredentials({ client: { id, secret }, auth: { tokenHost, tokenPath: '/token' } }),
  },
  {
    name: '@badgateway/oauth2-client',
    make: ({ clientId, clientSecret, server: { issuer, token_endpoint: tokenEndpoint } }) => {
      const client = new BadgatewayClient({ server: issuer, tokenEndpoint, clientId, clientSecret })
      return new OAuth2Fetch({ client, getNewToken: () => client.clientCredentials() })
    },
  },
  {
    name: 'google-auth-library',
    make: ({ clientId, clientSecret, server: { token_endpoint: oauth2TokenUrl } }) =>
      new GoogleClient({ clientId, clientSecret, endpoints: { oauth2TokenUrl } }),
  },
]

const eager =
  'A session, copies of the options, which whoever gave them may change, and the closures of `fetch` are made with the object. The provider of the official client is its options.'

const goals: readonly (Goal & { readonly isOneIssuer: boolean })[] = [
  {
    isOneIssuer: true,
    what: 'bytes for each tenant, one issuer, of the official provider',
    reason: eager,
    unit: 'bytes',
    atMost: 0.7,
  },
  {
    isOneIssuer: false,
    what: 'bytes for each tenant, many issuers, of the official provider',
    reason: eager,
    unit: 'bytes',
    atMost: 0.85,
  },
]

export const heap: Measure = {
  name: 'heap',
  async measure() {
    const one = await measureAll(() => shared)
    const many = await measureAll(serverOf)
    const ratio = (of: readonly number[], index: number) => (of[index] ?? Number.NaN) / (of[1] ?? Number.NaN)
    return [
      {
        title: `Heap for each of ${tenants.toLocaleString('en')} tenants`,
        columns: [
          'bytes after collection',
          'one issuer',
          'of the official provider',
          'an issuer each',
          'of the official provider',
        ],
        rows: makers.map(({ name }, index) => [
          name,
          ...[one, many].flatMap((of) => [
            String(Math.round(of[index] ?? Number.NaN)),
            `${ratio(of, index).toFixed(2)} ×`,
          ]),
        ]),
        notes: [
          'With the name and the secret of the tenant, and where each has an issuer, what is known of that. No token was fetched. Medians of 3 in turn.',
        ],
        goals: goals.map(({ isOneIssuer, ...goal }) => judge(goal, ratio(isOneIssuer ? one : many, 0))),
      },
    ]
  },
}

const shared = serverOf(0)

function serverOf(index: number): Tenant['server'] {
  const issuer = `https://as-${index}.example`
  return { issuer, token_endpoint: `${issuer}/token` }
}

/** Bytes for each, in the order of the makers. */
async function measureAll(server: (index: number) => Tenant['server']): Promise<readonly number[]> {
  const samples = makers.map((): number[] => [])
  for (let round = 0; round < 4; round += 1) {
    for (const [index, { make }] of makers.entries()) {
      const bytes = await keptBy((tenant) => make({ ...namesOf(tenant), server: server(tenant) }))
      // The first round makes what all objects of a class share.
      if (round > 0) samples[index]?.push(bytes)
    }
  }
  return samples.map(median)
}

function namesOf(index: number): Pick<Tenant, 'clientId' | 'clientSecret'> {
  return { clientId: `tenant-${index}`, clientSecret: `made-up-secret-of-${index}` }
}

async function keptBy(make: (index: number) => unknown): Promise<number> {
  const kept = Array.from<unknown>({ length: tenants })
  const before = await collectedHeap()
  for (let index = 0; index < tenants; index += 1) kept[index] = make(index)
  const after = await collectedHeap()
  // Read after the heap was, so that nothing of it is collected before.
  return kept.length === 0 ? 0 : (after - before) / tenants
}

/** Twice, and after the turn: what was let go of by then is collected as well. */
async function collectedHeap(): Promise<number> {
  collectGarbage()
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  return process.memoryUsage().heapUsed
}
