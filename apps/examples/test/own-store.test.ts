import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { storeClaims } from '@x/oauth-grants/store-claims'
import { afterAll, describe, it } from 'vitest'
import { databaseStore } from '../src/13-own-store.ts'

const folder = await mkdtemp(join(tmpdir(), 'own-store-'))
afterAll(() => rm(folder, { recursive: true }))

describe('the store of the example own-store', () => {
  it.each(storeClaims({ leases: true }))('$claim', async ({ check }) => {
    const connections: DatabaseSync[] = []
    await check(() => {
      const db = new DatabaseSync(join(folder, 'tokens.db'))
      connections.push(db)
      return databaseStore(db)
    })
    for (const db of connections) db.close()
  })
})
