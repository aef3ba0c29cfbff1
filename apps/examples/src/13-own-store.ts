import { DatabaseSync } from 'node:sqlite'
import { ClientCredentialsAuth, type TokenStore } from '@x/oauth-grants'
import { tokenFacts } from './stage/facts.ts'
import { makeFolder } from './stage/folder.ts'
import type { Stage } from './stage/stage.ts'

/** Tokens in a database of yours: four functions over text. `storeClaims` of `@x/oauth-grants/store-claims` tests them. */
export function databaseStore(db: DatabaseSync): TokenStore {
  db.exec(`
    CREATE TABLE IF NOT EXISTS entry (name TEXT PRIMARY KEY, value TEXT, revision TEXT, fence INTEGER);
    CREATE TABLE IF NOT EXISTS turn (name TEXT PRIMARY KEY, fence INTEGER, begins REAL, ends REAL)`)
  const sql = (text: string) => db.prepare(text)
  const extend = sql('UPDATE turn SET begins = ?, ends = ? WHERE name = ? AND fence = ? AND ends > begins')
  return {
    async load(name) {
      const row = sql('SELECT value, revision FROM entry WHERE name = ?').get(name)
      return row && { value: String(row['value']), revision: String(row['revision']) }
    },
    // For whoever saw the last revision, and not for one whose turn another has taken meanwhile.
    async save(name, value, { expect = null, fence = null }) {
      const next = crypto.randomUUID()
      const row = { name, value, next, expect, fence }
      const { changes } = sql(`
        INSERT INTO entry SELECT @name, @value, @next, @fence
        WHERE @expect IS NULL OR EXISTS (SELECT 1 FROM entry WHERE name = @name)
        ON CONFLICT DO UPDATE SET value = @value, revision = @next, fence = coalesce(@fence, fence)
        WHERE revision = @expect AND (@fence IS NULL OR fence IS NULL OR fence <= @fence)`).run(row)
      return changes === 1 ? next : undefined
    },
    async clear(name, { expect = null }) {
      return sql('DELETE FROM entry WHERE name = ? AND revision = ?').run(name, expect).changes === 1
    },
    // A turn that begins a whole term from now is of a clock that has been set back since.
    async lease(name, ms, now) {
      const row = sql(`
        INSERT INTO turn VALUES (@name, 1, @now, @now + @ms)
        ON CONFLICT DO UPDATE SET fence = fence + 1, begins = @now, ends = @now + @ms
        WHERE @now >= ends OR @now <= 2 * begins - ends RETURNING fence`).get({ name, ms, now })
      if (row === undefined) return undefined // another has it
      const fence = Number(row['fence'])
      const set = (begins: number, ends: number) => extend.run(begins, ends, name, fence).changes === 1
      return {
        fence,
        extend: async (more, from) => set(from, from + more),
        [Symbol.asyncDispose]: async () => void set(now, now),
      }
    },
  }
}

/** Two programs that know nothing of each other, but for the database. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  await using folder = await makeFolder()
  const open = () => {
    const store = databaseStore(new DatabaseSync(`${folder.path}/tokens.db`))
    return new ClientCredentialsAuth({ resourceUrl: url, clientId, clientSecret, store, ...options })
  }
  await using one = open()
  await using other = open()
  const first = await one.getToken()
  const found = await other.getToken()
  stage.say('both are told that this token is good no longer, at once')
  const next = await Promise.all([one.getToken({ rejected: first }), other.getToken({ rejected: found })])
  const response = await other.fetch(url)
  await response.body?.cancel()

  stage.report({ token: tokenFacts(first) })
  stage.claim('the second program found the token of the first', first.accessToken === found.accessToken)
  const isNew = next[0].accessToken !== first.accessToken
  stage.claim(
    'both have the same new one, which is good',
    response.ok && isNew && next[0].accessToken === next[1].accessToken,
  )
  const count = stage.exchanges.filter(({ asked }) => asked === 'client_credentials').length
  stage.claim('so that two were asked for in all', count === 2)
}
