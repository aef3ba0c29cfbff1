/**
 * One token over time.
 *
 * A grant knows how to obtain a token and remembers nothing. A session remembers one token and knows nothing
 * about how it was obtained. Expiry, concurrency and storage are decided here and nowhere else.
 *
 * @module
 */
import { isOAuthError } from '@x/oauth-discovery'
import {
  type Clock,
  createEmit,
  type Emit,
  type HttpOptions,
  systemClock,
  untilAborted,
} from '@x/oauth-discovery/http'
import { AuthConfigError } from './errors.ts'
import type { GrantEvent, RenewalReason } from './events.ts'
import type { TokenStore } from './store.ts'
import { decodeToken, encodeToken, isFresh, requireToken, type Token } from './token.ts'

export interface GetTokenOptions {
  /** Ends this caller's wait. A renewal shared with others goes on. */
  signal?: AbortSignal | null | undefined
  /**
   * The very token that a resource has just refused. It is compared with the current one: a thousand refusals
   * of one token cost one renewal, and a late refusal of an old token costs none.
   */
  rejected?: Token | undefined
}

/** What every consumer of credentials needs, and all that it needs. */
export interface TokenSource {
  getToken(options?: GetTokenOptions): Promise<Token>
}

/** Obtains a token over the wire, and remembers nothing. */
export type Obtain = (renewal: {
  /** Aborted when the session is closed. */
  readonly signal: AbortSignal
  /** Tells of exchanges as part of this renewal. */
  readonly emit: Emit<GrantEvent>
}) => Promise<Token>

export interface TokenSessionOptions extends Pick<HttpOptions<GrantEvent>, 'clock' | 'onEvent'> {
  /** Where the token outlives the session, and the key that it has there. */
  readonly storage?: { readonly store: TokenStore; readonly key: string } | undefined
}

/** How many refused tokens are remembered: one may still lie in a store, or be on its way from it. */
const maxRefused = 8

/**
 * Keeps one token good, however it is obtained: renews it towards its end in the background, at its end, and when it
 * was refused; once for all who wait.
 */
export class TokenSession implements TokenSource, AsyncDisposable {
  readonly #obtain: Obtain
  readonly #options: TokenSessionOptions
  readonly #clock: Clock
  readonly #closing = new AbortController()
  #token: Token | undefined
  #renewal: Promise<Token> | undefined
  /** When to fetch a successor of a token that is still good, ms since the epoch. */
  #renewAt = Number.POSITIVE_INFINITY
  #refused: readonly Token[] = []

  /** @param obtain called for each renewal, one at a time */
  constructor(obtain: Obtain, options: TokenSessionOptions = {}) {
    this.#obtain = obtain
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** The token in hand, if it is good now; towards its end a successor is fetched meanwhile. */
  current(): Token | undefined {
    const token = this.#token
    if (token === undefined || this.#closing.signal.aborted) return undefined
    const now = this.#clock.now()
    if (!isFresh(token, now)) return undefined
    // Nobody waits for this renewal, so nobody is told of its failure: the token in hand is good until its end.
    if (now >= this.#renewAt) this.#renew('early').catch(() => {})
    return token
  }

  /**
   * A token fit to send now, renewed first if it must be.
   *
   * Concurrent callers share one renewal. A failed one is not remembered: all who wait see the error, and the
   * next call tries again.
   *
   * @throws what the grant throws, what the store throws, or the reason of the signal
   */
  async getToken({ signal, rejected }: GetTokenOptions = {}): Promise<Token> {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    const why = this.#token === undefined ? 'absent' : rejected === undefined ? 'expired' : 'rejected'
    if (rejected !== undefined) this.#refuse(rejected)
    // Nothing may be awaited from here to the renewal: one could end in the gap, and another start.
    const hasJoined = this.#renewal !== undefined
    const token = this.current() ?? (await untilAborted(this.#renew(why), signal))
    // What was under way may have brought the very token that was refused meanwhile, and was still on its way to a store.
    return hasJoined && this.#wasRefused(token) ? untilAborted(this.#renew('rejected'), signal) : token
  }

  /** Ends a renewal under way; the session is of no use afterwards. */
  async close(): Promise<void> {
    this.#closing.abort(new AuthConfigError('closed', 'This auth object was closed; make another one.'))
    await this.#renewal?.catch(() => {})
  }

  /** The same as `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #refuse(token: Token): void {
    if (this.#token?.accessToken === token.accessToken) this.#token = undefined
    if (this.#wasRefused(token)) return
    // The newest are kept: late refusals of old tokens must not push out the one that lies in a store.
    this.#refused = [...this.#refused, token]
      .toSorted((one, other) => one.obtainedAt - other.obtainedAt)
      .slice(-maxRefused)
  }

  #wasRefused({ accessToken }: Token): boolean {
    return this.#refused.some((each) => each.accessToken === accessToken)
  }

  /** Joins the renewal under way, or starts one. */
  #renew(why: RenewalReason): Promise<Token> {
    // Not before this assignment: a handler of events might ask for a token.
    this.#renewal ??= Promise.resolve()
      .then(() => this.#fly(why))
      .finally(() => {
        this.#renewal = undefined
      })
    return this.#renewal
  }

  async #fly(why: RenewalReason): Promise<Token> {
    const emit = createEmit<GrantEvent>(this.#options)
    emit({ type: 'renewal', why, outcome: 'started' })
    const held = this.#token
    try {
      const { storage } = this.#options
      // A store that hangs must not keep anybody who closes this session.
      const { signal } = this.#closing
      const stored = storage && (await untilAborted(storage.store.load(storage.key), signal))
      const found = stored === undefined ? undefined : decodeToken(stored.value)
      if (found !== undefined && this.#isBetter(found)) {
        emit({ type: 'renewal', why, outcome: 'adopted' })
        return this.#keep(found)
      }
      const token = await this.#obtain({ signal, emit })
      requireToken(token)
      this.#keep(token)
      emit({ type: 'renewal', why, outcome: 'obtained' })
      // A write that loses against another's is no loss: both tokens are good.
      const write = storage?.store.save(storage.key, encodeToken(token), { expect: stored?.revision })
      if (write !== undefined) await untilAborted(write, signal)
      return token
    } catch (error) {
      // A new token keeps its own time: only its way into the store failed.
      if (this.#token === held) this.#postpone(error)
      emit({ type: 'renewal', why, outcome: 'failed', ...(isOAuthError(error) && { code: error.code }) })
      throw error
    }
  }

  #isBetter(found: Token): boolean {
    return (
      !this.#wasRefused(found) &&
      found.accessToken !== this.#token?.accessToken &&
      isFresh(found, this.#clock.now())
    )
  }

  #keep(token: Token): Token {
    this.#token = token
    const life = token.expiresAt === undefined ? Number.POSITIVE_INFINITY : token.expiresAt - token.obtainedAt
    // Spread over the last part of its life, or all who started together would renew together.
    this.#renewAt = token.obtainedAt + life * (0.6 + 0.3 * Math.random())
    return token
  }

  /** After a failed early renewal the next one waits: a tenth of what is left, a second, or what the server asks. */
  #postpone(error: unknown): void {
    const now = this.#clock.now()
    const left = (this.#token?.expiresAt ?? now) - now
    const asked = isOAuthError(error) ? (error.retryAfterMs ?? 0) : 0
    this.#renewAt = now + Math.max(left / 10, 1000, asked)
  }
}
