/**
 * One token over time.
 *
 * A grant knows how to obtain a token and remembers nothing. A session remembers one token and knows nothing
 * about how it was obtained. Expiry, concurrency and storage are decided here and nowhere else.
 *
 * @module
 */
import type { Challenge } from '@x/oauth-discovery'
import { type Clock, systemClock, untilAborted } from '@x/oauth-discovery/http'
import { AuthConfigError } from './errors.ts'
import type { RenewalReason } from './events.ts'
import { type Asked, isPassing, type Obtain, Renewer, type RenewerOptions } from './renewer.ts'
import { demandedScope } from './scope.ts'
import type { Token } from './token.ts'

export interface GetTokenOptions {
  /** Ends this caller's wait. A renewal goes on, for others; a sign-in that nobody waits for any longer ends. */
  signal?: AbortSignal | null | undefined
  /**
   * The very token that a resource has just refused. It is compared with the current one: a thousand refusals
   * of one token cost one renewal, and a late refusal of an old token costs none.
   */
  rejected?: Token | undefined
  /**
   * What the resource said: the scope of an `insufficient_scope` is asked for beside what was asked for before, and where
   * the server has to be found, its `resource_metadata` says where.
   */
  challenge?: Challenge | undefined
  /** Whether a person may be asked, where one can. `false`: `interaction_required` is thrown instead. Default: true. */
  interactive?: boolean | undefined
}

/** What every consumer of credentials needs, and all that it needs. */
export interface TokenSource {
  getToken(options?: GetTokenOptions): Promise<Token>
  /** The token in hand, if it is good now: asked first, where there is one that can be had without a wait. */
  current?(): Token | undefined
}

export interface TokenSessionOptions extends RenewerOptions {
  /** Of each request, in ms: a renewal has twice that, and 15 s more, for others may have the turn. Default: 10,000. */
  readonly timeoutMs?: number | undefined
}

/** How long closing waits for a refresh that was sent, in ms. */
const closingMs = 3_000

/** How long a renewal may take, in ms, beside the two requests that one may send: who has the turn may have died. */
const turnMs = 15_000

/** A renewal under way. */
interface Begun {
  readonly token: Promise<Token>
  /** Begun while the token in hand was good. */
  readonly isEarly: boolean
  /** Begun for what a resource demanded: its error says nothing to who only wants the next token. */
  readonly isWider: boolean
}

/**
 * Keeps one token good, however it is obtained: renews it towards its end in the background, at its end, and when it
 * was refused; once for all who wait.
 */
export class TokenSession implements TokenSource, AsyncDisposable {
  readonly #options: TokenSessionOptions
  readonly #clock: Clock
  readonly #renewer: Renewer
  #renewal: Begun | undefined
  /** The last one that will never end. */
  #cutOff: Promise<Token> | undefined
  /** All that is under way: the renewal, and sign-ins beside it. */
  #flights: readonly Promise<Token>[] = []
  /** Aborted to end what is under way; and for good, when the session is closed. */
  #work = new AbortController()
  #leaving: Promise<Token | undefined> | undefined

