/**
 * The client under test, as the conformance suite starts it: the server's URL is the last argument, and what the
 * client knows of itself is in the environment. Which scenario it is in it neither knows nor asks.
 *
 * @module
 */
import { MCPClient } from '@x/mcp-client'
import { type Auth, ClientCredentialsAuth, privateKeyJwt } from '@x/oauth-grants'

interface Context {
  client_id?: string
  client_secret?: string
  private_key_pem?: string
  signing_algorithm?: string
}

const url = process.argv.at(-1) ?? ''
const knowledge: Context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}')

await using client = await MCPClient.connect(url, { auth: await authFrom(knowledge) })
await client.listTools()
await client.callTool({ name: 'test-tool', arguments: {} })

function authFrom(context: Context): Promise<Auth> {
  const { client_id: clientId = '', client_secret: clientSecret, private_key_pem: key } = context
  const { signing_algorithm: algorithm = '' } = context
  const clientAuthentication = key === undefined ? undefined : privateKeyJwt({ key, algorithm })
  return ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientSecret,
    clientAuthentication,
  })
}
