/**
 * The token in hand: whether it may be sent, and when to look for its successor.
 *
 * @module
 */
import { isOAuthError } from '@x/oauth-discovery'
import { createToken, isFresh, type Token } from './token.ts'

/** How many refused tokens are remembered: one may still lie in a store, or be on its way from it. */
const maxRefused = 8

export class HeldToken {
  /** Fit to be sent, until it ends. */
  token: Token | undefined
  /** The newest, whatever has become of it: it may hold a refresh token. */
  newest: Token | undefined
  /** When to fetch a successor of a token that is still good, ms since the epoch. */
  #renewAt = Number.POSITIVE_INFINITY
  #refused: readonly Token[] = []

  /** The token, if it has not ended. */
  at(now: number): Token | undefined {
    return this.token && isFresh(this.token, now) ? this.token : undefined
  }

  isDue(now: number): boolean {
    return now >= this.#renewAt
  }

  keep(token: Token): Token {
    this.token = this.newest = token
    const life = token.expiresAt === undefined ? Number.POSITIVE_INFINITY : token.expiresAt - token.obtainedAt
    // Spread over the last part of its life, or all who started together would renew together.
    this.#renewAt = token.obtainedAt + life * (0.6 + 0.3 * Math.random())
    return token
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

  /** Whether one that was found elsewhere is good, and news. */
  isBetter(found: Token, now: number): boolean {
    return !this.wasRefused(found) && found.accessToken !== this.token?.accessToken && isFresh(found, now)
  }

  /**
   * After a failed early renewal the next one waits: a tenth of what is left, a second, or what the server asks; for ever
   * where only a person can help.
   */
  postpone(error: unknown, now: number): void {
    const needsPerson = isOAuthError(error) && error.recovery === 'interaction'
    const left = (this.token?.expiresAt ?? now) - now
    const asked = isOAuthError(error) ? (error.retryAfterMs ?? 0) : 0
    this.#renewAt = needsPerson ? Number.POSITIVE_INFINITY : now + Math.max(left / 10, 1000, asked)
  }

  /** Forgets both. */
  drop(): void {
    this.token = this.newest = undefined
  }
}
