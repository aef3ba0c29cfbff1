import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { withLock } from '../../src/node/file-lock.ts'
import { newFolder } from './folder.ts'
import { instead } from './system.ts'

afterEach(() => void vi.restoreAllMocks())

const newLock = async () => join(await newFolder(), 'x.lock')
const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Leaves a lock as a process does that died so many ms ago. */
async function leave(path: string, msAgo: number): Promise<void> {
  await writeFile(path, 'of another process')
  const then = new Date(Date.now() - msAgo)
  await utimes(path, then, then)
}

/** As long as it takes to create a file, and more. */
async function aWhile(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await stat('.')
}

/** Makes a file, or not even that, and fails to write into it. */
function failToWrite(code: string, isMade: boolean): void {
  instead('writeFile', (real) => async (path, _, options) => {
    if (isMade) await real(path, '', options)
    throw Object.assign(new Error(code), { code })
  })
}

/** Another process is faster each time that something is to be removed. */
function removedByOthers(): void {
  instead('rm', (real) => async (path, options) => {
    await real(path, { ...options, force: true })
    return real(path, options)
  })
}

/** What many do who want the lock at once: how many were inside together at most, and how many failed. */
async function crowd(path: string, size: number) {
  let [inside, together] = [0, 0]
  const results = await Promise.allSettled(
    Array.from({ length: size }, () =>
      withLock(path, async (requireLock) => {
        inside += 1
        together = Math.max(together, inside)
        await stat('.')
        await requireLock()
        inside -= 1
      }),
    ),
  )
  return { together, failed: results.filter(({ status }) => status === 'rejected').length }
}

