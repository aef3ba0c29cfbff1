/**
 * Servers from before resources published anything: MCP 2025-03-26.
 *
 * @module
 */
import type { LegacyRule } from './discover.ts'
import { quoteForeign } from './foreign.ts'
import { type AuthorizationServerMetadata, serverDocument } from './server-metadata.ts'
import { nothingFound, readDocument } from './walk.ts'

/**
 * The rule of MCP 2025-03-26, for the option `legacy`: the origin of the resource is its authorization server, and
 * describes itself by RFC 8414, or has the endpoints `/authorize`, `/token` and `/register`. Those are assumed only
 * where the document is absent by a 404.
 *
 * @see https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization
 */
export const originAsServer: LegacyRule = async (walk, { origin }) => {
  const since = walk.attempts.length
  const url = `${origin}/.well-known/oauth-authorization-server`
  // Nobody has spelled this issuer, so that both spellings of it are right.
  const faultOf = ({ issuer }: AuthorizationServerMetadata) =>
    [origin, `${origin}/`].includes(issuer)
      ? undefined
      : `names the issuer ${quoteForeign(issuer)}, not "${origin}" (RFC 8414 §3.3)`
  walk.ahead.delete(url) // it was asked for without the revision
  const headers = { 'mcp-protocol-version': '2025-03-26' }
  const document = await readDocument(walk, url, serverDocument, faultOf, headers)
  if (document !== undefined) return document
  if (walk.attempts.at(-1)?.status !== 404) throw nothingFound(walk, origin, since, serverDocument)
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    // That revision requires PKCE of everybody.
    code_challenge_methods_supported: ['S256'],
  }
}
