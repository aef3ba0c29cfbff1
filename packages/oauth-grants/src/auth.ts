/**
 * What every kind of auth object has in common: it names a server, a client and a grant, and keeps a session.
 *
 * @module
 */
import {
  type AuthorizationServerMetadata,
  type Fetch,
  type HttpOptions,
  supportsGrantType,
} from '@x/oauth-discovery'
import { displayUrl, isSecure, quoteForeign } from '@x/oauth-discovery/http'
import { fetchWith, vetOrigins } from './authorized-fetch.ts'
import type { Binding } from './binding.ts'
import {
  type Client,
  type ClientAuthentication,
  chooseClientAuthentication,
} from './client-authentication.ts'
import { AuthConfigError, unusable } from './errors.ts'
import type { GrantEvent } from './events.ts'
import type { Renewal } from './renewer.ts'
import { isScope, scopeTokens, unionOf } from './scope.ts'
import { type GetTokenOptions, TokenSession, type TokenSource } from './session.ts'
import type { TokenStore } from './store.ts'
import type { Token } from './token.ts'
import {
  createPost,
  createTokenEndpoint,
  type EndpointOptions,
  type Post,
  type TokenEndpoint,
} from './token-endpoint.ts'

/** Credentials for the requests of one client, kept good. */
export interface Auth extends TokenSource, AsyncDisposable {
  /** `fetch` with the token, for `origins` only; never waits for a person. Needs no `this`. */
  readonly fetch: Fetch
  readonly origins: readonly string[]
  /** Whose credentials these are: what is private to one partition must not be shown to another. */
  readonly partition: string
}

export interface AuthOptions extends HttpOptions<GrantEvent> {
  /** What the authorization server publishes; `{ issuer, token_endpoint }` is enough. */
  serverMetadata: AuthorizationServerMetadata
  /** As the client is registered at that server. */
  clientId: string
  /** Of a confidential client that authenticates by it. */
  clientSecret?: string | undefined
  /**
   * Default: by the client secret, in the header if the server lists that or nothing, else in the form; where a person
   * signs in, a client without a secret is a public one.
   */
  clientAuthentication?: ClientAuthentication | undefined
  /** Scope tokens with one space between. Default: the server's choice. */
  scope?: string | undefined
  /**
   * What this server wants beside the protocol's own parameters, such as `audience` or `prompt`: added to the first
   * request of the grant. The protocol's own cannot be replaced.
   */
  parameters?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** The resource that the token is for, sent byte for byte (RFC 8707). */
  resource?: string | undefined
  /** Where `fetch` may send the token. Default: the origin of `resource`. */
  origins?: readonly string[] | undefined
  /**
   * Ties the tokens to a key, so that they are of no use to whoever steals them: `await dpop()` of
   * `@x/oauth-grants/dpop`. Default: whoever has one can use it.
   */
  binding?: Binding | undefined
  /**
   * Shares the token with other auth objects for the same server, client, resource, scope, key and `partition`. Where they
   * act for several tenants, each needs a partition of its own: a secret that is wrong is not noticed in a store. Where the
   * server had to be found, that is noted there as well, and believed for a day.
   */
  store?: TokenStore | undefined
  /**
   * Names the principal. Default: in a store, none, so that objects of one client meet there; elsewhere a random one for
   * each object, so that no two share what is private.
   */
  partition?: string | undefined
}

/** Of a token exchange there may be several resources. */
export type GrantOptions = Omit<AuthOptions, 'resource'> & {
  resource?: string | readonly string[] | undefined
  /** The resource takes bound tokens only, as was found in its metadata (RFC 9728 §2). */
  boundTokensOnly?: boolean | undefined
}

/** What a grant needs to obtain a token. */
export interface GrantRequest extends Renewal {
  readonly endpoint: TokenEndpoint
  readonly post: Post
}

/** Obtains a token over the wire, and remembers nothing. */
export type Grant<O> = (options: O, request: GrantRequest) => Promise<Token>

/** How a kind of auth object gets its tokens. */
export interface GrantKind<O> {
  readonly grantType: string
  readonly grant: Grant<O>
  /** Whether a client without a secret is a public one. */
  readonly allowsPublicClients?: boolean
}

/** What an auth object needs to know itself, wherever its server is. */
export type Given = Omit<GrantOptions, 'clientId' | 'serverMetadata'> & {
  readonly resourceUrl?: string | URL | undefined
}

