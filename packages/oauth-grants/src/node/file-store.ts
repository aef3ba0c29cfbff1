/**
 * A store that survives the process: one file of one user, for as many credentials as there are.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { constants, type FileHandle, mkdir, open, readlink, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import * as v from 'valibot'
import { StoreError } from '../errors.ts'
import { isBehind, isHeld, isOver, type Lease, type Term, type TokenStore } from '../store.ts'
import { withLock } from './file-lock.ts'

/** The name of the program, for a file where this platform keeps such things of a user; or a path of your own. */
export type FileStoreOptions = { name: string; path?: undefined } | { path: string; name?: undefined }

/** What a file holds. */
interface Content {
  readonly entries: Map<string, v.InferOutput<typeof entrySchema>>
  readonly terms: Map<string, Term>
  /** The last one that was given out. */
  fence: number
}

/** A map as JSON has it. Not a record: that one leaves out keys such as `__proto__`, and any text is a key. */
const members = /* @__PURE__ */ (() =>
  v.custom<object>((value) => value instanceof Object && !Array.isArray(value)))()
/** Version 1 knew no turns. */
const schema = /* @__PURE__ */ (() =>
  v.object({
    version: v.picklist([1, 2]),
    entries: members,
    terms: v.optional(members, {}),
    fence: v.optional(v.number(), 0),
  }))()
const entrySchema = /* @__PURE__ */ (() =>
  v.object({
    value: v.string(),
    revision: v.string(),
    fence: v.optional(v.number()),
    keepUntil: v.optional(v.number()),
  }))()
const termSchema = /* @__PURE__ */ (() =>
  v.object({ fence: v.number(), since: v.number(), until: v.number() }))()

