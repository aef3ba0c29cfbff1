import { parseArgs } from 'node:util'
import { AuthorizationCodeAuth, type TokenSource } from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'

/** Whom an example talks to, and as whom. */
export interface Servers extends AsyncDisposable {
  /** The MCP server, or the API. */
  readonly url: string
  /** Given where the caller knows it; else it is found from the URL. */
  readonly expectedIssuer: string | undefined
  readonly client: { clientId: string; clientSecret?: string; scope?: string | undefined }
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
}

export interface Part {
  readonly part: 'mcp' | 'api'
  /** `worker`: a program with a secret. `cli`: a public client, with which a person signs in. */
  readonly as: 'worker' | 'cli'
}

export const flags = `  --resource URL          the MCP server, or for http-api, device-code and login the API (or MCP_URL, API_URL)
  --client-id ID          who you are there (or MCP_CLIENT_ID)
  --client-secret SECRET  if you have one; better in MCP_CLIENT_SECRET: npm prints and logs its command line

and where you want,

  --issuer URL            the authorization server (or AS_ISSUER); default: the one that the resource names
  --scope "A B"           default: what the resource asks for
  --tool NAME             default: one that only reads and takes no arguments
  --browser COMMAND       default: the browser of this machine

and for token-exchange, in the environment,

  SUBJECT_TOKEN           the token of the user to act for`

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
  const { MCP_URL, API_URL, AS_ISSUER, MCP_CLIENT_ID, MCP_CLIENT_SECRET, SUBJECT_TOKEN } = process.env
  const { scope, tool, browser, ...named } = values
  const url = named.resource ?? (part === 'mcp' ? MCP_URL : API_URL)
  if (url === undefined && Object.keys(named).length === 0) return startEmbedded({ part, as }, tool)

  const clientId = named['client-id'] ?? MCP_CLIENT_ID
  const clientSecret = named['client-secret'] ?? MCP_CLIENT_SECRET
  const needed = { '--resource': url, '--client-id': clientId }
  const given = as === 'worker' ? { ...needed, '--client-secret': clientSecret } : needed
  if (url === undefined || clientId === undefined || Object.values(given).includes(undefined)) {
    const missing = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? flag : []))
    throw new Error(`Missing: ${missing.join(', ')}. To talk to servers of your own, give\n\n${flags}`)
  }
  return {
    url,
    expectedIssuer: named.issuer ?? AS_ISSUER,
    client: { clientId, scope, ...(clientSecret !== undefined && { clientSecret }) },
    tool,
    refuse: async (auth) => void (await auth.getToken({ rejected: await auth.getToken() })),
    person: (address) => openBrowser(address, browser),
    isEmbedded: false,
    async userToken() {
      if (SUBJECT_TOKEN !== undefined) return SUBJECT_TOKEN
      throw new Error('Missing: SUBJECT_TOKEN in the environment, the token of the user to act for.')
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function openBrowser(url: string, browser: string | undefined): Promise<void> {
  const { default: open } = await import('open')
  await open(url, browser === undefined ? {} : { app: { name: browser } })
}

async function startEmbedded({ part, as }: Part, tool: string | undefined): Promise<Servers> {
  const testbed = await startTestbed()
  return {
    url: testbed[part].url,
    expectedIssuer: undefined,
    client: testClients[as],
    tool,
    refuse: async (auth) => testbed[part].refuse((await auth.getToken()).accessToken),
    person: async (address) => {
      const end = await agree(address)
      // Where the pages lead back to the program, a browser would go there.
      if (new URL(end).origin !== new URL(address).origin) await (await fetch(end)).text()
    },
    isEmbedded: true,
    userToken: () => signUserIn(testbed),
    [Symbol.asyncDispose]: () => testbed.close(),
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
