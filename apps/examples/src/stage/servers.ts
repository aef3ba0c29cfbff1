import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import {
  type Assertion,
  AuthorizationCodeAuth,
  type IdentityAssertionOptions,
  type PrivateKeyJwtOptions,
  type TokenSource,
} from '@x/oauth-grants'
import {
  agree,
  startAuthorizationServer,
  startMcpServer,
  startTestbed,
  type Testbed,
  testClients,
} from '@x/testbed'
import { createSigner } from './signer.ts'

/** Whom an example talks to, and as whom. */
export interface Servers extends AsyncDisposable {
  /** The MCP server, or the API. */
  readonly url: string
  /** Given where the caller knows it; else it is found from the URL. */
  readonly expectedIssuer: string | undefined
  readonly client: { clientId: string; clientSecret?: string; scope?: string | undefined }
  /** Another MCP server, whose tokens are of the same authorization server. */
  readonly otherUrl: () => Promise<string>
  /** Another client, which has a secret and acts for itself. */
  readonly service: () => { clientId: string; clientSecret: string }
  /** The key of a client that has no secret. */
  readonly key: () => Promise<PrivateKeyJwtOptions>
  /** The tool to call, where the caller named one. */
  readonly tool: string | undefined
  /** Puts an end to a token that is still good: at the server here, and in words only where the server is not ours. */
  readonly refuse: (auth: TokenSource) => Promise<void>
  /** Brings a person to a URL: in the browser of this machine, or one who is made up and agrees with everything. */
  readonly person: (url: string) => Promise<unknown>
  /** Whether the person and the servers are made up. */
  readonly isEmbedded: boolean
  /** The token of a user who has come to us, where an example acts for one. */
  readonly userToken: () => Promise<string>
  /** What the platform that a workload runs on says of it, to a server that asks who it is. */
  readonly workload: Assertion
  /** The identity provider where a user is employed, as whom an example comes there, and the user's ID token. */
  readonly employer: () => Promise<IdentityAssertionOptions>
}

export interface Part {
  readonly part: 'mcp' | 'api'
  /**
   * `worker`: a program with a secret. `signer`: one with a key. `cli`: a public client, with which a person signs in.
   * `app`: one with a secret. `workload`: a program that is registered nowhere.
   */
  readonly as: 'worker' | 'signer' | 'cli' | 'app' | 'workload'
}

export const flags = `  --resource URL          the MCP server, or for http-api, dpop, device-code, login and redis the API (or MCP_URL, API_URL)
  --client-id ID          who you are there (or MCP_CLIENT_ID)
  --client-secret SECRET  if you have one; better in MCP_CLIENT_SECRET: npm prints and logs its command line

and where you want,

  --issuer URL            the authorization server (or AS_ISSUER); default: the one that the resource names
  --scope "A B"           default: what the resource asks for
  --tool NAME             default: one that only reads and takes no arguments
  --browser COMMAND       default: the browser of this machine

and in the environment for private-key-jwt, which needs no secret,

  CLIENT_KEY_FILE         your private key, as PKCS#8 (-----BEGIN PRIVATE KEY-----)
  CLIENT_KEY_ALGORITHM    what it signs by; default: ES256
  CLIENT_KEY_ID           the name that it is registered by, where it has one

for two-servers,

  OTHER_MCP_URL           the second one, of the same authorization server

for token-exchange,

  SUBJECT_TOKEN           the token of the user to act for

for redis,

  REDIS_URL               where there is one; default: a redis-server of this machine is started for it
  SERVICE_CLIENT_ID, SERVICE_CLIENT_SECRET   who a program is that acts for itself

for workload-identity, which needs no client,

  WORKLOAD_TOKEN_FILE     where the platform puts the JWT that says who the workload is

and for enterprise-managed,

  ID_TOKEN                of a user who has signed in at the identity provider
  IDP_ISSUER              that provider
  IDP_CLIENT_ID, IDP_CLIENT_SECRET   who you are there`

