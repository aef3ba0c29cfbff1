/**
 * Finding the server that an auth object is to ask, from a resource or from an issuer.
 *
 * @module
 */
import {
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  type ResourceMetadata,
} from '@x/oauth-discovery'
import { quoteForeign } from '@x/oauth-discovery/http'
import type { AuthOptions, GrantOptions } from './auth.ts'
import type { Binding } from './binding.ts'
import { AuthConfigError, unusable } from './errors.ts'
import { scopeTokens, unionOf } from './scope.ts'

/** Options where the server is found from the resource. */
export type FromResource<O extends Omit<GrantOptions, 'clientId'>> = Omit<
  O,
  'serverMetadata' | 'resource'
> & {
  /** The protected resource, such as an MCP server: it is asked for its metadata. */
  resourceUrl: string | URL
  /**
   * The server that these credentials are for. Without it the resource is believed, and whom it names gets them;
   * with it they go to no other (MCP authorization, credentials bound to their server), and a round trip is spared.
   */
  expectedIssuer?: string | undefined
  /** Ends the discovery. */
  signal?: AbortSignal | undefined
}

/** Options where the server describes itself. */
export type FromIssuer<O extends Omit<GrantOptions, 'clientId'>> = Omit<O, 'serverMetadata'> & {
  /** The server, spelled as it spells itself. */
  issuer: string
  /** Ends the discovery. */
  signal?: AbortSignal | undefined
}

const offlineAccess = 'offline_access'

/**
 * Finds the server of a resource, and what to ask it for: the scope that the resource demands in its
 * challenge, else all that its metadata lists, else none (MCP authorization, scope selection).
 *
 * @param isLogin a person signs in: asks for a refresh token as well, where the server lists the scope for it
 */
export async function locateByResource<O extends Omit<GrantOptions, 'clientId'>>(
  options: FromResource<O>,
  grantType: string,
  isLogin = false,
): Promise<
  Pick<AuthOptions, 'serverMetadata' | 'resource' | 'scope' | 'origins'> &
    Pick<GrantOptions, 'boundTokensOnly'>
> {
  if (!options.resourceUrl) {
    throw new AuthConfigError('invalid_resource', 'The option resourceUrl is missing.')
  }
  const { challenge, resourceMetadata, authorizationServerMetadata } = await discoverAuthorizationServer(
    options.resourceUrl,
    { ...options, grantType },
  )
  requireHeader(resourceMetadata, options.binding)
  // An empty scope in a challenge asks for nothing in particular.
  const demanded = challenge?.parameters.scope || (resourceMetadata.scopes_supported?.join(' ') ?? '')
  // Whether to stay signed in is for the server and the person to say, and not for a resource.
  const own = scopeTokens(demanded).filter((each) => each !== offlineAccess)
  const canStay = authorizationServerMetadata.scopes_supported?.includes(offlineAccess)
  const scope = unionOf(own, isLogin && canStay && own.length > 0 ? [offlineAccess] : [])
  return {
    serverMetadata: authorizationServerMetadata,
    resource: resourceMetadata.resource,
    boundTokensOnly: resourceMetadata['dpop_bound_access_tokens_required'] === true,
    scope: options.scope ?? scope,
    origins: options.origins ?? [new URL(options.resourceUrl).origin],
  }
}

function requireHeader(
  {
    resource,
    bearer_methods_supported: methods,
    dpop_bound_access_tokens_required: isBound,
  }: ResourceMetadata,
  binding: Binding | undefined,
): void {
  const isByHeader = methods?.includes('header') !== false
  if (isByHeader && (isBound !== true || binding)) return
  const taken = isByHeader
    ? 'bound tokens only: pass the option binding'
    : `tokens by ${quoteForeign(String(methods))} only, not in a header`
  throw unusable('resource_not_supported', `resource ${resource}`, `it takes ${taken} (RFC 9728 §2)`)
}

/** Has an issuer describe itself. */
export async function locateByIssuer<O extends Omit<GrantOptions, 'clientId'>>(
  options: FromIssuer<O>,
): Promise<Pick<AuthOptions, 'serverMetadata'>> {
  return { serverMetadata: await fetchAuthorizationServerMetadata(options.issuer, options) }
}
