/**
 * Tokens of a server that has to be found first, and again when it is no longer the right one.
 *
 * @module
 */
import { type Challenge, isOAuthError } from '@x/oauth-discovery'
import { type Clock, systemClock, untilAborted } from '@x/oauth-discovery/http'
import { type GrantOptions, type Kept, ownCopy } from './auth.ts'
import { wasShown } from './authorized-fetch.ts'
import { AuthConfigError } from './errors.ts'
import { type FromIssuer, type FromResource, type Hint, type Located, locate } from './locate.ts'
import type { GetTokenOptions } from './session.ts'
import type { Token } from './token.ts'
import { vetWishes } from './vetting.ts'

/** What is known where the server is not. */
export type Searching<O extends Omit<GrantOptions, 'clientId'>> = FromResource<O> | FromIssuer<O>

/** What a kind of auth object has to say to that. */
export interface Search<O extends GrantOptions, G extends Omit<GrantOptions, 'clientId'>, K extends Kept> {
  readonly grantType: string
  /** A person signs in. */
  readonly isLogin?: boolean
  /** Becomes a client of whichever server is found. Without it the credentials are for one server, and no other sees them. */
  readonly register?: ((options: G, hint: Hint) => Promise<O>) | undefined
  readonly keep: (options: O) => K
}

interface Whereabouts {
  readonly resourceUrl?: string | URL | undefined
  readonly issuer?: string | undefined
  readonly expectedIssuer?: string | undefined
  readonly legacy?: unknown
}

interface Place<O, K> {
  readonly options: O
  readonly kept: K
  /** Told by a store: it may have changed since. */
  readonly isRecalled: boolean
}

/** What keeps the tokens of an auth object: at the server that it was given, or at one that is found. */
export function sourceFor<O extends GrantOptions, G extends Omit<GrantOptions, 'clientId'>, K extends Kept>(
  given: O | Searching<G>,
  search: Search<O, G, K>,
): K | LocatedSource<O, G, K> {
  return 'resourceUrl' in given || 'issuer' in given
    ? new LocatedSource(given, search)
    : search.keep(ownCopy(given))
}

/** How long closing waits until the server is noted, in ms. */
const closingMs = 3_000

/** How long a store is believed, in ms. */
const dayMs = 86_400_000

const bareChallenge: Challenge = { scheme: 'bearer', token68: undefined, parameters: {} }

/** Ends a search that went by an answer which is no demand for a token, or never came: whoever has joined it looks again. */
const noDemand: unique symbol = Symbol()

/**
 * Finds the server once for all who wait: in the store, from the answer to the first request, or by asking the resource;
 * and asks it whom it trusts now, when it refuses a good token.
 */
