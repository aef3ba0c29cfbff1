import { parseArgs } from 'node:util'
import { discoverAuthorizationServer } from '@x/oauth-discovery'
import { startTestbed } from '@x/testbed'
import { claim, type Print, printFacts, printHeading } from './report.ts'
import { createTimeline } from './timeline.ts'

/** Needs no credentials: what a resource and its authorization server say about themselves is public. */
export async function runDiscover(args: string[], print: Print): Promise<void> {
  const { values } = parseArgs({ args, options: { resource: { type: 'string' } } })
  const named = values.resource ?? process.env['MCP_URL']
  await using testbed = named === undefined ? await startTestbed() : undefined
  const url = named ?? testbed?.mcp.url ?? ''
  printHeading(print, 'What goes over the wire')
  const { fetch } = createTimeline(print)

  const found = await discoverAuthorizationServer(url, { fetch })

  const { challenge, resourceMetadata: resource, authorizationServerMetadata: server } = found
  printHeading(print, 'What came out')
  printFacts(print, {
    resource: resource.resource,
    challenge:
      challenge === undefined ? 'none' : `${challenge.scheme}, scope ${challenge.parameters.scope ?? '-'}`,
    issuer: server.issuer,
    grants: server.grant_types_supported?.join(', ') ?? 'not listed',
  })
  print('')
  const isNamed = resource.authorization_servers?.includes(server.issuer) === true
  claim(print, 'the resource names the issuer, and the issuer describes itself', isNamed)
}
