import { AsyncLocalStorage } from 'node:async_hooks'
import { MCPClient } from '@x/mcp-client'
import { TokenExchangeAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A gateway: users come to it with a token, and it calls an MCP server for each of them, with another one. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const users = [await stage.userToken(), await stage.userToken()] as const

  // Who has come is known from the request that is being served.
  const user = new AsyncLocalStorage<string>()
  await using auth = await TokenExchangeAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    subjectToken: () => user.getStore() ?? '',
    ...options,
  })

  /** What the gateway does for a request: the user's token stays here, and another one goes on. */
  const serve = (userToken: string) =>
    user.run(userToken, async () => {
      await using client = await MCPClient.connect(url, { auth })
      const { tools } = await client.listTools()
      const answer = await client.callTool({ name: chooseTool(tools, stage.tool) })
      return { answer, token: await auth.getToken() }
    })

  const first = await serve(users[0])
  const second = await serve(users[1])
  const again = await serve(users[0])

  stage.report({ token: tokenFacts(first.token), answer: textOf(first.answer) })
  const areAnswered = [first, second, again].every(({ answer }) => !answer.isError)
  stage.claim('each request was answered', areAnswered)
  const areApart = users[0] === users[1] || first.token.accessToken !== second.token.accessToken
  stage.claim('by a token of its own for each token of a user', areApart)
  const isKept = first.token.accessToken === again.token.accessToken
  stage.claim('which was kept for the next request with the same one', isKept)
  const count = stage.exchanges.filter(({ asked }) => asked === 'token-exchange').length
  stage.claim('so that each was asked for once', count === new Set(users).size)
  const toServer = stage.sent.filter((request) => request.url === url)
  const isSeen = users.some((each) =>
    toServer.some(({ headers }) => headers.get('authorization')?.includes(each)),
  )
  stage.claim("no user's own token went to the MCP server", !isSeen)
}
