import { AsyncLocalStorage } from 'node:async_hooks'
import { MCPClient } from '@x/mcp-client'
import { TokenExchangeAuth } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** A gateway: users come to it with a token, and it calls an MCP server for each of them, with another one. */
export async function runTokenExchange(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'worker' })
  const { url, expectedIssuer, client: me } = servers
  const users = [await servers.userToken(), await servers.userToken()] as const
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges } = createTimeline(print)

  // Who has come is known from the request that is being served.
  const user = new AsyncLocalStorage<string>()
  await using auth = await TokenExchangeAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    subjectToken: () => user.getStore() ?? '',
  })

  /** What the gateway does for a request: the user's token stays here, and another one goes on. */
  const serve = (userToken: string) =>
    user.run(userToken, async () => {
      await using client = await MCPClient.connect(url, { auth })
      const { tools } = await client.listTools()
      const tool = chooseTool(tools, servers.tool)
      return { tool, answer: await client.callTool({ name: tool }), token: await auth.getToken() }
    })
  const first = await serve(users[0])
  const second = await serve(users[1])
  const again = await serve(users[0])

  printHeading(print, 'What came out')
  printFacts(print, { token: tokenFacts(first.token), [first.tool]: textOf(first.answer) })
  print('')
  claim(
    print,
    'each request was answered',
    [first, second, again].every(({ answer }) => !answer.isError),
  )
  claim(
    print,
    'by a token of its own for each token of a user',
    users[0] === users[1] || first.token !== second.token,
  )
  claim(
    print,
    'which was kept for the next request with the same one',
    first.token.accessToken === again.token.accessToken,
  )
  const count = exchanges.filter(({ asked }) => asked.endsWith(':token-exchange')).length
  claim(print, 'so that each was asked for once', count === new Set(users).size)
}
