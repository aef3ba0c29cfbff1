/**
 * Where tokens outlive the object that obtained them. A store keeps text under keys and understands neither.
 *
 * @module
 */

/**
 * What to keep tokens in: a file, a database. `storeClaims` of `@x/oauth-grants/store-claims` says what it has to do, as
 * tests.
 */
export interface TokenStore {
  load(key: string): Promise<{ readonly value: string; readonly revision: string } | undefined>
  /**
   * Keeps a value if nobody else wrote since.
   *
   * @param options `expect`: the revision that the caller saw; undefined: it saw none. `fence`: that of the caller's lease:
   *   nothing is kept where somebody has written by a later one. `keepUntil`: from when on the value is of no use, in ms
   *   since the epoch, and may be forgotten; undefined: it is not known
   * @returns the new revision; undefined when another write came first, and nothing was kept
   */
  save(
    key: string,
    value: string,
    options: {
      expect: string | undefined
      fence?: number | undefined
      keepUntil?: number | undefined
    },
  ): Promise<string | undefined>
  /**
   * Forgets a value if nobody else wrote since.
   *
   * @returns whether it was forgotten
   */
  clear(key: string, options: { expect: string | undefined }): Promise<boolean>
  /**
   * Gives one of all who share the store a turn at a key; without it those of several processes are not kept apart, and
   * present one refresh token twice. It keeps nobody from loading and saving.
   *
   * @param ms how long it is good: whoever died with it keeps nobody waiting for longer
   * @param now ms since the epoch
   * @returns undefined while another has it
   */
  lease?(key: string, ms: number, now: number): Promise<Lease | undefined>
}

/** A turn. Disposed of, it is the next one's. */
export interface Lease extends AsyncDisposable {
  /** Greater than that of each earlier lease of the same key. */
  readonly fence: number
  /**
   * Makes it good for so many ms from `now` on, be it over or not.
   *
   * @returns false where another has had a turn since: nothing may be done in this one any longer
   */
  extend(ms: number, now: number): Promise<boolean>
}

interface Entry {
  readonly value: string
  readonly revision: string
  readonly fence?: number | undefined
  readonly keepUntil?: number | undefined
}

/** Who has the turn: by what number, and for how long, in ms since the epoch. */
export interface Term {
  readonly fence: number
  readonly since: number
  readonly until: number
}

/** Shares tokens between the auth objects of one process. What has ended is forgotten with the next write. */
export function memoryStore(): TokenStore {
  const entries = new Map<string, Entry>()
  const terms = new Map<string, Term>()
  let [writes, fences] = [0, 0]
  return {
    async load(key) {
      const entry = entries.get(key)
      return entry && { value: entry.value, revision: entry.revision }
    },
    async save(key, value, { expect, fence, keepUntil }) {
      const before = entries.get(key)
      if (before?.revision !== expect || isBehind(fence, before)) return undefined
      for (const [each, entry] of entries) if (isOver(entry)) entries.delete(each)
      writes += 1
      const revision = String(writes)
      entries.set(key, { value, revision, fence: fence ?? before?.fence, keepUntil })
      return revision
    },
    async clear(key, { expect }) {
      return entries.get(key)?.revision === expect && entries.delete(key)
    },
    async lease(key, ms, now) {
      if (isHeld(terms.get(key), now)) return undefined
      fences += 1
      const fence = fences
      const isOurs = () => terms.get(key)?.fence === fence
      terms.set(key, { fence, since: now, until: now + ms })
      return {
        fence,
        async extend(more, from) {
          if (isOurs()) terms.set(key, { fence, since: from, until: from + more })
          return isOurs()
        },
        async [Symbol.asyncDispose]() {
          if (isOurs()) terms.delete(key)
        },
      }
    },
  }
}

/** Whether an entry of a store may be forgotten. */
export function isOver({ keepUntil }: Pick<Entry, 'keepUntil'>): boolean {
  return keepUntil !== undefined && keepUntil <= Date.now()
}

/** Whether somebody with a later turn has written. */
export function isBehind(fence: number | undefined, entry: Pick<Entry, 'fence'> | undefined): boolean {
  return fence !== undefined && fence < (entry?.fence ?? 0)
}

/** Whether somebody has the turn. One that begins a whole term from now is of a clock that has been set back since. */
export function isHeld(term: Term | undefined, now: number): boolean {
  if (term === undefined) return false
  const { since, until } = term
  return now < until && now > since - (until - since)
}
