/**
 * The two halves of a sign-in in a browser: the request that it is sent off with, and the code that it brings back.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import {
  createEmit,
  displayUrl,
  type HttpOptions,
  isSecure,
  quoteForeign,
  withoutSecrets,
} from '@x/oauth-discovery/http'
import * as v from 'valibot'
import type { AuthOptions, GrantOptions } from './auth.ts'
import type { AuthorizationCodeOptions } from './authorization-code.ts'
import { readAuthorizationResponse } from './authorization-response.ts'
import { AuthConfigError, unusable } from './errors.ts'
import type { GrantEvent } from './events.ts'
import { isForPerson } from './login.ts'
import { challengeOf, randomText } from './pkce.ts'
import { scopeTokens } from './scope.ts'
import type { Token } from './token.ts'
import { createPost, createTokenEndpoint, type TokenEndpoint } from './token-endpoint.ts'
import { vetClient, vetEndpoint, vetServer } from './vetting.ts'

export const grantType = 'authorization_code'

export interface StartAuthorizationOptions
  extends Pick<
    AuthorizationCodeOptions,
    | 'serverMetadata'
    | 'clientId'
    | 'scope'
    | 'resource'
    | 'parameters'
    | 'binding'
    | 'allowAddress'
    | 'allowMissingPkceMetadata'
  > {
  /** As it is registered: where the browser comes back. */
  redirectUri: string
}

export interface FinishAuthorizationOptions
  extends Pick<AuthOptions, 'clientSecret' | 'clientAuthentication'>,
    HttpOptions<GrantEvent> {
  /** The same as at the start, of the same key. */
  binding?: AuthOptions['binding']
  signal?: AbortSignal | undefined
}

/** What has to be known when the browser comes back: it all comes from here, and nothing is asked for again. */
interface PendingAuthorization {
  readonly version: 1
  readonly server: AuthorizationServerMetadata & { readonly token_endpoint: string }
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string
  readonly codeVerifier: string
  readonly scope?: string | undefined
  readonly resource?: string | undefined
  /** Of the key that the code is bound to (RFC 9449 §10). */
  readonly thumbprint?: string | undefined
}

const schema: v.GenericSchema<unknown, PendingAuthorization> = /* @__PURE__ */ (() => {
  const text = v.custom<string>((value) => typeof value === 'string' && value !== '')
  const url = v.custom<string>((value) => typeof value === 'string' && URL.canParse(value))
  const list = v.optional(
    v.custom<string[]>((value) => Array.isArray(value) && value.every((each) => v.is(text, each))),
  )
  return v.object({
    version: v.literal(1),
    server: v.looseObject({
      issuer: url,
      token_endpoint: url,
      token_endpoint_auth_methods_supported: list,
      token_endpoint_auth_signing_alg_values_supported: list,
    }),
    clientId: text,
    redirectUri: url,
    state: text,
    codeVerifier: text,
    scope: v.optional(v.string()),
    resource: v.optional(url),
    thumbprint: v.optional(text),
  })
})()

/**
 * The first half of a sign-in, for servers, where the browser comes back in another request.
 *
 * @returns `url`: where to send the browser. `pending`: what `finishAuthorization` needs, as text, good for one sign-in.
 *   Whoever can read it can take the code, and whoever can change it gets the client's secret: keep it on the server, in
 *   the session of this browser, or seal it.
 * @throws {AuthConfigError} `endpoint_missing`, `insecure_url`, `pkce_not_supported`, `invalid_redirect_uri`,
 *   `invalid_scope`, `invalid_resource`, `invalid_parameter`, `client_id_missing`, `invalid_server_metadata`,
 *   `grant_not_supported`
 */
export async function startAuthorization(
  options: StartAuthorizationOptions,
): Promise<{ url: URL; pending: string }> {
  vetClient(options, true)
  const { url, record } = await startRecorded(options)
  return { url, pending: JSON.stringify(record) }
}

