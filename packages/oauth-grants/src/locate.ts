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
import { type AuthOptions, isScope } from './auth.ts'
import { AuthConfigError } from './errors.ts'

/** Options where the server is found from the resource. */
export type FromResource<O extends AuthOptions> = Omit<O, 'serverMetadata' | 'resource'> & {
  /** The protected resource, such as an MCP server: it is asked for its metadata. */
  resourceUrl: string | URL
  /**
   * The server that these credentials are for. Without it the resource is believed, and whom it names gets them;
   * with it they go to no other (MCP authorization, credentials bound to their server).
   */
  issuer?: string | undefined
  /** Ends the discovery. */
  signal?: AbortSignal | undefined
}

/** Options where the server describes itself. */
export type FromIssuer<O extends AuthOptions> = Omit<O, 'serverMetadata'> & {
  /** The server, spelled as it spells itself. */
  issuer: string
  /** Ends the discovery. */
  signal?: AbortSignal | undefined
}

/**
 * Finds the server of a resource, and what to ask it for: the scope that the resource demands in its
 * challenge, else all that its metadata lists, else none (MCP authorization, scope selection).
 */
export async function locateByResource<O extends AuthOptions>(
  options: FromResource<O>,
  grantType: string,
): Promise<Pick<AuthOptions, 'serverMetadata' | 'resource' | 'scope' | 'origins'>> {
  if (!options.resourceUrl) {
    throw new AuthConfigError(
      'invalid_resource',
      'resourceUrl is missing: name the resource that the token is for.',
    )
  }
  const { challenge, resourceMetadata, authorizationServerMetadata } = await discoverAuthorizationServer(
    options.resourceUrl,
    { ...options, grantType },
  )
  requireBearerHeader(resourceMetadata)
  // An empty scope in a challenge asks for nothing in particular.
  const demanded = challenge?.parameters.scope || (resourceMetadata.scopes_supported?.join(' ') ?? '')
  const scope = demanded.split(' ').filter(isWorthAsking).join(' ')
  return {
    serverMetadata: authorizationServerMetadata,
    resource: resourceMetadata.resource,
    scope: options.scope ?? (scope === '' ? undefined : scope),
    origins: options.origins ?? [new URL(options.resourceUrl).origin],
  }
}

/** What is no scope token would only be refused; and whether to stay logged in is not for a resource to say. */
function isWorthAsking(scope: string): boolean {
  return scope !== '' && isScope(scope) && scope !== 'offline_access'
}

function requireBearerHeader(metadata: ResourceMetadata): void {
  const { resource, bearer_methods_supported: methods, dpop_bound_access_tokens_required: bound } = metadata
  const byOtherWays = methods !== undefined && !methods.includes('header')
  if (bound !== true && !byOtherWays) return
  const why =
    bound === true
      ? 'it takes DPoP-bound tokens only'
      : `it takes tokens by ${quoteForeign(String(methods))} only`
  throw new AuthConfigError(
    'resource_not_supported',
    `The resource ${resource} cannot be used: ${why}, and they are sent as Bearer in a header (RFC 9728 §2).`,
  )
}

/** Has an issuer describe itself. */
export async function locateByIssuer<O extends AuthOptions>(
  options: FromIssuer<O>,
): Promise<Pick<AuthOptions, 'serverMetadata'>> {
  return { serverMetadata: await fetchAuthorizationServerMetadata(options.issuer, options) }
}
