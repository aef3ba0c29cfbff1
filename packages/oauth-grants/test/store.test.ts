import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  type AuthOptions,
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  DeviceCodeAuth,
  memoryStore,
  TokenExchangeAuth,
} from '../src/index.ts'
import { deviceMetadata } from './device-server.ts'
import { loginMetadata } from './login-bench.ts'

describe('memoryStore', () => {
  it('gives back what was kept under a key, and nothing for another', async () => {
    const store = memoryStore()

    const revision = await store.save('a', 'one', { expect: undefined })

    expect(revision).toBeTypeOf('string')
    await expect(store.load('a')).resolves.toEqual({ value: 'one', revision })
    await expect(store.load('b')).resolves.toBeUndefined()
  })

  it('gives value and revision of an entry, and nothing else', async () => {
    const store = memoryStore()
    const keepUntil = Date.now() + 60_000

    const revision = await store.save('a', 'one', { expect: undefined, fence: 1, keepUntil })

    expect(Object.entries((await store.load('a')) ?? {})).toEqual([
      ['value', 'one'],
      ['revision', revision],
    ])
  })

  it('forgets a value from the moment that it is of no use', async () => {
    const store = memoryStore()
    await store.save('a', 'one', { expect: undefined, keepUntil: 1_000 })
    const now = vi.spyOn(Date, 'now').mockReturnValue(999)
    onTestFinished(() => now.mockRestore())

    const writeAt = async (ms: number) => {
      now.mockReturnValue(ms)
      await store.save(`at ${ms}`, 'x', { expect: undefined })
      return store.load('a')
    }

    expect([await writeAt(999), await writeAt(1_000)]).toMatchObject([{ value: 'one' }, undefined])
  })

  it('forgets what has ended with the next write, and nothing else', async () => {
    const store = memoryStore()
    await store.save('ended', 'x', { expect: undefined, keepUntil: Date.now() - 1 })
    await store.save('good', 'x', { expect: undefined, keepUntil: Date.now() + 60_000 })
    await store.save('for ever', 'x', { expect: undefined })

    const left = await Promise.all(['ended', 'good', 'for ever'].map((key) => store.load(key)))

    expect(left.map((entry) => entry?.value)).toEqual([undefined, 'x', 'x'])
  })

  it('keeps a value over the revision that was seen, under a new revision', async () => {
    const store = memoryStore()
    const first = await store.save('a', 'one', { expect: undefined })

    const second = await store.save('a', 'two', { expect: first })

    expect(second).toBeTypeOf('string')
    expect(second).not.toBe(first)
    await expect(store.load('a')).resolves.toEqual({ value: 'two', revision: second })
  })

  it.each([
    ['saw none', () => undefined],
    ['saw an older one', (first: string | undefined) => first],
    ['saw one of another key', () => 'nonsense'],
  ])('keeps nothing for a writer that %s', async (_, seen) => {
    const store = memoryStore()
    const first = await store.save('a', 'one', { expect: undefined })
    const second = await store.save('a', 'two', { expect: first })

    const third = await store.save('a', 'three', { expect: seen(first) })

    expect(third).toBeUndefined()
    await expect(store.load('a')).resolves.toEqual({ value: 'two', revision: second })
  })

  it('keeps nothing over a revision where there is no value yet', async () => {
    const store = memoryStore()

    await expect(store.save('a', 'one', { expect: '1' })).resolves.toBeUndefined()
    await expect(store.load('a')).resolves.toBeUndefined()
  })

  it('lets one of two writers win that saw the same', async () => {
    const store = memoryStore()

    const revisions = await Promise.all(
      ['one', 'two'].map((value) => store.save('a', value, { expect: undefined })),
    )

    expect(revisions.filter((each) => each !== undefined)).toHaveLength(1)
  })

  it('shares nothing with another one', async () => {
    await memoryStore().save('a', 'one', { expect: undefined })

    await expect(memoryStore().load('a')).resolves.toBeUndefined()
  })

  it('forgets a value by the revision that was seen', async () => {
    const store = memoryStore()
    const revision = await store.save('a', 'one', { expect: undefined })
    await store.save('b', 'two', { expect: undefined })

    await expect(store.clear('a', { expect: revision })).resolves.toBe(true)

    await expect(store.load('a')).resolves.toBeUndefined()
    await expect(store.load('b')).resolves.toMatchObject({ value: 'two' })
  })

  it.each([
    ['saw none', () => undefined],
    ['saw an older one', (first: string | undefined) => first],
    ['saw one of another key', () => 'nonsense'],
  ])('forgets nothing for whoever %s', async (_, seen) => {
    const store = memoryStore()
    const first = await store.save('a', 'one', { expect: undefined })
    await store.save('a', 'two', { expect: first })

    await expect(store.clear('a', { expect: seen(first) })).resolves.toBe(false)

    await expect(store.load('a')).resolves.toMatchObject({ value: 'two' })
  })

  it('says so where there is nothing to forget', async () => {
    const store = memoryStore()
    const first = await store.save('a', 'one', { expect: undefined })
    await store.clear('a', { expect: first })

    await expect(store.clear('a', { expect: undefined })).resolves.toBe(false)
    await expect(store.clear('a', { expect: first })).resolves.toBe(false)
  })

  it('takes a new value after one was forgotten, by no revision and by no old one', async () => {
    const store = memoryStore()
    const first = await store.save('a', 'one', { expect: undefined })
    await store.clear('a', { expect: first })

    await expect(store.save('a', 'late', { expect: first })).resolves.toBeUndefined()
    const second = await store.save('a', 'two', { expect: undefined })

    expect(second).not.toBe(first)
    await expect(store.load('a')).resolves.toEqual({ value: 'two', revision: second })
  })
})

