/**
 * Turns between processes: a file that only one of them can create.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whoever holds it needs some ms; after so many the process that made it is taken for dead. */
const staleMs = 10_000
const waitMs = 30_000

/**
 * Runs `act` while nobody else who asks for the same lock runs theirs.
 *
 * @param act gets a function that rejects where the lock was taken over, for the last moment before what it is for
 */
export async function withLock<T>(
  path: string,
  act: (requireLock: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const mine = randomUUID()
  await acquire(path, mine)
  try {
    return await act(() => requireLock(path, mine))
  } finally {
    if (await isHeldBy(path, mine)) await rm(path, { force: true })
  }
}

async function acquire(path: string, mine: string): Promise<void> {
  const started = performance.now()
  while (!(await create(path, mine))) {
    if (performance.now() - started > waitMs) throw lockError('ELOCKED')
    if (await isStale(path)) await takeAway(path)
    else await sleep(5 + 20 * Math.random())
  }
}

/** @returns whether it was not there yet */
async function create(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException // what the file system throws has one
    if (code === 'EEXIST') return false
    if (['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO'].includes(code)) await rm(path, { force: true })
    throw error
  }
}

/** A clock that was set back leaves a time to come: that of no process which runs now. */
async function isStale(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Math.abs(Date.now() - found.mtimeMs) > staleMs
}

/**
 * Removes what a dead process left. Several may have found it dead, and the slower of them must not remove what the
 * faster one has put in its place: so one at a time, and who has the turn looks again.
 */
async function takeAway(path: string): Promise<void> {
  const turn = `${path}.stale`
  if (!(await create(turn, ''))) {
    // Its process may have died as well, in the moment that this takes.
    if (await isStale(turn)) await rm(turn, { force: true })
    await sleep(5)
    return
  }
  try {
    if (await isStale(path)) await rm(path, { force: true })
  } finally {
    await rm(turn, { force: true })
  }
}

/** First nobody may find it stale any longer, and then it has to be ours. */
async function requireLock(path: string, mine: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => {})
  if (!(await isHeldBy(path, mine))) throw lockError('ELOCKLOST')
}

async function isHeldBy(path: string, mine: string): Promise<boolean> {
  return (await readFile(path, 'utf8').catch(() => {})) === mine
}

/** Whoever holds what the lock is for says the rest. */
function lockError(code: 'ELOCKED' | 'ELOCKLOST'): Error {
  return Object.assign(new Error(code), { code })
}
