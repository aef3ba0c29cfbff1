/**
 * The walk from a URL to the server that may issue a token for it.
 *
 * @module
 */
import { type Challenge, parseWwwAuthenticate, selectChallenge } from './challenge.ts'
import { DiscoveryError, isOAuthError } from './errors.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type ResourceMetadata, readResourceMetadata } from './resource-metadata.ts'
import { type AuthorizationServerMetadata, readServerMetadata, supportsGrantType } from './server-metadata.ts'
import { type DiscoveryOptions, type Walk, walkFrom } from './walk.ts'
import { parseIdentifier } from './well-known.ts'

export interface DiscoveryResult {
  /** What the resource said when it was asked without a token; undefined where it said nothing usable. */
  readonly challenge: Challenge | undefined
  readonly resourceMetadata: ResourceMetadata
  readonly authorizationServerMetadata: AuthorizationServerMetadata
}

export interface DiscoverOptions extends DiscoveryOptions {
  /** What the resource has answered already, body unread; it spares the request that would ask. */
  response?: Response | undefined
  /** Of several authorization servers the first that supports this grant is taken. */
  grantType?: string | undefined
  /** The only authorization server that will do: whatever others the resource names, none of them is asked. */
  issuer?: string | undefined
}

// A resource lists its servers in an order that means something; beyond a few it is only a way to keep us busy.
const maxServers = 4

/**
 * Finds who may issue a token for a URL: asks the URL without a token, reads the metadata that the answer
 * points at (or the well-known URLs), then the metadata of an authorization server named there.
 *
 * A resource that refuses a bare GET with 405 or 406 is looked up all the same.
 *
 * @throws {DiscoveryError} `not_protected` when the URL answers without a token and publishes nothing; and the
 *   codes of `fetchResourceMetadata` and `fetchAuthorizationServerMetadata`
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-5
 */
export async function discoverAuthorizationServer(
  resource: string | URL,
  options: DiscoverOptions = {},
): Promise<DiscoveryResult> {
  const url = parseIdentifier(resource, 'resource')
  return walkFrom(url, options, async (walk) => {
    const answer = options.response ?? (await probe(walk, url))
    const challenges = parseWwwAuthenticate(answer.headers.get('www-authenticate'))
    walk.emit({ type: 'challenge', url: displayUrl(url), challenges })
    const challenge = answer.status === 401 || answer.status === 403 ? selectChallenge(challenges) : undefined

    const resourceMetadata = await readResourceMetadata(
      walk,
      resource,
      challenge?.parameters.resource_metadata,
    ).catch((error: unknown) => {
      const open = answer.status >= 200 && answer.status < 300
      throw open && isOAuthError(error, 'resource_metadata_not_found') ? notProtected(walk, url) : error
    })
    const authorizationServerMetadata = await chooseServer(walk, resourceMetadata, options)
    return { challenge, resourceMetadata, authorizationServerMetadata }
  })
}

function probe(walk: Walk, url: URL): Promise<{ status: number; headers: Headers }> {
  const headers = new Headers({ accept: 'application/json, text/event-stream' })
  return walk.http({ purpose: 'probe of the resource', url: url.href, headers, dropBody: true })
}

/** The first that answers for itself and supports the grant. An impostor among them ends the walk (RFC 8414 §6.2). */
async function chooseServer(
  walk: Walk,
  resource: ResourceMetadata,
  { grantType, issuer }: DiscoverOptions,
): Promise<AuthorizationServerMetadata> {
  const named = resource.authorization_servers ?? []
  const wanted = named.filter((each) => issuer === undefined || each === issuer)
  let second: AuthorizationServerMetadata | undefined
  let failure: unknown
  for (const each of wanted.slice(0, maxServers)) {
    try {
      const metadata = await readServerMetadata(walk, each)
      if (grantType === undefined || supportsGrantType(metadata, grantType)) return metadata
      second ??= metadata
    } catch (error) {
      const passing = [
        'unavailable',
        'server_metadata_not_found',
        'server_metadata_invalid',
        'invalid_url',
        'insecure_url',
      ]
      if (!isOAuthError(error) || !passing.includes(error.code)) throw error
      failure ??= error
    }
  }
  // Whoever wanted the grant says better than we can what is missing.
  if (second !== undefined) return second
  throw failure ?? noServers(walk, resource, issuer)
}

function noServers(walk: Walk, metadata: ResourceMetadata, issuer: string | undefined): DiscoveryError {
  const { resource, authorization_servers: named = [] } = metadata
  const url = displayUrl(resource)
  const other = issuer !== undefined && named.length > 0
  const message = other
    ? `The metadata of ${url} names ${quoteForeign(named.join(' '))}, not ${quoteForeign(issuer)}, and no other is asked. If that is right, use that spelling.`
    : `The metadata of ${url} names no authorization server (RFC 9728 §2). If you know its authorization server, name that yourself.`
  const code = other ? 'issuer_mismatch' : 'resource_metadata_invalid'
  return new DiscoveryError(code, message, { url, attempts: [...walk.attempts] })
}

function notProtected(walk: Walk, resource: URL): DiscoveryError {
  const url = displayUrl(resource)
  const message = `${url} answers without a token and publishes no metadata: it seems to need none.`
  return new DiscoveryError('not_protected', message, { url, attempts: [...walk.attempts] })
}
