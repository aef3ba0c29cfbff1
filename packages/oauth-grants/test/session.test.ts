import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  createToken,
  type GrantEvent,
  memoryStore,
  type Obtain,
  type Token,
  TokenError,
  TokenSession,
  type TokenSessionOptions,
  type TokenStore,
} from '../src/index.ts'
import { decodeToken, encodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'

afterEach(() => void vi.restoreAllMocks())

interface Bench {
  readonly clock: HandClock
  readonly session: TokenSession
  readonly obtain: ReturnType<typeof vi.fn<Obtain>>
  readonly events: GrantEvent[]
}

/** A session over a stub that gives t1, t2, ... each good for so many seconds. */
function bench({
  seconds = 100,
  name = 't',
  clock = handClock(),
  ...options
}: Omit<TokenSessionOptions, 'clock'> & {
  seconds?: number | undefined
  name?: string
  clock?: HandClock
} = {}): Bench {
  const events: GrantEvent[] = []
  let made = 0
  const obtain = vi.fn<Obtain>(async () => {
    made += 1
    return tokenOf(clock, `${name}${made}`, seconds)
  })
  const onEvent = (event: GrantEvent) => void events.push(event)
  return { clock, session: new TokenSession(obtain, { clock, onEvent, ...options }), obtain, events }
}

function tokenOf(clock: HandClock, accessToken: string, seconds: number): Token {
  const end = Number.isFinite(seconds) ? clock.now() + seconds * 1000 : undefined
  return createToken({ accessToken, obtainedAt: clock.now(), expiresAt: end })
}

function times<T>(count: number, act: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, act))
}

const secretOf = async (token: Promise<Token>) => (await token).accessToken

/** Lets what goes on in the background go on: all of it here is promises. */
const aside = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A promise that is settled by hand. */
function byHand<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((...hands) => {
    ;[resolve, reject] = hands
  })
  return { promise, resolve, reject }
}

