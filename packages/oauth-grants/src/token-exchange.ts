/**
 * One token for another: RFC 8693.
 *
 * @module
 */
import { displayUrl } from '@x/oauth-discovery/http'
import { type AuthOptions, createSession, type Grant, GrantAuth, type GrantKind } from './auth.ts'
import { type Credential, type Revealed, reveal } from './credential.ts'
import { AuthConfigError } from './errors.ts'
import type { FromIssuer, FromResource } from './locate.ts'
import { type Searching, sourceFor } from './located-source.ts'
import { withRefresh } from './refresh.ts'
import type { GetTokenOptions, TokenSession, TokenSource } from './session.ts'
import type { Token } from './token.ts'
import { noToken } from './token-response.ts'
import { vetClient, vetServer } from './vetting.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const typePrefix = 'urn:ietf:params:oauth:token-type:'
// Spelled out: bundlers keep what is put together, also for those who do not use it.
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

export interface TokenExchangeOptions extends Omit<AuthOptions, 'resource'> {
  /**
   * For whom the new token is. A function is asked for every token: give the same text as long as it is good, for what
   * it gives says whose token is meant.
   */
  subjectToken: Credential
  /**
   * Default: `urn:ietf:params:oauth:token-type:access_token`, which means one of this very server. A JWT of another is
   * `urn:ietf:params:oauth:token-type:jwt` (RFC 8693 §3).
   */
  subjectTokenType?: string | undefined
  /** Who acts for the subject, where that is to be on record. */
  actorToken?: Credential | undefined
  /** Default: as `subjectTokenType`. */
  actorTokenType?: string | undefined
  /** Default: the server's choice, which has to be one that requests can carry. */
  requestedTokenType?: string | undefined
  /** Logical names of where the token is to be used. */
  audience?: string | readonly string[] | undefined
  /** Where the token is to be used: absolute URIs, sent byte for byte. */
  resource?: string | readonly string[] | undefined
}

interface Parties {
  readonly subject: Revealed
  readonly actor: Revealed | undefined
}

/**
 * Tokens of users, exchanged for tokens with which a service acts for them.
 *
 * One object serves many users: each token is kept for the subject and actor that it was exchanged for, and for nobody
 * else.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8693
 */
export class TokenExchangeAuth extends GrantAuth {
  readonly #actsForMany: boolean

  /**
   * The server is given, or found as by `ClientCredentialsAuth`.
   *
   * @throws {AuthConfigError} as `ClientCredentialsAuth`, and `invalid_token` for an empty subject or actor token
   */
  constructor(given: TokenExchangeOptions | Searching<TokenExchangeOptions>) {
    const { subjectToken, actorToken = '' } = given
    const keep = (options: TokenExchangeOptions) => {
      vetServer(options, grantType)
      vetClient(options)
      return new SubjectSessions(options)
    }
    super(given, sourceFor(given, { grantType, keep }))
    if (!subjectToken || given.actorToken === '') {
      throw new AuthConfigError(
        'invalid_token',
        `The option ${subjectToken ? 'actorToken' : 'subjectToken'} is empty: check where it was read from.`,
      )
    }
    this.#actsForMany = [subjectToken, actorToken].some((each) => typeof each !== 'string')
  }

  /**
   * A new one each time, where a token is asked for by a function: for whom the next call is, nobody knows beforehand, and
   * what is kept by this name (such as by `MCPClient.connect` in its `store`) is shared with nobody, and not found again.
   */
  override get partition(): string {
    return this.#actsForMany ? crypto.randomUUID() : super.partition
  }

  /**
   * Finds the server by asking the resource, and what to ask it for. Name the `expectedIssuer` that your credentials and your
   * subject tokens are for, and they go to no other.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(options: FromResource<TokenExchangeOptions>): Promise<TokenExchangeAuth> {
    return new this(options).located(options.signal)
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(options: FromIssuer<TokenExchangeOptions>): Promise<TokenExchangeAuth> {
    return new this(options).located(options.signal)
  }
}

/** For how many subjects tokens are kept; of more, those are let go that were not asked for the longest. */
const maxSubjects = 1_000

/** A session for each subject and actor. */
class SubjectSessions implements TokenSource {
  readonly #options: TokenExchangeOptions
  /** By what was revealed, the one asked for last at the end. */
  readonly #sessions = new Map<string, TokenSession>()
  readonly #closing = new AbortController()

  constructor(options: TokenExchangeOptions) {
    this.#options = options
  }

