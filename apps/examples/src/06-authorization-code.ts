import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** A person signs in in a browser, and the program goes on in their name. */
export async function runAuthorizationCode(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'cli' })
  const { url, expectedIssuer, client: me, person } = servers
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)
  let timesAsked = 0

  await using auth = await AuthorizationCodeAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    authorize: loopbackReceiver({
      open(address) {
        timesAsked += 1
        print(`       a browser opens ${new URL(address).host}, and a person signs in there`)
        return person(address)
      },
    }),
  })
  await using client = await MCPClient.connect(url, { auth }) // here somebody has to sign in
  const { tools } = await client.listTools()
  const tool = chooseTool(tools, servers.tool)
  const answer = await client.callTool({ name: tool })
  await servers.refuse(auth)
  const again = await client.callTool({ name: tool }) // and here not: there is a refresh token

  const token = await auth.getToken()
  const isRevoked = await auth.signOut()

  printHeading(print, 'What came out')
  printFacts(print, {
    token: tokenFacts(token),
    [tool]: textOf(answer),
    'sign-out': isRevoked ? 'the server has revoked it' : 'here; the server cannot revoke tokens',
  })
  print('')
  claim(
    print,
    'the tool did its work, before its token was refused and afterwards',
    answer.isError !== true && again.isError !== true,
  )
  claim(print, 'somebody signed in once', timesAsked === 1)
  const isRefreshed = exchanges.some(({ asked }) => asked === 'refresh_token')
  // A server that gives no refresh token would have had somebody sign in again.
  claim(print, 'the second token came by a refresh token', isRefreshed)
}