describe('a lock', () => {
  it('lets one in at a time', async () => {
    await expect(crowd(await newLock(), 20)).resolves.toEqual({ together: 1, failed: 0 })
  })

  it('is gone afterwards, however it ended', async () => {
    const path = await newLock()

    await expect(withLock(path, async () => 'done')).resolves.toBe('done')
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')

    expect(await isThere(path)).toBe(false)
  })

  it.runIf(process.platform !== 'win32')('can be read by its owner only', async () => {
    const path = await newLock()

    const mode = await withLock(path, async () => (await stat(path)).mode & 0o777)

    expect(mode).toBe(0o600)
  })

  it('is waited for while another process has it', async () => {
    const path = await newLock()
    await leave(path, 9_000)
    const act = vi.fn(async () => 'done')

    const waiting = withLock(path, act)
    await aWhile()
    const calls = act.mock.calls.length
    await writeFile(path, 'still of another process')
    await rm(path)

    await expect(waiting).resolves.toBe('done')
    expect(calls).toBe(0)
  })

  it('is waited for up to half a minute', async () => {
    const path = await newLock()
    await leave(path, 0)
    vi.spyOn(performance, 'now').mockReturnValueOnce(1_000).mockReturnValue(31_000)

    const waiting = withLock(path, async () => 'done')
    await aWhile()
    await rm(path)

    await expect(waiting).resolves.toBe('done')
  })

  it('is waited for no longer than half a minute', async () => {
    const path = await newLock()
    await leave(path, 0)
    vi.spyOn(performance, 'now').mockReturnValueOnce(1_000).mockReturnValue(31_001)

    await expect(withLock(path, async () => 'done')).rejects.toMatchObject({ code: 'ELOCKED' })

    expect(await readFile(path, 'utf8')).toBe('of another process')
  })

  it.each([
    ['a process has it', []],
    ['a process takes it from a dead one', ['.stale']],
  ])('is not looked at all the time while %s', async (_, more) => {
    const path = await newLock()
    await leave(path, more.length === 0 ? 0 : 20_000)
    for (const each of more) await leave(`${path}${each}`, 0)
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const looks = vi.spyOn(performance, 'now')
    const started = Date.now()

    const waiting = withLock(path, async () => 'done')
    await vi.waitUntil(() => looks.mock.calls.length > 10, { timeout: 20_000, interval: 1 })
    const took = Date.now() - started
    for (const each of ['', ...more]) await rm(`${path}${each}`)
    await waiting

    // A timer may be a little early.
    expect(took).toBeGreaterThan(10 * (more.length === 0 ? 20 : 4))
  })

  it('of a living process is not taken for that of a dead one: nothing beside it is removed either', async () => {
    const path = await newLock()
    await leave(path, 0)
    await leave(`${path}.stale`, 20_000)

    const waiting = withLock(path, async () => 'done')
    await aWhile()
    await rm(path)
    await waiting

    expect(await isThere(`${path}.stale`)).toBe(true)
  })

  it('is gone also where somebody else was faster to remove it', async () => {
    removedByOthers()

    await expect(withLock(await newLock(), async () => 'done')).resolves.toBe('done')
  })

  it.each<[string, boolean]>([
    ['ENOSPC', true],
    ['ENOSPC', false],
    ['EDQUOT', true],
    ['EFBIG', true],
    ['EIO', true],
  ])('is not left behind half written (%s; was made: %s)', async (code, isMade) => {
    const path = await newLock()
    failToWrite(code, isMade)

    await expect(withLock(path, async () => 'done')).rejects.toMatchObject({ code })

    expect(await isThere(path)).toBe(false)
  })

  it('is not to be had where there is no folder for it', async () => {
    const path = join(await newFolder(), 'none', 'x.lock')

    await expect(withLock(path, async () => 'done')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

it('a lock stays with who has it where another has no room to open one', async () => {
  const path = await newLock()
  await leave(path, 0)
  failToWrite('EMFILE', false)

  await expect(withLock(path, async () => 'done')).rejects.toMatchObject({ code: 'EMFILE' })

  expect(await isThere(path)).toBe(true)
})

describe('a lock of a process that died', () => {
  it.each([
    ['a while ago', 10_500],
    ['a year ago', 365 * 86_400_000],
    ['in a time to come, for the clock was set back', -86_400_000],
  ])('%s is in the way of nobody', async (_, msAgo) => {
    const path = await newLock()
    await leave(path, msAgo)

    await expect(withLock(path, async () => 'done')).resolves.toBe('done')

    expect(await isThere(path)).toBe(false)
  })

  it.each([10_000, -10_000])('is taken for one after ten seconds, and not sooner (%i)', async (msAgo) => {
    const path = await newLock()
    await leave(path, 0)
    const then = new Date(1_700_000_000_000)
    await utimes(path, then, then)
    const now = vi.spyOn(Date, 'now').mockReturnValue(then.getTime() + msAgo)
    const act = vi.fn(async () => 'done')

    const waiting = withLock(path, act)
    await aWhile()
    expect(act).not.toHaveBeenCalled()
    now.mockReturnValue(then.getTime() + msAgo + Math.sign(msAgo))

    await expect(waiting).resolves.toBe('done')
  })

  it('is left to who has the turn to take it over', async () => {
    const path = await newLock()
    await leave(path, 20_000)
    await leave(`${path}.stale`, 0)
    const act = vi.fn(async () => 'done')

    const waiting = withLock(path, act)
    await aWhile()
    const found = await readFile(path, 'utf8').catch(() => 'none')
    const calls = act.mock.calls.length
    await rm(`${path}.stale`)
    await waiting

    expect([found, calls]).toEqual(['of another process', 0])
  })

  it('is looked at again by who has the turn: what a faster one has put in its place stays there', async () => {
    const path = await newLock()
    await leave(path, 0)
    vi.spyOn(Date, 'now').mockReturnValueOnce(Date.now() + 20_000)
    const act = vi.fn(async () => 'done')

    const waiting = withLock(path, act)
    await aWhile()
    const calls = act.mock.calls.length
    await rm(path)
    await waiting

    expect(calls).toBe(0)
  })

  it.each([
    ['the lock', ['']],
    ['that of who died while taking it over', ['', '.stale']],
  ])('is taken over also where another one was faster to remove it: %s', async (_, left) => {
    const path = await newLock()
    for (const each of left) await leave(`${path}${each}`, 20_000)
    removedByOthers()

    await expect(withLock(path, async () => 'done')).resolves.toBe('done')
  })

  it('is taken over by one of many, each time', async () => {
    const path = await newLock()
    const rounds: unknown[] = []

    for (let round = 0; round < 20; round += 1) {
      await leave(path, 20_000)
      rounds.push(await crowd(path, 10))
    }

    expect(new Set(rounds.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ together: 1, failed: 0 })]),
    )
  })

  it('is taken over also where another one died while it did so', async () => {
    const path = await newLock()
    await leave(path, 20_000)
    await leave(`${path}.stale`, 20_000)

    await expect(crowd(path, 5)).resolves.toEqual({ together: 1, failed: 0 })

    expect(await isThere(`${path}.stale`)).toBe(false)
  })
})

describe('whoever has a lock', () => {
  it('has it for longer, from the moment that it counts', async () => {
    const path = await newLock()

    const age = await withLock(path, async (requireLock) => {
      const then = new Date(Date.now() - 20_000)
      await utimes(path, then, then)
      await requireLock()
      return Date.now() - (await stat(path)).mtimeMs
    })

    expect(age).toBeLessThan(5_000)
  })

  it('is told where another took it over, and leaves it to that one', async () => {
    const path = await newLock()

    const attempt = withLock(path, async (requireLock) => {
      await writeFile(path, 'of another process')
      await requireLock()
    })

    await expect(attempt).rejects.toMatchObject({ code: 'ELOCKLOST' })
    expect(await readFile(path, 'utf8')).toBe('of another process')
  })

  it('is told where it is gone', async () => {
    const path = await newLock()

    const attempt = withLock(path, async (requireLock) => {
      await rm(path)
      await requireLock()
    })

    await expect(attempt).rejects.toMatchObject({ code: 'ELOCKLOST' })
  })
})
