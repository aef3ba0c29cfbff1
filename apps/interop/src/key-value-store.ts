export type KeyValueStore = ReturnType<typeof createKeyValueStore>

interface Row {
  readonly text: string
  readonly metadata: unknown
}

/**
 * As much of a Cloudflare KV namespace as an authorization server needs, in memory.
 *
 * Lifetimes are ignored: no test lives long enough, and the library checks those of tokens by itself.
 */
export function createKeyValueStore() {
  const rows = new Map<string, Row>()
  return {
    get: async (key: string, options?: { type: 'json' }): Promise<unknown> => {
      const row = rows.get(key)
      if (row === undefined) return null
      return options === undefined ? row.text : JSON.parse(row.text)
    },
    put: async (key: string, text: string, { metadata }: { metadata?: unknown } = {}): Promise<void> => {
      rows.set(key, { text, metadata })
    },
    delete: async (key: string): Promise<void> => {
      rows.delete(key)
    },
    /** Always one page. */
    list: async ({ prefix = '' }: { prefix?: string } = {}) => {
      const found = [...rows].filter(([name]) => name.startsWith(prefix))
      return { keys: found.map(([name, { metadata }]) => ({ name, metadata })), list_complete: true as const }
    },
  }
}
