/**
 * A store that survives the process: one file of one user, for as many credentials as there are.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readlink, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { OAuthError } from '@x/oauth-discovery'
import * as v from 'valibot'
import { isOver, type TokenStore } from '../store.ts'
import { withLock } from './file-lock.ts'

export type StoreErrorCode = 'invalid_name' | 'store_unreadable' | 'store_unsafe' | 'store_unavailable'

/** The file of a store cannot be used. It was left as it is. */
export class StoreError extends OAuthError {
  override readonly name = 'StoreError'
  override readonly code: StoreErrorCode
  readonly path: string

  constructor(code: StoreErrorCode, message: string, path: string) {
    super(message)
    this.code = code
    this.path = path
  }
}

/** The name of the program, for a file where this platform keeps such things of a user; or a path of your own. */
export type FileStoreOptions = { name: string; path?: undefined } | { path: string; name?: undefined }

type Entries = Map<string, v.InferOutput<typeof entrySchema>>

const schema = /* @__PURE__ */ (() =>
  v.object({
    version: v.literal(1),
    // Not a record: that one leaves out keys such as `__proto__`, and any text is a key.
    entries: v.custom<object>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    ),
  }))()
const entrySchema = /* @__PURE__ */ (() =>
  v.object({ value: v.string(), revision: v.string(), keepUntil: v.optional(v.number()) }))()

/**
 * Keeps tokens in a file that only its owner can read (mode 0600), replaced as a whole with each write. Processes that
 * share it take turns. What has ended is forgotten with the next write.
 *
 * Default of the path: `$XDG_STATE_HOME`, or `~/.local/state`; on macOS `~/Library/Application Support`; on Windows
 * `%LOCALAPPDATA%`; in it `NAME/credentials.json`. The tokens in it are not encrypted.
 *
 * @throws {StoreError} at once `invalid_name`; from each call `store_unreadable`: there is a file, and it is none of
 *   ours, or of a later version; `store_unsafe`: others than its owner can read it; `store_unavailable`: the system does
 *   not let us read or write it
 */
export function fileStore(options: FileStoreOptions): TokenStore {
  const path = resolve(options.path ?? userPath(options.name))
  /** Changes what is there in one step, seen by all or by none. */
  const change = <T>(act: (entries: Entries) => T | undefined): Promise<T | undefined> =>
    named(path, async () => {
      // A link to another place stays one, and whoever comes there by another way finds the same lock.
      const target = await targetOf(path)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      return withLock(`${target}.lock`, async (requireLock) => {
        const entries = await read(target)
        const result = act(entries)
        if (result !== undefined) await write(target, entries, requireLock)
        return result
      })
    })
  return {
    load: (key) => named(path, async () => (await read(path)).get(key)),
    save: (key, value, { expect, keepUntil }) =>
      change((entries) => {
        if (entries.get(key)?.revision !== expect) return undefined
        for (const [each, entry] of entries) if (isOver(entry)) entries.delete(each)
        const revision = randomUUID()
        entries.set(key, { value, revision, keepUntil })
        return revision
      }),
    async clear(key, { expect }) {
      const isCleared = await change((entries) =>
        entries.get(key)?.revision === expect && entries.delete(key) ? true : undefined,
      )
      return isCleared === true
    },
  }
}

function userPath(name: string): string {
  // Programs without types may pass anything.
  if (typeof name !== 'string' || !/^\w[\w.-]*$/.test(name)) {
    const message = `The name ${JSON.stringify(name)} is no plain name of a folder. Use letters, digits, _, - and ., or give a path.`
    throw new StoreError('invalid_name', message, name)
  }
  return join(userFolder(), name, 'credentials.json')
}

function userFolder(): string {
  const { LOCALAPPDATA, XDG_STATE_HOME } = process.env
  if (process.platform === 'win32') return LOCALAPPDATA || join(homedir(), 'AppData', 'Local')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support')
  // "All paths set in these environment variables must be absolute", and what is not is left aside (XDG).
  return XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME) ? XDG_STATE_HOME : join(homedir(), '.local', 'state')
}

/** Where a link leads, also where there is nothing yet. */
async function targetOf(path: string, hops = 0): Promise<string> {
  const link = await readlink(path).catch(() => undefined)
  // Of links in a circle the system says so itself.
  return link === undefined || hops > 40 ? path : targetOf(resolve(dirname(path), link), hops + 1)
}

/** No file is an empty store; a file that holds something else is never taken for one. */
async function read(path: string): Promise<Entries> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return new Map()
  try {
    await requirePrivate(file, path)
    return parse(await file.readFile('utf8'), path)
  } finally {
    await file.close()
  }
}

async function requirePrivate(file: FileHandle, path: string): Promise<void> {
  const uid = process.getuid?.()
  const stat = await file.stat()
  // Windows has other means, and says nothing here; and of a folder, reading it tells more.
  if (uid === undefined || !stat.isFile() || ((stat.mode & 0o077) === 0 && stat.uid === uid)) return
  const message = `${path} can be read by others than you, or is not yours, and is not used: what is in it may be known. Sign out there and delete it, or chmod 600 it if you are sure.`
  throw new StoreError('store_unsafe', message, path)
}

function parse(text: string, path: string): Entries {
  try {
    const { entries } = v.parse(schema, JSON.parse(text))
    return new Map(Object.entries(entries).map(([key, each]) => [key, v.parse(entrySchema, each)]))
  } catch {
    // What the parsers say would hold what is in it.
    const message = `${path} holds something else than credentials of this version, and was left as it is. Move it away, and sign in again.`
    throw new StoreError('store_unreadable', message, path)
  }
}

/** Beside it first, then in its place: a crash leaves the old file or the new one. */
async function write(path: string, entries: Entries, requireLock: () => Promise<void>): Promise<void> {
  // One name for all: what a crash has left there goes with the next write.
  const draft = `${path}.tmp`
  await rm(draft, { force: true })
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(
        `${JSON.stringify({ version: 1, entries: Object.fromEntries(entries) }, null, 2)}\n`,
      )
      await file.sync()
    } finally {
      await file.close()
    }
    await requireLock()
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

const advice: Readonly<Record<string, string | undefined>> = {
  EISDIR: 'There is a folder in its place.',
  ELOCKED:
    'Another process has its turn and does not end it. If there is none, delete the .lock file beside it.',
  ELOCKLOST: 'This process stood still in the middle of it, and another went on. Try again.',
}

/** Makes of what the system says an error of this store. */
async function named<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof StoreError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown' // what the file system throws has one
    const message = `${path} could not be read or written (${code}). ${advice[code] ?? 'Check who owns it and its folder.'}`
    throw new StoreError('store_unavailable', message, path)
  }
}
