/**
 * The client under test, as the conformance suite starts it: the server's URL is the last argument, and what the
 * client knows of itself is in the environment. Which scenario it is in it neither knows nor asks.
 *
 * @module
 */
import type { Tool } from '@modelcontextprotocol/client'
import { MCPClient } from '@x/mcp-client'
import {
  type Assertion,
  type Auth,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  clientIdMetadataDocument,
  dynamicRegistration,
  identityAssertion,
  isOAuthError,
  JwtBearerAuth,
  memoryStore,
  originAsServer,
  privateKeyJwt,
  publicClient,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'

interface Context {
  /** Default: each tool once. */
  toolCalls?: { name: string; arguments: Record<string, unknown> }[]
  client_id?: string
  client_secret?: string
  issuer?: string
  private_key_pem?: string
  signing_algorithm?: string
  /** What the platform of a workload says of it. */
  valid_jwt?: string
  /** What a user's sign-in at the employer's identity provider gave, and where that is. */
  idp_id_token?: string
  idp_client_id?: string
  idp_issuer?: string
  idp_token_endpoint?: string
}

const url = process.argv.at(-1) ?? ''
const knowledge: Context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}')

/** Everything that can be kept is kept: what is out of date there must be noticed. */
const store = memoryStore()

/** Where the client is told nothing of itself: how it becomes one. */
const registration = [
  clientIdMetadataDocument('https://conformance-test.local/client-metadata.json'),
  dynamicRegistration({ client_name: 'conformance' }, { store }),
]

/** The key of all its tokens, wherever servers bind them. */
const binding = await dpop({ whereSupported: true })

const capabilities = { elicitation: { form: { applyDefaults: true } } }
await using client = await MCPClient.connect(url, {
  auth: await authFrom(knowledge),
  store,
  clientOptions: { capabilities },
  prepare(official) {
    // The person agrees, and leaves everything as it is proposed.
    official.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: {} }))
  },
})
const { tools } = await client.listTools()
const calls = knowledge.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: exampleFor(tool) }))
for (const call of calls) {
  // What the tool makes of it is the server's; what is about the connection or the token ends the client.
  await client.callTool(call).catch((error: unknown) => {
    if (isOAuthError(error)) throw error
    console.error(error)
  })
}

/** By what somebody has signed of it; as itself, where it is known and the server has that; else for a person. */
async function authFrom(context: Context): Promise<Auth> {
  const { client_id: clientId, client_secret: clientSecret, issuer, private_key_pem: key } = context
  const { signing_algorithm: algorithm = '' } = context
  const clientAuthentication = key === undefined ? undefined : privateKeyJwt({ key, algorithm })
  const credentials = { clientId, clientSecret, clientAuthentication }
  const options = {
    resourceUrl: url,
    ...credentials,
    expectedIssuer: issuer,
    binding,
    store,
    partition: 'user',
  }
  const assertion = assertionFrom(context)
  if (assertion !== undefined) return JwtBearerAuth.fromResource({ ...options, assertion })
  if (clientId !== undefined) {
    try {
      return await ClientCredentialsAuth.fromResource({ ...options, clientId })
    } catch (error) {
      if (!isOAuthError(error, 'grant_not_supported')) throw error
    }
  }
  const redirectUri = 'http://127.0.0.1/callback'
  return new AuthorizationCodeAuth({
    ...options,
    registration,
    redirectUri,
    authorize: visit,
    legacy: originAsServer,
  })
}

function assertionFrom({
  valid_jwt: jwt,
  idp_id_token: identityToken,
  ...idp
}: Context): Assertion | undefined {
  if (jwt !== undefined) return () => jwt
  if (identityToken === undefined) return undefined
  const { idp_issuer: issuer = '', idp_token_endpoint: endpoint = '', idp_client_id: clientId = '' } = idp
  const serverMetadata = { issuer, token_endpoint: endpoint }
  return identityAssertion({ serverMetadata, clientId, identityToken, clientAuthentication: publicClient })
}

/** What a tool takes, by the types that it lists; where that is an object, a schema is one. */
function exampleFor({ inputSchema: { properties = {} } }: Tool): Record<string, unknown> {
  const examples = { number: 5, integer: 5, boolean: true, string: 'example', object: tools[0]?.inputSchema }
  const entries = Object.entries(properties).map(([name, property]) => {
    const { type = 'string' } = property as { type?: keyof typeof examples }
    return [name, examples[type]] as const
  })
  return Object.fromEntries(entries)
}

/** The suite's person agrees with everything at once: the answer is where the browser is sent. */
async function visit(authorizationUrl: URL): Promise<string> {
  const response = await fetch(authorizationUrl, { redirect: 'manual' })
  return response.headers.get('location') ?? ''
}
