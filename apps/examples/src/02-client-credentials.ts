import { MCPClient } from '@x/mcp-client'
import { type Auth, ClientCredentialsAuth } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool, textOf } from './stage/tool.ts'

/** A service that acts for itself, by a secret. Its authorization server is found from the resource, or given. */
export async function run({ url, clientId, clientSecret, options, tool, ...stage }: Stage): Promise<void> {
  /** Two lines to use it: connect, and call. */
  const work = async (auth: Auth) => {
    await using client = await MCPClient.connect(url, { auth })
    const { tools } = await client.listTools()
    return await client.callTool({ name: chooseTool(tools, tool) })
  }

  // Found: all that is known is a URL. Three requests say who issues tokens for it, and what to ask for.
  const found = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    ...options,
  })
  const answer = await work(found)
  const token = await found.getToken()
  const before = stage.exchanges.length

  // Given: all is known, and nobody is asked. This, or a part of it, may stand in a configuration:
  const serverMetadata = await stage.serverMetadata() // such as { issuer: 'https://…', token_endpoint: 'https://…/token' }
  const given = new ClientCredentialsAuth({
    ...options,
    serverMetadata,
    clientId,
    clientSecret,
    resource: token.resource,
    scope: token.scope.join(' '),
  })
  stage.say('the same, where the server is given')
  const same = await work(given)

  stage.report({ token: tokenFacts(await given.getToken()), found: textOf(answer), given: textOf(same) })
  stage.claim('both ways lead to the same answer', textOf(answer) === textOf(same) && !answer.isError)
  const gets = stage.exchanges.map(({ method }) => (method === 'GET' ? 1 : 0))
  const asked = gets.slice(0, before).reduce((sum: number, each) => sum + each, 0)
  stage.claim(`the first asked ${asked} times before it asked for a token`, asked > 0)
  stage.claim(
    'the second asked for its token at once',
    stage.exchanges[before]?.asked === 'client_credentials',
  )
}
