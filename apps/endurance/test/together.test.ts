import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { earliest, runTogether } from '../src/together.ts'

/** A request is on its way for some ms, and on a busy machine for more. */
const wayMs = 400
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

  const results = await runTogether(store, 20, 10_000)

  for (const { credential, calls, failures, tokenRequests } of results) {
    const gaps = tokenRequests.slice(1).map((at, index) => at - (tokenRequests[index] ?? 0))
    expect({ credential, failures, early: gaps.filter((gap) => gap < earliest - wayMs) }).toEqual({
      credential,
      failures: [],
      early: [],
    })
    expect(calls).toBeGreaterThan(400)
    expect(tokenRequests.length).toBeGreaterThan(1)
  }
})
