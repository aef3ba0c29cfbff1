/**
 * How often a server may be asked: an error that does not pass is not made a storm of requests.
 *
 * @module
 */
import { TokenError } from './errors.ts'
import type { RenewalReason } from './events.ts'

/** From this failure in a row on, the next attempt waits: a second, then twice as long each time. */
const patience = 3
const maxPauseMs = 30_000
/** A server that asks for more is asked again all the same. */
const maxRetryAfterMs = 60_000
/** So many tokens may be refused in a minute. */
const maxRefusals = 10
const minuteMs = 60_000

export class RenewalPace {
  #failures = 0
  /** The pause under way, ms since the epoch, and the error that it is for. */
  #pause: { readonly since: number; readonly until: number; readonly error: TokenError } | undefined
  /** When renewals took the place of refused tokens. */
  #refusals: readonly number[] = []

  /** @throws {TokenError} nothing may be asked now */
  require(why: RenewalReason, now: number, issuer: string): void {
    // A clock that was set back must not make a pause longer.
    this.#refusals = this.#refusals.filter((at) => at <= now && now < at + minuteMs)
    const [first = now] = this.#refusals
    if (why === 'rejected' && this.#refusals.length >= maxRefusals) {
      throw loopError(issuer, first + minuteMs - now)
    }
    const pause = this.#pause
    if (pause && pause.since <= now && now < pause.until) {
      throw stillFailing(pause.error, this.#failures, pause.until - now)
    }
  }

  /** There is a good token, whoever obtained it. */
  succeeded(): void {
    this.#failures = 0
    this.#pause = undefined
  }

  obtained(why: RenewalReason, now: number): void {
    this.succeeded()
    if (why === 'rejected') this.#refusals = [...this.#refusals, now]
  }

  failed(error: unknown, now: number): void {
    if (!(error instanceof TokenError) || error.recovery === 'interaction') return
    // What is thrown here does not make a pause longer.
    if (error.code === 'renewal_loop' || error.cause instanceof TokenError) return
    this.#failures += 1
    const asked = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs)
    const own = this.#failures < patience ? 0 : Math.min(1000 * 2 ** (this.#failures - patience), maxPauseMs)
    this.#pause = { since: now, until: now + Math.max(asked, own), error }
  }
}

function stillFailing(error: TokenError, failures: number, leftMs: number): TokenError {
  const times = failures === 1 ? 'once' : `${failures} times in a row`
  const message = `${error.message} It failed ${times}: nothing is sent for another ${seconds(leftMs)} s.`
  const { endpoint, issuer, status, error: word, errorDescription, recovery } = error
  return new TokenError(error.code, message, {
    endpoint,
    issuer,
    status,
    error: word,
    errorDescription,
    recovery,
    retryAfterMs: leftMs,
    cause: error,
  })
}

function loopError(issuer: string, leftMs: number): TokenError {
  const message = `A resource refused ${maxRefusals} new tokens${issuer && ` of ${issuer}`} within a minute: the next is asked for in ${seconds(leftMs)} s. Check whether it trusts that issuer, and which audience it wants.`
  return new TokenError('renewal_loop', message, {
    endpoint: '',
    issuer,
    recovery: 'transient',
    retryAfterMs: leftMs,
  })
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
