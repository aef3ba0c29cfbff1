/**
 * The place of one token in a store, and whose turn it is there; without a store, nowhere.
 *
 * @module
 */
import { type Clock, untilAborted } from '@x/oauth-discovery/http'
import type { Binding } from './binding.ts'
import { AuthConfigError, StoreError } from './errors.ts'
import type { Lease, TokenStore } from './store.ts'
import { createToken, decodeToken, encodeToken, isFresh, type Token } from './token.ts'

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

/** A turn at a place, and what was found there. */
export interface Turn extends Stored {
  readonly fence?: number | undefined
  /** For the moment before something is sent that can be used once. It throws where another has the turn by now. */
  readonly hold: () => Promise<void>
}

interface Wait<T> {
  readonly signal: AbortSignal
  /** A person signs in: that takes long, and keeps nobody from renewing. */
  readonly isLogin: boolean
  /** Looks at what is there, before a turn is asked for and in it: a result ends the wait. */
  readonly look: (stored: Stored) => T | undefined
  readonly tell: (outcome: 'waiting' | 'held' | 'lost') => void
}

/** How long whoever died keeps others waiting, in ms. Whoever lives extends it. */
const leaseMs = 10_000
/** How often those look who wait, in ms, on average. */
const pollMs = 100
/** How long a sign-out waits for a renewal of another process, in ms. */
const patienceMs = 3_000
const maxTries = 10

/** What is under way in this process, by store and key. */
const lines = /* @__PURE__ */ new WeakMap<TokenStore, Map<string, Promise<void>>>()

/** Another process took the turn over while this one stood still. */
class TurnLost extends Error {}

export class StoredToken {
  readonly #storage: Storage | undefined
  readonly #clock: Clock

  constructor(storage: Storage | undefined, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  /**
   * Runs `act` when nobody else is at the same place, in this process, or in another where the store can tell: two would
   * present one refresh token.
   */
  inTurn<T>(wait: Wait<T>, act: (turn: Turn) => Promise<T>): Promise<T> {
    const { isLogin, look, signal } = wait
    if (this.#storage === undefined) {
      return Promise.resolve(look({}) ?? act({ hold: async () => {} }))
    }
    const { store, key } = this.#storage
    if (isLogin) return this.#inLease(store, `${key} login`, wait, act)
    const line = lines.get(store) ?? new Map<string, Promise<void>>()
    lines.set(store, line)
    const before = line.get(key) ?? Promise.resolve()
    const turn = untilAborted(before, signal).then(() => this.#inLease(store, key, wait, act))
    // Who gives up waiting lets nobody pass.
    const end = Promise.allSettled([before, turn]).then(() => {
      if (line.get(key) === end) line.delete(key)
    })
    line.set(key, end)
    return turn
  }

  async #inLease<T>(
    store: TokenStore,
    key: string,
    wait: Wait<T>,
    act: (turn: Turn) => Promise<T>,
  ): Promise<T> {
    const { signal, isLogin, look, tell } = wait
    for (let tries = 0; ; tries += 1) {
      const stored = await this.load(signal)
      const found = look(stored)
      if (found !== undefined) return found
      if (store.lease === undefined) return act({ ...stored, hold: async () => {} })
      const lease = await this.#lease(key, signal)
      try {
        if (lease) return await this.#holding(lease, wait, act)
        if (tries === 0) tell('waiting')
      } catch (error) {
        if (!(error instanceof TurnLost)) throw error
        tell('lost')
      }
      await this.#clock.sleep(pollMs * (0.5 + Math.random()) * (isLogin ? 5 : 1), signal)
      signal.throwIfAborted()
    }
  }

  async #holding<T>(lease: Lease, wait: Wait<T>, act: (turn: Turn) => Promise<T>): Promise<T> {
    const { signal, isLogin, look, tell } = wait
    const done = new AbortController()
    let extendedAt = this.#clock.now()
    const extend = async () => {
      extendedAt = this.#clock.now()
      if (!(await lease.extend(leaseMs, extendedAt))) throw new TurnLost()
    }
    // A process that stood still, or whose clock was set, may have lost it without notice.
    const hold = async () => {
      if (Math.abs(this.#clock.now() - extendedAt) > leaseMs / 2) await extend()
    }
    void this.#beat(extend, done.signal).catch(() => {})
    try {
      tell('held')
      // Somebody else may have had the turn since it was looked at.
      const stored = await this.load(signal)
      const turn = isLogin ? { ...stored, hold: async () => {} } : { ...stored, fence: lease.fence, hold }
      return look(stored) ?? (await act(turn))
    } finally {
      done.abort()
      // If not now, it ends by itself.
      await untilAborted(giveBack(lease), signal).catch(() => {})
    }
  }

  /** Keeps a turn, while somebody who is alive needs it. */
  async #beat(extend: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(leaseMs / 3, signal)
      if (signal.aborted) return
      await extend()
    }
  }

