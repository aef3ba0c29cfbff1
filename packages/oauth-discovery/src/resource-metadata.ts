/**
 * What a protected resource says about itself: RFC 9728.
 *
 * @module
 */
import { displayUrl, quoteForeign } from './foreign.ts'
import {
  type DiscoveryOptions,
  type DocumentKind,
  list,
  nothingFound,
  readDocument,
  text,
  type Walk,
  walkFrom,
} from './walk.ts'
import { buildResourceMetadataUrl, parseIdentifier } from './well-known.ts'

/** The document, with the RFC's names; members unknown here are kept. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers?: readonly string[] | undefined
  readonly scopes_supported?: readonly string[] | undefined
  readonly bearer_methods_supported?: readonly string[] | undefined
  readonly [member: string]: unknown
}

export const resourceDocument: DocumentKind = {
  purpose: 'resource metadata',
  name: 'resource',
  about: 'resource',
  members: {
    resource: text,
    authorization_servers: list,
    scopes_supported: list,
    bearer_methods_supported: list,
  },
  advice: 'If you know its issuer, use that instead.',
}

export interface ResourceMetadataOptions extends DiscoveryOptions {
  /** Asked first: the `resource_metadata` of a challenge. Ignored unless it is an absolute URL. */
  metadataUrl?: string | undefined
  /**
   * Whether a document will do that is about an ancestor of the resource's path, such as its whole origin. Say no on a
   * host that is shared with others: tokens for the ancestor are good there as well. Default: yes.
   */
  allowAncestor?: boolean | undefined
}

/**
 * Fetches what a protected resource publishes about itself.
 *
 * Asks `metadataUrl`, then the well-known URL with the resource's path, then the one at its root. A document
 * about another resource ends the search: it is how a hostile server gets a token meant for somebody else.
 *
 * @throws {DiscoveryError} `resource_metadata_not_found`, `resource_metadata_invalid`, `resource_mismatch`,
 *   `unavailable`, or a code of the HTTP policy
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-3
 */
export async function fetchResourceMetadata(
  resource: string | URL,
  options: ResourceMetadataOptions = {},
): Promise<ResourceMetadata> {
  const url = parseIdentifier(resource, 'resource')
  return walkFrom(url, options, (walk) => readResourceMetadata(walk, resource, options))
}

export async function readResourceMetadata(
  walk: Walk,
  resource: string | URL,
  { metadataUrl = '', allowAncestor = true }: Pick<ResourceMetadataOptions, 'metadataUrl' | 'allowAncestor'>,
): Promise<ResourceMetadata> {
  const { origin } = parseIdentifier(resource, 'resource')
  const shown = displayUrl(String(resource))
  // What a parser would repair is no URL.
  const told = /^[!-[\]-~]+$/.test(metadataUrl) && URL.canParse(metadataUrl) ? [metadataUrl] : []
  const wellKnown = [resource, ...(allowAncestor ? [origin] : [])].map(buildResourceMetadataUrl)
  for (const url of new Set([...told, ...wellKnown])) {
    const document = await readDocument<ResourceMetadata>(
      walk,
      url,
      resourceDocument,
      ({ resource: named }) =>
        isSpellingOf(named, resource) || (allowAncestor && isAncestor(named, resource, url))
          ? undefined
          : `is about the resource ${quoteForeign(named)}, not "${shown}" (RFC 9728 §3.3)`,
    )
    if (document !== undefined) return document
    // The root document may cover more than this resource: an outage is no reason to fall back to it.
    if (walk.attempts.at(-1)?.code === 'unavailable') break
  }
  // From the first attempt on, which is that at the resource itself, where that is down.
  throw nothingFound(walk, shown, 0, resourceDocument)
}

/**
 * Whether a document names the resource that was asked for. Identifiers are compared as strings, by code point
 * (RFC 9728 §6): as the caller spelled it, or as it went over the wire.
 */
function isSpellingOf(published: string, requested: string | URL): boolean {
  const { href, origin, pathname, search } = parseIdentifier(requested, 'resource')
  if (published === String(requested) || published === href) return true
  // Only at the root are the empty path and `/` the same.
  return pathname === '/' && search === '' && published === origin
}

/** One step besides: a directory above it on the same origin, if that is what the document's own well-known URL is for. */
function isAncestor(published: string, requested: string | URL, metadataUrl: string): boolean {
  if (!URL.canParse(published)) return false
  const { origin, pathname } = parseIdentifier(requested, 'resource')
  const ancestor = new URL(published)
  const isAbove = pathname.startsWith(ancestor.pathname.replace(/\/?$/, '/'))
  // The URL is built only from what can name a resource.
  return (
    ancestor.origin === origin &&
    isAbove &&
    !/[^!-~]|[?#@\\]/.test(published) &&
    buildResourceMetadataUrl(published) === metadataUrl
  )
}

/** The first authorization server that a resource names; it lists them in its own order. */
export function primaryAuthorizationServer(metadata: ResourceMetadata): string | undefined {
  return metadata.authorization_servers?.[0]
}