  /** @param obtain called for each renewal, one at a time */
  constructor(obtain: Obtain, options: TokenSessionOptions = {}) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#renewer = new Renewer(obtain, options)
  }

  /** The token in hand, if it is good now; towards its end a successor is fetched meanwhile. */
  current(): Token | undefined {
    if (this.#work.signal.aborted) return undefined
    const now = this.#clock.now()
    const token = this.#renewer.held.at(now)
    // Nobody waits for this renewal, so nobody is told of its failure: the token in hand is good until its end.
    if (token !== undefined && this.#renewer.held.isDue(now)) this.#renew('early').catch(() => {})
    return token
  }

  /** The same, if it is also good for what a resource demands. */
  held(challenge: Challenge | undefined): Token | undefined {
    const { token } = this.#renewer.held
    return token && this.#renewer.suffices(token, demandedScope(challenge)) ? this.current() : undefined
  }

  /**
   * A token fit to send now, renewed first if it must be.
   *
   * Concurrent callers share one renewal. A failed one fails all who wait, and the next call tries again; after three in
   * a row, or where the server says when, calls fail for a while without another attempt.
   *
   * @throws what the grant throws, what the store throws, or the reason of the signal
   */
  async getToken({ signal, rejected, challenge }: GetTokenOptions = {}): Promise<Token> {
    const demanded = demandedScope(challenge)
    const why = this.#renewer.reason(rejected, demanded)
    let hasWaited = false
    for (;;) {
      signal?.throwIfAborted()
      if (rejected !== undefined && demanded === undefined) this.#renewer.held.refuse(rejected)
      // Nothing may be awaited from here to the renewal: one could end in the gap, and another start.
      const held = this.held(challenge)
      if (held !== undefined) return held
      const joined = this.#renewal
      // A sign-out puts another one in its place.
      const { signal: work } = this.#work
      const isForOther = joined?.isWider && demanded === undefined
      const renewal = this.#renew(why, challenge)
      const token = await untilAborted(renewal, signal).catch((error: unknown) => {
        if (signal?.aborted || work.aborted) throw error
        // One that can still be joined has not ended: it was cut off with the request of which it was a part (Cloudflare
        // Workers).
        if (this.#renewal?.token === renewal) {
          this.#renewal = undefined
          this.#cutOff = renewal
        }
        // Or it was begun when there was still time to fail: now that there is none, another one is.
        if (this.#cutOff === renewal || (joined?.isEarly && isPassing(error)) || isForOther) return undefined
        throw error
      })
      if (token === undefined) continue
      // What was under way may have brought the very token that was refused meanwhile, or one of another scope.
      // Twice is enough: some servers give the same token again.
      const isRefused = this.#renewer.held.wasRefused(token) && !hasWaited
      if (joined === undefined || (!isRefused && this.#renewer.suffices(token, demanded))) return token
      hasWaited = true
    }
  }

  /** Obtains a token with the help of a person, whatever is in hand, beside a renewal. */
  logIn(challenge: Challenge | undefined, signal: AbortSignal): Promise<Token> {
    const why = this.#renewer.reason(undefined, demandedScope(challenge))
    const either = AbortSignal.any([signal, this.#work.signal])
    return this.#fly(why, { challenge, interactive: true, signal: either })
  }

  /**
   * Ends what is under way, and forgets the token, here and in the store. Who asks for one meanwhile waits, and comes
   * after it.
   *
   * @returns it, so that it can be revoked
   */
  signOut(): Promise<Token | undefined> {
    this.#leaving ??= this.#leave().finally(() => {
      this.#leaving = undefined
    })
    return this.#leaving
  }

  /**
   * Ends what is under way; the session is of no use afterwards. A refresh that was sent is waited for, for 3 s at most:
   * the refresh token that it brings is the only one that is good.
   */
  async close(): Promise<void> {
    const ended = new AbortController()
    const end = this.#end(
      this.#work,
      new AuthConfigError('closed', 'This auth object was closed; make another one.'),
    )
    await Promise.race([end, this.#clock.sleep(closingMs, ended.signal)])
    ended.abort()
  }

  /** The same as `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #leave(): Promise<Token | undefined> {
    const work = this.#work
    work.signal.throwIfAborted()
    this.#work = new AbortController()
    await this.#end(
      work,
      new AuthConfigError('signed_out', 'No token: somebody signed out meanwhile. Sign in again.'),
    )
    // What has ended only now may have brought another one.
    return this.#renewer.forgetAll(this.#work.signal)
  }

  /** Aborts what is under way, and waits for the end of it. */
  async #end(work: AbortController, reason: AuthConfigError): Promise<void> {
    // Whoever comes meanwhile must not join it.
    this.#renewer.held.token = this.#renewal = undefined
    work.abort(reason)
    await Promise.allSettled(this.#flights)
  }

  /** Joins the renewal under way, or starts one. */
  #renew(why: RenewalReason, challenge?: Challenge): Promise<Token> {
    this.#renewal ??= {
      isEarly: why === 'early',
      isWider: demandedScope(challenge) !== undefined,
      token: this.#inTime(why, challenge).finally(() => {
        if (this.#renewal === renewal) this.#renewal = undefined
      }),
    }
    const renewal = this.#renewal
    return renewal.token
  }

  /** A renewal that ends for whoever waits when its time is over, or the session's, though a refresh may go on. */
  #inTime(why: RenewalReason, challenge: Challenge | undefined): Promise<Token> {
    const { timeoutMs = 10_000 } = this.#options
    const limitMs = 2 * timeoutMs + turnMs
    const done = new AbortController()
    const signal = AbortSignal.any([this.#renewer.lateAfter(limitMs, done.signal), this.#work.signal])
    const flight = this.#fly(why, { challenge, interactive: false, signal })
    return untilAborted(flight, signal).finally(() => done.abort())
  }

  async #fly(why: RenewalReason, asked: Asked): Promise<Token> {
    // Also so that nothing happens before it can be joined: a handler of events might ask for a token.
    await this.#leaving?.catch(() => {})
    asked.signal.throwIfAborted()
    const flight = this.#renewer.renew(why, asked).finally(() => {
      this.#flights = this.#flights.filter((each) => each !== flight)
    })
    this.#flights = [...this.#flights, flight]
    return flight
  }
}
