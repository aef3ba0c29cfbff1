import { MCPClient } from '@x/mcp-client'
import { identityAssertion, JwtBearerAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A user has signed in at work once, and the employer decides at which servers they may act: nobody is asked again. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  // Where the user signed in, who we are there, and the ID token that came of it.
  const { serverMetadata, identityToken, ...there } = await stage.employer()

  await using auth = await JwtBearerAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    // The employer says to the server of the resource that this user may.
    assertion: identityAssertion({ serverMetadata, ...there, identityToken, fetch: options.fetch }),
    ...options,
  })
  await using client = await MCPClient.connect(url, { auth })
  const { tools } = await client.listTools()
  const answer = await client.callTool({ name: chooseTool(tools, stage.tool) })

  const token = await auth.getToken()
  stage.report({ employer: serverMetadata.issuer, token: tokenFacts(token), answer: textOf(answer) })
  const isTokenRequest = (asked: string) => asked === 'token-exchange' || asked === 'jwt-bearer'
  const steps = stage.exchanges.map(({ asked }) => asked).filter(isTokenRequest)
  stage.claim('the call was answered', !answer.isError)
  stage.claim(
    'for a token that cost two requests: one to the employer, and one to the server of the resource',
    steps.join() === 'token-exchange,jwt-bearer' && token.issuer !== serverMetadata.issuer,
  )
}
