/**
 * How the next token comes: from the store, or from the grant and into the store.
 *
 * @module
 */
import { type Challenge, isOAuthError } from '@x/oauth-discovery'
import { type Clock, createEmit, type Emit, type HttpOptions, systemClock } from '@x/oauth-discovery/http'
import { TokenError } from './errors.ts'
import type { GrantEvent, RenewalReason } from './events.ts'
import { HeldToken } from './held-token.ts'
import { RenewalPace } from './renewal-pace.ts'
import { baseScope, demandedScope, differenceOf, isAskedFor, unionOf } from './scope.ts'
import { type Storage, type Stored, StoredToken, type StoredTurn } from './stored-token.ts'
import { requireToken, type Token } from './token.ts'

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

export interface RenewerOptions extends Pick<HttpOptions<GrantEvent>, 'clock' | 'onEvent'> {
  /** Where the token outlives the session, and the key that it has there. */
  readonly storage?: Storage | undefined
}

export type Asked = Pick<Renewal, 'challenge' | 'interactive' | 'signal'>

/** How long a refresh token may need into the store, in ms. */
const savingMs = 10_000
/** How long to wait before it is tried again where the store failed, in ms. */
const savingPausesMs = [1_000, 2_000, 4_000, 8_000]

/** How often resources may demand more: one that invents scopes is not followed for ever. */
const maxStepUps = 10

/** Gets one token after the other, and knows what it has. Who calls it sees to it that there is one renewal at a time. */
export class Renewer {
  readonly held: HeldToken = new HeldToken()
  readonly #obtain: Obtain
  readonly #options: RenewerOptions
  readonly #clock: Clock
  readonly #stored: StoredToken
  readonly #pace = new RenewalPace()
  /** Of what was last seen or written in the store: another one there is news, whatever its time says. */
  #revision: string | undefined
  #stepUps = 0
  /** What is tried again in the background. */
  #saving: Promise<unknown> | undefined

  constructor(obtain: Obtain, options: RenewerOptions) {
    this.#obtain = obtain
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#stored = new StoredToken(options.storage, this.#clock)
  }

  /** Why the next one is needed. */
  reason(rejected: Token | undefined, demanded: readonly string[] | undefined): RenewalReason {
    const { token, newest: known } = this.held
    // Also for who does not know of it: a resource that refuses each token is found out by this word.
    if (token === undefined) return known && this.held.wasRefused(known) ? 'rejected' : 'absent'
    if (demanded !== undefined) return 'scope'
    return rejected === undefined ? 'expired' : 'rejected'
  }

  /** A demand for what was asked for already says nothing new. */
  suffices(token: Token, demanded: readonly string[] | undefined): boolean {
    return isAskedFor(token, demanded) || this.#stepUps >= maxStepUps
  }

  /** Aborted after so many ms, unless it is done by then. */
  lateAfter(ms: number, done: AbortSignal, messageOf: (ms: number) => string = noToken): AbortSignal {
    const late = new AbortController()
    const end = () => done.aborted || late.abort(lateError(messageOf(ms), this.held.newest))
    // Some clocks reject when they are woken.
    this.#clock.sleep(ms, done).then(end, () => {})
    return late.signal
  }

  /** Forgets the token, here and in the store. */
  async forgetAll(signal: AbortSignal): Promise<Token | undefined> {
    const { newest: held } = this.held
    this.held.drop()
    this.#stepUps = 0
    await this.#saving
    return newest(held, await this.#stored.clear(signal))
  }

  /** Takes what others have put in the store, or obtains one and keeps it there. */
  async renew(why: RenewalReason, asked: Asked): Promise<Token> {
    const { challenge, interactive, signal } = asked
    const emit = createEmit<GrantEvent>(this.#options)
    const tell = (outcome: 'waiting' | 'held' | 'lost') => emit({ type: 'lease', outcome })
    emit({ type: 'renewal', why, outcome: 'started' })
    const { token: held } = this.held
    const demanded = demandedScope(challenge)
    const accept = (stored: Stored) => {
      const found = this.#adopt(stored, demanded)
      if (found) {
        this.#pace.succeeded()
        emit({ type: 'renewal', why, outcome: 'adopted' })
      } else if (!interactive) this.#pace.require(why, this.#clock.now(), this.held.newest?.issuer ?? '')
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
        const isLatest = () => interactive || this.held.token === undefined || this.held.token === held
        if (isLatest()) await this.#save(token, turn, asked, isLatest)
        return token
      })
    } catch (error) {
      const now = this.#clock.now()
      // A new token keeps its own time: only its way into the store failed.
      if (why === 'early' && this.held.token === held) this.held.postpone(error, now)
      // A no to more scope is none to the next token without it.
      else if (why !== 'early' && !interactive && (demanded === undefined || isPassing(error)))
        this.#pace.failed(error, now)
      // It is good for others than who refuse it.
      if (isOAuthError(error, 'renewal_loop')) this.held.token ??= this.held.newest
      // Nobody has said no.
      if (isCounted && isPassing(error)) this.#stepUps -= 1
      emit({ type: 'renewal', why, outcome: 'failed', ...codeOf(error) })
      throw error
    }
  }

