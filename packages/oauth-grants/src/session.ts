/**
 * One token over time.
 *
 * A grant knows how to obtain a token and remembers nothing. A session remembers one token and knows nothing
 * about how it was obtained. Expiry, concurrency and storage are decided here and nowhere else.
 *
 * @module
 */
import { type Challenge, isOAuthError } from '@x/oauth-discovery'
import {
  type Clock,
  createEmit,
  type Emit,
  type HttpOptions,
  systemClock,
  untilAborted,
} from '@x/oauth-discovery/http'
import { AuthConfigError, TokenError } from './errors.ts'
import type { GrantEvent, RenewalReason } from './events.ts'
import { HeldToken } from './held-token.ts'
import { RenewalPace } from './renewal-pace.ts'
import { baseScope, demandedScope, differenceOf, isAskedFor, unionOf } from './scope.ts'
import { type Storage, type Stored, StoredToken, type StoredTurn } from './stored-token.ts'
import { requireToken, type Token } from './token.ts'

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

/** What is known where a token is to be obtained. */
export interface Renewal {
  readonly why: RenewalReason
  /** Aborted when the session is closed, or when nobody waits for a sign-in any longer. */
  readonly signal: AbortSignal
  /** Tells of exchanges as part of this renewal. */
  readonly emit: Emit<GrantEvent>
  /** The token to be replaced, be it ended or refused: it may hold a refresh token. */
  readonly previous: Token | undefined
  /** What to ask for beside the grant's own scope; undefined: nothing. */
  readonly scope: string | undefined
  /** Whether a person may be asked. */
  readonly interactive: boolean
  readonly challenge: Challenge | undefined
  /** Reads the store again: a good token that somebody else has put there meanwhile. */
  readonly latest: () => Promise<Token | undefined>
  /** Lets go of the refresh token of the previous token, here and in the store: it is of no use any longer. */
  readonly forget: () => Promise<void>
  /**
   * To be waited for right before something is sent that can be used once, such as a refresh token: a process that stood
   * still may have lost its turn to another. It throws then, and the renewal begins again.
   */
  readonly hold: () => Promise<void>
}

/** Obtains a token over the wire, and remembers nothing. */
export type Obtain = (renewal: Renewal) => Promise<Token>

export interface TokenSessionOptions
  extends Pick<HttpOptions<GrantEvent>, 'clock' | 'onEvent' | 'timeoutMs'> {
  /** Where the token outlives the session, and the key that it has there. */
  readonly storage?: Storage | undefined
}

type Asked = Pick<Renewal, 'challenge' | 'interactive' | 'signal'>

/** How long closing waits for a refresh that was sent, in ms. */
const closingMs = 3_000

/** How long a renewal may take, in ms, beside the two requests that one may send: others may have the turn. */
const turnMs = 10_000

/** How long a refresh token may need into the store, in ms. */
const savingMs = 10_000

/** How often resources may demand more: one that invents scopes is not followed for ever. */
const maxStepUps = 10

/**
 * Keeps one token good, however it is obtained: renews it towards its end in the background, at its end, and when it
 * was refused; once for all who wait.
 */
export class TokenSession implements TokenSource, AsyncDisposable {
  readonly #obtain: Obtain
  readonly #options: TokenSessionOptions
  readonly #clock: Clock
  readonly #stored: StoredToken
  readonly #held = new HeldToken()
  readonly #pace = new RenewalPace()
  /** Of what was last seen or written in the store: another one there is news, whatever its time says. */
  #revision: string | undefined
  #renewal: Promise<Token> | undefined
  /** Begun while the token in hand was good. */
  #isEarly = false
  /** All that is under way: the renewal, and sign-ins beside it. */
  #flights: readonly Promise<Token>[] = []
  /** Aborted to end what is under way; and for good, when the session is closed. */
  #work = new AbortController()
  #leaving: Promise<Token | undefined> | undefined
  #stepUps = 0

