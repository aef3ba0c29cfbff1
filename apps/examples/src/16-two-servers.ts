import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline, type Sent } from './timeline.ts'
import { chooseTool, textOf } from './tool.ts'

/** An agent at two MCP servers, for a person: each has a token of its own, and neither sees that of the other. */
export async function runTwoServers(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'cli' })
  const [url, otherUrl] = [servers.url, await servers.otherUrl()]
  printHeading(print, 'What goes over the wire')
  const { fetch, exchanges, sent } = createTimeline(print)
  let timesAsked = 0

  /** Asks nobody yet: what it needs to know it learns when a server refuses the first request. */
  const authFor = (resourceUrl: string) =>
    new AuthorizationCodeAuth({
      ...servers.client,
      resourceUrl,
      expectedIssuer: servers.expectedIssuer,
      fetch,
      authorize: loopbackReceiver({
        open(address) {
          timesAsked += 1
          const scope = new URL(address).searchParams.get('scope')
          print(`       a browser opens ${new URL(address).host}, and a person allows ${scope}`)
          return servers.person(address)
        },
      }),
    })
  await using auth = authFor(url)
  await using otherAuth = authFor(otherUrl)
  await using client = await MCPClient.connect(url, { auth })
  await using other = await MCPClient.connect(otherUrl, { auth: otherAuth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, servers.tool) }
  // On a server that is not ours nothing is written.
  const bolder = servers.isEmbedded ? { name: 'write_note', arguments: { text: 'two servers' } } : call
  const first = await other.callTool(call)
  const second = await client.callTool(bolder) // here the token does not reach far enough
  const third = await other.callTool(call) //     and here nothing has changed
  const [token, otherToken] = [await auth.getToken(), await otherAuth.getToken()]

  printHeading(print, 'What came out')
  printFacts(print, {
    one: tokenFacts(token),
    other: tokenFacts(otherToken),
    [bolder.name]: textOf(second),
  })
  print('')
  claim(print, 'all calls were answered', !first.isError && !second.isError && !third.isError)
  const tokensAt = (place: string) => new Set(sent.filter((each) => each.url === place).flatMap(tokenIn))
  const [here, there] = [tokensAt(url), tokensAt(otherUrl)]
  const isApart = here.size + there.size === new Set(sent.flatMap(tokenIn)).size
  const isOwn = here.has(token.accessToken) && there.has(otherToken.accessToken)
  claim(print, 'each server was shown its own tokens, and nobody those of another', isApart && isOwn)
  const lacking = exchanges.filter(({ status }) => status === 403).length
  const calls = exchanges.filter(({ asked }) => asked.startsWith('tools/call')).length
  claim(
    print,
    `what was refused for lack of scope was sent once more: ${lacking} of 3 calls`,
    calls === 3 + lacking,
  )
  claim(
    print,
    `a person was asked ${timesAsked} times: for each server, and for each such refusal`,
    timesAsked === 2 + lacking,
  )
}

const tokenIn = ({ headers }: Sent) => /^Bearer (.+)/.exec(headers.get('authorization') ?? '')?.[1] ?? []
