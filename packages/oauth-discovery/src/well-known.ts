/**
 * Where metadata lives: URL arithmetic, nothing else.
 *
 * @module
 */
import { DiscoveryError } from './errors.ts'
import { quoteForeign, withoutSecrets } from './foreign.ts'

/** Where a resource publishes its metadata: the path, and a query, go behind the well-known name (RFC 9728 §3.1). */
export function buildResourceMetadataUrl(resource: string | URL): string {
  const { origin, pathname, search } = parseIdentifier(resource, 'resource')
  // Only "a terminating slash following the host component" goes; `/mcp/` and `/mcp` are two resources.
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`
}

/**
 * Where an issuer may publish its metadata, in the order to ask: RFC 8414, OpenID Connect with the path
 * inserted, and, for an issuer with a path, OpenID Connect with the name appended.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-3.1
 */
export function buildAuthorizationServerMetadataUrls(issuer: string | URL): string[] {
  const { origin, pathname } = parseIdentifier(issuer, 'issuer')
  const path = pathname.replace(/\/$/, '')
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  )
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`]
}

/**
 * Parses a URL that names a party. A resource may carry a fragment in programs' hands; it is not sent, so not part of it.
 *
 * @throws {DiscoveryError} `invalid_url`: before parsing, for what URL parsers silently repair.
 */
export function parseIdentifier(identifier: string | URL, what: 'resource' | 'issuer'): URL {
  const text = String(identifier)
  // Neither what is not seen, such as a turn of direction: it stands in messages.
  const isWritable = !/[\p{C}\p{Z}\\]/u.test(text) && URL.canParse(text)
  const url = isWritable ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw invalid(what, text, 'it is no https URL')
  }
  if (url.username + url.password !== '') throw invalid(what, text, 'it has a user name or password')
  if (what === 'issuer' && /[?#]/.test(text)) {
    throw invalid(what, text, 'it has a query or fragment (RFC 8414 §2)')
  }
  url.hash = ''
  return url
}

function invalid(what: string, text: string, why: string): DiscoveryError {
  const shown = quoteForeign(withoutSecrets(text))
  return new DiscoveryError('invalid_url', `The ${what} ${shown} cannot be used: ${why}.`, { url: shown })
}