/**
 * Keeps tokens in a file that only its owner can read (mode 0600), replaced as a whole with each write. Processes of one
 * machine share what is in it, and one renewal; a folder on a network is not for this. What has ended is forgotten with
 * the next write.
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
  const change = <T>(act: (content: Content) => T | undefined): Promise<T | undefined> =>
    named(path, async () => {
      // A link to another place stays one, and whoever comes there by another way finds the same lock.
      const target = await targetOf(path)
      await mkdir(dirname(target), { recursive: true, mode: 0o700 })
      return withLock(`${target}.lock`, async (requireLock) => {
        const content = await read(target)
        const result = act(content)
        if (result !== undefined) await write(target, content, requireLock)
        return result
      })
    })
  return {
    load: (key) =>
      named(path, async () => {
        const entry = (await read(path)).entries.get(key)
        return entry && { value: entry.value, revision: entry.revision }
      }),
    save: (key, value, { expect, fence, keepUntil }) =>
      change(({ entries }) => {
        const before = entries.get(key)
        if (before?.revision !== expect || isBehind(fence, before)) return undefined
        for (const [each, entry] of entries) if (isOver(entry)) entries.delete(each)
        const revision = randomUUID()
        entries.set(key, { value, revision, fence: fence ?? before?.fence, keepUntil })
        return revision
      }),
    async clear(key, { expect }) {
      const isCleared = await change(({ entries }) =>
        entries.get(key)?.revision === expect && entries.delete(key) ? true : undefined,
      )
      return isCleared === true
    },
    async lease(key, ms, now) {
      // Whoever waits asks often, and must not stand in the way of the one who has it.
      const isTaken = await named(path, async () => isHeld((await read(path)).terms.get(key), now))
      if (isTaken) return undefined
      const fence = await change((content) => {
        const { terms, entries } = content
        if (isHeld(terms.get(key), now)) return undefined
        for (const [each, term] of terms) if (!isHeld(term, now)) terms.delete(each)
        content.fence = Math.max(content.fence, entries.get(key)?.fence ?? 0) + 1
        terms.set(key, { fence: content.fence, since: now, until: now + ms })
        return content.fence
      })
      return fence === undefined ? undefined : leaseOf(key, fence, change)
    },
  }
}

function leaseOf(
  key: string,
  fence: number,
  change: (act: (content: Content) => boolean | undefined) => Promise<boolean | undefined>,
): Lease {
  const ifOurs = (act: (terms: Content['terms']) => unknown) =>
    change(({ terms }) => {
      if (terms.get(key)?.fence !== fence) return undefined
      act(terms)
      return true
    })
  return {
    fence,
    async extend(ms, now) {
      const isOurs = await ifOurs((terms) => terms.set(key, { fence, since: now, until: now + ms }))
      return isOurs === true
    },
    async [Symbol.asyncDispose]() {
      await ifOurs((terms) => terms.delete(key))
    },
  }
}

function userPath(name: string): string {
  // Programs without types may pass anything.
  if (typeof name !== 'string' || !/^\w[\w.-]*$/.test(name)) {
    const message = `The option name is ${JSON.stringify(name)}, which is no plain name of a folder. Use letters, digits, _, - and ., or pass a path.`
    throw new StoreError('invalid_name', message, { path: name })
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
async function read(path: string): Promise<Content> {
  // Of a pipe nobody waits for the other end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    },
  )
  if (file === undefined) return { entries: new Map(), terms: new Map(), fence: 0 }
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
  const isPrivate = stat.isFile() && (stat.mode & 0o077) === 0 && stat.uid === uid
  // Windows has other means, and says nothing here; and of a folder, reading it tells more.
  if (uid === undefined || stat.isDirectory() || isPrivate) return
  const why = !stat.isFile()
    ? 'it is no file'
    : stat.uid === uid
      ? `others can read it (mode ${(stat.mode & 0o777).toString(8)})`
      : 'it is of another user'
  const message = `${path} was not used: ${why}, so that its tokens may be known. Sign out there and delete it, or chmod 600 it if you are sure.`
  throw new StoreError('store_unsafe', message, { path })
}

function parse(text: string, path: string): Content {
  let json: unknown
  try {
    json = JSON.parse(text)
    const { entries, terms, fence } = v.parse(schema, json)
    return { entries: mapOf(entries, entrySchema), terms: mapOf(terms, termSchema), fence }
  } catch {
    // What the parsers say would hold what is in it.
    const message = isNewer(json)
      ? `${path} is of a later version of @x/oauth-grants, and was left as it is. Update this program, or give it a file of its own.`
      : `${path} holds something else than credentials, and was left as it is. Move it away, and sign in again.`
    throw new StoreError('store_unreadable', message, { path })
  }
}

function isNewer(json: unknown): boolean {
  return v.is(v.looseObject({ version: v.pipe(v.number(), v.minValue(3)) }), json)
}

function mapOf<T>(json: object, each: v.GenericSchema<unknown, T>): Map<string, T> {
  return new Map(Object.entries(json).map(([key, value]) => [key, v.parse(each, value)]))
}

/** Beside it first, then in its place: a crash leaves the old file or the new one. */
async function write(path: string, content: Content, requireLock: () => Promise<void>): Promise<void> {
  // One name for all: what a crash has left there goes with the next write.
  const draft = `${path}.tmp`
  await rm(draft, { force: true })
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      const { entries, terms, fence } = content
      const maps = { entries: Object.fromEntries(entries), terms: Object.fromEntries(terms) }
      const text = JSON.stringify({ version: 2, ...maps, fence }, null, 2)
      await file.writeFile(`${text}\n`)
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
  ELOCKED: 'Another process keeps it locked. If there is none, delete the .lock file beside it.',
  ELOCKLOST: 'This process was held up for so long that another took over. Try again.',
}

/** Makes of what the system says an error of this store. */
async function named<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof StoreError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown' // what the file system throws has one
    const message = `${path} could not be read or written (${code}). ${advice[code] ?? 'Check who owns it and its folder.'}`
    const recovery = code.startsWith('ELOCK') ? 'transient' : 'terminal'
    throw new StoreError('store_unavailable', message, { path, recovery })
  }
}