/** Keeps the tokens of one principal. */
export interface Kept extends TokenSource {
  /** Finds the server, where it has to be found first. */
  readonly locate?: ((asked: GetTokenOptions) => Promise<unknown>) | undefined
  close(): Promise<void>
}

/** What every auth object can do; see the class of the grant for how to make one. */
export abstract class GrantAuth implements Auth {
  readonly #source: Kept
  readonly fetch: Fetch
  readonly origins: readonly string[]
  #partition: string | undefined

  protected constructor(given: Given, source: Kept) {
    const { resource = [], resourceUrl = resource, origins, allowAddress, partition } = given
    this.#source = source
    this.origins = vetOrigins(origins ?? [resourceUrl].flat().map(String).filter(isHttpUrl), allowAddress)
    this.#partition = partition
    this.fetch = fetchWith(source, { ...given, origins: this.origins })
  }

  get partition(): string {
    // Made when it is asked for: it weighs as much as all the rest.
    this.#partition ??= crypto.randomUUID()
    return this.#partition
  }

  /**
   * A token fit to send now. Concurrent callers share one token request.
   *
   * @throws {TokenError} the token endpoint refused, failed, or could not be reached
   */
  getToken(options?: GetTokenOptions): Promise<Token> {
    return this.#source.getToken(options)
  }

  /** The token in hand, if it is good now; nothing is waited for. */
  current(): Token | undefined {
    return this.#source.current?.()
  }

  /** The same object, when its server is found. */
  protected async located(signal: AbortSignal | undefined): Promise<this> {
    try {
      await this.#source.locate?.({ signal })
      return this
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Ends what is under way; nothing can be asked of this object afterwards. */
  close(): Promise<void> {
    return this.#source.close()
  }

  /** The same as `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A resource may be any URI; only of a URL is it known where it is. */
function isHttpUrl(resource: string): boolean {
  return /^https?:/i.test(resource)
}

/** What was looked at is what is used, whatever becomes of the caller's objects. */
export function ownCopy<O extends Partial<GrantOptions>>(options: O): O {
  const { serverMetadata, parameters } = options
  return {
    ...options,
    ...(serverMetadata && { serverMetadata: { ...serverMetadata } }),
    ...(parameters && { parameters: { ...parameters } }),
  }
}

/**
 * Makes the session of one principal.
 *
 * @param principal told apart in a store, beside the partition
 */
export function createSession<O extends GrantOptions>(
  options: O,
  { grantType, grant, allowsPublicClients }: GrantKind<O>,
  principal?: string,
): TokenSession {
  const { token_endpoint: url } = vetServer(options, grantType)
  const endpoint = vetClient(options, allowsPublicClients)
  const { store, clock, onEvent, timeoutMs, scope } = options
  const { binding } = endpoint
  const storage = store && {
    store,
    key: storeKey(options, grantType, [principal, binding?.thumbprint]),
    binding,
  }
  const obtain = (renewal: Renewal) => {
    const post = createPost(endpoint, renewal.emit, renewal.hold)
    return grant(options, {
      ...renewal,
      scope: unionOf(scopeTokens(scope), scopeTokens(renewal.scope)),
      post,
      endpoint: createTokenEndpoint(endpoint, url, post),
    })
  }
  return new TokenSession(obtain, { storage, clock, onEvent, timeoutMs })
}

/** Two auth objects meet in a store exactly if their tokens are good for each other. */
function storeKey(
  { serverMetadata: { issuer }, clientId, resource, scope = '', partition, parameters = {} }: GrantOptions,
  grantType: string,
  whose: readonly (string | undefined)[],
): string {
  const scopes = scope.split(' ').toSorted().join(' ')
  const more = Object.entries(parameters).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([grantType, issuer, clientId, resource, scopes, partition, whose, more])
}

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
    const message = `The authorization server ${server.issuer} lists the grants ${listed}, not ${grantType}. If it has it, say so in serverMetadata.`
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
    throw unusable('insecure_url', what, 'it is not https. The option allowAddress can allow it')
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
    throw unusable('invalid_resource', `resource ${JSON.stringify(unfit)}`, why)
  }
  const own = Object.keys(parameters ?? {}).find((name) => ownParameters.test(name))
  if (own !== undefined) {
    throw unusable('invalid_parameter', `parameter ${own}`, "it is the protocol's own. Use the option for it")
  }
  if (clientAuthentication !== undefined && typeof clientAuthentication !== 'function') {
    const what = `clientAuthentication ${JSON.stringify(clientAuthentication)}`
    throw unusable('auth_method_not_supported', what, 'it is no function, such as clientSecretPost')
  }
}
