/**
 * The programs, in the order in which they are to be read.
 *
 * @module
 */
import type { Stage } from './stage.ts'

export interface Lesson extends Part {
  /** What it is called by, beside its number. */
  readonly name: string
  readonly about: string
  /** What it needs of a real server beside its URL, as names in the environment; or why there is no sense in one. */
  readonly real: readonly Variable[] | string
  /** What passes over the wire is not told as it passes. */
  readonly isQuiet?: true
  readonly load: () => Promise<{ run(stage: Stage): Promise<void> }>
}

export interface Part {
  /** What is called. */
  readonly part: 'mcp' | 'api'
  /**
   * `worker`: a program with a secret. `signer`: one with a key. `cli`: a public client, with which a person signs in.
   * `app`: one with a secret. `workload`: a program that is registered nowhere, as whoever only looks.
   */
  readonly as: 'worker' | 'signer' | 'cli' | 'app' | 'workload'
}

/** What an example may be told by the environment. */
export const variables = {
  MCP_CLIENT_ID: 'who you are there',
  MCP_CLIENT_SECRET: 'your secret there',
  CLIENT_KEY_FILE: 'your private key, as PKCS#8 (-----BEGIN PRIVATE KEY-----)',
  WORKLOAD_TOKEN_FILE: 'where the platform puts the JWT that says who the workload is',
  SUBJECT_TOKEN: 'the token of the user to act for',
  OTHER_MCP_URL: 'a second MCP server, of the same authorization server',
  ID_TOKEN: 'of a user who has signed in at the identity provider',
  IDP_ISSUER: 'that identity provider',
  IDP_CLIENT_ID: 'who you are at the identity provider',
  IDP_CLIENT_SECRET: 'your secret at the identity provider',
  SERVICE_CLIENT_ID: 'who a program is that acts for itself',
  SERVICE_CLIENT_SECRET: 'its secret',
} as const

export type Variable = keyof typeof variables

const bySecret = ['MCP_CLIENT_ID', 'MCP_CLIENT_SECRET'] as const
const asPerson = ['MCP_CLIENT_ID'] as const
const atEmployer = ['ID_TOKEN', 'IDP_ISSUER', 'IDP_CLIENT_ID', 'IDP_CLIENT_SECRET'] as const
const asService = ['SERVICE_CLIENT_ID', 'SERVICE_CLIENT_SECRET'] as const

export const course: readonly Lesson[] = [
  {
    name: 'whole-way',
    about: 'the main story: discover, authenticate, call a tool, renew',
    part: 'mcp',
    as: 'worker',
    real: bySecret,
    load: () => import('../00-whole-way.ts'),
  },
  {
    name: 'discover',
    about: 'who may issue a token for a URL; without any credentials',
    part: 'mcp',
    as: 'workload',
    real: [],
    load: () => import('../01-discover.ts'),
  },
  {
    name: 'client-credentials',
    about: 'a service that acts for itself, its server found or given; MCP',
    part: 'mcp',
    as: 'worker',
    real: bySecret,
    load: () => import('../02-client-credentials.ts'),
  },
  {
    name: 'http-api',
    about: 'the same for an API that knows nothing of MCP',
    part: 'api',
    as: 'worker',
    real: bySecret,
    load: () => import('../03-http-api.ts'),
  },
  {
    name: 'token-exchange',
    about: 'a gateway that acts for each of its users',
    part: 'mcp',
    as: 'worker',
    real: [...bySecret, 'SUBJECT_TOKEN'],
    load: () => import('../04-token-exchange.ts'),
  },
  {
    name: 'device-code',
    about: 'a person who signs in on another device',
    part: 'api',
    as: 'cli',
    real: asPerson,
    load: () => import('../05-device-code.ts'),
  },
  {
    name: 'authorization-code',
    about: 'a person who signs in in a browser, and signs out',
    part: 'mcp',
    as: 'cli',
    real: asPerson,
    load: () => import('../06-authorization-code.ts'),
  },
  {
    name: 'login',
    about: 'a login that survives the program, in a file',
    part: 'api',
    as: 'cli',
    real: asPerson,
    load: () => import('../07-login.ts'),
  },
  {
    name: 'private-key-jwt',
    about: 'a service that has a key in place of a secret',
    part: 'mcp',
    as: 'signer',
    real: ['MCP_CLIENT_ID', 'CLIENT_KEY_FILE'],
    load: () => import('../08-private-key-jwt.ts'),
  },
  {
    name: 'dpop',
    about: 'a token that is of no use to a thief',
    part: 'api',
    as: 'worker',
    real: bySecret,
    load: () => import('../09-dpop.ts'),
  },
  {
    name: 'workload-identity',
    about: 'a program that its platform vouches for; no client, no secret',
    part: 'mcp',
    as: 'workload',
    real: ['WORKLOAD_TOKEN_FILE'],
    load: () => import('../10-workload-identity.ts'),
  },
  {
    name: 'enterprise-managed',
    about: 'a user whose employer decides, and who is not asked',
    part: 'mcp',
    as: 'app',
    real: [...bySecret, ...atEmployer],
    load: () => import('../11-enterprise-managed.ts'),
  },
  {
    name: 'http-clients',
    about: 'ky, undici and axios, with a token',
    part: 'api',
    as: 'worker',
    real: bySecret,
    load: () => import('../12-http-clients.ts'),
  },
  {
    name: 'own-store',
    about: 'tokens in a database of yours, and two programs that share them',
    part: 'api',
    as: 'worker',
    real: bySecret,
    load: () => import('../13-own-store.ts'),
  },
  {
    name: 'redis',
    about: 'three processes that share tokens, and one renewal of each',
    part: 'api',
    as: 'cli',
    real: [...asPerson, ...asService],
    isQuiet: true,
    load: () => import('../14-redis.ts'),
  },
  {
    name: 'worker',
    about: 'a Worker that calls an API, in workerd',
    part: 'api',
    as: 'worker',
    real: bySecret,
    load: () => import('./worker-run.ts'),
  },
  {
    name: 'two-servers',
    about: 'an agent at two MCP servers, one of which wants more scope',
    part: 'mcp',
    as: 'cli',
    real: [...asPerson, 'OTHER_MCP_URL'],
    load: () => import('../16-two-servers.ts'),
  },
  {
    name: 'official-sdk',
    about: 'code that already uses the official SDK, and one new line',
    part: 'mcp',
    as: 'worker',
    real: bySecret,
    load: () => import('../17-official-sdk.ts'),
  },
  {
    name: 'everything-goes-wrong',
    about: 'what a program is told of each failure, and does about it',
    part: 'api',
    as: 'worker',
    isQuiet: true,
    real: 'It breaks its servers one after another, which no real server will let it do.',
    load: () => import('../18-everything-goes-wrong.ts'),
  },
]

/** By number or by name. */
export function findLesson(word: string): Lesson | undefined {
  return /^\d+$/.test(word) ? course[Number(word)] : course.find(({ name }) => name === word)
}
