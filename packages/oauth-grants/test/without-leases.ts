import type { TokenStore } from '../src/index.ts'

/** The same store, as those are that cannot give turns. */
export const withoutLeases = (store: TokenStore): TokenStore => ({
  load: (key) => store.load(key),
  save: (key, value, options) => store.save(key, value, options),
  clear: (key, options) => store.clear(key, options),
})