  async getToken(asked: GetTokenOptions = {}): Promise<Token> {
    const { subjectToken, actorToken } = this.#options
    // The caller's own functions may take as long as a person does: the wait for them ends here as well.
    const closing = this.#closing.signal
    const signal = asked.signal ? AbortSignal.any([asked.signal, closing]) : closing
    signal.throwIfAborted()
    const wanted = { ...asked, signal }
    const subject = await reveal(subjectToken, 'subjectToken', wanted)
    const actor = actorToken && (await reveal(actorToken, 'actorToken', wanted))
    const session = await this.#sessionOf({ subject, actor: actor || undefined })
    return session.getToken(wanted)
  }

  async close(): Promise<void> {
    this.#closing.abort(new AuthConfigError('closed', 'This auth object was closed; make another one.'))
    await Promise.all([...this.#sessions.values()].map((session) => session.close()))
  }

  async #sessionOf(parties: Parties): Promise<TokenSession> {
    const key = JSON.stringify([parties.subject.text, parties.actor?.text])
    const session = this.#sessions.get(key) ?? (await this.#create(parties, key))
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    for (const [oldest] of this.#sessions) {
      if (this.#sessions.size <= maxSubjects) break
      this.#sessions.delete(oldest)
    }
    if (this.#closing.signal.aborted) await session.close()
    return session
  }

  async #create(parties: Parties, key: string): Promise<TokenSession> {
    // Only a store needs a name for them: one that tells nothing of a token, and differs where what is asked for does.
    const { store, audience = [], requestedTokenType, subjectTokenType, actorTokenType } = this.#options
    const asked = [[audience].flat(), requestedTokenType, subjectTokenType, actorTokenType]
    const principal = store && (await fingerprint(JSON.stringify([key, ...asked])))
    // Somebody may have made it in the meantime.
    const session = this.#sessions.get(key) ?? createSession(this.#options, exchangeOf(parties), principal)
    this.#sessions.set(key, session)
    return session
  }
}

async function fingerprint(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function exchangeOf({ subject, actor }: Parties): GrantKind<TokenExchangeOptions> {
  const exchange: Grant<TokenExchangeOptions> = async (options, { endpoint, scope, signal }) => {
    const { subjectTokenType = accessTokenType, actorTokenType = subjectTokenType } = options
    requireOwn(subject, subjectTokenType, options)
    if (actor !== undefined) requireOwn(actor, actorTokenType, options)
    const token = await endpoint(
      {
        ...options.parameters,
        grant_type: grantType,
        subject_token: subject.text,
        subject_token_type: subjectTokenType,
        // "This parameter is REQUIRED when the actor_token parameter is present ... but MUST NOT be included otherwise" (§2.1).
        ...(actor && { actor_token: actor.text, actor_token_type: actorTokenType }),
        requested_token_type: options.requestedTokenType,
        ...(options.audience !== undefined && { audience: options.audience }),
        resource: options.resource,
        scope,
      },
      signal,
    )
    requireAskedType(token, options)
    return token
  }
  const refreshed = withRefresh(exchange, undefined)
  return {
    grantType,
    // What a refresh gives is an access token: it is of no use to whoever asked for something else.
    grant: (options, request) =>
      (options.requestedTokenType ?? accessTokenType) === accessTokenType
        ? refreshed(options, request)
        : exchange(options, request),
  }
}

/** An access or refresh token is of the server that is asked (RFC 8693 §3); another's would give it away. */
function requireOwn(
  { issuer }: Revealed,
  type: string,
  { serverMetadata: server }: TokenExchangeOptions,
): void {
  const isOfThisServer = issuer === undefined || issuer === server.issuer
  if (isOfThisServer || !/:(?:access|refresh)_token$/.test(type)) return
  throw new AuthConfigError(
    'invalid_token',
    `A token of ${issuer} was not sent to ${server.issuer}: the type ${type} means one of its own (RFC 8693 §3). If it is a JWT that this server trusts, say subjectTokenType: "${typePrefix}jwt".`,
  )
}

/** "the type of the issued token" has to be what was asked for, or else what a request can carry (§2.2.1). */
function requireAskedType({ issuedTokenType, issuer }: Token, options: TokenExchangeOptions): void {
  const asked = options.requestedTokenType
  const usable = asked === undefined ? [accessTokenType, `${typePrefix}jwt`] : [asked]
  if (issuedTokenType !== undefined && usable.includes(issuedTokenType)) return
  const what = issuedTokenType === undefined ? 'missing' : 'another'
  const why = `issued_token_type is ${what}, and has to be ${usable.join(' or ')} (RFC 8693 §2.2.1)`
  throw noToken(why, { endpoint: displayUrl(options.serverMetadata.token_endpoint ?? ''), issuer })
}