  /** Takes what somebody else has put in the store, where that is of use now. */
  #adopt({ token, revision }: Stored, demanded: readonly string[] | undefined): Token | undefined {
    const { newest: known } = this.held
    // Without news the store may hold less than we do, where a save has failed.
    const isNews = known === undefined || revision !== this.#revision
    // Nobody takes a refresh token away but whoever signs out.
    const isOver = isNews && revision === undefined
    if (isOver && known?.refreshToken !== undefined) this.held.drop(known)
    this.#revision = revision
    if (!isNews || token === undefined) return undefined
    if (this.#isBetter(token)) {
      this.held.keep(token, this.#clock.now())
      return this.suffices(token, demanded) ? token : undefined
    }
    // What is older, and holds nothing to renew it with, is no news.
    const isBare = token.refreshToken === undefined && token.accessToken !== known?.accessToken
    if (!isBare || known?.refreshToken === undefined) this.held.newest = token
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
      const isShort = interactive || token.refreshToken !== undefined
      const late = isShort ? this.lateAfter(savingMs, done.signal, notKept) : signal
      const ending = token.refreshToken === undefined ? AbortSignal.any([signal, late]) : late
      this.#revision = await this.#stored.save(token, over, ending)
    } catch (error) {
      if (isOAuthError(error, 'signed_out') && !signal.aborted) this.held.drop()
      else if (isLatest()) {
        this.held.keep(token, this.#clock.now())
        if (token.refreshToken !== undefined) this.#saving = this.#saveLater(token, over, signal)
      }
      throw error
    } finally {
      done.abort()
    }
    if (isLatest()) this.held.keep(token, this.#clock.now())
  }

  /** Others still have the refresh token before this one, and it would be the end of the login if they used it. */
  async #saveLater(token: Token, turn: StoredTurn, signal: AbortSignal): Promise<void> {
    for (const pauseMs of savingPausesMs) {
      // Some clocks reject when they are woken.
      await this.#clock.sleep(pauseMs, signal).catch(() => {})
      if (signal.aborted || this.held.newest !== token) return
      const done = new AbortController()
      try {
        this.#revision = await this.#stored.save(token, turn, this.lateAfter(savingMs, done.signal))
        return
      } catch (error) {
        if (isOAuthError(error, 'signed_out') && this.held.newest === token) this.held.drop(token)
      } finally {
        done.abort()
      }
    }
  }

  /** Has the grant obtain a token, and tells of it where a person is asked. */
  async #ask(turn: StoredTurn, asked: Asked & Pick<Renewal, 'why' | 'emit'>): Promise<Token> {
    const { interactive, challenge, signal, emit } = asked
    const { newest: previous } = this.held
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
    return token !== undefined && this.#isBetter(token) ? token : undefined
  }

  async #forget(previous: Token | undefined, signal: AbortSignal): Promise<void> {
    if (previous === undefined) return
    if (this.held.newest === previous) this.held.strip(previous)
    await this.#stored.strip(previous, signal)
  }

  #isBetter(found: Token): boolean {
    return this.held.isBetter(found, this.#clock.now())
  }
}

function noToken(ms: number): string {
  return `No token came within ${ms} ms: the store, a function that was passed in, or another process that renews it took too long. The next call tries again.`
}

function notKept(ms: number): string {
  return `A token came, but the store did not keep it within ${ms} ms. The next call gets it. Check whether the store can be reached.`
}

function lateError(message: string, previous: Token | undefined): TokenError {
  const issuer = previous?.issuer ?? ''
  return new TokenError('timeout', message, { endpoint: '', issuer, recovery: 'transient' })
}

function codeOf(error: unknown): { code?: string } {
  return isOAuthError(error) ? { code: error.code } : {}
}

/** What time helps with, or a person who was not asked. */
export function isPassing(error: unknown): boolean {
  return isOAuthError(error) && (error.recovery === 'transient' || error.code === 'interaction_required')
}

function newest(held: Token | undefined, stored: Token | undefined): Token | undefined {
  if (held === undefined || stored === undefined) return held ?? stored
  return stored.obtainedAt >= held.obtainedAt ? stored : held
}
