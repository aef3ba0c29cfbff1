import { mkdir, readdir, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileStore } from '../../src/node.ts'
import { bench } from '../sign-in.ts'
import { fileOf, newPath } from './folder.ts'

describe('a store in a file', () => {
  it('is empty where there is no file, and makes none to find that out', async () => {
    const path = await newPath()

    await expect(fileStore({ path }).load('a')).resolves.toBeUndefined()

    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('gives back what another process has kept there', async () => {
    const path = await newPath()
    const revision = await fileStore({ path }).save('a', 'one', { expect: undefined })

    const found = await fileStore({ path }).load('a')

    expect(revision).toBeTypeOf('string')
    expect(found).toEqual({ value: 'one', revision })
  })

  it('holds many credentials, each under its key', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const keys = Array.from({ length: 50 }, (_, index) => `key ${index}`)
    for (const key of keys) await store.save(key, `value of ${key}`, { expect: undefined })

    const found = await Promise.all(keys.map((key) => fileStore({ path }).load(key)))

    expect(found.map((each) => each?.value)).toEqual(keys.map((key) => `value of ${key}`))
  })

  it.each(['__proto__', 'constructor', 'toString', '', ' ', '["a","b"]', 'ä\u{1f600}\n\0', '1'])(
    'takes any text for a key: %j',
    async (key) => {
      const path = await newPath()
      await fileStore({ path }).save('other', 'two', { expect: undefined })

      const revision = await fileStore({ path }).save(key, 'one', { expect: undefined })

      await expect(fileStore({ path }).load(key)).resolves.toEqual({ value: 'one', revision })
      await expect(fileStore({ path }).load('other')).resolves.toMatchObject({ value: 'two' })
    },
  )

  it.each(['__proto__', 'constructor', 'toString'])(
    'has nothing under the key %j that nobody kept',
    async (key) => {
      const path = await newPath()
      await fileStore({ path }).save('a', 'one', { expect: undefined })

      await expect(fileStore({ path }).load(key)).resolves.toBeUndefined()
      await expect(fileStore({ path }).clear(key, { expect: undefined })).resolves.toBe(false)
    },
  )

  it('keeps nothing for a writer that saw another revision, or none, or one that is gone', async () => {
    const path = await newPath()
    const [one, other] = [fileStore({ path }), fileStore({ path })]
    const first = await one.save('a', 'one', { expect: undefined })
    const second = await other.save('a', 'two', { expect: first })

    const late = [
      await one.save('a', 'late', { expect: first }),
      await one.save('a', 'late', { expect: undefined }),
      await one.save('b', 'late', { expect: second }),
    ]

    expect(late).toEqual([undefined, undefined, undefined])
    await expect(one.load('a')).resolves.toEqual({ value: 'two', revision: second })
    await expect(one.load('b')).resolves.toBeUndefined()
  })

  it('lets one of many win who saw the same revision', async () => {
    const path = await newPath()
    const first = await fileStore({ path }).save('a', 'one', { expect: undefined })

    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        fileStore({ path }).save('a', `new ${index}`, { expect: first }),
      ),
    )

    const won = results.findIndex((each) => each !== undefined)
    expect(results.filter((each) => each !== undefined)).toHaveLength(1)
    await expect(fileStore({ path }).load('a')).resolves.toEqual({
      value: `new ${won}`,
      revision: results[won],
    })
  })

  it('forgets a value for who saw it, and nobody else, and leaves the others', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const first = await store.save('a', 'one', { expect: undefined })
    await store.save('b', 'two', { expect: undefined })

    const cleared = [
      await store.clear('a', { expect: 'nonsense' }),
      await fileStore({ path }).clear('a', { expect: first }),
      await store.clear('a', { expect: first }),
    ]

    expect(cleared).toEqual([false, true, false])
    await expect(store.load('a')).resolves.toBeUndefined()
    await expect(store.load('b')).resolves.toMatchObject({ value: 'two' })
  })

  it('lets the next run of a program go on signed in', async () => {
    const path = await newPath()
    await bench({ store: fileStore({ path }) }).auth.getToken()

    const { auth, arrivals } = bench({ store: fileStore({ path }), authorize: undefined })

    await expect(auth.getToken()).resolves.toMatchObject({ accessToken: 't1' })
    expect(arrivals).toEqual([])
  })
})

