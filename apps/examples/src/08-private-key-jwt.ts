import { MCPClient } from '@x/mcp-client'
import { ClientCredentialsAuth, privateKeyJwt } from '@x/oauth-grants'
import { claim, type Print, printFacts, printHeading } from './report.ts'
import { chooseServers } from './servers.ts'
import { createTimeline } from './timeline.ts'
import { chooseTool } from './tool.ts'

/** A service that has a key in place of a secret: it signs who it is, and the key stays where it is. */
export async function runPrivateKeyJwt(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'mcp', as: 'signer' })
  const { url, expectedIssuer, client: me } = servers
  const key = await servers.key() // such as: { key: await readFile('key.pem', 'utf8'), algorithm: 'ES256' }
  printHeading(print, 'What goes over the wire')
  const { fetch, sent } = createTimeline(print)

  await using auth = await ClientCredentialsAuth.fromResource({
    ...me,
    resourceUrl: url,
    expectedIssuer,
    fetch,
    clientAuthentication: privateKeyJwt(key),
  })
  await using client = await MCPClient.connect(url, { auth })

  const { tools } = await client.listTools()
  const call = { name: chooseTool(tools, servers.tool) }
  const first = await client.callTool(call)
  await servers.refuse(auth)
  const second = await client.callTool(call)

  const { issuer } = await auth.getToken()
  const requests = sent.filter(({ body }) => new URLSearchParams(body).has('grant_type'))
  const forms = requests.map(({ body }) => new URLSearchParams(body))
  const assertions = forms.map((form) => form.get('client_assertion') ?? '')
  const jwt = readJwt(assertions[0])
  printHeading(print, 'What the server saw')
  printFacts(print, {
    form: [...(forms[0]?.keys() ?? [])].join(', '),
    header: `alg ${jwt.alg}, kid ${jwt.kid ?? '-'}`,
    claims: `iss ${jwt.iss}, sub ${jwt.sub}, aud ${jwt.aud}`,
    'good for': `${jwt.exp - jwt.iat} s`,
  })
  print('')
  claim(print, 'both calls were answered', !first.isError && !second.isError)
  const isTold =
    forms.some((form) => form.has('client_secret')) ||
    requests.some(({ headers }) => headers.has('authorization'))
  claim(print, 'the server was told no secret', !isTold)
  claim(
    print,
    'but a statement for this server alone, signed anew for each token',
    jwt.aud === issuer && new Set(assertions).size === assertions.length,
  )
}

interface Jwt {
  readonly alg: string
  readonly kid?: string
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
}

/** The header and the claims, which anybody can read; the server checks the signature as well. */
function readJwt(jwt = ''): Jwt {
  const [header, claims] = jwt.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  return { ...JSON.parse(header ?? ''), ...JSON.parse(claims ?? '') }
}