  /** @param obtain called for each renewal, one at a time */
  constructor(obtain: Obtain, options: TokenSessionOptions = {}) {
    this.#obtain = obtain
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#stored = new StoredToken(options.storage, this.#clock)
  }

  /** The token in hand, if it is good now; towards its end a successor is fetched meanwhile. */
  current(): Token | undefined {
    if (this.#work.signal.aborted) return undefined
    const now = this.#clock.now()
    const token = this.#held.at(now)
    // Nobody waits for this renewal, so nobody is told of its failure: the token in hand is good until its end.
    if (token !== undefined && this.#held.isDue(now)) this.#renew('early').catch(() => {})
    return token
  }

  /** The same, if it is also good for what a resource demands. */
  held(challenge: Challenge | undefined): Token | undefined {
    const { token } = this.#held
    return token && this.#suffices(token, demandedScope(challenge)) ? this.current() : undefined
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
    signal?.throwIfAborted()
    const demanded = demandedScope(challenge)
    const why = this.#reason(rejected, demanded)
    let hasFailed = false
    for (;;) {
      if (rejected !== undefined && demanded === undefined) this.#held.refuse(rejected)
      // Nothing may be awaited from here to the renewal: one could end in the gap, and another start.
      const held = this.held(challenge)
      if (held !== undefined) return held
      const hasJoined = this.#renewal !== undefined
      const isForEarly = hasJoined && this.#isEarly && !hasFailed
      const renewal = this.#renew(why, challenge)
      const token = await untilAborted(renewal, signal).catch((error: unknown) => {
        hasFailed = true
        // It was begun when there was still time to fail: now that there is none, another one is.
        if (isForEarly && isPassing(error) && signal?.aborted !== true) return undefined
        throw error
      })
      if (token === undefined) continue
      // What was under way may have brought the very token that was refused meanwhile, or one of another scope.
      if (!hasJoined || (!this.#held.wasRefused(token) && this.#suffices(token, demanded))) return token
    }
  }

  /** Obtains a token with the help of a person, whatever is in hand, beside a renewal. */
  logIn(challenge: Challenge | undefined, signal: AbortSignal): Promise<Token> {
    const why = this.#reason(undefined, demandedScope(challenge))
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

  #reason(rejected: Token | undefined, demanded: readonly string[] | undefined): RenewalReason {
    const { token, newest: known } = this.#held
    // Also for who does not know of it: a resource that refuses each token is found out by this word.
    if (token === undefined) return known && this.#held.wasRefused(known) ? 'rejected' : 'absent'
    if (demanded !== undefined) return 'scope'
    return rejected === undefined ? 'expired' : 'rejected'
  }

  async #leave(): Promise<Token | undefined> {
    const work = this.#work
    work.signal.throwIfAborted()
    this.#work = new AbortController()
    await this.#end(work, new AuthConfigError('signed_out', 'This was called off, for somebody signed out.'))
    // What has ended only now may have brought another one.
    const { newest: held } = this.#held
    this.#held.drop()
    return newest(held, await this.#stored.clear(this.#work.signal))
  }

  /** Aborts what is under way, and waits for the end of it. */
  async #end(work: AbortController, reason: AuthConfigError): Promise<void> {
    // Whoever comes meanwhile must not join it.
    this.#held.token = this.#renewal = undefined
    work.abort(reason)
    await Promise.allSettled(this.#flights)
  }

  /** A demand for what was asked for already says nothing new. */
  #suffices(token: Token, demanded: readonly string[] | undefined): boolean {
    return isAskedFor(token, demanded) || this.#stepUps >= maxStepUps
  }

  /** Joins the renewal under way, or starts one. */
  #renew(why: RenewalReason, challenge?: Challenge): Promise<Token> {
    if (this.#renewal === undefined) this.#isEarly = why === 'early'
    this.#renewal ??= this.#inTime(why, challenge).finally(() => {
      if (this.#renewal === renewal) this.#renewal = undefined
    })
    const renewal = this.#renewal
    return renewal
  }

  /** A renewal that ends for whoever waits when its time is over, or the session's, though a refresh may go on. */
  #inTime(why: RenewalReason, challenge: Challenge | undefined): Promise<Token> {
    const { timeoutMs = 10_000 } = this.#options
    const limitMs = 2 * timeoutMs + turnMs
    const done = new AbortController()
    const signal = AbortSignal.any([this.#lateAfter(limitMs, done.signal), this.#work.signal])
    const flight = this.#fly(why, { challenge, interactive: false, signal })
    return untilAborted(flight, signal).finally(() => done.abort())
  }

  /** Aborted after so many ms, unless it is done by then. */
  #lateAfter(ms: number, done: AbortSignal): AbortSignal {
    const late = new AbortController()
    const end = () => done.aborted || late.abort(lateError(ms, this.#held.newest))
    // Some clocks reject when they are woken.
    this.#clock.sleep(ms, done).then(end, () => {})
    return late.signal
  }

  async #fly(why: RenewalReason, asked: Asked): Promise<Token> {
    // Also so that nothing happens before it can be joined: a handler of events might ask for a token.
    await this.#leaving?.catch(() => {})
    asked.signal.throwIfAborted()
    const flight = this.#obtainFor(why, asked).finally(() => {
      this.#flights = this.#flights.filter((each) => each !== flight)
    })
    this.#flights = [...this.#flights, flight]
    return flight
  }

  async #obtainFor(why: RenewalReason, asked: Asked): Promise<Token> {
    const { challenge, interactive, signal } = asked
    const emit = createEmit<GrantEvent>(this.#options)
    const tell = (outcome: 'waiting' | 'held' | 'lost') => emit({ type: 'lease', outcome })
    emit({ type: 'renewal', why, outcome: 'started' })
    const { token: held } = this.#held
    const demanded = demandedScope(challenge)
    const accept = (stored: Stored) => {
      const found = this.#adopt(stored, demanded)
      if (found) emit({ type: 'renewal', why, outcome: 'adopted' })
      else if (!interactive) this.#pace.require(why, this.#clock.now(), this.#held.newest?.issuer ?? '')
      return found
    }
    let isCounted = false
    try {
      return await this.#stored.inTurn({ signal, isLogin: interactive, accept, tell }, async (turn) => {
        if (demanded !== undefined && !isCounted) this.#stepUps += 1
        isCounted = demanded !== undefined
        const token = await this.#ask(turn, { ...asked, why, emit })
        emit({ type: 'renewal', why, outcome: 'obtained', ...differenceOf(token) })
        if (!interactive) this.#pace.obtained(why, this.#clock.now())
        // A sign-in that has ended meanwhile brought more than a renewal does.
        const isLatest = () => interactive || this.#held.token === undefined || this.#held.token === held
        if (isLatest()) await this.#save(token, turn, asked, isLatest)
        return token
      })
    } catch (error) {
      const now = this.#clock.now()
      // A new token keeps its own time: only its way into the store failed.
      if (why === 'early' && this.#held.token === held) this.#held.postpone(error, now)
      // A no to more scope is none to the next token without it.
      else if (why !== 'early' && !interactive && (demanded === undefined || isPassing(error)))
        this.#pace.failed(error, now)
      // Nobody has said no.
      if (isCounted && isPassing(error)) this.#stepUps -= 1
      emit({ type: 'renewal', why, outcome: 'failed', ...codeOf(error) })
      throw error
    }
  }