describe('a file that cannot be used', () => {
  const unavailable = { name: 'StoreError', code: 'store_unavailable', recovery: 'terminal' }

  it('is not there, for a folder is in its place', async () => {
    const path = await newPath()
    await mkdir(path)

    const attempts = [
      fileStore({ path }).load('a'),
      fileStore({ path }).save('a', 'one', { expect: undefined }),
    ]

    for (const attempt of attempts) {
      await expect(attempt).rejects.toMatchObject({
        ...unavailable,
        path,
        message: `${path} could not be read or written (EISDIR). There is a folder in its place.`,
      })
    }
  })

  it('is not there, for a file is in the place of its folder', async () => {
    const file = await fileOf('')
    const path = join(file, 'credentials.json')

    await expect(fileStore({ path }).load('a')).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('(ENOTDIR)'),
    })
    await expect(fileStore({ path }).save('a', 'one', { expect: undefined })).rejects.toMatchObject(
      unavailable,
    )
  })

  it('is not there, for links go in a circle', async () => {
    const path = await newPath()
    await symlink(`${path}2`, path)
    await symlink(path, `${path}2`)

    await expect(fileStore({ path }).load('a')).rejects.toMatchObject(unavailable)
    await expect(fileStore({ path }).save('a', 'one', { expect: undefined })).rejects.toMatchObject(
      unavailable,
    )
  })
})

describe('a link to a file', () => {
  it.each([
    ['that is there', true],
    ['that is to come', false],
  ])('stays one, to a file %s', async (_, isThere) => {
    const [target, path] = [await newPath(), await newPath()]
    if (isThere) await fileStore({ path: target }).save('b', 'two', { expect: undefined })
    await symlink(target, path)

    await fileStore({ path }).save('a', 'one', { expect: undefined })

    expect(await readlink(path)).toBe(target)
    await expect(fileStore({ path: target }).load('a')).resolves.toMatchObject({ value: 'one' })
    await expect(fileStore({ path }).load('a')).resolves.toMatchObject({ value: 'one' })
  })

  it('leads to the same turns as the file itself', async () => {
    const [target, path] = [await newPath(), await newPath()]
    await symlink(target, path)
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)

    await Promise.all(
      keys.map((key, index) =>
        fileStore({ path: index % 2 === 0 ? path : target }).save(key, key, { expect: undefined }),
      ),
    )

    const found = await Promise.all(keys.map((key) => fileStore({ path }).load(key)))
    expect(found.filter((each) => each === undefined)).toEqual([])
  })
})

describe('what a process left that died', () => {
  it('is in the way of nobody: half a file beside it', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const revision = await store.save('a', 'one', { expect: undefined })
    await writeFile(`${path}.1234.tmp`, '{"version":1,"entr', { mode: 0o600 })

    await store.save('a', 'two', { expect: revision })

    await expect(store.load('a')).resolves.toMatchObject({ value: 'two' })
  })

  it('is in the way of nobody: a lock', async () => {
    const path = await newPath()
    await writeFile(`${path}.lock`, 'of another process')
    const then = new Date(Date.now() - 11_000)
    await utimes(`${path}.lock`, then, then)

    await fileStore({ path }).save('a', 'one', { expect: undefined })

    await expect(fileStore({ path }).load('a')).resolves.toMatchObject({ value: 'one' })
  })

  it('is nothing, where no process died', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const revision = await store.save('a', 'one', { expect: undefined })
    await store.save('a', 'two', { expect: undefined })
    await store.clear('a', { expect: revision })

    expect(await readdir(join(path, '..'))).toEqual(['credentials.json'])
  })
})

it('forgets what has ended with the next write, and nothing else', async () => {
  const store = fileStore({ path: await newPath() })
  await store.save('ended', 'x', { expect: undefined, keepUntil: Date.now() - 1 })
  await store.save('good', 'x', { expect: undefined, keepUntil: Date.now() + 60_000 })
  await store.save('for ever', 'x', { expect: undefined })

  const left = await Promise.all(['ended', 'good', 'for ever'].map((key) => store.load(key)))

  expect(left.map((entry) => entry?.value)).toEqual([undefined, 'x', 'x'])
})
