/**
 * The place of one token in a store; without a store, nowhere.
 *
 * @module
 */
import { type Clock, untilAborted } from '@x/oauth-discovery/http'
import type { Binding } from './binding.ts'
import { AuthConfigError, StoreError } from './errors.ts'
import { isAskedFor } from './scope.ts'
import type { TokenStore } from './store.ts'
import { createToken, decodeToken, encodeToken, isFresh, type Token } from './token.ts'
import { giveBack, inTurn, leaseSoon, ownTurn, type Turn } from './turn.ts'

/** Where a token outlives its session, and the key that it has there. */
export interface Storage {
  readonly store: TokenStore
  readonly key: string
  /** What the tokens there have to be bound to. */
  readonly binding?: Binding | undefined
}

export interface Stored {
  readonly token?: Token | undefined
  readonly revision?: string | undefined
}

/** A turn, and what was found there. */
export type StoredTurn = Stored & Turn

interface Wait<T> {
  readonly signal: AbortSignal
  /** A person signs in, which keeps nobody from renewing. */
  readonly isLogin: boolean
  readonly accept: (stored: Stored) => T | undefined
  readonly tell: (outcome: 'waiting' | 'held' | 'lost') => void
}

/** How long a sign-out waits for a renewal of another process, in ms. */
const patienceMs = 3_000
const maxTries = 10

export class StoredToken {
  readonly #storage: Storage | undefined
  readonly #clock: Clock

  constructor(storage: Storage | undefined, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  /** Runs `act` when nobody else is at the same place: two would present one refresh token. */
  inTurn<T>(wait: Wait<T>, act: (turn: StoredTurn) => Promise<T>): Promise<T> {
    const { isLogin, accept, signal } = wait
    if (this.#storage === undefined) return Promise.resolve(accept({}) ?? act(ownTurn))
    const { store, key } = this.#storage
    const place = {
      ...wait,
      store,
      key: isLogin ? `${key} login` : key,
      clock: this.#clock,
      isSlow: isLogin,
      look: () => this.load(signal),
    }
    return inTurn(place, (stored, turn) => act({ ...stored, ...turn }))
  }

  /** A store that hangs must not keep anybody who closes the session: so each wait here ends with a signal. */
  async load(signal: AbortSignal): Promise<Stored> {
    if (this.#storage === undefined) return {}
    const { store, key, binding } = this.#storage
    const stored = await untilAborted(store.load(key), signal)
    return stored ? { token: decodeToken(stored.value, binding), revision: stored.revision } : {}
  }

  /**
   * @param turn that in which the token was obtained, over what was found there
   * @returns the revision by which it is there; none of any entry (`''`) where a newer one is; undefined without a store
   * @throws {AuthConfigError} `signed_out`: what it was to be the successor of is gone
   */
  async save(token: Token, turn: Omit<StoredTurn, 'hold'>, signal: AbortSignal): Promise<string | undefined> {
    if (this.#storage === undefined) return undefined
    const { store, key } = this.#storage
    const { fence } = turn
    // A refresh token has no end that anybody knows.
    const keepUntil = token.refreshToken === undefined ? token.expiresAt : undefined
    let expect = turn.revision
    for (let tries = 0; tries < maxTries; tries += 1) {
      signal.throwIfAborted()
      const saving = store.save(key, encodeToken(token), { expect, fence, keepUntil })
      const saved = await untilAborted(saving, signal)
      if (saved !== undefined) return saved
      const other = await this.load(signal)
      if (other.revision === undefined && turn.token?.refreshToken !== undefined) throw signedOut()
      const isFenced = fence !== undefined && other.revision === expect
      // A write that loses against another's of the same time is no loss: both tokens are good.
      const isWider = other.token && !isAskedFor(token, other.token.requestedScope)
      if (isFenced || isWider || (other.token && other.token.obtainedAt >= token.obtainedAt)) return ''
      expect = other.revision
    }
    const message = `A token was not kept in the store: ${maxTries} times its save gave undefined, as if another process had written first. Check its save.`
    throw new StoreError('store_unavailable', message, { recovery: 'transient' })
  }

  /** Takes the refresh token out of what is there, where it is still there: it is of no use any longer. */
  async strip(token: Token, signal: AbortSignal): Promise<void> {
    const stored = await this.load(signal)
    if (stored.token?.accessToken !== token.accessToken) return
    const { accessToken, binding } = token
    const isGood = isFresh(token, this.#clock.now())
    const expiresAt = isGood ? token.expiresAt : this.#clock.now()
    const bare = createToken({ ...token, accessToken, binding, expiresAt })
    await this.save(bare, stored, signal)
  }

  /**
   * Forgets what is there, be it what another has put there meanwhile. Whoever renews it has some seconds to end that:
   * what comes of it is to be forgotten as well.
   *
   * @returns what was there
   */
  async clear(signal: AbortSignal): Promise<Token | undefined> {
    if (this.#storage === undefined) return undefined
    const { store, key, binding } = this.#storage
    const lease = await leaseSoon({ store, key, clock: this.#clock, signal }, patienceMs)
    try {
      for (let tries = 1; ; tries += 1) {
        const stored = await untilAborted(store.load(key).catch(unread), signal)
        if (stored === undefined) return undefined
        const isCleared = await untilAborted(store.clear(key, { expect: stored.revision }), signal)
        if (isCleared || tries === maxTries) return readable(stored.value, binding)
      }
    } finally {
      await giveBack(lease).catch(() => {})
    }
  }
}

/** What nobody can read can be forgotten all the same. */
function unread(error: unknown): { readonly value: string; readonly revision: string } {
  if (error instanceof StoreError && error.revision !== undefined)
    return { value: '', revision: error.revision }
  throw error
}

function readable(text: string, binding: Binding | undefined): Token | undefined {
  try {
    return decodeToken(text, binding)
  } catch {
    return undefined
  }
}

function signedOut(): AuthConfigError {
  return new AuthConfigError('signed_out', 'No token: somebody signed out meanwhile. Sign in again.')
}