/**
 * The second half: checks what the browser brought, and redeems the code at the server where it was asked for.
 *
 * Forget `pending` before: a code is good for one use, and so is the state.
 *
 * @param callback the whole URL to which the browser came, as it came
 * @throws {AuthorizationError} the answer is not to be trusted, or the person or the server said no; nothing was sent
 * @throws {TokenError} the server did not take the code
 * @throws {AuthConfigError} `invalid_pending`, `client_secret_missing`, `auth_method_not_supported`; `invalid_key`: the
 *   option `binding` is not that of the start
 */
export async function finishAuthorization(
  callback: string | URL,
  pending: string,
  options: FinishAuthorizationOptions = {},
): Promise<Token> {
  const record = parsePending(pending)
  const { server, clientId, thumbprint } = record
  // What was said at the start is what holds: a server may list other algorithms by now.
  const boundTokensOnly = thumbprint !== undefined
  const asked = { ...options, serverMetadata: server, clientId, boundTokensOnly }
  const endpoint = vetClient(asked, true)
  if (endpoint.binding?.thumbprint !== thumbprint) {
    throw unusable(
      'invalid_key',
      'option binding',
      'the sign-in was begun with another key, or with none. Pass that of startAuthorization',
    )
  }
  const post = createPost(endpoint, createEmit(options))
  const exchange = createTokenEndpoint(endpoint, server.token_endpoint, post)
  return redeem(callback, record, exchange, options.signal)
}

function parsePending(pending: string): PendingAuthorization {
  try {
    return v.parse(schema, JSON.parse(pending))
  } catch {
    // What valibot says would hold what is in it.
    throw new AuthConfigError(
      'invalid_pending',
      'The argument pending of finishAuthorization cannot be read: pass what startAuthorization gave, unchanged.',
    )
  }
}

/** Draws what is secret in a request, and writes down what its answer is held against. */
export async function startRecorded(
  options: Omit<StartAuthorizationOptions, 'redirectUri'> &
    Pick<GrantOptions, 'boundTokensOnly'> & { redirectUri?: string | undefined },
): Promise<{ url: URL; record: PendingAuthorization }> {
  const { url, tokenEndpoint, redirectUri } = vetStart(options)
  const { serverMetadata: server, clientId, scope, resource, parameters, binding, boundTokensOnly } = options
  const [state, codeVerifier] = [randomText(), randomText()]
  const thumbprint = binding?.at(server, boundTokensOnly)?.thumbprint
  const record = {
    version: 1,
    server: { issuer: server.issuer, token_endpoint: tokenEndpoint, ...membersOf(server) },
    clientId,
    redirectUri,
    state,
    codeVerifier,
    scope,
    resource,
    thumbprint,
  } as const
  const form = {
    ...(asksToStay(server, scope) && !url.searchParams.has('prompt') && { prompt: 'consent' }),
    ...parameters,
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    resource,
    state,
    code_challenge: await challengeOf(codeVerifier),
    code_challenge_method: 'S256',
    dpop_jkt: thumbprint,
  }
  const pairs = Object.entries(form).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((each) => (each === '' ? [] : [[name, each]])),
  )
  // What the endpoint has in its query is kept as it is.
  url.search += `${url.search === '' ? '?' : '&'}${new URLSearchParams(pairs)}`
  return { url, record }
}

const recorded = [
  'authorization_response_iss_parameter_supported',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
]

/** What the second half needs to know of the server, and no more: it may have to fit into a cookie. */
function membersOf(server: AuthorizationServerMetadata): Record<string, unknown> {
  return Object.fromEntries(recorded.map((name) => [name, server[name] ?? undefined]))
}

/** OpenID providers give a refresh token only to whom a person has said so (OpenID Connect Core §11). */
function asksToStay(
  { scopes_supported: supported }: AuthorizationServerMetadata,
  scope: string | undefined,
): boolean {
  return supported?.includes('openid') === true && scopeTokens(scope).includes('offline_access')
}

