import { describe, expect, it } from 'vitest'
import { memoryStore } from '../src/index.ts'

describe('memoryStore', () => {
  it('gives back what was kept under a key, and nothing for another', async () => {
    const store = memoryStore()

    const revision = await store.save('a', 'one', { expect: undefined })

    expect(revision).toBeTypeOf('string')
    await expect(store.load('a')).resolves.toEqual({ value: 'one', revision })
    await expect(store.load('b')).resolves.toBeUndefined()
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
})
