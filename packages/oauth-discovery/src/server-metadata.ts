/**
 * What an authorization server says about itself: RFC 8414, or OpenID Connect Discovery.
 *
 * @module
 */
import * as v from 'valibot'
import { DiscoveryError } from './errors.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type DiscoveryOptions, note, nothingFound, readDocument, type Walk, walkFrom } from './walk.ts'
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
  readonly response_types_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_methods_supported?: readonly string[] | undefined
  readonly token_endpoint_auth_signing_alg_values_supported?: readonly string[] | undefined
  readonly code_challenge_methods_supported?: readonly string[] | undefined
  readonly [member: string]: unknown
}

const schema: v.GenericSchema<unknown, AuthorizationServerMetadata> = /* @__PURE__ */ (() => {
  const strings = v.fallback(v.optional(v.array(v.string())), undefined)
  const url = v.fallback(v.optional(v.pipe(v.string(), v.url())), undefined)
  return v.looseObject({
    issuer: v.string(),
    authorization_endpoint: url,
    token_endpoint: url,
    registration_endpoint: url,
    revocation_endpoint: url,
    device_authorization_endpoint: url,
    jwks_uri: url,
    scopes_supported: strings,
    grant_types_supported: strings,
    response_types_supported: strings,
    token_endpoint_auth_methods_supported: strings,
    token_endpoint_auth_signing_alg_values_supported: strings,
    code_challenge_methods_supported: strings,
  })
})()

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
  for (const url of buildAuthorizationServerMetadataUrls(issuer)) {
    const json = await readDocument(walk, url, 'authorization server metadata')
    if (json === undefined) continue
    const parsed = v.safeParse(schema, json)
    const shown = displayUrl(url)
    if (!parsed.success) {
      note(walk, { url: shown, outcome: 'refused', status: 200, code: 'server_metadata_invalid' })
    } else if (parsed.output.issuer !== issuer) {
      note(walk, { url: shown, outcome: 'refused', status: 200, code: 'issuer_mismatch' })
      throw mismatch(walk, parsed.output.issuer, issuer, shown)
    } else {
      note(walk, { url: shown, outcome: 'used', status: 200 })
      return parsed.output
    }
  }
  throw nothingFound(walk, `metadata of the authorization server ${issuer}`, since, {
    absent: 'server_metadata_not_found',
    invalid: 'server_metadata_invalid',
    advice:
      'Check the issuer. A server that publishes nothing still works where its endpoints are given by hand: { issuer, token_endpoint }.',
  })
}

function mismatch(walk: Walk, published: string, issuer: string, url: string): DiscoveryError {
  const slash =
    published.replace(/\/$/, '') === issuer.replace(/\/$/, '') ? ' They differ by a slash at the end.' : ''
  const message = `The metadata at ${url} names the issuer ${quoteForeign(published)}, not ${quoteForeign(issuer)}: none of it is used (RFC 8414 §3.3).${slash} If the published one is right, configure that spelling.`
  return new DiscoveryError('issuer_mismatch', message, { url, attempts: [...walk.attempts] })
}

/**
 * Whether a server says that it supports a grant. One that lists no grants is taken to: many leave the list
 * out, and its default by RFC 8414 §2 would rule out grants that they have.
 */
export function supportsGrantType(metadata: AuthorizationServerMetadata, grantType: string): boolean {
  return metadata.grant_types_supported?.includes(grantType) ?? true
}