/** Sends the code to the server that was recorded, once: whether a lost answer used it up nobody knows. */
export function redeem(
  callback: string | URL,
  { server, redirectUri, state, codeVerifier, scope = '', resource }: PendingAuthorization,
  endpoint: TokenEndpoint,
  signal?: AbortSignal,
): Promise<Token> {
  const namesIssuer = Boolean(server['authorization_response_iss_parameter_supported'])
  const code = readAuthorizationResponse(callback, { issuer: server.issuer, namesIssuer, state, redirectUri })
  const form = {
    grant_type: grantType,
    code,
    redirect_uri: redirectUri,
    code_verifier: codeVerifier,
    resource,
  }
  return endpoint(form, signal, { scope })
}

/** Refuses a sign-in that cannot work, or not safely. */
export function vetStart(
  options: Omit<StartAuthorizationOptions, 'redirectUri'> & { redirectUri?: string | undefined },
): { url: URL; tokenEndpoint: string; redirectUri: string } {
  const { serverMetadata: server, parameters = {}, redirectUri, allowAddress } = options
  const { token_endpoint: tokenEndpoint } = vetServer(options, grantType)
  const authorizationEndpoint = vetEndpoint(options, 'authorization_endpoint')
  const what = `authorization_endpoint ${displayUrl(authorizationEndpoint)} of ${server.issuer}`
  if (!isForPerson(authorizationEndpoint, server.issuer, allowAddress)) {
    throw unusable('insecure_url', what, 'it is not https, or has a user name or password')
  }
  const url = new URL(authorizationEndpoint)
  const own = [...url.searchParams.keys()].find(
    (name) => requestParameters.test(name) || Object.hasOwn(parameters, name),
  )
  if (own !== undefined) {
    const why = `its query has ${quoteForeign(own)}, which the request sets as well (RFC 6749 §3.1). Leave it out in serverMetadata`
    throw unusable('invalid_server_metadata', what, why)
  }
  requirePkce(options)
  return { url, tokenEndpoint, redirectUri: vetRedirectUri(redirectUri) }
}

const requestParameters =
  /^(?:response_type|client_id|redirect_uri|scope|state|resource|code_challenge|code_challenge_method|dpop_jkt)$/

/** What is no list says nothing; one without S256 says no. */
function requirePkce({
  serverMetadata: { issuer, code_challenge_methods_supported: listed },
  allowMissingPkceMetadata,
}: Pick<StartAuthorizationOptions, 'serverMetadata' | 'allowMissingPkceMetadata'>): void {
  const methods = Array.isArray(listed) ? listed : undefined
  if (methods === undefined ? allowMissingPkceMetadata === true : methods.includes('S256')) return
  const [what, advice] =
    methods === undefined
      ? ['no code_challenge_methods_supported', 'pass allowMissingPkceMetadata: true']
      : [
          `${quoteForeign(String(methods))} in code_challenge_methods_supported, not S256`,
          'add it in serverMetadata',
        ]
  const message = `The metadata of ${issuer} lists ${what}, so that a stolen code might be enough to sign in (RFC 7636). If it takes S256 all the same, ${advice}.`
  throw new AuthConfigError('pkce_not_supported', message)
}

/** https, this machine, or a scheme that is the app's own: a reversed domain name (RFC 8252 §7). */
function vetRedirectUri(redirectUri: string | undefined): string {
  if (redirectUri === undefined) {
    const message = 'The option redirectUri is missing: name the one that is registered.'
    throw new AuthConfigError('invalid_redirect_uri', message)
  }
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : undefined
  const isOwnScheme = /^[a-z][a-z\d+-]*\.[a-z\d.+-]+:$/.test(url?.protocol ?? '')
  if (url && !redirectUri.includes('#') && (isSecure(url) || isOwnScheme)) {
    return redirectUri
  }
  const why =
    'it has to be an https URL, one of this machine, or of a scheme like com.example.app, without a fragment (RFC 8252 §7)'
  throw unusable('invalid_redirect_uri', `redirectUri ${JSON.stringify(withoutSecrets(redirectUri))}`, why)
}
