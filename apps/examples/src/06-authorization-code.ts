import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A person signs in in a browser, and the program goes on in their name. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  let timesAsked = 0
  const open = (address: string) => {
    timesAsked += 1
    stage.say(`a browser opens ${new URL(address).host}, and a person signs in there`)
    return stage.person(address)
  }

  await using auth = await AuthorizationCodeAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    authorize: loopbackReceiver({ open }), // any function that brings a person to a URL, such as the package open
    ...options,
  })
  await using client = await MCPClient.connect(url, { auth }) // here somebody has to sign in
  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, stage.tool) }
  const answer = await client.callTool(call)
  await stage.refuse(auth) //                  the token is good no longer,
  const again = await client.callTool(call) // and nobody is asked again: there is a refresh token
  const token = await auth.getToken()
  const isRevoked = await auth.signOut() //    from here on somebody would be

  stage.report({
    token: tokenFacts(token),
    answer: textOf(answer),
    'sign-out': isRevoked ? 'the server has revoked it' : 'here; the server cannot revoke tokens',
  })
  const areGood = answer.isError !== true && again.isError !== true
  stage.claim('the tool did its work, before its token was refused and afterwards', areGood)
  stage.claim('somebody signed in once', timesAsked === 1)
  // A server that gives no refresh token would have had somebody sign in again.
  const isRefreshed = stage.exchanges.some(({ asked }) => asked === 'refresh_token')
  stage.claim('the second token came by a refresh token', isRefreshed)
}