  /** Takes what somebody else has put in the store, where that is of use now. */
  #adopt({ token, revision }: Stored, demanded: readonly string[] | undefined): Token | undefined {
    const { newest: known } = this.#held
    // Without news the store may hold less than we do, where a save has failed.
    const isNews = known === undefined || revision !== this.#revision
    // Nobody takes a refresh token away but whoever signs out.
    const isOver = isNews && revision === undefined && this.#revision !== undefined
    if (isOver && known?.refreshToken !== undefined) this.#held.drop(known)
    this.#revision = revision
    if (!isNews || token === undefined) return undefined
    if (this.#isBetter(token, demanded)) return this.#held.keep(token, this.#clock.now())
    this.#held.newest = token
    return undefined
  }

  /** A refresh token that replaces another is kept before anything is done with what came along (RFC 6749 §6). */
  async #save(
    token: Token,
    turn: StoredTurn,
    { interactive, signal }: Asked,
    isLatest: () => boolean,
  ): Promise<void> {
    // What a sign-out has taken away while a person signed in is of no matter.
    const over = interactive ? { ...turn, token: undefined } : turn
    const done = new AbortController()
    try {
      // It must not be lost, whatever ends meanwhile; but a store that hangs must not keep it from who has it.
      const ending = token.refreshToken === undefined ? signal : this.#lateAfter(savingMs, done.signal)
      this.#revision = await this.#stored.save(token, over, ending)
    } catch (error) {
      if (isOAuthError(error, 'signed_out') && !signal.aborted) this.#held.drop()
      else if (isLatest()) this.#held.keep(token, this.#clock.now())
      throw error
    } finally {
      done.abort()
    }
    if (isLatest()) this.#held.keep(token, this.#clock.now())
  }

  /** Has the grant obtain a token, and tells of it where a person is asked. */
  async #ask(turn: StoredTurn, asked: Asked & Pick<Renewal, 'why' | 'emit'>): Promise<Token> {
    const { interactive, challenge, signal, emit } = asked
    const { newest: previous } = this.#held
    const demanded = demandedScope(challenge)
    const tell = (outcome: 'needed' | 'done' | 'failed', more?: { code?: string }) => {
      if (interactive) emit({ type: 'interaction', outcome, ...more })
    }
    tell('needed')
    try {
      const token = await this.#obtain({
        ...asked,
        previous,
        scope: unionOf(demanded ? [...baseScope(previous), ...demanded] : (previous?.requestedScope ?? [])),
        latest: () => this.#latest(signal),
        forget: () => this.#forget(previous, signal),
        hold: turn.hold,
      })
      requireToken(token)
      tell('done')
      return token
    } catch (error) {
      tell('failed', codeOf(error))
      throw error
    }
  }

  async #latest(signal: AbortSignal): Promise<Token | undefined> {
    const { token } = await this.#stored.load(signal)
    return token !== undefined && this.#isBetter(token, undefined) ? token : undefined
  }

  async #forget(previous: Token | undefined, signal: AbortSignal): Promise<void> {
    if (previous === undefined) return
    if (this.#held.newest === previous) this.#held.strip(previous)
    await this.#stored.strip(previous, signal)
  }

  #isBetter(found: Token, demanded: readonly string[] | undefined): boolean {
    return this.#held.isBetter(found, this.#clock.now()) && this.#suffices(found, demanded)
  }
}

function lateError(limitMs: number, previous: Token | undefined): TokenError {
  const message = `No token came within ${limitMs} ms: a store, a function that was passed in, or another process that has the turn did not end in time. The next call tries again.`
  const issuer = previous?.issuer ?? ''
  return new TokenError('timeout', message, { endpoint: '', issuer, recovery: 'transient' })
}

function codeOf(error: unknown): { code?: string } {
  return isOAuthError(error) ? { code: error.code } : {}
}

/** What time helps with, or a person who was not asked. */
function isPassing(error: unknown): boolean {
  return isOAuthError(error) && (error.recovery === 'transient' || error.code === 'interaction_required')
}

function newest(held: Token | undefined, stored: Token | undefined): Token | undefined {
  if (held === undefined || stored === undefined) return held ?? stored
  return stored.obtainedAt >= held.obtainedAt ? stored : held
}
