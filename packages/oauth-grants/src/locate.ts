/**
 * Finding the server that an auth object is to ask, from a resource or from an issuer.
 *
 * @module
 */
import {
  type DiscoverOptions,
  DiscoveryError,
  type DiscoveryOptions,
  fetchAuthorizationServerMetadata,
  type InspectOptions,
  inspectResource,
  type ResourceMetadata,
} from '@x/oauth-discovery'
import { displayUrl, quoteForeign } from '@x/oauth-discovery/http'
import type { GrantOptions } from './auth.ts'
import type { Binding } from './binding.ts'
import { unusable } from './errors.ts'
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
  /**
   * What to make of a resource that publishes nothing: `originAsServer`, for MCP servers of 2025-03-26. Default: an error.
   */
  legacy?: InspectOptions['legacy']
  /** Where the resource spells its server with a slash more or less than the server itself. Default: an error. */
  tolerateIssuerSlash?: DiscoveryOptions['tolerateIssuerSlash']
  /** Ends the discovery of `fromResource`. */
  signal?: AbortSignal | undefined
}

/** Options where the server describes itself. */
export type FromIssuer<O extends Omit<GrantOptions, 'clientId'>> = Omit<O, 'serverMetadata'> & {
  /** The server, spelled as it spells itself. */
  issuer: string
  /** Takes an `issuer` with a slash more or less for the same. Default: no. */
  tolerateIssuerSlash?: DiscoveryOptions['tolerateIssuerSlash']
  /** Ends the discovery of `fromIssuer`. */
  signal?: AbortSignal | undefined
}

const offlineAccess = 'offline_access'

/** What is found; what is asked for with it is for the caller to say first. */
export type Located = Pick<GrantOptions, 'serverMetadata' | 'resource' | 'scope' | 'boundTokensOnly'>

/** What is known already where the server is looked for. */
export interface Hint
  extends Pick<DiscoverOptions, 'challenge' | 'response' | 'known' | 'expectedIssuer' | 'signal'> {
  /** A client that the server has forgotten. */
  readonly refusedClient?: string | undefined
}

/**
 * Finds the server of a resource, and what to ask it for: the scope that the resource demands in its
 * challenge, else all that its metadata lists, else none (MCP authorization, scope selection). Or has an issuer describe
 * itself.
 *
 * @param isLogin a person signs in: asks for a refresh token as well, where the server lists the scope for it
 */
export async function locate<O extends Omit<GrantOptions, 'clientId'>>(
  options: FromResource<O> | FromIssuer<O>,
  { grantType, isLogin = false }: { readonly grantType: string; readonly isLogin?: boolean | undefined },
  hint: Hint,
): Promise<Located> {
  if ('issuer' in options) {
    return { serverMetadata: await fetchAuthorizationServerMetadata(options.issuer, { ...options, ...hint }) }
  }
  const { resourceUrl } = options
  const found = await inspectResource(resourceUrl, { ...options, ...hint, grantType })
  if (found.kind === 'open') {
    const url = displayUrl(resourceUrl)
    const message = `${url} needs no token, and publishes no metadata.`
    throw new DiscoveryError('not_protected', message, { url, attempts: found.attempts })
  }
  const { challenge, authorizationServerMetadata: serverMetadata } = found
  const metadata = found.kind === 'protected' ? found.resourceMetadata : undefined
  if (metadata !== undefined) requireHeader(metadata, options.binding)
  // An empty scope in a challenge asks for nothing in particular.
  const demanded = challenge?.parameters.scope || (metadata?.scopes_supported?.join(' ') ?? '')
  // Whether to stay signed in is for the server and the person to say, and not for a resource.
  const own = scopeTokens(demanded).filter((each) => each !== offlineAccess)
  const canStay = serverMetadata.scopes_supported?.includes(offlineAccess)
  const scope = unionOf(own, isLogin && canStay && own.length > 0 ? [offlineAccess] : [])
  const boundTokensOnly = metadata?.['dpop_bound_access_tokens_required'] === true
  return { serverMetadata, resource: metadata?.resource, scope, boundTokensOnly }
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
    ? 'bound tokens only, which the option binding asks for'
    : `tokens by ${quoteForeign(String(methods))} only, not in a header`
  throw unusable(
    'resource_not_supported',
    `resource ${displayUrl(resource)}`,
    `it takes ${taken} (RFC 9728 §2)`,
  )
}
