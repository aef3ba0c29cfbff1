import { describe, expect, it } from 'vitest'
import { encrypted, memoryStore, type TokenStore } from '../src/index.ts'
import { fileStore } from '../src/node.ts'
import { type OpenStore, storeClaims } from '../src/store-claims.ts'
import { newPath } from './node/folder.ts'
import { withoutLeases } from './without-leases.ts'

const shared = memoryStore()
const key = crypto.getRandomValues(new Uint8Array(32))
const path = await newPath()

const stores: Readonly<Record<string, OpenStore>> = {
  memoryStore: () => shared,
  fileStore: () => fileStore({ path }),
  'encrypted(memoryStore)': () => encrypted(shared, key),
  'encrypted(fileStore)': () => encrypted(fileStore({ path }), key),
}

describe.each(Object.entries(stores))('%s', (_, open) => {
  for (const { claim, check } of storeClaims({ leases: true })) it(claim, () => check(open))
})

describe('a store without leases', () => {
  const open = () => withoutLeases(shared)

  for (const { claim, check } of storeClaims({ leases: false })) it(claim, () => check(open))
})

/** Each is wrong in one way. */
const wrongs: Readonly<Record<string, (right: TokenStore) => Partial<TokenStore>>> = {
  'forgets all': () => ({ load: async () => undefined }),
  'trims what it keeps': (right) => ({ save: (name, value, more) => right.save(name, value.trim(), more) }),
  'knows names in capitals only': (right) => ({
    load: (name) => right.load(name.toUpperCase()),
    save: (name, ...more) => right.save(name.toUpperCase(), ...more),
  }),
  'writes over what others wrote': (right) => ({
    save: async (name, value, more) =>
      right.save(name, value, { ...more, expect: (await right.load(name))?.revision }),
  }),
  'compares only where something was seen': (right) => ({
    save: async (name, value, more) =>
      right.save(name, value, { ...more, expect: more.expect ?? (await right.load(name))?.revision }),
  }),
  'forgets for anybody': (right) => ({
    clear: async (name) => right.clear(name, { expect: (await right.load(name))?.revision }),
  }),
  'gives turns to all': () => ({
    lease: async () => ({ fence: 1, extend: async () => true, [Symbol.asyncDispose]: async () => {} }),
  }),
  'never ends a turn': (right) => ({ lease: async (name) => right.lease?.(name, 1e9, 0) }),
  'ends each turn at once': (right) => ({ lease: async (name, _, now) => right.lease?.(name, 0, now) }),
  'has one turn for all names': (right) => ({ lease: async (_, ...more) => right.lease?.('all', ...more) }),
  'knows no fence': (right) => ({
    save: (name, value, more) => right.save(name, value, { ...more, fence: undefined }),
  }),
  'takes only the newest fence': (right) => {
    let newest = 0
    return {
      async lease(...asked) {
        const lease = await right.lease?.(...asked)
        newest = lease?.fence ?? newest
        return lease
      },
      save: async (name, value, more) =>
        more.fence !== undefined && more.fence < newest ? undefined : right.save(name, value, more),
    }
  },
  'keeps one value in a turn': (right) => {
    let last: number | undefined
    return {
      save: async (name, value, more) => {
        if (more.fence !== undefined && more.fence === last) return undefined
        last = more.fence
        return right.save(name, value, more)
      },
    }
  },
  'gives back what is not its own': (right) => {
    let last: AsyncDisposable | undefined
    return {
      async lease(...asked) {
        const lease = await right.lease?.(...asked)
        last = lease ?? last
        return lease && { ...lease, [Symbol.asyncDispose]: async () => last?.[Symbol.asyncDispose]() }
      },
    }
  },
}

describe('the claims', () => {
  it.each(Object.entries(wrongs))('are not all true of a store that %s', async (_, wrong) => {
    const right = memoryStore()
    const store = { ...right, ...wrong(right) }

    const failures: string[] = []
    for (const { claim, check } of storeClaims({ leases: true })) {
      await check(() => store).catch(() => failures.push(claim))
    }

    expect(failures).not.toEqual([])
  })

  it('say when leases are there that nobody spoke of', async () => {
    const checks = storeClaims({ leases: false }).map(({ check }) => check(() => shared))

    const failed = (await Promise.allSettled(checks)).filter(({ status }) => status === 'rejected')

    expect(failed).toMatchObject([{ reason: { message: expect.stringContaining('say leases: true') } }])
  })

  it('say what came instead', async () => {
    const [first] = storeClaims({ leases: true })

    const attempt = first?.check(() => ({
      ...memoryStore(),
      load: async () => ({ value: 'a', revision: 'b' }),
    }))

    await expect(attempt).rejects.toThrow('load: {"value":"a","revision":"b"} instead of undefined')
  })
})
