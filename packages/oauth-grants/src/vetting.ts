/**
 * What is refused before anything is sent: a server that cannot be used, and what the caller says of itself and wants.
 *
 * @module
 */
import { supportsGrantType } from '@x/oauth-discovery'
import { displayUrl, isSecure, quoteForeign, withoutSecrets } from '@x/oauth-discovery/http'
import type { GrantOptions } from './auth.ts'
import { type Client, chooseClientAuthentication } from './client-authentication.ts'
import { AuthConfigError, unusable } from './errors.ts'
import { isScope } from './scope.ts'
import type { EndpointOptions } from './token-endpoint.ts'

/** Refuses a server that cannot be used, in the order in which a person would look. */
export function vetServer(options: GrantOptions, grantType: string): { readonly token_endpoint: string } {
  const { serverMetadata: server } = options
  if (typeof server?.issuer !== 'string' || !URL.canParse(server.issuer)) {
    const why = 'it is no absolute URL. Name it in serverMetadata: { issuer, token_endpoint }'
    throw unusable('invalid_server_metadata', `issuer ${JSON.stringify(server?.issuer)}`, why)
  }
  const token_endpoint = vetEndpoint(options, 'token_endpoint')
  if (!supportsGrantType(server, grantType)) {
    const listed = quoteForeign(String(server.grant_types_supported))
    const message = `The metadata of ${server.issuer} lists the grants ${listed}, not ${grantType}. If it has it, say so in serverMetadata.`
    throw new AuthConfigError('grant_not_supported', message)
  }
  return { token_endpoint }
}

/** The URL of an endpoint, fit to be sent credentials, or a person. */
export function vetEndpoint(
  { serverMetadata: server, allowAddress }: GrantOptions,
  name: `${'token' | 'authorization' | 'device_authorization' | 'registration'}_endpoint`,
): string {
  const url = server[name]
  if (url === undefined || !URL.canParse(url) || url.includes('#')) {
    const message = `The metadata of ${server.issuer} names no usable ${name}. If you know it, name it in serverMetadata: { issuer, ${name} }.`
    throw new AuthConfigError('endpoint_missing', message)
  }
  if (!isSecure(new URL(url)) && allowAddress?.(new URL(url)) !== true) {
    const what = `${name} ${displayUrl(url)} of ${server.issuer}`
    throw unusable('insecure_url', what, 'it is not https. If you trust it, pass allowAddress')
  }
  return url
}

/** The protocol's own, which are not to be replaced. */
const ownParameters =
  /^(?:grant_type|client_\w+|redirect_uri|response_\w+|state|code\w*|scope|resource|(?:subject|actor)_token\w*|requested_token_type|refresh_token|device_code|assertion|request\w*|dpop_jkt)$/

/** Refuses what the caller says of itself and of what it wants, and chooses how the client authenticates. */
export function vetClient(options: GrantOptions, allowsPublicClients = false): EndpointOptions {
  const { serverMetadata: server, clientId, clientSecret, clientAuthentication } = options
  if (typeof clientId !== 'string' || clientId === '') {
    throw new AuthConfigError('client_id_missing', 'The option clientId is missing.')
  }
  vetWishes(options)
  const client: Client = { clientId, clientSecret }
  const authentication =
    clientAuthentication ?? chooseClientAuthentication(client, server, allowsPublicClients)
  const binding = options.binding?.at(server, options.boundTokensOnly)
  return { ...options, server, client, authentication, binding }
}

/** Refuses what can be at no server. */
export function vetWishes({
  clientAuthentication,
  scope,
  resource,
  parameters,
}: Omit<GrantOptions, 'clientId' | 'serverMetadata'>): void {
  if (scope !== undefined && !isScope(scope)) {
    const why = 'it is not made of scope tokens with one space between (RFC 6749 §3.3)'
    throw unusable('invalid_scope', `scope ${JSON.stringify(scope)}`, why)
  }
  const unfit = [resource ?? []].flat().find((each) => !URL.canParse(each) || each.includes('#'))
  if (unfit !== undefined) {
    const why = 'it is no absolute URI without a fragment (RFC 8707 §2)'
    throw unusable('invalid_resource', `resource ${JSON.stringify(withoutSecrets(unfit))}`, why)
  }
  const own = Object.keys(parameters ?? {}).find((name) => ownParameters.test(name))
  if (own !== undefined) {
    throw unusable('invalid_parameter', `parameter ${own}`, "it is the protocol's own. Use the option for it")
  }
  if (clientAuthentication !== undefined && typeof clientAuthentication !== 'function') {
    const why = 'it is no function, such as clientSecretPost'
    throw unusable('auth_method_not_supported', 'option clientAuthentication', why)
  }
}
