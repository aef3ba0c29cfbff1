import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { memoryCache } from '../src/cache.ts'
import { createLimits, fetchResourceMetadata, inspectResource } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { pages } from './pages.ts'

const resource = 'https://rs.example/mcp'
const metadataUrl = 'https://rs.example/.well-known/oauth-protected-resource/mcp'

/** Work that is counted, and finished by hand. */
function bench(limits: ReturnType<typeof createLimits>) {
  const entered: number[] = []
  const running = new Map<number, () => void>()
  const begin = (id: number, signal?: AbortSignal) =>
    limits.run(async () => {
      entered.push(id)
      await new Promise<void>((resolve) => running.set(id, resolve))
      running.delete(id)
    }, signal)
  return { entered, running, begin }
}

/** Until all that could happen has happened. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

/** A server that answers nothing, and notes who is there. */
function silence() {
  const asked: string[] = []
  const fetch = (input: string | URL | Request): Promise<Response> => {
    const { url, signal } = new Request(input)
    asked.push(url)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  /** Until so many have come. */
  const arrivals = (count: number) => vi.waitFor(() => expect(asked).toHaveLength(count), { timeout: 5_000 })
  return { asked, fetch, arrivals }
}

describe('room', () => {
  it.each([1, 2, 7])('is for %d at once, first come, first served', async (concurrency) => {
    const { entered, running, begin } = bench(createLimits({ concurrency }))
    const all = Array.from({ length: 10 }, (_, id) => begin(id))
    await settle()
    expect(running.size).toBe(concurrency)

    for (let id = 0; id < 10; id += 1) {
      running.get(id)?.()
      await settle()
      expect(running.size).toBe(Math.min(concurrency, 9 - id))
    }

    await Promise.all(all)
    expect(entered).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('is given on by work that fails, at once or later, and its error is told', async () => {
    const limits = createLimits({ concurrency: 1 })
    const error = new Error('mine')

    await expect(limits.run(() => Promise.reject(error))).rejects.toBe(error)
    await expect(
      limits.run(() => {
        throw error
      }),
    ).rejects.toBe(error)
    await expect(limits.run(() => Promise.resolve(1))).resolves.toBe(1)
  })

  it('is neither lost nor doubled, whoever begins, gives up or finishes when', async () => {
    const step = fc.record({ kind: fc.constantFrom('begin', 'abort', 'finish', 'settle'), of: fc.nat(20) })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        async (concurrency, steps) => {
          const { entered, running, begin } = bench(createLimits({ concurrency }))
          const controllers: AbortController[] = []
          const ends: Promise<unknown>[] = []
          for (const { kind, of } of steps) {
            const controller = new AbortController()
            if (kind === 'begin')
              ends.push(begin(controllers.push(controller) - 1, controller.signal).catch(() => {}))
            else if (kind === 'abort') controllers[of]?.abort()
            else if (kind === 'finish') running.get(of)?.()
            else await settle()
            expect(running.size).toBeLessThanOrEqual(concurrency)
          }
          await settle()
          expect(entered).toEqual(entered.toSorted((one, other) => one - other))
          while (running.size > 0) {
            for (const finish of running.values()) finish()
            await settle()
          }
          await Promise.all(ends)

          // All the room is there again.
          for (let id = 100; id < 105; id += 1) void begin(id)
          await settle()
          expect(running.size).toBe(concurrency)
        },
      ),
    )
  })

  it('is not taken by a caller who gave up while waiting, whose reason comes back', async () => {
    const { entered, running, begin } = bench(createLimits({ concurrency: 1 }))
    const controller = new AbortController()
    const reason = new Error('enough')
    const all = [begin(0), begin(1, controller.signal), begin(2)]

    controller.abort(reason)

    await expect(all[1]).rejects.toBe(reason)
    expect(entered).toEqual([0])
    running.get(0)?.()
    await settle()
    expect(entered).toEqual([0, 2])
  })

  it('goes to the next where it was given in the moment of giving up', async () => {
    const { entered, running, begin } = bench(createLimits({ concurrency: 1 }))
    const controller = new AbortController()
    const all = Promise.allSettled([begin(0), begin(1, controller.signal), begin(2)])
    await settle()

    controller.abort()
    running.get(0)?.()
    await settle()

    expect(entered).toEqual([0, 2])
    running.get(2)?.()
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})

describe('the time of all', () => {
  it('ends what is under way, what waits, and what comes later, without a request (NS-06)', async () => {
    const clock = handClock()
    const limits = createLimits({ concurrency: 2, totalMs: 5_000, clock })
    const { asked, fetch, arrivals } = silence()
    const read = (name: string) => fetchResourceMetadata(`https://${name}.example`, { fetch, clock, limits })
    const all = Promise.allSettled(['a', 'b', 'c'].map(read))
    await arrivals(2)

    clock.pass(5_000)

    const timeout = {
      name: 'DiscoveryError',
      code: 'timeout',
      recovery: 'transient',
      message:
        'All calls with these limits had 5000 ms together, which are over. The option totalMs sets the limit.',
    }
    const rejected = { status: 'rejected', reason: timeout }
    expect(await all).toMatchObject([rejected, rejected, rejected])
    await expect(read('d')).rejects.toMatchObject(timeout)
    expect(asked).toHaveLength(2)
  })

  it('leaves alone what is done in time', async () => {
    const clock = handClock()
    const limits = createLimits({ concurrency: 1, totalMs: 5_000, clock })
    const web = pages({ [metadataUrl]: { resource } })

    clock.pass(4_999)

    await expect(fetchResourceMetadata(resource, { ...web, clock, limits })).resolves.toEqual({ resource })
  })

  it('has no end where none is set', async () => {
    const clock = handClock()
    const limits = createLimits({ concurrency: 1, clock })
    const web = pages({ [metadataUrl]: { resource } })

    clock.pass(365 * 86_400_000)

    await expect(fetchResourceMetadata(resource, { ...web, clock, limits })).resolves.toEqual({ resource })
  })
})

describe('a call', () => {
  it('has its own deadline from the moment of its turn on (NS-06)', async () => {
    const clock = handClock()
    const limits = createLimits({ concurrency: 1, clock })
    const { fetch, arrivals } = silence()
    const read = (name: string) =>
      fetchResourceMetadata(`https://${name}.example`, { fetch, clock, limits, timeoutMs: 1_000 })
    const [first, last] = [read('a'), read('b')]
    const ends: string[] = []
    last.catch(() => ends.push('b'))
    await arrivals(1)

    clock.pass(1_000)
    await expect(first).rejects.toMatchObject({ code: 'timeout' })
    await arrivals(2)
    clock.pass(999)
    await settle()

    expect(ends).toEqual([])
    clock.pass(1)
    await expect(last).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('within 1000 ms'),
    })
  })

  it.each([1, 3])('shares what was read with others, by a cache, %d at once', async (concurrency) => {
    const clock = handClock()
    const limits = createLimits({ concurrency, clock })
    const web = pages({ [metadataUrl]: { resource } })
    const options = { ...web, clock, limits, cache: memoryCache({ clock }) }

    const all = await Promise.all(Array.from({ length: 20 }, () => fetchResourceMetadata(resource, options)))

    expect(all).toHaveLength(20)
    expect(web.asked).toEqual([`GET ${metadataUrl}`])
  })

  it.each([1, 4])('of fifty is one of %d at once to the server', async (concurrency) => {
    const limits = createLimits({ concurrency })
    const present = new Map<string, number>()
    let most = 0
    const fetch = async (input: string | URL | Request) => {
      const { host } = new URL(new Request(input).url)
      present.set(host, (present.get(host) ?? 0) + 1)
      most = Math.max(most, present.size)
      await settle()
      present.set(host, (present.get(host) ?? 0) - 1)
      if (present.get(host) === 0) present.delete(host)
      return new Response(null, { status: 200 })
    }

    const all = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        inspectResource(`https://rs${index}.example/mcp`, { fetch, limits }),
      ),
    )

    expect(all.every(({ kind }) => kind === 'open')).toBe(true)
    expect(most).toBe(concurrency)
  })
})

describe('an option of no use is refused', () => {
  it.each([0, -1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY])('concurrency: %d', (concurrency) => {
    expect(() => createLimits({ concurrency })).toThrow(
      expect.objectContaining({ name: 'DiscoveryError', code: 'invalid_option' }),
    )
  })

  it('totalMs: NaN', () => {
    expect(() => createLimits({ concurrency: 1, totalMs: Number.NaN })).toThrow(
      expect.objectContaining({ name: 'DiscoveryError', code: 'invalid_option' }),
    )
  })
})

it('leaves no timer behind: a process ends when its calls have', async () => {
  const program = `
    import { createLimits } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
    const limits = createLimits({ concurrency: 1, totalMs: 3_600_000 })
    await limits.run(async () => {})
    console.log(process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length)`

  const args = ['--conditions=@x/source', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args)

  expect(stdout).toBe('0\n')
})
