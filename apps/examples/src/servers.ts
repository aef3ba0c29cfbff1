import { parseArgs } from 'node:util'
import type { TokenSource } from '@x/oauth-grants'
import { startTestbed, testClients } from '@x/testbed'

/** Whom an example talks to, and as whom. */
export interface Servers extends AsyncDisposable {
  /** The MCP server, or the API. */
  readonly url: string
  /** Given where the caller knows it; else it is found from the URL. */
  readonly issuer: string | undefined
  readonly client: { clientId: string; clientSecret: string; scope?: string | undefined }
  /** The tool to call, where the caller named one. */
  readonly tool: string | undefined
  /** Puts an end to a token that is still good: at the server here, and in words only where the server is not ours. */
  readonly refuse: (auth: TokenSource) => Promise<void>
}

export const flags = `  --resource URL          the MCP server, or for http-api the API (or MCP_URL, API_URL)
  --client-id ID          who you are there (or MCP_CLIENT_ID)
  --client-secret SECRET  better in MCP_CLIENT_SECRET: npm prints and logs its command line

and where you want,

  --issuer URL            the authorization server (or AS_ISSUER); default: the one that the resource names
  --scope "A B"           default: what the resource asks for; with --issuer, what that server gives
  --tool NAME             default: one that only reads and takes no arguments`

/** The servers that the flags or the environment name, or else the embedded ones. */
export async function chooseServers(args: string[], part: 'mcp' | 'api'): Promise<Servers> {
  const { values } = parseArgs({
    args,
    options: {
      resource: { type: 'string' },
      issuer: { type: 'string' },
      'client-id': { type: 'string' },
      'client-secret': { type: 'string' },
      scope: { type: 'string' },
      tool: { type: 'string' },
    },
  })
  const { MCP_URL, API_URL, AS_ISSUER, MCP_CLIENT_ID, MCP_CLIENT_SECRET } = process.env
  const { scope, tool, ...named } = values
  const url = named.resource ?? (part === 'mcp' ? MCP_URL : API_URL)
  if (url === undefined && Object.keys(named).length === 0) return startEmbedded(part, tool)

  const clientId = named['client-id'] ?? MCP_CLIENT_ID
  const clientSecret = named['client-secret'] ?? MCP_CLIENT_SECRET
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    const given = { '--resource': url, '--client-id': clientId, '--client-secret': clientSecret }
    const missing = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? flag : []))
    throw new Error(`Missing: ${missing.join(', ')}. To talk to servers of your own, give\n\n${flags}`)
  }
  return {
    url,
    issuer: named.issuer ?? AS_ISSUER,
    client: { clientId, clientSecret, scope },
    tool,
    refuse: async (auth) => void (await auth.getToken({ rejected: await auth.getToken() })),
    async [Symbol.asyncDispose]() {},
  }
}

async function startEmbedded(part: 'mcp' | 'api', tool: string | undefined): Promise<Servers> {
  const testbed = await startTestbed()
  return {
    url: testbed[part].url,
    issuer: undefined,
    client: testClients.worker,
    tool,
    refuse: async (auth) => testbed[part].refuse((await auth.getToken()).accessToken),
    [Symbol.asyncDispose]: () => testbed.close(),
  }
}
