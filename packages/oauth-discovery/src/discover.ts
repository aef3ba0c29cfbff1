/**
 * The walk from a URL to the server that may issue a token for it.
 *
 * @module
 */
import { type Challenge, parseWwwAuthenticate, selectChallenge } from './challenge.ts'
import { type Attempt, type DiscoveryError, isOAuthError, type OAuthError } from './errors.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type Answer, untilAborted } from './http.ts'
import {
  type ResourceMetadata,
  type ResourceMetadataOptions,
  readResourceMetadata,
  resourceDocument,
} from './resource-metadata.ts'
import {
  type AuthorizationServerMetadata,
  isIssuer,
  readServerMetadata,
  serverDocument,
  supportsGrantType,
} from './server-metadata.ts'
import { askAhead, noteOutage, type Walk, walkFrom } from './walk.ts'
import {
  buildAuthorizationServerMetadataUrls,
  buildResourceMetadataUrl,
  parseIdentifier,
} from './well-known.ts'

export interface DiscoveryResult {
  /** What the resource said when it was asked without a token; undefined where it said nothing usable. */
  readonly challenge: Challenge | undefined
  readonly resourceMetadata: ResourceMetadata
  readonly authorizationServerMetadata: AuthorizationServerMetadata
}

export interface DiscoverOptions extends Omit<ResourceMetadataOptions, 'metadataUrl'> {
  /** What the resource answers to a request of yours, body unread: it spares the one that would ask. It may be on its way. */
  response?: Response | Promise<Response> | undefined
  /** What it demanded, where no more is left of its answer. */
  challenge?: Challenge | undefined
  /** Found earlier, and asked for no more where the resource still names it. */
  known?: AuthorizationServerMetadata | undefined
  /** Of several authorization servers the first that supports this grant is taken. */
  grantType?: string | undefined
  /**
   * The only authorization server that will do: whatever others the resource names, none of them is asked. Its document
   * is asked for at once, and taken only if the resource names it too.
   */
  expectedIssuer?: string | undefined
}

export interface InspectOptions extends DiscoverOptions {
  /** What to make of a resource that refuses, and publishes nothing: {@link originAsServer}. Default: an error. */
  legacy?: LegacyRule | undefined
}

/** Finds the authorization server of a resource that publishes nothing about itself. */
export type LegacyRule = (walk: Walk, resource: URL) => Promise<AuthorizationServerMetadata>

/** What a URL turned out to be. */
export type Inspection =
  | (DiscoveryResult & { readonly kind: 'protected'; readonly attempts: readonly Attempt[] })
  | {
      /** It wants a token, and publishes nothing; its authorization server was found by the rule that the caller gave. */
      readonly kind: 'legacy'
      readonly challenge: Challenge | undefined
      readonly authorizationServerMetadata: AuthorizationServerMetadata
      readonly attempts: readonly Attempt[]
    }
  | {
      /** It answers without a token, and publishes nothing. */
      readonly kind: 'open'
      readonly attempts: readonly Attempt[]
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
  const { attempts: _, ...found } = await follow(resource, options, (walk, { status }, error) => {
    if (!isSuccess(status)) throw error
    const url = displayUrl(resource)
    const message = `${url} needs no token, and publishes no metadata.`
    throw walk.fail('not_protected', message, { url })
  })
  return found
}

/**
 * Tells what a URL is, in the same walk: `protected`, with all that was found; `open`; or, where the caller has a rule
 * for that, `legacy`: it refused with 401, pointed nowhere, and each place of its metadata answered 404. With each
 * comes what was asked for, and what became of it.
 *
 * @throws {DiscoveryError} when it cannot be told: the codes of `discoverAuthorizationServer` without `not_protected`
 */
export async function inspectResource(
  resource: string | URL,
  { legacy, ...options }: InspectOptions = {},
): Promise<Inspection> {
  const found = await follow(resource, options, async (walk, { status, headers, challenge }, error) => {
    const { attempts } = walk
    if (isSuccess(status)) return { kind: 'open', attempts } as const
    // Nothing less than a plain no from each place: an outage or a bad document must not lead into a weaker mode, nor
    // may a challenge that tells of metadata, readable or not.
    const isAbsent = attempts.every((each) => each.status === 404)
    const isTold = /resource_metadata/i.test(JSON.stringify([headers.get('www-authenticate'), challenge]))
    if (legacy === undefined || status !== 401 || isTold || !isAbsent) throw error
    const server = await legacy(walk, parseIdentifier(resource, 'resource'))
    const { expectedIssuer = server.issuer } = options
    if (!isIssuer(walk, server.issuer, expectedIssuer)) {
      const published = { resource: String(resource), authorization_servers: [server.issuer] }
      throw noServers(walk, published, expectedIssuer)
    }
    return { kind: 'legacy', challenge, authorizationServerMetadata: server, attempts } as const
  })
  return 'kind' in found ? found : { kind: 'protected', ...found }
}

