import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { encodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { aside, bench, secretOf, storeWith, tokenOf } from './session-bench.ts'

beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(() => void vi.restoreAllMocks())

describe('a clock that is set back', () => {
  it('by an hour costs one renewal, in the background: the token in hand is used meanwhile', async () => {
    const { session, obtain, clock } = bench({ seconds: 100 })
    await session.getToken()
    clock.pass(10_000)
    await session.getToken()

    clock.pass(-3_600_000)
    expect(await secretOf(session.getToken())).toBe('t1')
    await aside()

    for (let each = 0; each < 50; each += 1) {
      expect(await secretOf(session.getToken())).toBe('t2')
      await aside()
      clock.pass(1_000)
    }
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it.each([-500, -1_000])('by %d ms costs nothing', async (ms) => {
    const { session, obtain, clock } = bench({ seconds: 100 })
    await session.getToken()
    clock.pass(10_000)
    await session.getToken()

    clock.pass(ms)
    await session.getToken()
    await aside()

    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it.each<[string, (all: Awaited<ReturnType<typeof storeWith>>, clock: HandClock) => unknown]>([
    ['was kept', () => {}],
    ['could not be kept', ({ store }) => store.save.mockRejectedValueOnce(new Error('disk full'))],
    ['was in the store', ({ write }, clock) => write(tokenOf(clock, 't1', 100))],
  ])('by 1,001 ms costs one renewal, also of a token that %s just now', async (_, prepare) => {
    const all = await storeWith()
    const { session, obtain, clock } = bench({ seconds: 100, storage: all.storage })
    await prepare(all, clock)
    await session.getToken().catch(() => {})
    const before = obtain.mock.calls.length

    clock.pass(-1_001)
    expect(session.current()?.accessToken).toBe('t1')
    await aside()

    expect(obtain).toHaveBeenCalledTimes(before + 1)
  })

  it('in many small steps costs nothing either, but for the time that it is wrong by', async () => {
    const { session, obtain, clock } = bench({ seconds: 100 })
    await session.getToken()
    for (let each = 0; each < 100; each += 1) {
      clock.pass(-500)
      await session.getToken()
      await aside()
    }

    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('by an hour gives no token twice as long as it is good: its successor has another time', async () => {
    const { session, clock } = bench({ seconds: 100 })
    await session.getToken()
    clock.pass(-3_600_000)
    await session.getToken()
    await aside()
    clock.pass(100_000)

    expect(await secretOf(session.getToken())).toBe('t3')
  })
})

describe('a clock that leaps', () => {
  it.each([
    ['8 hours, as of a computer that was asleep', 8 * 3_600_000],
    ['a year', 365 * 86_400_000],
  ])('by %s has the next call wait for a new token', async (_, ms) => {
    const { session, obtain, clock } = bench({ seconds: 3_600 })
    await session.getToken()

    clock.pass(ms)

    expect(session.current()).toBeUndefined()
    expect(await secretOf(session.getToken())).toBe('t2')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('and is set right again has its token used on', async () => {
    const { session, obtain, clock } = bench({ seconds: 3_600 })
    await session.getToken()
    clock.pass(8 * 3_600_000)
    await session.getToken()

    clock.pass(-8 * 3_600_000)

    expect(await secretOf(session.getToken())).toBe('t2')
    await aside()
    expect(await secretOf(session.getToken())).toBe('t3')
    await aside()
    expect(obtain).toHaveBeenCalledTimes(3)
  })
})

describe('a token in the store', () => {
  /** Somebody whose clock is so many ms ahead has kept it. */
  async function keptAhead(ms: number) {
    const clock = handClock()
    const theirs = handClock(clock.now() + ms)
    const text = encodeToken(tokenOf(theirs, 'ahead', 3_600, { refreshToken: 'r1' }))
    const all = await storeWith(text)
    return { ...all, ...bench({ clock, storage: all.storage }) }
  }

  it.each([0, 1_000, 60_000])('by a clock that is %d ms ahead is used', async (ms) => {
    const { session } = await keptAhead(ms)

    expect(await secretOf(session.getToken())).toBe('ahead')
  })

  it.each([60_001, 3_600_000, 365 * 86_400_000])(
    'by a clock that is %d ms ahead is not used, for nobody knows when it ends; its refresh token is (RT-01)',
    async (ms) => {
      const { session, obtain, read } = await keptAhead(ms)

      expect(await secretOf(session.getToken())).toBe('t1')

      expect(obtain.mock.calls[0]?.[0].previous?.refreshToken).toBe('r1')
      expect(await read()).toBe('t1')
    },
  )

  it('by a clock that is far behind is used until the end that it has by ours', async () => {
    const clock = handClock()
    const theirs = handClock(clock.now() - 3_000_000)
    const { storage } = await storeWith(encodeToken(tokenOf(theirs, 'behind', 3_600)))
    const { session } = bench({ clock, storage })

    expect(await secretOf(session.getToken())).toBe('behind')
    clock.pass(600_000)
    expect(await secretOf(session.getToken())).toBe('t1')
  })
})