/** The servers that the flags or the environment name, or else the embedded ones. */
export async function chooseServers(args: string[], { part, as }: Part): Promise<Servers> {
  const { values } = parseArgs({
    args,
    options: {
      resource: { type: 'string' },
      issuer: { type: 'string' },
      'client-id': { type: 'string' },
      'client-secret': { type: 'string' },
      scope: { type: 'string' },
      tool: { type: 'string' },
      browser: { type: 'string' },
    },
  })
  const { MCP_URL, API_URL, AS_ISSUER, MCP_CLIENT_ID, MCP_CLIENT_SECRET } = process.env
  const { scope, tool, browser, ...named } = values
  const url = named.resource ?? (part === 'mcp' ? MCP_URL : API_URL)
  if (url === undefined && Object.keys(named).length === 0) return startEmbedded({ part, as }, tool)

  const clientId = as === 'workload' ? '' : (named['client-id'] ?? MCP_CLIENT_ID)
  const clientSecret = named['client-secret'] ?? MCP_CLIENT_SECRET
  const needed = { '--resource': url, '--client-id': clientId }
  const given = as === 'worker' || as === 'app' ? { ...needed, '--client-secret': clientSecret } : needed
  if (url === undefined || clientId === undefined || Object.values(given).includes(undefined)) {
    const missing = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? flag : []))
    throw new Error(`Missing: ${missing.join(', ')}. To talk to servers of your own, give\n\n${flags}`)
  }
  return {
    url,
    expectedIssuer: named.issuer ?? AS_ISSUER,
    client: { clientId, scope, ...(clientSecret !== undefined && { clientSecret }) },
    otherUrl: async () => fromEnvironment('OTHER_MCP_URL'),
    service: () => ({
      clientId: fromEnvironment('SERVICE_CLIENT_ID'),
      clientSecret: fromEnvironment('SERVICE_CLIENT_SECRET'),
    }),
    key: async () => ({
      key: await readFile(fromEnvironment('CLIENT_KEY_FILE'), 'utf8'),
      algorithm: process.env['CLIENT_KEY_ALGORITHM'] ?? 'ES256',
      keyId: process.env['CLIENT_KEY_ID'],
    }),
    tool,
    refuse: async (auth) => void (await auth.getToken({ rejected: await auth.getToken() })),
    person: (address) => openBrowser(address, browser),
    isEmbedded: false,
    userToken: async () => fromEnvironment('SUBJECT_TOKEN'),
    workload: () => readFile(fromEnvironment('WORKLOAD_TOKEN_FILE'), 'utf8'),
    employer: async () => ({
      serverMetadata: await fetchAuthorizationServerMetadata(fromEnvironment('IDP_ISSUER')),
      clientId: fromEnvironment('IDP_CLIENT_ID'),
      clientSecret: fromEnvironment('IDP_CLIENT_SECRET'),
      identityToken: () => fromEnvironment('ID_TOKEN'),
    }),
    async [Symbol.asyncDispose]() {},
  }
}

function fromEnvironment(name: string): string {
  const value = process.env[name]
  if (value !== undefined) return value
  throw new Error(`Missing: ${name} in the environment. What there is to give:\n\n${flags}`)
}

async function openBrowser(url: string, browser: string | undefined): Promise<void> {
  const { default: open } = await import('open')
  await open(url, browser === undefined ? {} : { app: { name: browser } })
}

async function startEmbedded({ part, as }: Part, tool: string | undefined): Promise<Servers> {
  const provider = await startAuthorizationServer()
  const signer = createSigner()
  const testbed = await startTestbed({ identityProvider: provider.issuer, clients: [signer.registered] })
  const { issuer, platform } = testbed.authorizationServer
  const running: AsyncDisposable[] = [testbed, provider]
  return {
    url: testbed[part].url,
    // Whoever presents what others have signed has to know to whom.
    expectedIssuer: as === 'workload' || as === 'app' ? issuer : undefined,
    client: { ...testClients, workload: { clientId: '' }, signer: { clientId: signer.clientId } }[as],
    async otherUrl() {
      const other = await startMcpServer({ issuer })
      running.push(other)
      return other.url
    },
    service: () => testClients.worker,
    key: async () => signer.key,
    tool,
    refuse: async (auth) => testbed[part].refuse((await auth.getToken()).accessToken),
    person: async (address) => {
      const end = await agree(address)
      // Where the pages lead back to the program, a browser would go there.
      if (new URL(end).origin !== new URL(address).origin) await (await fetch(end)).text()
    },
    isEmbedded: true,
    userToken: () => signUserIn(testbed),
    workload: ({ issuer: audience }) => platform.sign({ subject: 'the-workload', audience }),
    employer: async () => ({
      serverMetadata: { issuer: provider.issuer, token_endpoint: provider.tokenEndpoint },
      ...testClients.app,
      identityToken: await signEmployeeIn(provider),
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

/** A user who has signed in at the API, and comes to it with this token. */
export async function signUserIn({ api }: Pick<Testbed, 'api'>): Promise<string> {
  await using auth = await AuthorizationCodeAuth.fromResource({
    ...testClients.cli,
    resourceUrl: api.url,
    scope: 'api:read mcp:tools',
    redirectUri: 'http://127.0.0.1/callback',
    authorize: (url) => agree(url),
  })
  return (await auth.getToken()).accessToken
}

/** A user who has signed in at the identity provider of an employer. */
export async function signEmployeeIn({ issuer }: { issuer: string }): Promise<string> {
  await using auth = await AuthorizationCodeAuth.fromIssuer({
    ...testClients.app,
    issuer,
    scope: 'openid',
    redirectUri: 'http://127.0.0.1/callback',
    authorize: (url) => agree(url),
  })
  return (await auth.getToken()).idToken ?? ''
}
