import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth, type Fetch, type Token } from '@x/oauth-grants'
import type { Servers } from './servers.ts'
import { chooseTool, type Tool, type ToolAnswer } from './tool.ts'

/** What came of it. */
export interface Told {
  readonly token: Token
  readonly tools: readonly Tool[]
  readonly answers: readonly ToolAnswer[]
}

/** From a protected URL to a tool call, to a second one, and to one whose token is refused. */
export async function tellStory(servers: Servers, fetch: Fetch): Promise<Told> {
  const { url, expectedIssuer, client: me, refuse } = servers
  // What stands between these marks is printed as it stands. <story>
  const auth = await ClientCredentialsAuth.fromResource({ ...me, resourceUrl: url, expectedIssuer, fetch })
  await using client = await MCPClient.connect(url, { auth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, servers.tool) }
  const first = await client.callTool(call)
  const second = await client.callTool(call) // with the same token
  await refuse(auth) //                         which is good no longer from here on,
  const third = await client.callTool(call) //  so that the client gets another for it
  // </story>
  return { token: await auth.getToken(), tools, answers: [first, second, third] }
}
