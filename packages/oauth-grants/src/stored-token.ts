/**
 * The place of one token in a store; without a store, nowhere.
 *
 * @module
 */
import { untilAborted } from '@x/oauth-discovery/http'
import type { Binding } from './binding.ts'
import type { TokenStore } from './store.ts'
import { decodeToken, encodeToken, type Token } from './token.ts'

/** Where a token outlives its session, and the key that it has there. */
export interface Storage {
  readonly store: TokenStore
  readonly key: string
  /** What the tokens there have to be bound to. */
  readonly binding?: Binding | undefined
}

interface Stored {
  readonly token?: Token | undefined
  readonly revision?: string | undefined
}

const maxTries = 3

/** What is under way in this process, by store and key. */
const turns = /* @__PURE__ */ new WeakMap<TokenStore, Map<string, Promise<void>>>()

export class StoredToken {
  readonly #storage: Storage | undefined

  constructor(storage: Storage | undefined) {
    this.#storage = storage
  }

  /** Runs `act` when nobody else in this process is at the same place: two would present one refresh token. */
  inTurn<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#storage === undefined) return act()
    const { store, key } = this.#storage
    const queue = turns.get(store) ?? new Map<string, Promise<void>>()
    turns.set(store, queue)
    const before = queue.get(key) ?? Promise.resolve()
    const turn = untilAborted(before, signal).then(act)
    // Who gives up waiting lets nobody pass.
    const end = Promise.allSettled([before, turn]).then(() => {
      if (queue.get(key) === end) queue.delete(key)
    })
    queue.set(key, end)
    return turn
  }

  /** A store that hangs must not keep anybody who closes the session: so each wait here ends with a signal. */
  async load(signal: AbortSignal): Promise<Stored> {
    if (this.#storage === undefined) return {}
    const { store, key, binding } = this.#storage
    const stored = await untilAborted(store.load(key), signal)
    return stored ? { token: decodeToken(stored.value, binding), revision: stored.revision } : {}
  }

  /**
   * @param revision that of the token which this one replaces
   * @param signal undefined for what must not be lost, whatever ends meanwhile
   * @returns the revision by which it is there, or by which another is that came first
   */
  async save(
    token: Token,
    revision: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    if (this.#storage === undefined) return undefined
    const { store, key, binding } = this.#storage
    // A refresh token has no end that anybody knows.
    const keepUntil = token.refreshToken === undefined ? token.expiresAt : undefined
    let expect = revision
    for (let tries = 0; tries < maxTries; tries += 1) {
      signal?.throwIfAborted()
      const saved = await untilAborted(store.save(key, encodeToken(token), { expect, keepUntil }), signal)
      if (saved !== undefined) return saved
      const winner = await untilAborted(store.load(key), signal)
      expect = winner?.revision
      const other = winner && decodeToken(winner.value, binding)
      // A write that loses against another's of the same time is no loss: both tokens are good.
      if (other !== undefined && other.obtainedAt >= token.obtainedAt) break
    }
    return expect
  }

  /**
   * Forgets what is there, be it what another has put there meanwhile.
   *
   * @param isMeant looked at each time; default: whatever is there
   * @returns what was there
   */
  async clear(
    signal: AbortSignal,
    isMeant: (token: Token | undefined) => boolean = () => true,
  ): Promise<Token | undefined> {
    if (this.#storage === undefined) return undefined
    const { store, key } = this.#storage
    for (let tries = 1; ; tries += 1) {
      const { token, revision } = await this.load(signal)
      if (revision === undefined || !isMeant(token)) return undefined
      const isCleared = await untilAborted(store.clear(key, { expect: revision }), signal)
      if (isCleared || tries === maxTries) return token
    }
  }
}