describe('the names of the entries', () => {
  const issuers = ['https://as.example', 'https://as.example/']
  const clients = ['me', 'me"', '["me"]']
  const resources = [undefined, 'https://a.example', 'https://a.example/', 'urn:a', 'urn:a,urn:b']
  const scopes = [undefined, 'a', 'a b', 'b c', 'urn:a']
  const partitions = [undefined, 'tenant1', 'tenant1,user2', 'a', 'urn:a']

  /** All ways to choose one of each. */
  const combinations = issuers.flatMap((issuer) =>
    clients.flatMap((clientId) =>
      resources.flatMap((resource) =>
        scopes.flatMap((scope) =>
          partitions.map((partition) => ({
            serverMetadata: { ...deviceMetadata, ...loginMetadata, issuer },
            clientId,
            clientSecret: 'hunter2',
            resource,
            scope,
            partition,
          })),
        ),
      ),
    ),
  )

  /** A store that only notes which entries it is asked for, and has none. */
  function noting() {
    const names: string[] = []
    const load = (name: string) => {
      names.push(name)
      return Promise.reject(new Error('nothing here'))
    }
    return { names, store: { ...memoryStore(), load } }
  }

  it('never meet: of kinds of grants, issuers, clients, resources, scopes, partitions, subjects and actors (TE-15, NS-08)', async () => {
    const { names, store } = noting()
    const subjects = ['hunter2', 'hunter2,hunter3', '["hunter2","hunter3"]']
    const actors = [undefined, 'hunter3', 'hunter3,hunter3']

    for (const each of combinations) {
      const options = { ...each, store }
      const all = [
        new ClientCredentialsAuth(options),
        new AuthorizationCodeAuth(options),
        new DeviceCodeAuth({ ...options, prompt: () => {} }),
        ...subjects.flatMap((subjectToken) =>
          actors.map((actorToken) => new TokenExchangeAuth({ ...options, subjectToken, actorToken })),
        ),
        new TokenExchangeAuth({ ...options, resource: ['urn:a', 'urn:b'], subjectToken: 'hunter2' }),
      ]
      await Promise.all(all.map((auth) => auth.getToken({ interactive: false }).catch(() => {})))
    }

    // The exchange for two resources at once does not look at the one resource.
    const perResource = combinations.length * 12
    expect(new Set(names).size).toBe(perResource + combinations.length / resources.length)
    expect(names).toHaveLength(combinations.length * 13)
    expect(names.join()).not.toMatch(/hunter/)
  })

  it.each<[string, AuthOptions['parameters'], AuthOptions['parameters']]>([
    ['another audience', { audience: 'a' }, { audience: 'b' }],
    ['one more', { audience: ['a', 'b'] }, { audience: 'a' }],
    ['none', { audience: 'a' }, {}],
    ['another word with the same value', { audience: 'a' }, { tenant: 'a' }],
  ])('differ where the server is told something else beside: %s (TE-15)', async (_, one, other) => {
    const { names, store } = noting()
    const base = { serverMetadata: loginMetadata, clientId: 'me', clientSecret: 'hush', store }

    for (const parameters of [one, other]) {
      const options = { ...base, parameters }
      const all = [new ClientCredentialsAuth(options), new AuthorizationCodeAuth(options)]
      await Promise.all(all.map((auth) => auth.getToken({ interactive: false }).catch(() => {})))
    }

    expect(new Set(names).size).toBe(4)
  })
})