export class LocatedSource<O extends GrantOptions, G extends Omit<GrantOptions, 'clientId'>, K extends Kept>
  implements Kept
{
  readonly #given: Searching<G> & Whereabouts
  readonly #search: Search<O, G, K>
  readonly #closing = new AbortController()
  readonly #clock: Clock
  #place: Place<O, K> | undefined
  #looking: Promise<Place<O, K>> | undefined
  #recalling: Promise<void> | undefined
  #noting: Promise<unknown> | undefined
  /** What the store holds, be it too old to be believed. */
  #past: Located | undefined
  /** The resource has answered without a token. */
  #isOpen = false
  /** The last token that it refused, when, and what came of it. */
  #doubted: { readonly accessToken: string; readonly at: number; readonly end: Promise<unknown> } | undefined

  constructor(given: Searching<G>, search: Search<O, G, K>) {
    vetWishes(given)
    const { resourceUrl = '' }: Whereabouts = given
    if (resourceUrl === '' && !('issuer' in given)) {
      throw new AuthConfigError(
        'invalid_resource',
        'The option resourceUrl is missing: name the resource, or an issuer.',
      )
    }
    // A URL can be changed.
    this.#given = { ...ownCopy(given), resourceUrl: String(resourceUrl) }
    this.#search = search
    this.#clock = given.clock ?? systemClock
  }

  current(): Token | undefined {
    return this.#place?.kept.current?.()
  }

  async getToken(asked: GetTokenOptions = {}): Promise<Token> {
    const { signal, rejected, challenge } = asked
    let place = await this.locate(asked)
    if (rejected !== undefined) place = await untilAborted(this.#doubt(place, rejected, challenge), signal)
    try {
      return await place.kept.getToken(asked)
    } catch (error) {
      const { kept } = (await untilAborted(this.#wayOut(place, error), signal)) ?? place
      if (kept === place.kept) throw error
      return kept.getToken(asked)
    }
  }

  /** Where the server is, which may be known already. */
  async locate({ signal, challenge }: GetTokenOptions = {}): Promise<Place<O, K>> {
    this.#closing.signal.throwIfAborted()
    await untilAborted(this.#recall(), signal)
    const look = () => this.#look({ challenge })
    if (this.#place !== undefined) return this.#place
    const looking = look()
    const again = (error: unknown) => {
      // One that can still be joined was cut off with the request of which it was a part (Cloudflare Workers).
      const isCutOff = this.#looking !== undefined
      if (this.#looking === looking) this.#looking = undefined
      return isCutOff || error === noDemand ? look() : Promise.reject(error)
    }
    return untilAborted(looking.catch(again), signal)
  }

  /**
   * Sends the first request without a token, and alone, where nothing is known: its answer says who gives out tokens, and
   * for what.
   *
   * @returns the answer, where it is no demand for a token
   */
  async probe(
    url: string,
    send: () => Promise<Response>,
    signal: GetTokenOptions['signal'],
  ): Promise<Response | undefined> {
    const closing = this.#closing.signal
    closing.throwIfAborted()
    if (this.#place !== undefined || !this.isWithin(url) || 'issuer' in this.#given) return undefined
    await untilAborted(this.#recall(), signal)
    const goesAlone = this.#looking === undefined && !this.#isOpen
    // Those who have waited in vain go at once: a resource that is slow would keep each of them waiting in turn.
    if (!goesAlone) await untilAborted(settled(this.#looking), signal)
    closing.throwIfAborted()
    if (this.#place !== undefined) return undefined
    const answer = send()
    if (goesAlone) {
      const demand = answer
        .catch(() => undefined)
        .then((each) => (each && isDemand(each, url) ? each : Promise.reject(noDemand)))
      void Promise.allSettled([demand, this.#look({ response: demand })])
    }
    const response = await answer
    this.#isOpen = !isDemand(response, url)
    if (this.#isOpen) return response
    if (this.#place === undefined) void settled(this.#look({ response }))
    void response.body?.cancel().catch(() => {})
    return undefined
  }

  /** Where tokens may be left, found without a request. */
  async known(signal: GetTokenOptions['signal']): Promise<Place<O, K> | undefined> {
    this.#closing.signal.throwIfAborted()
    await untilAborted(this.#recall(), signal)
    if (this.#place === undefined && this.#past !== undefined) {
      await this.#settle(this.#past, { signal: this.#closing.signal }, true)
    }
    return this.#place
  }

  /** What is elsewhere on the origin may be another resource, whose answer says nothing of this one. */
  isWithin(url: string): boolean {
    const { resourceUrl = '' } = this.#given
    const { href } = new URL(url)
    return `${href}/`.startsWith(`${resourceUrl}`.replace(/\/?$/, '/')) || href.startsWith(`${resourceUrl}?`)
  }

  async close(): Promise<void> {
    this.#closing.abort(new AuthConfigError('closed', 'This auth object was closed; make another one.'))
    const ended = new AbortController()
    const noted = Promise.race([this.#noting, this.#clock.sleep(closingMs, ended.signal)])
    await Promise.all([settled(this.#looking), this.#place?.kept.close(), noted])
    ended.abort()
  }

  /** Joins the search under way, or starts one. */
  #look(hint: Hint): Promise<Place<O, K>> {
    this.#looking ??= untilAborted(this.#find(hint), this.#closing.signal).finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #find(hint: Hint): Promise<Place<O, K>> {
    const { register, grantType, isLogin } = this.#search
    const known = this.#place?.options.serverMetadata.issuer
    const whole = {
      ...hint,
      signal: this.#closing.signal,
      expectedIssuer: this.#given.expectedIssuer ?? (register ? undefined : known),
    }
    const located = await locate(this.#given, { grantType, isLogin }, whole)
    const place = await this.#settle(located, whole)
    // What the resource demanded at first, and not what a later refusal did not say.
    const scope = this.#given.scope === undefined ? place.options.scope : located.scope
    // The server is known, whatever becomes of this.
    this.#noting = settled(this.#note({ ...located, scope }))
    return place
  }

  async #note(located: Located): Promise<void> {
    const { store } = this.#given
    if (store === undefined) return
    const until = this.#clock.now() + dayMs
    const stored = await store.load(this.#key)
    // It tells a sign-out where a login is to be found, for as long as there is one.
    const keeping = { expect: stored?.revision, keepUntil: undefined }
    await store.save(this.#key, JSON.stringify({ version: 1, until, located }), keeping)
  }

  async #settle(located: Located, hint: Hint, isRecalled = false): Promise<Place<O, K>> {
    const before = this.#place
    const options = await this.#optionsAt(located, hint)
    this.#closing.signal.throwIfAborted()
    const isSame = before !== undefined && identityOf(before.options) === identityOf(options)
    this.#place = { options, kept: isSame ? before.kept : this.#search.keep(options), isRecalled }
    // What one server was told is no business of another.
    if (!isSame) void before?.kept.close().catch(() => {})
    return this.#place
  }

  async #optionsAt(located: Located, hint: Hint): Promise<O> {
    const { options: before } = this.#place ?? {}
    const isThere = before?.serverMetadata.issuer === located.serverMetadata.issuer
    // A challenge that says nothing of the scope takes nothing back.
    const scope = isThere ? before.scope : (this.#given.scope ?? located.scope)
    // We are its client already; a refresh token that was handed in may be used up.
    if (isThere && hint.refusedClient === undefined)
      return { ...before, ...located, scope, refreshToken: undefined }
    const found = {
      ...this.#given,
      ...located,
      scope,
      ...(before && { refreshToken: undefined }),
    } as unknown as G & O // what G lacks of O is what was located; or what `register` gives
    return this.#search.register ? this.#search.register(found, hint) : found
  }

  /** Whom the resource trusts now: asked once for each token that it refuses while it was thought good. */
  async #doubt(
    place: Place<O, K>,
    { accessToken, obtainedAt }: Token,
    challenge = bareChallenge,
  ): Promise<Place<O, K>> {
    const held = place.kept.current?.()
    if ('issuer' in this.#given || (held !== undefined && held.accessToken !== accessToken)) return place
    const before = this.#doubted
    if (before?.accessToken !== accessToken) {
      const { serverMetadata, resource } = place.options
      // One that is new, and refused again, may be of a server that has changed.
      const isNew = before !== undefined && obtainedAt >= before.at
      const known = place.isRecalled || isNew ? undefined : serverMetadata
      for (const each of [serverMetadata.issuer, resource ?? []].flat()) this.#given.cache?.drop(each)
      const end = this.#look({ challenge, known }).catch((error: unknown) => {
        // A resource that cannot tell now, or speaks of another one, has named no other server.
        if (isOAuthError(error) && (error.recovery === 'transient' || error.code.startsWith('resource_m')))
          return
        // The next who is refused asks again.
        this.#doubted = before
        throw error
      })
      this.#doubted = { accessToken, at: this.#clock.now(), end }
    }
    await this.#doubted?.end
    return this.#place ?? place
  }

  /** What may help where a server does not know the client any longer, or is not where it was yesterday. */
  async #wayOut(
    { options, kept, isRecalled }: Place<O, K>,
    error: unknown,
  ): Promise<Place<O, K> | undefined> {
    if (!isOAuthError(error)) return undefined
    const isForPerson = error.recovery === 'interaction'
    // Somebody else was led elsewhere, which has ended what was under way there.
    if (this.#place?.kept !== kept && !isForPerson) return this.#place
    if (!('endpoint' in error)) return undefined
    const isUnknown = 'error' in error && error.error === 'invalid_client'
    if (isUnknown && this.#search.register)
      return this.#look({ refusedClient: options.clientId, challenge: bareChallenge })
    return isRecalled && !isForPerson ? this.#look({ challenge: bareChallenge }) : undefined
  }

  get #key(): string {
    const { resourceUrl, issuer, expectedIssuer, legacy, allowAddress, partition } = this.#given
    const { grantType } = this.#search
    // What one may do, another need not be allowed to.
    const allowed = [legacy !== undefined, allowAddress !== undefined && [partition]]
    return JSON.stringify(['server', grantType, resourceUrl, issuer, expectedIssuer, ...allowed])
  }

  /** Reads, once, what was found before, perhaps by another process. */
  #recall(): Promise<void> {
    const { store, issuer, expectedIssuer = issuer, binding } = this.#given
    if (store === undefined || this.#place !== undefined) return Promise.resolve()
    const closing = this.#closing.signal
    const recall = async () => {
      const stored = await store.load(this.#key)
      try {
        const { version, until, located } = JSON.parse(stored?.value ?? '')
        const isOther = expectedIssuer !== undefined && located.serverMetadata.issuer !== expectedIssuer
        if (version !== 1 || isOther || (located.boundTokensOnly && binding === undefined)) return
        this.#past = located
        if (this.#clock.now() < until) await this.#settle(located, { signal: closing }, true)
      } catch {
        // It is of another program, or of a server that is of no use any longer: it is looked for.
      }
    }
    this.#recalling ??= untilAborted(recall(), closing)
    return this.#recalling.catch((error: unknown) => {
      this.#recalling = undefined
      throw error
    })
  }
}

function isDemand(response: Response, asked: string): boolean {
  const { status, headers } = response
  return wasShown(response, asked) && (status === 401 || (status === 403 && headers.has('www-authenticate')))
}

/** Whether the same tokens are good at both. */
function identityOf({ serverMetadata: server, resource, clientId }: GrantOptions): string {
  const endpoints = Object.entries(server)
    .filter(([name]) => /^(?:token|revocation|(?:device_)?authorization)_endpoint$/.test(name))
    .map(String)
    .toSorted()
  return JSON.stringify([server.issuer, endpoints, resource, clientId])
}

function settled(work: Promise<unknown> | undefined): Promise<unknown> {
  return Promise.allSettled([work])
}
