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

export const flags = `  --resource URL          the MCP server or API          (or MCP_URL)
  --client-id ID          who you are there              (or MCP_CLIENT_ID)
  --client-secret SECRET  better in MCP_CLIENT_SECRET: command lines are seen by others
  --issuer URL            the authorization server, if you know it (or AS_ISSUER); else it is discovered
  --scope "A B"           default: what the resource asks for
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
  const { MCP_URL, AS_ISSUER, MCP_CLIENT_ID, MCP_CLIENT_SECRET } = process.env
  const url = values.resource ?? MCP_URL
  const clientId = values['client-id'] ?? MCP_CLIENT_ID
  const clientSecret = values['client-secret'] ?? MCP_CLIENT_SECRET
  const issuer = values.issuer ?? AS_ISSUER
  const given = { '--resource': url, '--client-id': clientId, '--client-secret': clientSecret }
  if ([issuer, values.scope, ...Object.values(given)].every((each) => each === undefined)) {
    return startEmbedded(part, values.tool)
  }
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    const missing = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? flag : []))
    throw new Error(
      `To talk to servers of your own, all of these are needed:\n${flags}\nMissing: ${missing.join(', ')}`,
    )
  }
  const client = { clientId, clientSecret, scope: values.scope }
  return {
    url,
    issuer,
    client,
    tool: values.tool,
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
