import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

/**
 * A store of its own for one server, forgotten with it.
 *
 * Rows stay when they expire: a client then hears `expired_token`, not `invalid_grant`.
 */
export function createStore(): AdapterFactory {
  const rows = new Map<string, AdapterPayload>()
  return (model) => adapterFor(`${model}:`, rows)
}

function adapterFor(prefix: string, rows: Map<string, AdapterPayload>): Adapter {
  const find = async (wanted: (row: AdapterPayload) => boolean) =>
    [...rows].find(([key, row]) => key.startsWith(prefix) && wanted(row))?.[1]
  return {
    upsert: async (id, row) => void rows.set(prefix + id, row),
    find: async (id) => rows.get(prefix + id),
    findByUserCode: (userCode) => find((row) => row.userCode === userCode),
    findByUid: (uid) => find((row) => row.uid === uid),
    async consume(id) {
      const row = rows.get(prefix + id)
      if (row) rows.set(prefix + id, { ...row, consumed: Math.floor(Date.now() / 1000) })
    },
    destroy: async (id) => void rows.delete(prefix + id),
    async revokeByGrantId(grantId) {
      for (const [key, row] of rows) {
        if (key.startsWith(prefix) && row.grantId === grantId) rows.delete(key)
      }
    },
  }
}
