/**
 * The walk from a URL to the server that may issue a token for it.
 *
 * @module
 */
import { type Challenge, parseWwwAuthenticate, selectChallenge } from './challenge.ts'
import { DiscoveryError, isOAuthError } from './errors.ts'
import { displayUrl } from './foreign.ts'
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
    const authorizationServerMetadata = await chooseServer(walk, resourceMetadata, options.grantType)
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
  grantType: string | undefined,
): Promise<AuthorizationServerMetadata> {
  const issuers = resource.authorization_servers?.slice(0, maxServers) ?? []
  let second: AuthorizationServerMetadata | undefined
  let failure: unknown = noServers(walk, resource)
  for (const [index, issuer] of issuers.entries()) {
    try {
      const metadata = await readServerMetadata(walk, issuer)
      if (grantType === undefined || supportsGrantType(metadata, grantType)) return metadata
      second ??= metadata
    } catch (error) {
      const passing = ['unavailable', 'server_metadata_not_found', 'server_metadata_invalid']
      if (!isOAuthError(error) || !passing.includes(error.code)) throw error
      if (index === 0) failure = error
    }
  }
  // Whoever wanted the grant says better than we can what is missing.
  if (second !== undefined) return second
  throw failure
}

function noServers(walk: Walk, { resource }: ResourceMetadata): DiscoveryError {
  const url = displayUrl(resource)
  const message = `The metadata of ${url} names no authorization server (RFC 9728 §2). If you know it, name that yourself.`
  return new DiscoveryError('resource_metadata_invalid', message, { url, attempts: [...walk.attempts] })
}

function notProtected(walk: Walk, resource: URL): DiscoveryError {
  const url = displayUrl(resource)
  const message = `${url} answered without asking for a token, and publishes no metadata: it seems to need no authorization.`
  return new DiscoveryError('not_protected', message, { url, attempts: [...walk.attempts] })
}
