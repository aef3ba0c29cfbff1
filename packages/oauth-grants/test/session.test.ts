import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createToken,
  memoryStore,
  type Obtain,
  type Token,
  TokenSession,
  type TokenStore,
} from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { aside, bench, byHand, demand, down, secretOf, times, tokenOf } from './session-bench.ts'

afterEach(() => void vi.restoreAllMocks())

describe('one flight', () => {
  it('serves 1,000 concurrent callers with one renewal (RT-06, MC-07)', async () => {
    const { session, obtain } = bench()

    const tokens = await times(1000, () => session.getToken())

    expect(obtain).toHaveBeenCalledTimes(1)
    expect(new Set(tokens).size).toBe(1)
  })

  it('serves 1,000 concurrent callers at the end of a token with one renewal (RT-06)', async () => {
    const { session, obtain, clock } = bench()
    await session.getToken()
    clock.pass(100_000)

    const tokens = await times(1000, () => secretOf(session.getToken()))

    expect(obtain).toHaveBeenCalledTimes(2)
    expect(new Set(tokens)).toEqual(new Set(['t2']))
  })

  it('answers 1,000 refusals of one token with one renewal (MC-04, MC-07)', async () => {
    const { session, obtain } = bench()
    const rejected = await session.getToken()

    const tokens = await times(1000, () => secretOf(session.getToken({ rejected })))

    expect(obtain).toHaveBeenCalledTimes(2)
    expect(new Set(tokens)).toEqual(new Set(['t2']))
  })

  it('answers 200 late refusals of an old token with none', async () => {
    const { session, obtain } = bench()
    const rejected = await session.getToken()
    await session.getToken({ rejected })

    const tokens = await times(200, () => secretOf(session.getToken({ rejected })))

    expect(obtain).toHaveBeenCalledTimes(2)
    expect(new Set(tokens)).toEqual(new Set(['t2']))
  })

  it('compares tokens by their secret, not as objects', async () => {
    const { session, obtain } = bench()
    await session.getToken()

    await session.getToken({ rejected: createToken({ accessToken: 't1' }) })

    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('joins a refusal to an early renewal that is under way', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    const rejected = await session.getToken()
    clock.pass(60_000)

    const [early, renewed] = await Promise.all([session.getToken(), session.getToken({ rejected })])

    expect([early.accessToken, renewed.accessToken]).toEqual(['t1', 't2'])
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('does not hand out what was refused while it was on its way into a store', async () => {
    const saving = byHand<string | undefined>()
    const store = memoryStore()
    const save = vi
      .fn<TokenStore['save']>((...given) => store.save(...given))
      .mockReturnValueOnce(saving.promise)
    const { session, obtain } = bench({ storage: { store: { ...store, save }, key: 'k' } })
    const first = secretOf(session.getToken())
    await aside()

    // Somebody else has it already, and was refused with it.
    const refused = secretOf(session.getToken({ rejected: createToken({ accessToken: 't1' }) }))
    saving.resolve('1')

    await expect(first).resolves.toBe('t1')
    await expect(refused).resolves.toBe('t2')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('does not hand out again what was refused while its renewal failed', async () => {
    const { session, obtain } = bench()
    const rejected = await session.getToken()
    obtain.mockRejectedValueOnce(down())
    await expect(session.getToken({ rejected })).rejects.toMatchObject({ code: 'unavailable' })

    await expect(secretOf(session.getToken())).resolves.toBe('t2')
  })

  it('fails for all who wait, and is not remembered: the next call tries again', async () => {
    const { session, obtain } = bench()
    const error = down()
    obtain.mockRejectedValueOnce(error)

    const failures = await times(10, () => session.getToken().catch((caught: unknown) => caught))

    expect(failures.filter((each) => each === error)).toHaveLength(10)
    expect(obtain).toHaveBeenCalledTimes(1)
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('is not doubled by a handler of events that asks for a token', async () => {
    const asked: Promise<string>[] = []
    const clock = handClock()
    let made = 0
    const obtain = vi.fn<Obtain>(async () => {
      made += 1
      return tokenOf(clock, `t${made}`, 100)
    })
    const session: TokenSession = new TokenSession(obtain, {
      clock,
      onEvent: () => void asked.push(secretOf(session.getToken())),
    })

    const rejected = await session.getToken()
    await session.getToken({ rejected })

    await expect(Promise.all(asked)).resolves.toEqual(['t1', 't1', 't2', 't2'])
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('is not doubled either when it fails and the handler asks for a token', async () => {
    const asked: Promise<unknown>[] = []
    const obtain = vi.fn<Obtain>(() => Promise.reject(down()))
    const session: TokenSession = new TokenSession(obtain, {
      onEvent: () => void asked.push(session.getToken().catch((error: unknown) => error)),
    })

    await expect(session.getToken()).rejects.toMatchObject({ code: 'unavailable' })
    await Promise.all(asked)

    expect(asked).toHaveLength(2)
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('is not disturbed by a handler of events that throws', async () => {
    const onEvent = () => {
      throw new Error('mine')
    }
    const { session } = bench({ onEvent })

    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })
})

describe('a token in hand', () => {
  it('is used until its last moment, and not in the next (RFC 6749 §5.1)', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1)
    const { session, obtain, clock } = bench()
    await session.getToken()
    obtain.mockReturnValueOnce(new Promise(() => {}))
    clock.pass(99_999)

    await expect(secretOf(session.getToken())).resolves.toBe('t1')
    expect(session.current()?.accessToken).toBe('t1')
    clock.pass(1)
    expect(session.current()).toBeUndefined()
  })

  it('without an end is used until it is refused (TE-12)', async () => {
    const { session, obtain, clock } = bench({ seconds: Number.POSITIVE_INFINITY })
    const token = await session.getToken()
    clock.pass(365 * 86_400_000)

    await expect(secretOf(session.getToken())).resolves.toBe('t1')
    await aside()
    expect(obtain).toHaveBeenCalledTimes(1)
    await expect(secretOf(session.getToken({ rejected: token }))).resolves.toBe('t2')
  })

  it('with a life of 0 is good for the request at hand: shared by those who wait, kept for nobody', async () => {
    const { session, obtain } = bench({ seconds: 0 })

    await expect(times(3, () => secretOf(session.getToken()))).resolves.toEqual(['t1', 't1', 't1'])
    await expect(secretOf(session.getToken())).resolves.toBe('t2')
    await expect(secretOf(session.getToken())).resolves.toBe('t3')
    await aside()
    expect(obtain).toHaveBeenCalledTimes(3)
  })
})

describe('an early renewal', () => {
  it.each([
    [0, 60_000],
    [0.5, 75_000],
    [1 - Number.EPSILON, 90_000],
  ])('for the die at %d comes after %d ms of 100,000, in the background (RT-09)', async (die, ms) => {
    vi.spyOn(Math, 'random').mockReturnValue(die)
    const { session, obtain, clock } = bench()
    await session.getToken()
    clock.pass(ms - 1)

    await session.getToken()
    await aside()
    expect(obtain).toHaveBeenCalledTimes(1)
    clock.pass(1)
    await session.getToken()
    await aside()

    expect(obtain).toHaveBeenCalledTimes(2)
    await expect(secretOf(session.getToken())).resolves.toBe('t2')
  })

  it('keeps nobody waiting, and is one for all callers', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    await session.getToken()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    clock.pass(60_000)

    const meanwhile = await times(100, () => secretOf(session.getToken()))
    hanging.resolve(tokenOf(clock, 'new', 100))
    await aside()

    expect(new Set(meanwhile)).toEqual(new Set(['t1']))
    expect(obtain).toHaveBeenCalledTimes(2)
    await expect(secretOf(session.getToken())).resolves.toBe('new')
  })

  it('is waited for when the token is refused before it ends, and is kept', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    const rejected = await session.getToken()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    clock.pass(60_000)
    await session.getToken()
    await aside()

    const waiting = secretOf(session.getToken({ rejected }))
    hanging.resolve(tokenOf(clock, 'new', 100))

    await expect(waiting).resolves.toBe('new')
    expect(session.current()?.accessToken).toBe('new')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('is waited for when the token ends before it does, and is not doubled', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench({ seconds: 10 })
    await session.getToken()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    clock.pass(6000)
    await session.getToken()
    clock.pass(4000)

    const waiting = secretOf(session.getToken())
    hanging.resolve(tokenOf(clock, 'new', 100))

    await expect(waiting).resolves.toBe('new')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('that fails never fails a call; at the real end the error comes out', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    await session.getToken()
    obtain.mockRejectedValue(down())

    for (let second = 0; second < 100; second += 1) {
      await expect(secretOf(session.getToken())).resolves.toBe('t1')
      await aside()
      clock.pass(1000)
    }

    await expect(session.getToken()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it.each([
    ['a tenth of what is left', 100, undefined, 4_000],
    ['a second, where a tenth is less', 10, undefined, 1_000],
    ['as long as the server asks', 100, 15_000, 15_000],
    ['a tenth, where the server asks for less', 100, 100, 4_000],
  ])('that failed is tried again after %s', async (_, seconds, retryAfterMs, ms) => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench({ seconds })
    await session.getToken()
    obtain.mockRejectedValueOnce(down(retryAfterMs))
    clock.pass(seconds * 600)
    await session.getToken()
    await aside()
    expect(obtain).toHaveBeenCalledTimes(2)

    clock.pass(ms - 1)
    await session.getToken()
    await aside()
    expect(obtain).toHaveBeenCalledTimes(2)
    clock.pass(1)
    await session.getToken()
    await aside()

    expect(obtain).toHaveBeenCalledTimes(3)
    await expect(secretOf(session.getToken())).resolves.toBe('t2')
  })

  it('put off by the server for longer than the token lives does not put off the one at its end', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    await session.getToken()
    obtain.mockRejectedValueOnce(down(3_600_000))
    clock.pass(60_000)
    await session.getToken()
    await aside()
    clock.pass(40_000)

    await expect(secretOf(session.getToken())).resolves.toBe('t2')
  })
})

it('fails a demand for more by what its grant throws, be that nothing', async () => {
  const { session, obtain } = bench()
  await session.getToken()
  obtain.mockRejectedValueOnce(undefined)

  await expect(session.getToken({ challenge: demand('more') })).rejects.toBeUndefined()
})

it.each([undefined, 'a-token', {}])(
  'takes no %j that a grant without types gives for a token',
  async (given) => {
    const session = new TokenSession(async () => given as never)

    await expect(session.getToken()).rejects.toMatchObject({ code: 'invalid_token' })
  },
)