  /** @returns undefined where another has the turn, or the store knows none */
  async #lease(key: string, signal: AbortSignal): Promise<Lease | undefined> {
    const leasing = this.#storage?.store.lease?.(key, leaseMs, this.#clock.now())
    try {
      return leasing && (await untilAborted(leasing, signal))
    } catch (error) {
      // It may come all the same, and keep others waiting.
      leasing?.then(giveBack).catch(() => {})
      throw error
    }
  }

  /** A store that hangs must not keep anybody who closes the session: so each wait here ends with a signal. */
  async load(signal: AbortSignal | undefined): Promise<Stored> {
    if (this.#storage === undefined) return {}
    const { store, key, binding } = this.#storage
    const stored = await untilAborted(store.load(key), signal)
    return stored ? { token: decodeToken(stored.value, binding), revision: stored.revision } : {}
  }

  /**
   * @param turn that in which the token was obtained, over what was found there
   * @param signal undefined for what must not be lost, whatever ends meanwhile
   * @returns the revision by which it is there; undefined where a newer one is
   * @throws {AuthConfigError} `signed_out`: what it was to be the successor of is gone
   */
  async save(token: Token, turn: Turn, signal: AbortSignal | undefined): Promise<string | undefined> {
    if (this.#storage === undefined) return undefined
    const { store, key } = this.#storage
    const { fence } = turn
    // A refresh token has no end that anybody knows.
    const keepUntil = token.refreshToken === undefined ? token.expiresAt : undefined
    let expect = turn.revision
    for (let tries = 0; tries < maxTries; tries += 1) {
      signal?.throwIfAborted()
      const saving = store.save(key, encodeToken(token), { expect, fence, keepUntil })
      const saved = await untilAborted(saving, signal)
      if (saved !== undefined) return saved
      const other = await this.load(signal)
      if (other.revision === undefined && turn.token?.refreshToken !== undefined) throw signedOut()
      const isFenced = fence !== undefined && other.revision === expect
      // A write that loses against another's of the same time is no loss: both tokens are good.
      if (isFenced || (other.token && other.token.obtainedAt >= token.obtainedAt)) return undefined
      expect = other.revision
    }
    const message = `A token could not be kept in the store: others wrote first, ${maxTries} times. Check whether its save tells of that when nobody did.`
    throw new StoreError('store_unavailable', message)
  }

  /** Takes the refresh token out of what is there, where it is still there: it is of no use any longer. */
  async strip(token: Token, signal: AbortSignal): Promise<void> {
    const stored = await this.load(signal)
    if (stored.token?.accessToken !== token.accessToken) return
    const { accessToken, binding } = token
    const isGood = isFresh(token, this.#clock.now())
    const expiresAt = isGood ? token.expiresAt : this.#clock.now()
    const bare = createToken({ ...token, accessToken, binding, expiresAt })
    await this.save(bare, { ...stored, hold: async () => {} }, signal)
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
    const lease = await this.#leaseSoon(key, signal)
    try {
      for (let tries = 1; ; tries += 1) {
        const stored = await untilAborted(store.load(key), signal)
        if (stored === undefined) return undefined
        const isCleared = await untilAborted(store.clear(key, { expect: stored.revision }), signal)
        if (isCleared || tries === maxTries) return readable(stored.value, binding)
      }
    } finally {
      await giveBack(lease).catch(() => {})
    }
  }

  async #leaseSoon(key: string, signal: AbortSignal): Promise<Lease | undefined> {
    const until = this.#clock.now() + patienceMs
    for (;;) {
      const lease = await this.#lease(key, signal)
      if (lease || !this.#storage?.store.lease || this.#clock.now() >= until) return lease
      await this.#clock.sleep(pollMs, signal)
      signal.throwIfAborted()
    }
  }
}

async function giveBack(lease: Lease | undefined): Promise<void> {
  await lease?.[Symbol.asyncDispose]()
}

function readable(text: string, binding: Binding | undefined): Token | undefined {
  try {
    return decodeToken(text, binding)
  } catch {
    return undefined
  }
}

function signedOut(): AuthConfigError {
  return new AuthConfigError('signed_out', 'This was called off, for somebody signed out.')
}
