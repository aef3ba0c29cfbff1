/**
 * What every kind of auth object has in common: it names a server, a client and a grant, and keeps a session.
 *
 * @module
 */
import type { AuthorizationServerMetadata, Fetch, HttpOptions } from '@x/oauth-discovery'
import { fetchWith, vetOrigins } from './authorized-fetch.ts'
import type { Binding } from './binding.ts'
import type { ClientAuthentication } from './client-authentication.ts'
import type { GrantEvent } from './events.ts'
import type { Renewal } from './renewer.ts'
import { scopeTokens, unionOf } from './scope.ts'
import { type GetTokenOptions, TokenSession, type TokenSource } from './session.ts'
import type { TokenStore } from './store.ts'
import type { Token } from './token.ts'
import { createPost, createTokenEndpoint, type Post, type TokenEndpoint } from './token-endpoint.ts'
import { vetClient, vetServer } from './vetting.ts'

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
   * Shares the token with other auth objects for the same grant, server, client, resource, scope, key and `partition`. Where
   * they act for several tenants, each needs a partition of its own: while a token in the store is good, a secret that is
   * wrong is not noticed. Where the server had to be found, that is noted there as well, and believed for a day.
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
