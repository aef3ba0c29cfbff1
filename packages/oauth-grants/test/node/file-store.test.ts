import {
  type FileHandle,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fileStore } from '../../src/node.ts'
import { bench } from '../sign-in.ts'
import { fileOf, newPath } from './folder.ts'
import { instead } from './system.ts'

afterEach(() => void vi.restoreAllMocks())

/** Is told of each file that is opened. */
function whenOpened(act: (file: FileHandle, path: string) => unknown): void {
  instead('open', (real) => async (path, ...how) => {
    const file = await real(path, ...how)
    await act(file, String(path))
    return file
  })
}

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

  it('gives value and revision of an entry, and nothing else', async () => {
    const path = await newPath()
    const keepUntil = Date.now() + 60_000

    const revision = await fileStore({ path }).save('a', 'one', { expect: undefined, fence: 1, keepUntil })

    expect(Object.entries((await fileStore({ path }).load('a')) ?? {})).toEqual([
      ['value', 'one'],
      ['revision', revision],
    ])
  })

  it('is on the disk before it takes the place of the old one, and open no longer', async () => {
    const path = await newPath()
    const steps: string[] = []
    const noted = async (step: string, done: Promise<void>) => {
      await done
      steps.push(step)
    }
    whenOpened((file, opened) => {
      if (opened !== `${path}.tmp`) return
      const [sync, close] = [file.sync.bind(file), file.close.bind(file)]
      Object.assign(file, { sync: () => noted('sync', sync()), close: () => noted('close', close()) })
    })
    instead('rename', (real) => (from, to) => noted('rename', real(from, to)))

    await fileStore({ path }).save('a', 'one', { expect: undefined })

    expect(steps).toEqual(['sync', 'close', 'rename'])
  })

  it('is not written where nothing is kept or forgotten', async () => {
    const path = await newPath()
    const store = fileStore({ path })

    await store.clear('a', { expect: undefined })
    const before = await readdir(join(path, '..'))
    await store.save('a', 'one', { expect: undefined })
    const { ino } = await stat(path)
    await store.save('a', 'late', { expect: undefined })
    await store.clear('a', { expect: undefined })

    // A file that takes the place of another one has another number.
    expect([before, (await stat(path)).ino]).toEqual([[], ino])
  })

  it('leaves no file open', async () => {
    const path = await newPath()
    const files: FileHandle[] = []
    whenOpened((file) => files.push(file))

    const revision = await fileStore({ path }).save('a', 'one', { expect: undefined })
    await fileStore({ path }).load('a')
    await fileStore({ path }).clear('a', { expect: revision })

    // A file that is closed has no number.
    expect(files.map(({ fd }) => fd)).toEqual([-1, -1, -1, -1])
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

  it('is not to be had for now, for another process has its turn at it', async () => {
    const path = await newPath()
    await writeFile(`${path}.lock`, 'of another process')
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(30_001)

    await expect(fileStore({ path }).save('a', 'one', { expect: undefined })).rejects.toMatchObject({
      ...unavailable,
      recovery: 'transient',
      path,
      message: `${path} could not be read or written (ELOCKED). Another process keeps it locked. If there is none, delete the .lock file beside it.`,
    })
  })

  it('is left to who took the turn over meanwhile', async () => {
    const path = await newPath()
    await fileStore({ path }).save('a', 'one', { expect: undefined })
    const text = await readFile(path, 'utf8')
    whenOpened((_, opened) => opened === `${path}.tmp` && writeFile(`${path}.lock`, 'of another process'))

    await expect(fileStore({ path }).save('b', 'two', { expect: undefined })).rejects.toMatchObject({
      ...unavailable,
      recovery: 'transient',
      path,
      message: `${path} could not be read or written (ELOCKLOST). This process was held up for so long that another took over. Try again.`,
    })

    expect(await readFile(path, 'utf8')).toBe(text)
    expect(await readdir(join(path, '..'))).toEqual(['credentials.json', 'credentials.json.lock'])
  })

  it.each(['EACCES', undefined])(
    'cannot be written: what the system says is told, be it %s',
    async (code) => {
      const path = await newPath()
      instead('open', (real) => async (opened, ...how) => {
        if (opened === `${path}.tmp`) throw Object.assign(new Error('hunter2'), { code })
        return real(opened, ...how)
      })

      await expect(fileStore({ path }).save('a', 'one', { expect: undefined })).rejects.toMatchObject({
        ...unavailable,
        path,
        message: `${path} could not be read or written (${code ?? 'unknown'}). Check who owns it and its folder.`,
      })
    },
  )

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

  it('stays one, though it leads there by thirty others', async () => {
    const target = await newPath()
    const links = Array.from({ length: 30 }, (_, index) => `${target}.${index}`)
    for (const [index, each] of links.entries()) await symlink(links[index + 1] ?? target, each)
    const [path = ''] = links

    await fileStore({ path }).save('a', 'one', { expect: undefined })

    await expect(fileStore({ path: target }).load('a')).resolves.toMatchObject({ value: 'one' })
    expect(await Promise.all(links.map((each) => readlink(each)))).toEqual([...links.slice(1), target])
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
  it('is in the way of nobody: half a file beside it, which goes', async () => {
    const path = await newPath()
    const store = fileStore({ path })
    const revision = await store.save('a', 'one', { expect: undefined })
    await writeFile(`${path}.tmp`, '{"version":1,"entr', { mode: 0o600 })

    await store.save('a', 'two', { expect: revision })

    await expect(store.load('a')).resolves.toMatchObject({ value: 'two' })
    expect(await readdir(join(path, '..'))).toEqual(['credentials.json'])
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
