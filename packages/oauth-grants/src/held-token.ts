/**
 * The token in hand: whether it may be sent, and when to look for its successor.
 *
 * @module
 */
import { isOAuthError } from '@x/oauth-discovery'
import { createToken, isFresh, type Token } from './token.ts'

/** How far a clock may be set back, or two of them be apart, and still be believed, in ms. */
const jumpMs = 1_000
const skewMs = 60_000

/** How many refused tokens are remembered: one may still lie in a store, or be on its way from it. */
const maxRefused = 8

export class HeldToken {
  /** Fit to be sent, until it ends. */
  token: Token | undefined
  /** The newest, whatever has become of it: it may hold a refresh token. */
  newest: Token | undefined
  /** When to fetch a successor of a token that is still good, ms since the epoch. */
  #renewAt = Number.POSITIVE_INFINITY
  #lastSeen = 0
  #refused: readonly Token[] = []

  /** The token, if it has not ended. */
  at(now: number): Token | undefined {
    // By a clock that was set back it would end too late: it is used, and its successor fetched meanwhile.
    if (now < this.#lastSeen - jumpMs) this.#renewAt = now
    this.#lastSeen = now
    return this.token && isFresh(this.token, now) ? this.token : undefined
  }

  isDue(now: number): boolean {
    return now >= this.#renewAt
  }

  keep(token: Token, now: number): void {
    this.token = this.newest = token
    this.#lastSeen = now
    const life = (token.expiresAt ?? Number.POSITIVE_INFINITY) - token.obtainedAt
    // Spread over the last part of its life, or all who started together would renew together.
    this.#renewAt = token.obtainedAt + life * (0.6 + 0.3 * Math.random())
  }

  /** Lets go of the refresh token. What was asked for is asked for again at the next sign-in. */
  strip(token: Token): void {
    const { accessToken, binding } = token
    this.newest = createToken({ ...token, accessToken, binding })
  }

  refuse(token: Token): void {
    if (this.token?.accessToken === token.accessToken) this.token = undefined
    if (this.wasRefused(token)) return
    // The newest are kept: late refusals of old tokens must not push out the one that lies in a store.
    this.#refused = [...this.#refused, token]
      .toSorted((one, other) => one.obtainedAt - other.obtainedAt)
      .slice(-maxRefused)
  }

  wasRefused({ accessToken }: Token): boolean {
    return this.#refused.some((each) => each.accessToken === accessToken)
  }

  /** Whether one that was found elsewhere is good, and news. When one ends that comes from the future, nobody knows. */
  isBetter(found: Token, now: number): boolean {
    const isNews = !this.wasRefused(found) && found.accessToken !== this.token?.accessToken
    return isNews && isFresh(found, now) && found.obtainedAt <= now + skewMs
  }

  /**
   * After a failed early renewal the next one waits: a tenth of what is left, a second, or what the server asks; for ever
   * where only a person can help.
   */
  postpone(error: unknown, now: number): void {
    const known = isOAuthError(error) ? error : undefined
    const left = (this.token?.expiresAt ?? now) - now
    const pauseMs = Math.max(left / 10, 1000, known?.retryAfterMs ?? 0)
    this.#renewAt = known?.recovery === 'interaction' ? Number.POSITIVE_INFINITY : now + pauseMs
  }

  /** @param signedOut what to forget all but the scope of; default: all of everything */
  drop(signedOut?: Token): void {
    this.token = this.newest = undefined
    if (signedOut) this.strip(signedOut)
  }
}
