import { discoverAuthorizationServer } from '@x/oauth-discovery'
import type { Stage } from './stage/stage.ts'

/** Who may issue a token for this URL? It needs no credentials: what servers say about themselves is public. */
export async function run({ url, options, ...stage }: Stage): Promise<void> {
  const found = await discoverAuthorizationServer(url, options)

  // The resource is asked, and refuses. How to get in, it says in the refusal, and in its own document;
  const { challenge, resourceMetadata } = found
  // and whom that document names says in another one what it can do.
  const { issuer, token_endpoint, grant_types_supported } = found.authorizationServerMetadata

  stage.report({
    resource: resourceMetadata.resource,
    challenge:
      challenge === undefined ? 'none' : `${challenge.scheme}, scope ${challenge.parameters.scope ?? '-'}`,
    issuer,
    tokens: `from ${token_endpoint}`,
    grants: grant_types_supported?.map((name) => name.replace(/^urn:.*:/, '')).join(', ') ?? 'not listed',
  })
  const isNamed = resourceMetadata.authorization_servers?.includes(issuer) === true
  stage.claim('the resource names the issuer, and the issuer describes itself', isNamed)
  stage.claim(
    'nobody was told a secret',
    stage.sent.every(({ headers, body }) => !headers.has('authorization') && body === ''),
  )
}
