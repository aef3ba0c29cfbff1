import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth, privateKeyJwt } from '@x/oauth-grants'
import { readJwt } from './stage/facts.ts'
import type { Stage } from './stage/stage.ts'
import { chooseTool } from './stage/tool.ts'

/** A service that has a key in place of a secret: it signs who it is, and the key stays where it is. */
export async function run({ url, clientId, options, ...stage }: Stage): Promise<void> {
  const key = await stage.key() // such as { key: await readFile('key.pem', 'utf8'), algorithm: 'ES256' }

  await using auth = await ClientCredentialsAuth.fromResource({
    resourceUrl: url,
    clientId,
    clientAuthentication: privateKeyJwt(key),
    ...options,
  })
  await using client = await MCPClient.connect(url, { auth })
  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, stage.tool) }
  const first = await client.callTool(call)
  await stage.refuse(auth)
  const second = await client.callTool(call)

  const { issuer } = await auth.getToken()
  const requests = stage.sent.filter(({ body }) => new URLSearchParams(body).has('grant_type'))
  const forms = requests.map(({ body }) => new URLSearchParams(body))
  const assertions = forms.map((form) => form.get('client_assertion') ?? '')
  const jwt = readJwt(assertions[0]) // which the server can check by the public half of the key
  stage.report({
    form: [...(forms[0]?.keys() ?? [])].join(', '),
    header: `alg ${jwt.alg}, kid ${jwt.kid ?? '-'}`,
    claims: `iss ${jwt.iss}, sub ${jwt.sub}, aud ${jwt.aud}`,
    'good for': `${jwt.exp - jwt.iat} s`,
  })
  stage.claim('both calls were answered', !first.isError && !second.isError)
  const isTold =
    forms.some((form) => form.has('client_secret')) ||
    requests.some(({ headers }) => headers.has('authorization'))
  stage.claim('the server was told no secret', !isTold)
  const areNew = new Set(assertions).size === assertions.length
  stage.claim(
    'but a statement for this server alone, signed anew for each token',
    jwt.aud === issuer && areNew,
  )
}
