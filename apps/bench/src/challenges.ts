/**
 * Which `WWW-Authenticate` headers are read right, and whether a long one costs more than its length.
 *
 * @module
 */
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import { extractWWWAuthenticateParams as extractV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { parseWwwAuthenticate } from '@x/oauth-discovery'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { judge, type Measure, type Table } from './result.ts'

/** What a client of tokens wants to know. */
interface Demand {
  readonly metadata?: string | undefined
  readonly scope?: string | undefined
  readonly error?: string | undefined
}

interface Hard {
  readonly what: string
  readonly header: string
  readonly says: Demand
}

const metadata = 'https://rs.example/.well-known/oauth-protected-resource/mcp'

/** Each is right by RFC 9110 §11; what it says is by RFC 6750 §3 and RFC 9728 §5.1. */
const hard: readonly Hard[] = [
  {
    what: 'Basic before Bearer, in one header',
    header: `Basic realm="users", Bearer resource_metadata="${metadata}", scope="api:read"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'spaces around the equals sign',
    header: `Bearer resource_metadata = "${metadata}" , scope = "api:read"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'a scheme in capitals',
    header: `BEARER resource_metadata="${metadata}", error="invalid_token"`,
    says: { metadata, error: 'invalid_token' },
  },
  {
    what: 'names of parameters in capitals',
    header: `Bearer Resource_Metadata="${metadata}", SCOPE="api:read"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: '`x_scope` before `scope`',
    header: `Bearer x_scope="everything", scope="api:read", resource_metadata="${metadata}"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'a comma and an equals sign in quotes',
    header: `Bearer realm="a, scope=b", scope="api:read", resource_metadata="${metadata}"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'escaped quotes',
    header: `Bearer realm="the \\"inner\\" scope=\\"none\\"", scope="api:read", resource_metadata="${metadata}"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'a challenge of padding (token68) before Bearer',
    header: `Negotiate YIIBhwYJKw==, Bearer scope="api:read", resource_metadata="${metadata}"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'DPoP alone, with its algorithms',
    header: `DPoP algs="ES256 EdDSA", error="use_dpop_nonce", resource_metadata="${metadata}"`,
    says: { metadata, error: 'use_dpop_nonce' },
  },
  {
    what: 'a parameter without quotes',
    header: `Bearer error=invalid_token, scope=read, resource_metadata="${metadata}"`,
    says: { metadata, scope: 'read', error: 'invalid_token' },
  },
  {
    what: 'the scope of another scheme first',
    header: `Digest scope="files", nonce="n", Bearer scope="api:read", resource_metadata="${metadata}"`,
    says: { metadata, scope: 'api:read' },
  },
  {
    what: 'empty elements in the list',
    header: `, ,Bearer scope="api:read",, resource_metadata="${metadata}",`,
    says: { metadata, scope: 'api:read' },
  },
]

interface Reader {
  readonly name: string
  readonly read: (header: string) => Demand | Promise<Demand>
}

interface Challenge {
  readonly scheme: string
  readonly parameters: object
}

const readers: readonly Reader[] = [
  { name: 'ours', read: (header) => demandIn(parseWwwAuthenticate(header)) },
  {
    name: '@modelcontextprotocol/client',
    read: (header) => fromOfficial(extractWWWAuthenticateParams(refusal(header))),
  },
  { name: '@modelcontextprotocol/sdk (v1)', read: (header) => fromOfficial(extractV1(refusal(header))) },
  { name: 'oauth4webapi', read: (header) => demandAfter(askWithParts(header)) },
  { name: 'openid-client', read: (header) => demandAfter(askWithClient(header)) },
]

const doNotRead = ['simple-oauth2', '@badgateway/oauth2-client', 'google-auth-library', 'bare fetch']

export const challenges: Measure = {
  name: 'challenges',
  measure: async () => [await measureReading(), await measureLength()],
}

export async function measureReading(): Promise<Table> {
  const results = await Promise.all(
    readers.map(({ read }) =>
      Promise.all(hard.map(async ({ header, says }) => isSame(await read(header), says))),
    ),
  )
  const rightOf = (index: number) => results[index]?.filter(Boolean).length ?? 0
  return {
    title: '`WWW-Authenticate`: hard headers that are read right',
    columns: ['all of them are valid', ...readers.map(({ name }) => name)],
    rows: [
      ...hard.map(({ what }, row) => [what, ...results.map((each) => (each[row] ? 'right' : 'wrong'))]),
      ['of all', ...readers.map((_, index) => `${rightOf(index)} of ${hard.length}`)],
    ],
    notes: [
      'Right: the place of the metadata, the scope and the error of the Bearer or DPoP challenge, and nothing of another.',
      `These read no challenges: ${doNotRead.join(', ')}.`,
    ],
    goals: [
      judge({ what: 'hard headers read wrong by ours', unit: 'count', atMost: 0 }, hard.length - rightOf(0)),
    ],
  }
}

const hostile: readonly (readonly [what: string, header: (length: number) => string])[] = [
  ['commas', (length) => `Bearer ${','.repeat(length)}`],
  ['spaces', (length) => `Bearer a${' '.repeat(length)}b`],
  ['open quotes', (length) => `Bearer a="${'\\"'.repeat(length / 2)}`],
  ['parameters', (length) => `Bearer ${'a=b,'.repeat(length / 4)}`],
  ['names', (length) => `Bearer ${'scope'.repeat(length / 5)}`],
  ['schemes', (length) => 'Bearer, '.repeat(length / 8)],
]

async function measureLength(): Promise<Table> {
  const rows: { readonly name: string; readonly worst: Length }[] = []
  for (const { name, read } of readers) {
    const lengths: Length[] = []
    for (const [what, header] of hostile) {
      const [half, whole] = [await timeOf(read, header(8_000)), await timeOf(read, header(16_000))]
      lengths.push({ what, ms: whole, ratio: whole / half, longMs: await timeOf(read, header(100_000)) })
    }
    const [worst] = lengths.toSorted((one, other) => other.ms - one.ms)
    if (worst !== undefined) rows.push({ name, worst })
  }
  return {
    title: '`WWW-Authenticate`: hostile headers of 16 kB and of 100 kB',
    columns: ['the slowest of six kinds', 'made of', '16 kB, ms', 'of one half as long', '100 kB, ms'],
    rows: rows.map(({ name, worst: { what, ms, ratio, longMs } }) => [
      name,
      what,
      ms.toFixed(3),
      `${ratio.toFixed(1)} ×`,
      longMs.toFixed(3),
    ]),
    notes: [
      'Twice the length in twice the time is linear; in four times it is quadratic. Ours reads nothing of a header above 16,384 characters. That of Node takes 16 kB of headers in all, others more.',
    ],
    goals: [
      judge({ what: 'time for twice the length, ours', unit: 'time', atMost: 2.5 }, rows[0]?.worst.ratio),
    ],
  }
}

interface Length {
  readonly what: string
  readonly ms: number
  readonly ratio: number
  readonly longMs: number
}

/** The least of some tries, in ms: what disturbs a try makes it longer. */
async function timeOf(read: Reader['read'], header: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  const end = performance.now() + 100
  for (let tries = 0; tries < 3 || performance.now() < end; tries += 1) {
    const begun = performance.now()
    await read(header)
    least = Math.min(least, performance.now() - begun)
  }
  return least
}

function isSame(read: Demand, says: Demand): boolean {
  return read.metadata === says.metadata && read.scope === says.scope && read.error === says.error
}

/** Of the first challenge that asks for a token. */
function demandIn(read: readonly Challenge[]): Demand {
  const { parameters = {} } = read.find(({ scheme }) => /^(?:bearer|dpop)$/.test(scheme)) ?? {}
  const { resource_metadata, scope, error }: Record<string, string> = Object.fromEntries(
    Object.entries(parameters),
  )
  return { metadata: resource_metadata, scope, error }
}

function refusal(header: string): Response {
  return new Response(null, { status: 401, headers: { 'www-authenticate': header } })
}

function fromOfficial(read: ReturnType<typeof extractWWWAuthenticateParams>): Demand {
  return { metadata: read.resourceMetadataUrl?.href, scope: read.scope, error: read.error }
}

const url = new URL('https://rs.example/mcp')

/** Its requests reject with the challenges of the answer, where it finds any. */
function askWithParts(header: string): Promise<unknown> {
  const options = { [oauth.customFetch]: () => Promise.resolve(refusal(header)) }
  return oauth.protectedResourceRequest('token', 'GET', url, undefined, undefined, options)
}

function askWithClient(header: string): Promise<unknown> {
  const config = new openid.Configuration({ issuer: 'https://as.example' }, 'bench')
  config[openid.customFetch] = () => Promise.resolve(refusal(header))
  return openid.fetchProtectedResource(config, 'token', url, 'GET')
}

async function demandAfter(asking: Promise<unknown>): Promise<Demand> {
  const error: unknown = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof oauth.WWWAuthenticateChallengeError ? demandIn(error.cause) : {}
}
