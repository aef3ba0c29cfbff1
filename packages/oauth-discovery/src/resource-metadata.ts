/**
 * What a protected resource says about itself: RFC 9728.
 *
 * @module
 */
import * as v from 'valibot'
import { displayUrl, quoteForeign } from './foreign.ts'
import {
  accept,
  type DiscoveryOptions,
  type DocumentKind,
  isStrings,
  nothingFound,
  readDocument,
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

const kind: DocumentKind<ResourceMetadata> = /* @__PURE__ */ (() => {
  // A member of the wrong type is as good as absent, but for the one that says whom the document is about.
  const strings = v.fallback(v.optional(v.custom<readonly string[]>(isStrings)), undefined)
  const schema = v.looseObject({
    resource: v.string(),
    authorization_servers: strings,
    scopes_supported: strings,
    bearer_methods_supported: strings,
  })
  return {
    purpose: 'resource metadata',
    schema,
    absent: 'resource_metadata_not_found',
    invalid: 'resource_metadata_invalid',
    mismatch: 'resource_mismatch',
    advice: 'If you know its authorization server, name that yourself.',
  }
})()

export interface ResourceMetadataOptions extends DiscoveryOptions {
  /** Asked first: the `resource_metadata` of a challenge. Ignored unless it is an absolute URL. */
  metadataUrl?: string | undefined
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
  return walkFrom(url, options, (walk) => readResourceMetadata(walk, resource, options.metadataUrl))
}

export async function readResourceMetadata(
  walk: Walk,
  resource: string | URL,
  metadataUrl: string | undefined,
): Promise<ResourceMetadata> {
  const { origin } = parseIdentifier(resource, 'resource')
  const shown = displayUrl(String(resource))
  const wellKnown = [buildResourceMetadataUrl(resource), buildResourceMetadataUrl(origin)]
  const named = metadataUrl !== undefined && URL.canParse(metadataUrl) ? [metadataUrl] : []
  const since = walk.attempts.length
  for (const url of new Set([...named, ...wellKnown])) {
    const document = await readDocument(walk, url, kind)
    if (document !== undefined) {
      const isAboutIt = describes(document.resource, resource, url)
      const published = quoteForeign(document.resource)
      accept(
        walk,
        url,
        kind,
        isAboutIt ? undefined : `is about the resource ${published}, not ${shown} (RFC 9728 §3.3)`,
      )
      return document
    }
    // The root document may cover more than this resource: an outage is no reason to fall back to it.
    if (walk.attempts.at(-1)?.code === 'unavailable') break
  }
  throw nothingFound(walk, shown, since, kind)
}

/**
 * Whether a document is about the resource that was asked for. Identifiers are compared as strings, by code
 * point (RFC 9728 §6): as the caller spelled it, or as it went over the wire. One step is allowed besides: an
 * ancestor of the path on the same origin, if the document was read from the ancestor's own well-known URL.
 */
function describes(published: string, requested: string | URL, metadataUrl: string): boolean {
  const url = parseIdentifier(requested, 'resource')
  if (published === String(requested) || published === url.href) return true
  // Only at the root are the empty path and `/` the same.
  if (url.pathname === '/' && url.search === '' && published === url.origin) return true
  try {
    const ancestor = new URL(published)
    const directory = ancestor.pathname.replace(/\/?$/, '/')
    return (
      ancestor.origin === url.origin &&
      url.pathname.startsWith(directory) &&
      ancestor.search + ancestor.hash === '' &&
      buildResourceMetadataUrl(published) === metadataUrl
    )
  } catch {
    return false // what names no resource names not this one
  }
}

/** The first authorization server that a resource names; it lists them in its own order. */
export function primaryAuthorizationServer(metadata: ResourceMetadata): string | undefined {
  return metadata.authorization_servers?.[0]
}
