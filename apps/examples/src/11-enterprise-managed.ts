import { MCPClient } from '@x/mcp-client'
import { identityAssertion, JwtBearerAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** A user has signed in at work once, and the employer decides at which servers they may act: nobody is asked again. */
export async function runEnterpriseManaged(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'app' })
  const { url, expectedIssuer, client: me } = servers
  const employer = await servers.employer()
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)

  await using auth = await JwtBearerAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    // Where the user signed in: by the ID token it says to that server that this user may.
    assertion: identityAssertion({ ...employer, fetch }),
  })
  await using client = await MCPClient.connect(url, { auth })

  const { tools } = await client.listTools()
  const tool = chooseTool(tools, servers.tool)
  const answer = await client.callTool({ name: tool })

  const token = await auth.getToken()
  printHeading(print, 'What came out')
  printFacts(print, { token: tokenFacts(token), [tool]: textOf(answer) })
  print('')
  const steps = exchanges.flatMap(
    ({ asked }) => /[^:]+$/.exec(asked.startsWith('urn:') ? asked : '')?.[0] ?? [],
  )
  claim(print, 'the call was answered', !answer.isError)
  claim(
    print,
    'for a token that cost two requests: one to the employer, and one to the server of the resource',
    steps.join() === 'token-exchange,jwt-bearer' && token.issuer !== employer.serverMetadata.issuer,
  )
}
