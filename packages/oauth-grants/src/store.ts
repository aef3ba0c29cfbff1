/**
 * Where tokens outlive the object that obtained them. A store keeps text under keys and understands neither.
 *
 * @module
 */

export interface TokenStore {
  load(key: string): Promise<{ readonly value: string; readonly revision: string } | undefined>
  /**
   * Keeps a value if nobody else wrote since.
   *
   * @param options `expect`: the revision that the caller saw; undefined: it saw none. `keepUntil`: from when on the value
   *   is of no use, in ms since the epoch, and may be forgotten; undefined: it is not known
   * @returns the new revision; undefined when another write came first, and nothing was kept
   */
  save(
    key: string,
    value: string,
    options: { expect: string | undefined; keepUntil?: number | undefined },
  ): Promise<string | undefined>
  /**
   * Forgets a value if nobody else wrote since.
   *
   * @returns whether it was forgotten
   */
  clear(key: string, options: { expect: string | undefined }): Promise<boolean>
}

/** Shares tokens between the auth objects of one process. What has ended is forgotten with the next write. */
export function memoryStore(): TokenStore {
  const entries = new Map<string, { value: string; revision: string; keepUntil: number | undefined }>()
  let writes = 0
  return {
    async load(key) {
      return entries.get(key)
    },
    async save(key, value, { expect, keepUntil }) {
      if (entries.get(key)?.revision !== expect) return undefined
      for (const [each, entry] of entries) if (isOver(entry)) entries.delete(each)
      writes += 1
      const revision = String(writes)
      entries.set(key, { value, revision, keepUntil })
      return revision
    },
    async clear(key, { expect }) {
      return entries.get(key)?.revision === expect && entries.delete(key)
    },
  }
}

/** Whether an entry of a store may be forgotten. */
export function isOver({ keepUntil }: { readonly keepUntil?: number | undefined }): boolean {
  return keepUntil !== undefined && keepUntil <= Date.now()
}
