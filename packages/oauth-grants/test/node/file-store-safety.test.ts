import { execFileSync } from 'node:child_process'
import { chmod, chown, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { isOAuthError } from '../../src/index.ts'
import { fileStore } from '../../src/node.ts'
import { bench } from '../sign-in.ts'
import { fileOf, newFolder, newPath } from './folder.ts'

afterEach(() => void vi.unstubAllEnvs())

const hasModes = process.platform !== 'win32'
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
describe.runIf(hasModes)('what is kept', () => {
  it.each([0o000, 0o022, 0o077])(
    'is for its owner only, in a folder for its owner only, under the umask %o (NS-08)',
    async (umask) => {
      const folder = join(await newFolder(), 'one', 'two')
      const path = join(folder, 'credentials.json')
      const before = process.umask(umask)

      await fileStore({ path })
        .save('a', 'one', { expect: undefined })
        .finally(() => process.umask(before))

      expect([await modeOf(path), await modeOf(folder), await modeOf(join(folder, '..'))]).toEqual([
        '600',
        '700',
        '700',
      ])
    },
  )

  it.each([0o640, 0o604, 0o660, 0o644, 0o666, 0o620, 0o601])(
    'is not used once others can get at it, as by the mode %o (NS-08)',
    async (mode) => {
      const path = await newPath()
      const store = fileStore({ path })
      await store.save('a', 'one', { expect: undefined })
      const text = await readFile(path, 'utf8')
      await chmod(path, mode)
      const octal = mode.toString(8)
      const message = `${path} was not used: others can read it (mode ${octal}), so that its tokens may be known. Sign out there and delete it, or chmod 600 it if you are sure.`
      const unsafe = { name: 'StoreError', code: 'store_unsafe', recovery: 'terminal', path, message }

      await expect(store.load('a')).rejects.toMatchObject(unsafe)
      await expect(store.save('b', 'two', { expect: undefined })).rejects.toMatchObject(unsafe)
      expect(await readFile(path, 'utf8')).toBe(text)
      expect(await modeOf(path)).toBe(octal)
    },
  )

  it.runIf(process.getuid?.() === 0)('is not used where it is of another user (NS-08)', async () => {
    const path = await fileOf('{"version":1,"entries":{}}')
    await chown(path, 12345, 12345)

    await expect(fileStore({ path }).load('a')).rejects.toMatchObject({
      code: 'store_unsafe',
      message: expect.stringContaining('it is of another user'),
    })
  })

  it('is not waited for where a pipe is in its place, which may be of anybody (NS-08)', async () => {
    const path = await newPath()
    execFileSync('mkfifo', ['-m', '600', path])

    await expect(fileStore({ path }).load('a')).rejects.toMatchObject({
      code: 'store_unsafe',
      message: expect.stringContaining('it is no file'),
    })
  })

  it('is used where the system knows no users, as Windows: it has other means', async () => {
    const path = await fileOf('{"version":1,"entries":{}}')
    await chmod(path, 0o644)
    const own = Object.getOwnPropertyDescriptor(process, 'getuid') ?? expect.fail('there is one')
    Object.defineProperty(process, 'getuid', { ...own, value: undefined })
    onTestFinished(() => void Object.defineProperty(process, 'getuid', own))

    await expect(fileStore({ path }).load('a')).resolves.toBeUndefined()
  })

  it('says how to make it good, and nothing of what is in it (NS-09)', async () => {
    const path = await fileOf('hunter2')
    await chmod(path, 0o644)

    const error: unknown = await fileStore({ path })
      .load('a')
      .catch((caught: unknown) => caught)

    expect(error).toMatchObject({ message: expect.stringContaining('chmod 600') })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2')
  })
})

describe('a file that holds something else', () => {
  it.each([
    ['nothing at all', ''],
    ['the half of ours', '{"version":1,"entries":{"a":{"value":"hunter2'],
    ['no JSON', 'hunter2'],
    ['JSON that is no object', '["hunter2"]'],
    ['null', 'null'],
    ['other JSON', '{"name":"hunter2","version":"1.0.0"}'],
    ['ours of a later version', '{"version":3,"entries":{"a":{"value":"hunter2","revision":"1"}}}'],
    ['ours without a version', '{"entries":{"a":{"value":"hunter2","revision":"1"}}}'],
    ['a list of entries', '{"version":1,"entries":["hunter2"]}'],
    ['no entries', '{"version":1,"entries":null}'],
    ['a number of entries', '{"version":1,"entries":5}'],
    ['an empty list of entries', '{"version":1,"entries":[]}'],
    ['an entry that is a text', '{"version":1,"entries":{"a":"hunter2"}}'],
    ['an entry without a revision', '{"version":1,"entries":{"a":{"value":"hunter2"}}}'],
    [
      'an entry whose value is no text',
      '{"version":1,"entries":{"a":{"value":{"x":"hunter2"},"revision":"1"}}}',
    ],
  ])('is an error and not an empty store, and stays as it is: %s (NS-09)', async (_, text) => {
    const path = await fileOf(text)
    const store = fileStore({ path })
    const unreadable = { name: 'StoreError', code: 'store_unreadable', recovery: 'terminal', path }

    const attempts = [
      store.load('a'),
      store.save('a', 'one', { expect: undefined }),
      store.clear('a', { expect: undefined }),
      bench({ store }).auth.getToken(),
    ].map((attempt) => attempt.catch((error: unknown) => error))

    for (const error of await Promise.all(attempts)) {
      expect(error).toMatchObject(unreadable)
      expect(isOAuthError(error, 'store_unreadable')).toBe(true)
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter')
    }
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  const isLater =
    'is of a later version of @x/oauth-grants, and was left as it is. Update this program, or give it a file of its own.'
  const isOther =
    'holds something else than credentials, and was left as it is. Move it away, and sign in again.'

  it.each([
    ['{"version":3,"entries":{}}', isLater],
    ['{"version":99}', isLater],
    ['{"version":2,"entries":[]}', isOther],
    ['{"version":0,"entries":{}}', isOther],
    ['{"version":"3","entries":{}}', isOther],
    ['{}', isOther],
    ['', isOther],
  ])('is told from one of a later version: %s', async (text, what) => {
    const path = await fileOf(text)

    await expect(fileStore({ path }).load('a')).rejects.toMatchObject({ message: `${path} ${what}` })
  })
})

describe('the default place', () => {
  /** Another platform, and a home for it. */
  async function placeOn(platform: NodeJS.Platform, env: Record<string, string | undefined>) {
    const home = await newFolder()
    for (const name of ['XDG_STATE_HOME', 'LOCALAPPDATA']) vi.stubEnv(name, undefined)
    for (const [name, value] of Object.entries({ HOME: home, ...env }))
      vi.stubEnv(name, value?.replace('~', home))
    const own = Object.getOwnPropertyDescriptor(process, 'platform') ?? expect.fail('there is one')
    Object.defineProperty(process, 'platform', { ...own, value: platform })
    try {
      await fileStore({ name: 'my-app' }).save('a', 'one', { expect: undefined })
    } finally {
      Object.defineProperty(process, 'platform', own)
    }
    const files = await readdir(home, { recursive: true })
    return files.filter((each) => each.endsWith('credentials.json'))
  }

  it.each<[string, NodeJS.Platform, Record<string, string>, string]>([
    ['Linux', 'linux', {}, '.local/state/my-app/credentials.json'],
    [
      'Linux, where XDG says another',
      'linux',
      { XDG_STATE_HOME: '~/state' },
      'state/my-app/credentials.json',
    ],
    [
      'Linux, where XDG says a relative one',
      'linux',
      { XDG_STATE_HOME: 'state' },
      '.local/state/my-app/credentials.json',
    ],
    [
      'Linux, where XDG says an empty one',
      'linux',
      { XDG_STATE_HOME: '' },
      '.local/state/my-app/credentials.json',
    ],
    ['another Unix', 'freebsd', {}, '.local/state/my-app/credentials.json'],
    ['macOS', 'darwin', { XDG_STATE_HOME: '~/state' }, 'Library/Application Support/my-app/credentials.json'],
    ['Windows', 'win32', { LOCALAPPDATA: '~/Local' }, 'Local/my-app/credentials.json'],
    ['Windows without a setting', 'win32', {}, 'AppData/Local/my-app/credentials.json'],
    ['Windows with an empty setting', 'win32', { LOCALAPPDATA: '' }, 'AppData/Local/my-app/credentials.json'],
  ])('is one of this user alone: %s (NS-08)', async (_, platform, env, place) => {
    await expect(placeOn(platform, env)).resolves.toEqual([place])
  })

  it.each(['', '.', '..', '../other', 'a/b', 'a\\b', '/etc', ' a', 'a\n', 'ä', '-a', undefined, 5])(
    'is under a plain name, and not %j (NS-08)',
    (name) => {
      // What a program without types may pass.
      expect(() => fileStore({ name: name as string })).toThrow(
        expect.objectContaining({
          name: 'StoreError',
          code: 'invalid_name',
          recovery: 'terminal',
          path: name,
        }),
      )
    },
  )
})
