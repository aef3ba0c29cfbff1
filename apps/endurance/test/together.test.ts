import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mostTokens, runTogether } from '../src/together.ts'

const forMs = 10_000
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'together-'))
})
afterAll(() => rm(folder, { recursive: true }))

it('twenty processes that share a store ask for one token a life in all, and fail no call (RFC 9700 §4.14.2)', async () => {
  const store = {
    module: '@x/oauth-grants/node',
    name: 'fileStore',
    options: { path: join(folder, 'tokens.json') },
  }

  const results = await runTogether(store, 20, forMs)

  for (const { credential, calls, failures, tokenRequests } of results) {
    expect({ credential, failures }).toEqual({ credential, failures: [] })
    expect(calls).toBeGreaterThan(200)
    expect(tokenRequests.length).toBeGreaterThan(1)
    expect(tokenRequests.length).toBeLessThanOrEqual(mostTokens(forMs))
    const ends = tokenRequests.map(({ to }) => to)
    expect(tokenRequests.slice(1).filter(({ from }, index) => from < (ends[index] ?? 0))).toEqual([])
  }
})
