import { MCPClient } from '@x/mcp-client'
import { JwtBearerAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** A program that is registered nowhere and has no secret: the platform it runs on signs who it is. */
export async function runWorkloadIdentity(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'workload' })
  const { url, expectedIssuer, client: me, workload } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)
  let timesAsked = 0

  await using auth = await JwtBearerAuth.fromResource({
    resourceUrl: url,
    expectedIssuer, // what the platform signs goes to this server and to no other
    scope: me.scope,
    fetch,
    assertion(request) {
      timesAsked += 1
      return workload(request) // such as: () => readFile('/var/run/secrets/tokens/as', 'utf8')
    },
  })
  await using client = await MCPClient.connect(url, { auth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, servers.tool) }
  const first = await client.callTool(call)
  // Of a platform of your own there may be one JWT at a time, which a server may take only once.
  if (servers.isEmbedded) await servers.refuse(auth)
  const second = await client.callTool(call)

  printHeading(print, 'What came out')
  printFacts(print, { token: tokenFacts(await auth.getToken()), [call.name]: textOf(second) })
  print('')
  const tokens = exchanges.filter(({ asked }) => asked.endsWith(':jwt-bearer')).length
  claim(print, 'both calls were answered', !first.isError && !second.isError)
  claim(print, `the platform was asked anew for each token: ${tokens}`, tokens > 0 && timesAsked === tokens)
}
