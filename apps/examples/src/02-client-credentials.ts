import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** Two lines to connect: who we are, and where to. */
export async function runMcp(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'worker' })
  const { url, expectedIssuer, client: me } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch } = createTimeline(print)

  const auth = await ClientCredentialsAuth.fromResource({ ...me, resourceUrl: url, expectedIssuer, fetch })
  await using client = await MCPClient.connect(url, { auth })
  const { tools } = await client.listTools()
  const tool = chooseTool(tools, servers.tool)
  const answer = await client.callTool({ name: tool })

  printHeading(print, 'What came out')
  printFacts(print, {
    revision: client.client.getNegotiatedProtocolVersion() ?? 'unknown',
    [tool]: textOf(answer),
  })
  print('')
  claim(print, 'the tool did its work', answer.isError !== true)
}
