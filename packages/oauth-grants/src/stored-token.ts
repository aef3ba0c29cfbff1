/**
 * The place of one token in a store; without a store, nowhere.
 *
 * @module
 */
import { untilAborted } from '@x/oauth-discovery/http'
import type { TokenStore } from './store.ts'
import { decodeToken, encodeToken, type Token } from './token.ts'

/** Where a token outlives its session, and the key that it has there. */
export interface Storage {
  readonly store: TokenStore
  readonly key: string
}

interface Stored {
  readonly token?: Token | undefined
  readonly revision?: string | undefined
}

const maxTries = 3

const nowhere: Storage = {
  store: { load: async () => undefined, save: async () => '', clear: async () => true },
  key: '',
}

export class StoredToken {
  readonly #storage: Storage

  constructor(storage: Storage = nowhere) {
    this.#storage = storage
  }

  /** A store that hangs must not keep anybody who closes the session: so each wait here ends with a signal. */
  async load(signal: AbortSignal): Promise<Stored> {
    const { store, key } = this.#storage
    const stored = await untilAborted(store.load(key), signal)
    return stored ? { token: decodeToken(stored.value), revision: stored.revision } : {}
  }

  /** @param revision that of the token which this one replaces */
  async save(token: Token, revision: string | undefined, signal: AbortSignal): Promise<void> {
    const { store, key } = this.#storage
    let expect = revision
    for (let tries = 0; tries < maxTries; tries += 1) {
      signal.throwIfAborted()
      const saved = await untilAborted(store.save(key, encodeToken(token), { expect }), signal)
      if (saved !== undefined) return
      const winner = await this.load(signal)
      // A write that loses against another's of the same time is no loss: both tokens are good.
      if (winner.token !== undefined && winner.token.obtainedAt >= token.obtainedAt) return
      expect = winner.revision
    }
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
    const { store, key } = this.#storage
    for (let tries = 1; ; tries += 1) {
      const { token, revision } = await this.load(signal)
      if (revision === undefined || !isMeant(token)) return undefined
      const isCleared = await untilAborted(store.clear(key, { expect: revision }), signal)
      if (isCleared || tries === maxTries) return token
    }
  }
}
