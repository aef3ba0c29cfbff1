import { MCPClient } from '@x/mcp-client'
import { type AssertionRequest, JwtBearerAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A program that is registered nowhere and has no secret: the platform it runs on signs who it is. */
export async function run({ url, options, ...stage }: Stage): Promise<void> {
  let timesAsked = 0
  const readToken = (request: AssertionRequest) => {
    timesAsked += 1
    return stage.workload(request)
  }

  await using auth = await JwtBearerAuth.fromResource({
    resourceUrl: url,
    assertion: readToken, // such as () => readFile('/var/run/secrets/tokens/as', 'utf8'); read anew for each token
    ...options, // name the expectedIssuer here: what the platform signs goes to that server, and to no other
  })
  await using client = await MCPClient.connect(url, { auth })
  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, stage.tool) }
  const first = await client.callTool(call)
  // Of a real platform there may be one JWT at a time, which a server may take only once.
  if (stage.isEmbedded) await stage.refuse(auth)
  const second = await client.callTool(call)

  stage.report({ token: tokenFacts(await auth.getToken()), answer: textOf(second) })
  const tokens = stage.exchanges.filter(({ asked }) => asked === 'jwt-bearer').length
  stage.claim('both calls were answered', !first.isError && !second.isError)
  stage.claim(`the platform was asked anew for each token: ${tokens}`, tokens > 0 && timesAsked === tokens)
}
