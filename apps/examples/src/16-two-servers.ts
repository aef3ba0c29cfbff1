import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import type { Sent } from './stage/timeline.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** An agent at two MCP servers, for a person: each has a token of its own, and neither sees that of the other. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const otherUrl = await stage.otherUrl()
  let timesAsked = 0
  const open = (address: string) => {
    timesAsked += 1
    const { host, searchParams } = new URL(address)
    stage.say(`a browser opens ${host}, and a person allows ${searchParams.get('scope')}`)
    return stage.person(address)
  }

  /** Asks nobody yet: what it needs to know it learns when a server refuses the first request. */
  const authFor = (resourceUrl: string) =>
    new AuthorizationCodeAuth({
      resourceUrl,
      clientId,
      clientSecret,
      authorize: loopbackReceiver({ open }),
      ...options,
    })
  await using auth = authFor(url)
  await using otherAuth = authFor(otherUrl)
  await using client = await MCPClient.connect(url, { auth })
  await using other = await MCPClient.connect(otherUrl, { auth: otherAuth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, stage.tool) }
  // On a server that is not ours nothing is written.
  const bolder = stage.isEmbedded ? { name: 'write_note', arguments: { text: 'two servers' } } : call
  const first = await other.callTool(call)
  const second = await client.callTool(bolder) // here the token does not reach far enough: a person is asked for more,
  const third = await other.callTool(call) //     and here nothing has changed

  const [token, otherToken] = [await auth.getToken(), await otherAuth.getToken()]
  stage.report({ one: tokenFacts(token), other: tokenFacts(otherToken), answer: textOf(second) })
  stage.claim('all calls were answered', !first.isError && !second.isError && !third.isError)
  const tokensAt = (place: string) =>
    new Set(stage.sent.filter((each) => each.url === place).flatMap(tokenIn))
  const [here, there] = [tokensAt(url), tokensAt(otherUrl)]
  const isApart = here.size + there.size === new Set(stage.sent.flatMap(tokenIn)).size
  const isOwn = here.has(token.accessToken) && there.has(otherToken.accessToken)
  stage.claim('each server was shown its own tokens, and nobody those of another', isApart && isOwn)
  const lacking = stage.exchanges.filter(({ status }) => status === 403).length
  const calls = stage.exchanges.filter(({ asked }) => asked.startsWith('tools/call')).length
  const isOnce = calls === 3 + lacking
  stage.claim(`what was refused for lack of scope was sent once more: ${lacking} of 3 calls`, isOnce)
  const isAsked = timesAsked === 2 + lacking
  stage.claim(`a person was asked ${timesAsked} times: for each server, and for each such refusal`, isAsked)
}

const tokenIn = ({ headers }: Sent) => /^Bearer (.+)/.exec(headers.get('authorization') ?? '')?.[1] ?? []
