import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { fileStore } from '../../src/node.ts'
import { fileOf, newPath } from './folder.ts'

const run = promisify(execFile)
const ms = 10_000
const none = { expect: undefined }

/** What is written there. */
async function contentOf(path: string) {
  const { version, entries, terms, fence } = JSON.parse(await readFile(path, 'utf8'))
  return { version, fence, entries: Object.keys(entries), terms: Object.keys(terms) }
}

/** Another process, which has nothing in hand but the file. */
const lease = async (path: string, key: string, now: number) => fileStore({ path }).lease?.(key, ms, now)

describe('a turn in a file', () => {
  it('is given to one of twenty who ask at once (RT-06)', async () => {
    const path = await newPath()

    const leases = await Promise.all(Array.from({ length: 20 }, () => lease(path, 'a', 0)))

    expect(leases.filter((each) => each !== undefined)).toHaveLength(1)
  })

  it('is one for each key, for as many as there are', async () => {
    const path = await newPath()
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)

    const first = await Promise.all(keys.map((key) => lease(path, key, 0)))
    const second = await Promise.all(keys.map((key) => lease(path, key, 1)))

    expect(first.filter((each) => each === undefined)).toEqual([])
    expect(second.filter((each) => each !== undefined)).toEqual([])
    expect(new Set(first.map((each) => each?.fence)).size).toBe(20)
    expect((await contentOf(path)).terms).toEqual(expect.arrayContaining(keys))
  })

  it('is refused at once while another has it: who asks stands in the way of nobody', async () => {
    const path = await newPath()
    await lease(path, 'a', 0)
    await writeFile(`${path}.lock`, 'of another process')

    expect(await lease(path, 'a', 1)).toBeUndefined()
  })

  it('that is over is not in it any longer once somebody has another one', async () => {
    const path = await newPath()
    for (const key of ['a', 'b']) await lease(path, key, 0)
    await lease(path, 'c', 5_000)

    await lease(path, 'd', ms)

    expect((await contentOf(path)).terms).toEqual(['c', 'd'])
  })

  it('that was given back is not in it any longer', async () => {
    const path = await newPath()
    const held = await lease(path, 'a', 0)

    await held?.[Symbol.asyncDispose]()

    expect((await contentOf(path)).terms).toEqual([])
  })

  it('has a greater number each time, whatever was given back, has ended or was forgotten meanwhile', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const fences: number[] = []
    for (let now = 0; now < 5 * ms; now += ms) {
      const held = (await lease(path, 'a', now)) ?? expect.fail('nobody has it')
      fences.push(held.fence)
      if (now % (2 * ms) === 0) {
        const revision = await store.save('a', 'x', { ...none, fence: held.fence })
        await store.clear('a', { expect: revision })
        await held[Symbol.asyncDispose]()
      }
    }

    expect(fences).toEqual(fences.toSorted((one, other) => one - other))
    expect(new Set(fences).size).toBe(5)
  })

  it('has a greater number than what was kept by one, also where the file knows no last number', async () => {
    const entries = { a: { value: 'x', revision: '1', fence: 41 } }
    const path = await fileOf(JSON.stringify({ version: 2, entries }))

    expect((await lease(path, 'a', 0))?.fence).toBe(42)
  })

  it.each<[string, number, number[], number]>([
    ['a whole term ahead, or more', ms, [], 0],
    ['less than a whole term ahead', ms - 1, [0, 2 * ms - 2], 2 * ms - 1],
    ['a little ahead', 1, [0, ms], ms + 1],
  ])(
    'that begins %s, for a clock was set back, keeps others for less than two terms',
    async (_, ahead, held, free) => {
      const path = await newPath()
      const now = 100 * ms
      await lease(path, 'a', now + ahead)

      for (const later of held) expect(await lease(path, 'a', now + later)).toBeUndefined()

      expect(await lease(path, 'a', now + free)).toBeDefined()
    },
  )

  it('is in the way of nobody who reads, keeps or forgets', async () => {
    const path = await newPath()
    await lease(path, 'a', 0)
    const store = fileStore({ path })

    const revision = await store.save('a', 'x', none)

    expect(await store.load('a')).toEqual({ value: 'x', revision })
    expect(await store.clear('a', { expect: revision })).toBe(true)
    expect((await contentOf(path)).terms).toEqual(['a'])
  })

  it('is held by one of several processes at a time, each in turn (RT-06)', { timeout: 60_000 }, async () => {
    const path = await newPath()
    const program = `
      import { rm, writeFile } from 'node:fs/promises'
      import { fileStore } from '${new URL('../../src/node.ts', import.meta.url)}'

      const store = fileStore({ path: ${JSON.stringify(path)} })
      for (let turns = 0; turns < 5; ) {
        const lease = await store.lease('a', 10_000, Date.now())
        if (lease === undefined) continue
        // Fails where another one is in here.
        await writeFile(${JSON.stringify(`${path}.turn`)}, '', { flag: 'wx' })
        await rm(${JSON.stringify(`${path}.turn`)})
        console.log(lease.fence)
        await lease[Symbol.asyncDispose]()
        turns += 1
      }
    `
    const flags = ['--conditions=@x/source', '--input-type=module', '--eval', program]

    const outputs = await Promise.all(Array.from({ length: 3 }, () => run(process.execPath, flags)))

    const fences = outputs.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number))
    expect(fences.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 15 }, (_, index) => index + 1),
    )
  })
})

describe('a file of an earlier version', () => {
  const first = { version: 1, entries: { a: { value: 'one', revision: 'r1' } } }

  it('is read, and left as it is until somebody writes', async () => {
    const text = JSON.stringify(first)
    const path = await fileOf(text)

    expect(await fileStore({ path }).load('a')).toEqual({ value: 'one', revision: 'r1' })

    expect(await readFile(path, 'utf8')).toBe(text)
  })

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['keeps something', (path) => fileStore({ path }).save('b', 'two', none)],
    ['has a turn', (path) => lease(path, 'b', 0)],
  ])('becomes one of this version when somebody %s, with all that was in it', async (_, act) => {
    const path = await fileOf(JSON.stringify(first))

    await act(path)

    expect((await contentOf(path)).version).toBe(2)
    expect(await fileStore({ path }).load('a')).toEqual({ value: 'one', revision: 'r1' })
  })
})

describe('a file of a later version', () => {
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['a turn', (path) => lease(path, 'a', 0)],
    ['what is in it', (path) => fileStore({ path }).load('a')],
    ['to keep something', (path) => fileStore({ path }).save('a', 'x', none)],
    ['to forget something', (path) => fileStore({ path }).clear('a', none)],
  ])('is left as it is by who wants %s', async (_, act) => {
    const text = JSON.stringify({ version: 3, entries: {}, terms: {}, fence: 7 })
    const path = await fileOf(text)

    await expect(act(path)).rejects.toMatchObject({ name: 'StoreError', code: 'store_unreadable', path })

    expect(await readFile(path, 'utf8')).toBe(text)
  })
})

describe('a file whose turns are of another form', () => {
  it.each([{ a: 1 }, { a: { fence: 1 } }, [], 'x', { a: { fence: 1, since: '0', until: 5 } }])(
    'is none of ours: %j',
    async (terms) => {
      const path = await fileOf(JSON.stringify({ version: 2, entries: {}, terms }))

      await expect(lease(path, 'a', 0)).rejects.toMatchObject({ code: 'store_unreadable' })
    },
  )
})
