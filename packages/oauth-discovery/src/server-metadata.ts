/**
 * What an authorization server says about itself: RFC 8414, or OpenID Connect Discovery.
 *
 * @module
 */
import { quoteForeign } from './foreign.ts'
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
import { buildAuthorizationServerMetadataUrls, parseIdentifier } from './well-known.ts'

/** The document, with the RFC's names; members unknown here are kept. */
export interface AuthorizationServerMetadata {
  /** Compared as a string, and never rewritten: it keys credentials, and is what `iss` and `aud` are held against. */
  readonly issuer: string
  readonly authorization_endpoint?: string | undefined
  readonly token_endpoint?: string | undefined
  readonly registration_endpoint?: string | undefined
  readonly revocation_endpoint?: string | undefined
  readonly device_authorization_endpoint?: string | undefined
  readonly jwks_uri?: string | undefined
  readonly scopes_supported?: readonly string[] | undefined
  readonly grant_types_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[] | undefined
  readonly code_challenge_methods_supported?: readonly string[] | undefined
  readonly [member: string]: unknown
}

export const serverDocument: DocumentKind = {
  purpose: 'authorization server metadata',
  name: 'server',
  about: 'issuer',
  members: {
    issuer: text,
    authorization_endpoint: text,
    token_endpoint: text,
    registration_endpoint: text,
    revocation_endpoint: text,
    device_authorization_endpoint: text,
    jwks_uri: text,
    scopes_supported: list,
    grant_types_supported: list,
    token_endpoint_auth_methods_supported: list,
    token_endpoint_auth_signing_alg_values_supported: list,
    code_challenge_methods_supported: list,
  },
  advice: 'Check the issuer, or pass serverMetadata: { issuer, token_endpoint }.',
}

/**
 * Fetches what an authorization server publishes about itself.
 *
 * Asks the RFC 8414 location, then OpenID Connect Discovery. A document naming another issuer is refused
 * whatever else it says, and ends the search: that is the mix-up attack.
 *
 * @param issuer absolute `https:` URL without query or fragment, compared as a string
 * @throws {DiscoveryError} `server_metadata_not_found`, `server_metadata_invalid`, `issuer_mismatch`,
 *   `unavailable`, or a code of the HTTP policy
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-3.3
 */
export async function fetchAuthorizationServerMetadata(
  issuer: string | URL,
  options: DiscoveryOptions = {},
): Promise<AuthorizationServerMetadata> {
  const url = parseIdentifier(issuer, 'issuer')
  return walkFrom(url, options, (walk) => readServerMetadata(walk, String(issuer)))
}

export async function readServerMetadata(walk: Walk, issuer: string): Promise<AuthorizationServerMetadata> {
  const since = walk.attempts.length
  const faultOf = ({ issuer: named }: AuthorizationServerMetadata) =>
    isIssuer(walk, named, issuer)
      ? undefined
      : `names the issuer ${quoteForeign(named)}, not ${quoteForeign(issuer)} (RFC 8414 §3.3)`
  for (const url of buildAuthorizationServerMetadataUrls(issuer)) {
    const document = await readDocument(walk, url, serverDocument, faultOf)
    if (document !== undefined) return document
  }
  throw nothingFound(walk, issuer, since, serverDocument)
}

/** Letter by letter, but for the slash that some parsers add to an issuer without a path, if the caller tolerates that. */
export function isIssuer({ options }: Walk, one: string, other: string): boolean {
  const isRoot = options.tolerateIssuerSlash === true && /^https?:\/\/[^/]+\/?$/.test(one)
  return one === other || (isRoot && one.replace(/\/$/, '') === other.replace(/\/$/, ''))
}

/**
 * Whether a server says that it supports a grant. One that lists no grants is taken to: many leave the list
 * out, and its default by RFC 8414 §2 would rule out grants that they have.
 */
export function supportsGrantType(metadata: AuthorizationServerMetadata, grantType: string): boolean {
  return metadata.grant_types_supported?.includes(grantType) ?? true
}
