/**
 * What every kind of auth object has in common: it names a server, a client and a grant, and keeps one session.
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
import { authorizedFetch, vetOrigins } from './authorized-fetch.ts'
import {
  type Client,
  type ClientAuthentication,
  chooseClientAuthentication,
} from './client-authentication.ts'
import { AuthConfigError } from './errors.ts'
import type { GrantEvent } from './events.ts'
import { type GetTokenOptions, TokenSession, type TokenSource } from './session.ts'
import type { TokenStore } from './store.ts'
import type { Token } from './token.ts'
import { createTokenEndpoint, type TokenEndpoint, type TokenEndpointOptions } from './token-endpoint.ts'

/** Credentials for the requests of one client, kept good. */
export interface Auth extends TokenSource, AsyncDisposable {
  /** `fetch` with the token, for `origins` only. Needs no `this`. */
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
  /** Default: by the client secret, in the header if the server lists that or nothing, else in the form. */
  clientAuthentication?: ClientAuthentication | undefined
  /** Scope tokens with one space between. Default: the server's choice. */
  scope?: string | undefined
  /** The resource that the token is for, sent byte for byte (RFC 8707). */
  resource?: string | undefined
  /** Where `fetch` may send the token. Default: the origin of `resource`. */
  origins?: readonly string[] | undefined
  /**
   * Shares the token with other auth objects for the same server, client, resource, scope and `partition`. Where they
   * act for several tenants, each needs a partition of its own: a secret that is wrong is not noticed in a store.
   */
  store?: TokenStore | undefined
  /**
   * Names the principal. Default: in a store, none, so that objects of one client meet there; elsewhere a random one for
   * each object, so that no two share what is private.
   */
  partition?: string | undefined
}

/** Obtains a token over the wire, and remembers nothing. */
export type Grant<O> = (
  options: O,
  request: { readonly endpoint: TokenEndpoint; readonly signal: AbortSignal },
) => Promise<Token>

/** What every auth object can do; see the class of the grant for how to make one. */
export abstract class GrantAuth<O extends AuthOptions> implements Auth {
  readonly #session: TokenSession
  readonly fetch: Fetch
  readonly origins: readonly string[]
  readonly partition: string

  /** @throws {AuthConfigError} for whatever can be known before a request */
  protected constructor(given: O, grantType: string, grant: Grant<O>) {
    // What was looked at is what is used, whatever becomes of the caller's object.
    const options = { ...given }
    const request = vetted(options, grantType)
    const { store, clock, onEvent } = options
    const storage = store === undefined ? undefined : { store, key: storeKey(options, grantType) }
    this.#session = new TokenSession(
      ({ signal, emit }) => grant(options, { endpoint: createTokenEndpoint(request, emit), signal }),
      { storage, clock, onEvent },
    )
    this.origins = vetOrigins(options.origins ?? originOf(options.resource), options.allowAddress)
    this.partition = options.partition ?? crypto.randomUUID()
    this.fetch = authorizedFetch(this.#session, { ...options, origins: this.origins })
  }

  /**
   * A token fit to send now. Concurrent callers share one token request.
   *
   * @throws {TokenError} the token endpoint refused, failed, or could not be reached
   */
  getToken(options?: GetTokenOptions): Promise<Token> {
    return this.#session.getToken(options)
  }

  /** Ends what is under way; nothing can be asked of this object afterwards. */
  close(): Promise<void> {
    return this.#session.close()
  }

  /** The same as `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A resource may be any URI; only of a URL is it known where it is. */
function originOf(resource: string | undefined): readonly string[] {
  return resource !== undefined && /^https?:/i.test(resource) ? [resource] : []
}

/** Two auth objects meet in a store exactly if their tokens are good for each other. */
function storeKey(
  { serverMetadata, clientId, resource = '', scope = '', partition = '' }: AuthOptions,
  grantType: string,
): string {
  const scopes = scope.split(' ').toSorted().join(' ')
  return JSON.stringify([grantType, serverMetadata.issuer, clientId, resource, scopes, partition])
}

/** Refuses what cannot work, in the order in which a person would look. */
function vetted(options: AuthOptions, grantType: string): TokenEndpointOptions {
  const { serverMetadata: server, clientId, clientSecret, scope, resource } = options
  const wrong = (code: AuthConfigError['code'], message: string) => new AuthConfigError(code, message)
  if (typeof server?.issuer !== 'string' || !URL.canParse(server.issuer)) {
    throw wrong(
      'invalid_server_metadata',
      `serverMetadata.issuer is ${JSON.stringify(server?.issuer)}, which is not an absolute URL. Pass the metadata of the server, or { issuer, token_endpoint }.`,
    )
  }
  const url = server.token_endpoint
  if (url === undefined || !URL.canParse(url) || url.includes('#')) {
    throw wrong(
      'token_endpoint_missing',
      `The metadata of ${server.issuer} names no usable token_endpoint. Name it yourself: serverMetadata: { issuer, token_endpoint }.`,
    )
  }
  if (!isSecure(new URL(url)) && options.allowAddress?.(new URL(url)) !== true) {
    throw wrong(
      'insecure_url',
      `The token endpoint ${displayUrl(url)} of ${server.issuer} is not https: no credentials are sent there. Use https or, within a network that you trust, allow it by the option allowAddress.`,
    )
  }
  if (!supportsGrantType(server, grantType)) {
    throw wrong(
      'grant_not_supported',
      `The authorization server ${server.issuer} lists the grants ${quoteForeign(String(server.grant_types_supported))}, and ${grantType} is not among them. If it has it all the same, correct the list in serverMetadata.`,
    )
  }
  if (typeof clientId !== 'string' || clientId === '') {
    throw wrong('client_id_missing', 'clientId is missing: the authorization server has to know who asks.')
  }
  if (scope !== undefined && !isScope(scope)) {
    throw wrong(
      'invalid_scope',
      `The scope ${JSON.stringify(scope)} is not made of scope tokens with one space between: printable ASCII without " and \\ (RFC 6749 §3.3).`,
    )
  }
  if (resource !== undefined && (!URL.canParse(resource) || resource.includes('#'))) {
    throw wrong(
      'invalid_resource',
      `The resource ${JSON.stringify(resource)} is not an absolute URI without a fragment (RFC 8707 §2).`,
    )
  }
  const { clientAuthentication } = options
  if (clientAuthentication !== undefined && typeof clientAuthentication !== 'function') {
    throw wrong(
      'auth_method_not_supported',
      `clientAuthentication is ${JSON.stringify(clientAuthentication)}, and has to be a function, such as clientSecretPost.`,
    )
  }
  const client: Client = { clientId, clientSecret }
  const authentication = clientAuthentication ?? chooseClientAuthentication(client, server)
  return { ...options, url, server, client, authentication }
}

/** Empty, or scope tokens with one space between (RFC 6749 §3.3). */
export function isScope(scope: string): boolean {
  return scope === '' || /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)
}
