/**
 * What a protected resource says about itself: RFC 9728.
 *
 * @module
 */
import * as v from 'valibot'
import { DiscoveryError } from './errors.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type DiscoveryOptions, note, nothingFound, readDocument, type Walk, walkFrom } from './walk.ts'
import { buildResourceMetadataUrl, parseIdentifier } from './well-known.ts'

/** The document, with the RFC's names; members unknown here are kept. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers?: readonly string[] | undefined
  readonly scopes_supported?: readonly string[] | undefined
  readonly bearer_methods_supported?: readonly string[] | undefined
  readonly dpop_bound_access_tokens_required?: boolean | undefined
  readonly dpop_signing_alg_values_supported?: readonly string[] | undefined
  readonly resource_name?: string | undefined
  readonly resource_documentation?: string | undefined
  readonly [member: string]: unknown
}

const schema: v.GenericSchema<unknown, ResourceMetadata> = /* @__PURE__ */ (() => {
  // A member of the wrong type is as good as absent, but for the one that says whom the document is about.
  const strings = v.fallback(v.optional(v.array(v.string())), undefined)
  const text = v.fallback(v.optional(v.string()), undefined)
  return v.looseObject({
    resource: v.string(),
    authorization_servers: strings,
    scopes_supported: strings,
    bearer_methods_supported: strings,
    dpop_bound_access_tokens_required: v.fallback(v.optional(v.boolean()), undefined),
    dpop_signing_alg_values_supported: strings,
    resource_name: text,
    resource_documentation: text,
  })
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
  const wellKnown = [buildResourceMetadataUrl(resource), buildResourceMetadataUrl(origin)]
  const named = metadataUrl !== undefined && URL.canParse(metadataUrl) ? [metadataUrl] : []
  const since = walk.attempts.length
  for (const url of new Set([...named, ...wellKnown])) {
    const json = await readDocument(walk, url, 'resource metadata')
    if (json === undefined) {
      // The root document may cover more than this resource: an outage is no reason to fall back to it.
      if (walk.attempts.at(-1)?.code === 'unavailable') break
      continue
    }
    const parsed = v.safeParse(schema, json)
    const shown = displayUrl(url)
    if (!parsed.success) {
      note(walk, { url: shown, outcome: 'refused', status: 200, code: 'resource_metadata_invalid' })
    } else if (!describes(parsed.output.resource, resource, url)) {
      note(walk, { url: shown, outcome: 'refused', status: 200, code: 'resource_mismatch' })
      throw mismatch(walk, parsed.output.resource, resource, shown)
    } else {
      note(walk, { url: shown, outcome: 'used', status: 200 })
      return parsed.output
    }
  }
  throw nothingFound(walk, `resource metadata for ${displayUrl(String(resource))}`, since, {
    absent: 'resource_metadata_not_found',
    invalid: 'resource_metadata_invalid',
    advice:
      'If this resource has an authorization server that you know, name it yourself: the metadata is what RFC 9728 asks of the resource.',
  })
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
  if (!URL.canParse(published)) return false
  const ancestor = new URL(published)
  const directory = ancestor.pathname.replace(/\/?$/, '/')
  return (
    ancestor.origin === url.origin &&
    url.pathname.startsWith(directory) &&
    ancestor.search + ancestor.hash === '' &&
    buildResourceMetadataUrl(published) === metadataUrl
  )
}

function mismatch(walk: Walk, published: string, requested: string | URL, url: string): DiscoveryError {
  const message = `The metadata at ${url} is about the resource ${quoteForeign(published)}, not about ${displayUrl(String(requested))}: none of it is used (RFC 9728 §3.3). The resource publishes a wrong document, or its URL is spelled otherwise there: use that spelling if it is the one you mean.`
  return new DiscoveryError('resource_mismatch', message, { url, attempts: [...walk.attempts] })
}

/** The first authorization server that a resource names; it lists them in its own order. */
export function primaryAuthorizationServer(metadata: ResourceMetadata): string | undefined {
  return metadata.authorization_servers?.[0]
}
