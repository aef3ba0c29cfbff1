import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

/**
 * A store of its own for one server, forgotten with it.
 *
 * Rows stay when they expire: a client then hears `expired_token`, not `invalid_grant`.
 */
export function createStore(uses: RefreshTokenUses): AdapterFactory {
  const rows = new Map<string, AdapterPayload>()
  return (model) =>
    adapterFor(`${model}:`, rows, model === 'RefreshToken' ? uses : { usedAt: new Map(), graceMs: 0 })
}

/** What becomes of refresh tokens that were replaced. */
export interface RefreshTokenUses {
  /** When each was replaced, in ms since the epoch: the provider's own mark is in whole seconds. */
  readonly usedAt: Map<string, number>
  /** How long that does not count yet. */
  readonly graceMs: number
}

function adapterFor(
  prefix: string,
  rows: Map<string, AdapterPayload>,
  { usedAt, graceMs }: RefreshTokenUses,
): Adapter {
  const find = async (wanted: (row: AdapterPayload) => boolean) =>
    [...rows].find(([key, row]) => key.startsWith(prefix) && wanted(row))?.[1]
  return {
    upsert: async (id, row) => void rows.set(prefix + id, row),
    async find(id) {
      const row = rows.get(prefix + id)
      if (row === undefined || Date.now() - (usedAt.get(id) ?? 0) >= graceMs) return row
      return { ...row, consumed: undefined }
    },
    findByUserCode: (userCode) => find((row) => row.userCode === userCode),
    findByUid: (uid) => find((row) => row.uid === uid),
    async consume(id) {
      const row = rows.get(prefix + id)
      if (row === undefined) return
      // Used again within the grace, it has no more of it.
      if (!usedAt.has(id)) usedAt.set(id, Date.now())
      rows.set(prefix + id, { ...row, consumed: Math.floor(Date.now() / 1000) })
    },
    destroy: async (id) => void rows.delete(prefix + id),
    async revokeByGrantId(grantId) {
      for (const [key, row] of rows) {
        if (key.startsWith(prefix) && row.grantId === grantId) rows.delete(key)
      }
    },
  }
}