interface Answered extends Pick<Answer, 'status' | 'headers'> {
  readonly challenge: Challenge | undefined
}

/** @param otherwise what to make of a resource that publishes nothing */
async function follow<T = never>(
  resource: string | URL,
  options: DiscoverOptions,
  otherwise: (walk: Walk, answered: Answered, error: OAuthError) => T | Promise<T>,
): Promise<(DiscoveryResult & { readonly attempts: readonly Attempt[] }) | T> {
  const url = parseIdentifier(resource, 'resource')
  const { response, challenge: demanded, expectedIssuer, known } = options
  const [expectedUrl] =
    expectedIssuer === undefined || known ? [] : buildAuthorizationServerMetadataUrls(expectedIssuer)
  // It may fail before its turn comes to be waited for.
  Promise.resolve(response).catch(() => {})
  return walkFrom(url, options, async (walk) => {
    // What the specification would ask first does not have to wait for the answer; another URL in the challenge wins.
    const probing = demanded ? { status: 401, headers: new Headers() } : (response ?? probe(walk, url))
    if ('then' in probing) askAhead(walk, buildResourceMetadataUrl(resource), resourceDocument)
    askAhead(walk, expectedUrl, serverDocument)
    const answer = await (response ? untilAborted(Promise.resolve(probing), walk.signal) : probing)
    const { status, headers } = answer
    const shown = displayUrl(url)
    noteOutage(walk, shown, answer)
    const challenges = demanded ? [demanded] : parseWwwAuthenticate(headers.get('www-authenticate'))
    // What was demanded of a request with a token may repeat it.
    if (!demanded) walk.emit({ type: 'challenge', url: shown, challenges })
    const challenge = status === 401 || status === 403 ? selectChallenge(challenges) : undefined
    const metadataUrl = challenge?.parameters.resource_metadata

    try {
      const resourceMetadata = await readResourceMetadata(walk, resource, { ...options, metadataUrl })
      const authorizationServerMetadata = await chooseServer(walk, resourceMetadata, options)
      return { challenge, resourceMetadata, authorizationServerMetadata, attempts: walk.attempts }
    } catch (error) {
      if (!isOAuthError(error, 'resource_metadata_not_found')) throw error
      return otherwise(walk, { status, headers, challenge }, error)
    }
  })
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function probe(walk: Walk, url: URL): Promise<Answer> {
  const headers = new Headers({ accept: 'application/json, text/event-stream' })
  return walk.http({ purpose: 'probe of the resource', url: url.href, headers, dropBody: true })
}

/** The first that answers for itself and supports the grant. An impostor among them ends the walk (RFC 8414 §6.2). */
async function chooseServer(
  walk: Walk,
  resource: ResourceMetadata,
  { grantType, expectedIssuer, known }: DiscoverOptions,
): Promise<AuthorizationServerMetadata> {
  const named = resource.authorization_servers ?? []
  const wanted = named.filter((each) => expectedIssuer === undefined || isIssuer(walk, each, expectedIssuer))
  if (known !== undefined && wanted.includes(known.issuer)) return known
  let second: AuthorizationServerMetadata | undefined
  let failure: unknown
  for (const each of wanted.slice(0, maxServers)) {
    try {
      const metadata = await readServerMetadata(walk, each)
      if (grantType === undefined || supportsGrantType(metadata, grantType)) return metadata
      second ??= metadata
    } catch (error) {
      if (!isOAuthError(error) || /^(?:issuer_mismatch|timeout)$/.test(error.code)) throw error
      failure ??= error
    }
  }
  // Whoever wanted the grant says better than we can what is missing.
  if (second !== undefined) return second
  throw failure ?? noServers(walk, resource, expectedIssuer)
}

function noServers(walk: Walk, metadata: ResourceMetadata, expected: string | undefined): DiscoveryError {
  const { resource, authorization_servers: named = [] } = metadata
  const url = displayUrl(resource)
  const isOther = expected !== undefined && named.length > 0
  const message = `The metadata of ${url} names ${isOther ? `${quoteForeign(String(named))}, not expectedIssuer ${quoteForeign(expected)}. If you trust it, use that instead.` : `no authorization server. ${resourceDocument.advice}`}`
  const code = isOther ? 'issuer_mismatch' : 'resource_metadata_invalid'
  return walk.fail(code, message, { url })
}