const down = (retryAfterMs?: number) =>
  new TokenError('unavailable', 'down', {
    endpoint: 'https://as.example/token',
    issuer: 'https://as.example',
    recovery: 'transient',
    retryAfterMs,
  })

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

  it('is waited for when the token ends before it does, and is not doubled', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench()
    await session.getToken()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    clock.pass(60_000)
    await session.getToken()
    clock.pass(40_000)

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

describe('a signal', () => {
  it("ends one caller's wait, with its reason, and not the flight", async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()
    const reason = new Error('enough')

    const leaving = session.getToken({ signal: controller.signal })
    const staying = session.getToken()
    await aside()
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    expect(obtain.mock.calls[0]?.[0].signal.aborted).toBe(false)
    hanging.resolve(tokenOf(clock, 'late', 100))

    await expect(secretOf(staying)).resolves.toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('of the only caller leaves its token to the next', async () => {
    const { session, obtain, clock } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()

    const leaving = session.getToken({ signal: controller.signal })
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    hanging.resolve(tokenOf(clock, 'late', 100))
    await aside()

    await expect(secretOf(session.getToken())).resolves.toBe('late')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('whose flight fails after it was aborted troubles nobody', async () => {
    const { session, obtain } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const controller = new AbortController()
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)

    const leaving = session.getToken({ signal: controller.signal })
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    hanging.reject(down())
    await aside()

    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('that is aborted already starts nothing, and does not even give the token in hand', async () => {
    const { session, obtain } = bench()
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)

    await expect(session.getToken({ signal })).rejects.toBe(reason)
    await aside()
    expect(obtain).not.toHaveBeenCalled()
    await session.getToken()
    await expect(session.getToken({ signal })).rejects.toBe(reason)
  })

  it('may be null, as in a RequestInit', async () => {
    await expect(secretOf(bench().session.getToken({ signal: null }))).resolves.toBe('t1')
  })
})

describe('closing', () => {
  const closed = { name: 'AuthConfigError', code: 'closed' }

  it('ends the flight, and those who wait for it', async () => {
    const { session, obtain } = bench()
    obtain.mockImplementationOnce(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const waiting = session.getToken()
    const ended = expect(waiting).rejects.toMatchObject(closed)
    await aside()

    await session[Symbol.asyncDispose]()

    await ended
    expect(obtain.mock.calls[0]?.[0].signal.reason).toMatchObject(closed)
  })

  it('waits until the flight has ended, though it may fail', async () => {
    const { session, obtain } = bench()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    const waiting = session.getToken().catch((error: unknown) => error)
    const done = vi.fn()
    const closing = session[Symbol.asyncDispose]().then(done)
    await aside()
    expect(done).not.toHaveBeenCalled()

    hanging.reject(down())
    await closing

    await expect(waiting).resolves.toMatchObject({ code: 'unavailable' })
  })

  it('makes every later call throw, also where a token is in hand', async () => {
    const { session, obtain } = bench()
    const rejected = await session.getToken()

    await session[Symbol.asyncDispose]()
    await session[Symbol.asyncDispose]()

    await expect(session.getToken()).rejects.toMatchObject(closed)
    await expect(session.getToken({ rejected })).rejects.toMatchObject(closed)
    expect(session.current()).toBeUndefined()
    expect(obtain).toHaveBeenCalledTimes(1)
  })
})

describe('events', () => {
  /** Each event, as a word; the same letter for the same flow. */
  function told(events: readonly GrantEvent[]): string[] {
    const flows = [...new Set(events.map(({ flow }) => flow))]
    return events.map((event) => {
      const letter = 'abcdefgh'[flows.indexOf(event.flow)] ?? '?'
      if (event.type !== 'renewal') return `${letter} ${event.type}`
      return [letter, event.why, event.outcome, event.code].filter(Boolean).join(' ')
    })
  }

  it('tell why a token was renewed and what came of it, in order, one flow each', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, events, clock } = bench()
    obtain.mockRejectedValueOnce(down()).mockRejectedValueOnce(new Error('not ours'))

    await session.getToken().catch(() => {})
    await session.getToken().catch(() => {})
    const rejected = await session.getToken()
    await session.getToken({ rejected })
    clock.pass(60_000)
    await session.getToken()
    await aside()
    clock.pass(100_000)
    await session.getToken()

    expect(told(events)).toEqual([
      'a absent started',
      'a absent failed unavailable',
      'b absent started',
      'b absent failed',
      'c absent started',
      'c absent obtained',
      'd rejected started',
      'd rejected obtained',
      'e early started',
      'e early obtained',
      'f expired started',
      'f expired obtained',
    ])
    expect(events.at(-1)?.at).toBe(clock.now())
  })

  it('tell of exchanges as part of the renewal', async () => {
    const { session, obtain, events, clock } = bench()
    obtain.mockImplementationOnce(async ({ emit }) => {
      emit({ type: 'exchange', purpose: 'token request', method: 'POST', url: 'https://as.example/', ms: 0 })
      return tokenOf(clock, 't', 100)
    })

    await session.getToken()

    expect(told(events)).toEqual(['a absent started', 'a exchange', 'a absent obtained'])
  })

  it('tell nothing of a call that finds a token in hand', async () => {
    const { session, events } = bench()
    await session.getToken()
    const before = events.length

    await session.getToken()

    expect(events).toHaveLength(before)
  })

  it('tell of a token that was found in a store', async () => {
    const storage = { store: memoryStore(), key: 'k' }
    await bench({ storage }).session.getToken()
    const { session, events } = bench({ storage })

    await session.getToken()

    expect(told(events)).toEqual(['a absent started', 'a absent adopted'])
  })
})

describe('a store', () => {
  const key = 'k'

  /** A store that holds a text already, and what is done to it. */
  async function storeWith(text?: string) {
    const inner = memoryStore()
    const revision = text === undefined ? undefined : await inner.save(key, text, { expect: undefined })
    const store = {
      load: vi.fn<TokenStore['load']>((...args) => inner.load(...args)),
      save: vi.fn<TokenStore['save']>((...args) => inner.save(...args)),
    }
    const read = async () => decodeToken((await inner.load(key))?.value ?? '')?.accessToken
    return { store, revision, read, storage: { store, key } }
  }

  it('is asked first, and its token is used while it is fresh', async () => {
    const clock = handClock()
    const { storage, store } = await storeWith(encodeToken(tokenOf(clock, 'stored', 100)))
    const { session, obtain } = bench({ clock, storage })
    clock.pass(99_999)

    const token = await session.getToken()

    expect(token.accessToken).toBe('stored')
    expect(obtain).not.toHaveBeenCalled()
    expect(store.save).not.toHaveBeenCalled()
  })

  it('is asked once, however many calls there are', async () => {
    const { storage, store } = await storeWith()
    const { session } = bench({ storage })

    await times(100, () => session.getToken())
    await times(100, () => session.getToken())

    expect(store.load).toHaveBeenCalledTimes(1)
    expect(store.load).toHaveBeenCalledWith(key)
  })

  const still = handClock()
  const stored = tokenOf(still, 'stored', 100)
  it.each<[string, string, { rejected?: Token }]>([
    ['has expired', encodeToken(tokenOf(still, 'stored', 0)), {}],
    ['was refused', encodeToken(stored), { rejected: stored }],
    ['is of a version that is not known', encodeToken(stored).replace('"version":1', '"version":2'), {}],
    ['is no token', '{"hello":1}', {}],
    ['is no JSON', 'hello', {}],
    ['is nothing', '', {}],
  ])(
    'whose token %s is not believed; the new one goes over it, by the revision that was seen',
    async (_, text, options) => {
      const { storage, store, revision, read } = await storeWith(text)
      const { session } = bench({ clock: still, storage })

      await expect(secretOf(session.getToken(options))).resolves.toBe('t1')

      expect(store.save).toHaveBeenCalledExactlyOnceWith(key, expect.any(String), { expect: revision })
      await expect(read()).resolves.toBe('t1')
    },
  )

  it('gets the first token by no revision, and the next by that of the first', async () => {
    const { storage, store, read } = await storeWith()
    const { session } = bench({ storage })

    await session.getToken({ rejected: await session.getToken() })

    const expected = store.save.mock.calls.map(([, , options]) => options.expect)
    expect(expected).toEqual([undefined, '1'])
    await expect(read()).resolves.toBe('t2')
  })

  it('that was written meanwhile keeps what the other wrote, and nobody fails', async () => {
    const { storage, store, read } = await storeWith()
    const { session, obtain, clock } = bench({ storage })
    obtain.mockImplementationOnce(async () => {
      await store.save(key, encodeToken(tokenOf(clock, 'other', 100)), { expect: undefined })
      return tokenOf(clock, 'mine', 100)
    })

    await expect(secretOf(session.getToken())).resolves.toBe('mine')

    await expect(read()).resolves.toBe('other')
  })

  it('that cannot be read fails the call with its own error, and the next call tries again', async () => {
    const { storage, store } = await storeWith()
    const { session, obtain } = bench({ storage })
    const error = new Error('disk')
    store.load.mockRejectedValueOnce(error)

    await expect(session.getToken()).rejects.toBe(error)
    expect(obtain).not.toHaveBeenCalled()
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })

  it('that cannot be written fails the call with its own error, and the token is not lost', async () => {
    const { storage, store } = await storeWith()
    const { session, obtain } = bench({ storage })
    const error = new Error('disk full')
    store.save.mockRejectedValueOnce(error)

    await expect(session.getToken()).rejects.toBe(error)
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('that cannot be written does not shorten the use of a token', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { storage, store } = await storeWith()
    const { session, obtain, clock } = bench({ storage })
    store.save.mockRejectedValueOnce(new Error('disk full'))
    await session.getToken().catch(() => {})
    clock.pass(59_999)

    await session.getToken()
    await aside()

    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it('that fails an early renewal fails no call', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { storage, store } = await storeWith()
    const { session, clock } = bench({ storage })
    await session.getToken()
    store.load.mockRejectedValueOnce(new Error('disk'))
    clock.pass(60_000)

    await expect(secretOf(session.getToken())).resolves.toBe('t1')
    await aside()
    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })

  it('spares this process a renewal that another one has made, also an early one', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const clock = handClock()
    const { storage } = await storeWith()
    const [mine, other] = [bench({ clock, storage, name: 'mine' }), bench({ clock, storage, name: 'other' })]
    await mine.session.getToken()
    await other.session.getToken()
    clock.pass(60_000)
    await other.session.getToken()
    await aside()

    await mine.session.getToken()
    await aside()

    await expect(secretOf(mine.session.getToken())).resolves.toBe('other1')
    expect(mine.obtain).toHaveBeenCalledTimes(1)
    expect(other.obtain).toHaveBeenCalledTimes(1)
  })

  it('whose new token answers a refusal is not asked again by 200 late refusals of the old one', async () => {
    const clock = handClock()
    const { storage, store } = await storeWith()
    const [mine, other] = [bench({ clock, storage, name: 'mine' }), bench({ clock, storage, name: 'other' })]
    const rejected = await mine.session.getToken()
    await other.session.getToken({ rejected: await other.session.getToken() })

    await expect(secretOf(mine.session.getToken({ rejected }))).resolves.toBe('other1')
    const loads = store.load.mock.calls.length
    const late = await times(200, () => secretOf(mine.session.getToken({ rejected })))

    expect(new Set(late)).toEqual(new Set(['other1']))
    expect(store.load).toHaveBeenCalledTimes(loads)
    expect(mine.obtain).toHaveBeenCalledTimes(1)
  })

  it.each([1, 7, 8, 50])(
    'does not give back a refused token while %d late refusals of older ones arrive',
    async (count) => {
      const clock = handClock()
      const older = Array.from({ length: count }, (_, index) => {
        clock.pass(1)
        return tokenOf(clock, `old${index}`, 100)
      })
      clock.pass(1)
      const { storage } = await storeWith(encodeToken(tokenOf(clock, 'refused', 100)))
      const { session, obtain } = bench({ clock, storage })
      const rejected = await session.getToken()

      const tokens = await Promise.all(
        [rejected, ...older].map((each) => secretOf(session.getToken({ rejected: each }))),
      )

      expect(new Set(tokens)).toEqual(new Set(['t1']))
      expect(obtain).toHaveBeenCalledTimes(1)
    },
  )

  it('does not give back a refused token later, when its renewal had failed', async () => {
    const clock = handClock()
    const { storage } = await storeWith(encodeToken(tokenOf(clock, 'refused', 100)))
    const { session, obtain } = bench({ clock, storage })
    const rejected = await session.getToken()
    obtain.mockRejectedValueOnce(down())
    await session.getToken({ rejected }).catch(() => {})

    await expect(secretOf(session.getToken())).resolves.toBe('t1')
  })
})

it('does not hand out again what was refused while it was on its way into a store (MC-04)', async () => {
  const saving = byHand<string | undefined>()
  const store: TokenStore = { load: async () => undefined, save: () => saving.promise }
  const { session, obtain } = bench({ storage: { store, key: 'k' } })
  const first = session.getToken()
  await aside()
  const used = session.current() ?? expect.unreachable('the token is in use before it is saved')

  const again = session.getToken({ rejected: used })
  saving.resolve('1')

  expect(await secretOf(first)).toBe('t1')
  expect(await secretOf(again)).toBe('t2')
  expect(obtain).toHaveBeenCalledTimes(2)
})

it('can be closed while a store hangs', async () => {
  const store: TokenStore = { load: () => new Promise(() => {}), save: async () => undefined }
  const { session } = bench({ storage: { store, key: 'k' } })
  const waiting = expect(session.getToken()).rejects.toMatchObject({ code: 'closed' })

  await session.close()

  await waiting
})

it.each([undefined, 'a-token', {}])(
  'takes no %j that a grant without types gives for a token',
  async (given) => {
    const session = new TokenSession(async () => given as never)

    await expect(session.getToken()).rejects.toMatchObject({ code: 'invalid_token' })
  },
)
