import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { redisPath, startRedis } from '@x/examples/redis-server'
import { describe, expect, it } from 'vitest'
import type { StoreAddress } from '../src/store-address.ts'
import { mostTokens, runTogether } from '../src/together.ts'

const forMs = 10_000

async function judge(store: StoreAddress): Promise<void> {
  const results = await runTogether(store, 20, forMs)

  for (const { credential, calls, failures, tokenRequests } of results) {
    expect({ credential, failures }).toEqual({ credential, failures: [] })
    expect(calls).toBeGreaterThan(200)
    expect(tokenRequests.length).toBeGreaterThan(1)
    expect(tokenRequests.length).toBeLessThanOrEqual(mostTokens(forMs))
    const ends = tokenRequests.map(({ to }) => to)
    expect(tokenRequests.slice(1).filter(({ from }, index) => from < (ends[index] ?? 0))).toEqual([])
  }
}

describe('twenty processes ask for one token a life in all, and fail no call (RFC 9700 §4.14.2)', () => {
  it('where they share a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'together-'))
    const options = { path: join(folder, 'tokens.json') }

    await judge({ module: '@x/oauth-grants/node', name: 'fileStore', options })

    await rm(folder, { recursive: true })
  })

  it.skipIf(redisPath === undefined)('where they share a Redis', async () => {
    await using redis = await startRedis()
    const module = new URL('../src/redis-store.ts', import.meta.url).href

    await judge({ module, name: 'openRedisStore', options: { url: redis.url } })
  })
})

if (redisPath === undefined)
  console.log('Redis is not installed: twenty processes on one Redis are not tried.')
