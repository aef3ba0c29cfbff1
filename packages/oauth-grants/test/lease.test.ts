import { describe, expect, it, vi } from 'vitest'
import { ClientCredentialsAuth, type Lease, memoryStore, type Token, type TokenStore } from '../src/index.ts'
import { fileStore } from '../src/node.ts'
import { decodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { newPath } from './node/folder.ts'
import { passing, sharedStore, until } from './process-bench.ts'
import {
  aside,
  type Bench,
  bench,
  byHand,
  down,
  key,
  secretOf,
  times,
  tokenOf,
  told,
} from './session-bench.ts'
import { metadata, tokenServer } from './token-server.ts'

const caught = (error: unknown) => error
const never = new AbortController().signal

describe('a renewal in one of several processes', () => {
  it('is one for all: the others wait, and take what comes of it (RT-06)', async () => {
    const { clock, start } = sharedStore()
    const [one, ...others] = [start('one'), start('other'), start('third')]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    const first = secretOf(one.session.getToken())
    await aside()
    const waiting = others.map(({ session }) => secretOf(session.getToken()))
    await passing(clock, 2_000)
    slow.resolve(tokenOf(clock, 'shared', 100))
    await passing(clock, 200)

    expect(await Promise.all([first, ...waiting])).toEqual(['shared', 'shared', 'shared'])
    for (const { obtain } of others) expect(obtain).not.toHaveBeenCalled()
  })

  it('is told of as it goes: who has the turn, and once who waits', async () => {
    const { clock, start } = sharedStore()
    const [one, other] = [start('one'), start('other')]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    const tokens = [one.session.getToken()]
    await aside()
    tokens.push(other.session.getToken())
    await passing(clock, 2_000)
    slow.resolve(tokenOf(clock, 'shared', 100))
    await passing(clock, 200)
    await Promise.all(tokens)

    expect(told(one.events)).toEqual(['a absent started', 'a lease held', 'a absent obtained'])
    expect(told(other.events)).toEqual(['a absent started', 'a lease waiting', 'a absent adopted'])
  })

  it('is told of also to those of one process who wait for a person', async () => {
    const storage = { store: memoryStore(), key }
    const [one, other] = [bench({ storage }), bench({ storage })]
    one.obtain.mockReturnValue(new Promise(() => {}))
    one.session.logIn(undefined, never).catch(() => {})
    await aside()
    other.session.logIn(undefined, never).catch(() => {})
    await aside()

    expect(told(other.events)).toEqual(['a absent started', 'a lease waiting'])
  })

  it('is none where another has ended between the look and the turn (RT-06)', async () => {
    const { inner, start } = sharedStore()
    const other = start('other')
    const lease: NonNullable<TokenStore['lease']> = async (...asked) => {
      await other.session.getToken()
      return inner.lease?.(...asked)
    }
    const one = start('one', { over: { lease } })

    expect(await secretOf(one.session.getToken())).toBe('other1')
    expect(one.obtain).not.toHaveBeenCalled()
  })

  it('can be closed while it waits for its turn', async () => {
    const { start } = sharedStore()
    const [one, other] = [start('one'), start('other')]
    one.obtain.mockReturnValueOnce(new Promise(() => {}))
    one.session.getToken().catch(() => {})
    await aside()
    const waiting = expect(other.session.getToken()).rejects.toMatchObject({ code: 'closed' })
    await aside()

    await other.session.close()

    await waiting
  })

  it('asks the store nothing more where it is closed while it waits for its turn', async () => {
    const { inner, start } = sharedStore()
    const load = vi.fn<TokenStore['load']>((name) => inner.load(name))
    const [one, other] = [start('one'), start('other', { over: { load } })]
    one.obtain.mockReturnValueOnce(new Promise(() => {}))
    one.session.getToken().catch(() => {})
    await aside()
    other.session.getToken().catch(() => {})
    await aside()
    expect(load).toHaveBeenCalledTimes(1)

    await other.session.close()
    await aside()

    expect(load).toHaveBeenCalledTimes(1)
  })

  it('of a person is no matter of who signs in under another key', async () => {
    const store = memoryStore()
    const [one, other] = [bench({ storage: { store, key } }), bench({ storage: { store, key: 'other' } })]
    one.obtain.mockReturnValueOnce(new Promise(() => {}))
    one.session.logIn(undefined, never).catch(() => {})
    await aside()

    expect(await secretOf(other.session.logIn(undefined, never))).toBe('t1')
  })

  it('is one for two who have a file in common (RT-06)', async () => {
    const path = await newPath()
    const clock = handClock()
    const start = () => bench({ clock, storage: { store: fileStore({ path }), key } })
    const [one, other] = [start(), start()]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    const first = secretOf(one.session.getToken())
    await until(() => one.obtain.mock.calls.length > 0)
    const waiting = secretOf(other.session.getToken())
    await until(() => told(other.events).includes('a lease waiting'))
    slow.resolve(tokenOf(clock, 'shared', 100))
    await first
    clock.pass(150)

    expect(await waiting).toBe('shared')
    expect(other.obtain).not.toHaveBeenCalled()
  })

  it('that fails is the matter of that one: the next in turn asks for itself', async () => {
    const { clock, start } = sharedStore()
    const [one, other] = [start('one'), start('other')]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    const failing = one.session.getToken().catch(caught)
    await aside()
    const waiting = secretOf(other.session.getToken())
    await aside()
    slow.reject(down())
    await passing(clock, 200)

    expect(await failing).toMatchObject({ code: 'unavailable' })
    expect(await waiting).toBe('other1')
  })

  it('keeps the others waiting for 10 s where it died, and no longer', async () => {
    const { clock, start } = sharedStore()
    const [dead, other] = [start('dead', { clock: handClock() }), start('other')]
    dead.obtain.mockReturnValueOnce(new Promise(() => {}))
    void dead.session.getToken()
    await aside()

    const waiting = secretOf(other.session.getToken())
    await passing(clock, 9_900)
    expect(other.obtain).not.toHaveBeenCalled()
    await passing(clock, 300)

    expect(await waiting).toBe('other1')
  })

  it('keeps its turn for as long as it lives: a minute, and still nobody else asks', async () => {
    const { clock, start } = sharedStore()
    const timeoutMs = 60_000
    const [one, other] = [start('one', { timeoutMs }), start('other', { timeoutMs })]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    void one.session.getToken()
    await aside()
    const waiting = secretOf(other.session.getToken())
    await passing(clock, 60_000)
    expect(other.obtain).not.toHaveBeenCalled()
    slow.resolve(tokenOf(clock, 'slow', 100))
    await passing(clock, 200)

    expect(await waiting).toBe('slow')
  })

  it('keeps its turn though the store fails to extend it once', async () => {
    const { inner, clock, start } = sharedStore()
    const lease: TokenStore['lease'] = async (...asked) => {
      const real = await inner.lease?.(...asked)
      let hasFailed = false
      const extend: Lease['extend'] = async (...more) => {
        if (hasFailed) return real?.extend(...more) ?? false
        hasFailed = true
        throw new Error('disk')
      }
      return real && { ...real, extend }
    }
    const [one, other] = [start('one', { over: { lease } }), start('other')]
    one.obtain.mockReturnValueOnce(new Promise(() => {}))
    void one.session.getToken().catch(() => {})
    await aside()
    void other.session.getToken().catch(() => {})

    await passing(clock, 20_000)

    expect(other.obtain).not.toHaveBeenCalled()
  })

  it('of a person who needs a minute keeps nobody from renewing, and others from asking another', async () => {
    const { clock, start } = sharedStore()
    const [one, other, third] = [start('one'), start('other'), start('third', { seconds: 1 })]
    const slow = byHand<Token>()
    one.obtain.mockReturnValueOnce(slow.promise)

    const first = secretOf(one.session.logIn(undefined, never))
    await aside()
    expect(await secretOf(third.session.getToken())).toBe('third1')
    await passing(clock, 1_000)
    const waiting = secretOf(other.session.logIn(undefined, never))
    await passing(clock, 60_000)
    expect(other.obtain).not.toHaveBeenCalled()
    slow.resolve(tokenOf(clock, 'person', 100))
    await passing(clock, 1_000)

    expect(await Promise.all([first, waiting])).toEqual(['person', 'person'])
  })
})

describe('a process that stood still, and lost its turn', () => {
  /** One that is about to ask when it stops; while it stands still, another has the turn, and is done. */
  async function overtaken() {
    const { inner, clock, start } = sharedStore()
    const own = handClock(clock.now())
    const [still, other] = [start('still', { clock: own }), start('other')]
    const going = byHand<void>()
    const sent: string[] = []
    still.obtain.mockImplementation(async ({ hold }) => {
      await going.promise
      await hold()
      sent.push('a refresh token')
      return tokenOf(own, 'late', 100)
    })
    const waiting = secretOf(still.session.getToken())
    await aside()
    const theirs = secretOf(other.session.getToken())
    await passing(clock, 11_000)
    expect(await theirs).toBe('other1')
    return { inner, own, still, going, sent, waiting }
  }

  it.each<[string, (own: HandClock, going: () => void) => Promise<void>]>([
    [
      'before its timers have run',
      async (own, going) => {
        going()
        own.pass(11_000)
      },
    ],
    [
      'after its timers have run',
      async (own, going) => {
        own.pass(11_000)
        await aside()
        going()
      },
    ],
  ])('sends nothing: %s (RT-06)', async (_, wake) => {
    const { own, still, going, sent, waiting } = await overtaken()

    await wake(own, () => going.resolve())
    await passing(own, 500)

    expect(await waiting).toBe('other1')
    expect(sent).toEqual([])
    expect(told(still.events)).toEqual([
      'a absent started',
      'a lease held',
      'a lease lost',
      'a absent adopted',
    ])
  })

  it('to one whose clock is far ahead sends nothing either, once it has found that out', async () => {
    const { clock, start } = sharedStore()
    const [one, other] = [start('one'), start('other', { clock: handClock(clock.now() + 15_000) })]
    const going = byHand<void>()
    const sent: string[] = []
    one.obtain.mockImplementationOnce(async ({ hold }) => {
      await going.promise
      await hold()
      sent.push('a refresh token')
      return tokenOf(clock, 'late', 100)
    })
    const waiting = secretOf(one.session.getToken())
    await aside()
    expect(await secretOf(other.session.getToken())).toBe('other1')

    await passing(clock, 3_400)
    going.resolve()
    await passing(clock, 500)

    expect(await waiting).toBe('other1')
    expect(sent).toEqual([])
  })

  it('has nothing of what it sent before in the place of what the later one has kept', async () => {
    const { inner, clock, start } = sharedStore()
    const ahead = handClock(clock.now() + 20_000)
    const [still, other] = [start('still', { clock: ahead }), start('other', { seconds: 50 })]
    const slow = byHand<Token>()
    still.obtain.mockReturnValueOnce(slow.promise)
    const waiting = secretOf(still.session.getToken())
    await aside()
    // By a clock that is behind it has not begun yet.
    const theirs = secretOf(other.session.getToken())
    await passing(clock, 300)
    expect(await theirs).toBe('other1')

    slow.resolve(tokenOf(ahead, 'still1', 10))

    expect(await waiting).toBe('still1')
    expect(decodeToken((await inner.load(key))?.value ?? '')?.accessToken).toBe('other1')
    // At the next renewal it takes what the other has.
    ahead.pass(10_000)
    expect(await secretOf(still.session.getToken())).toBe('other1')
    expect(still.obtain).toHaveBeenCalledTimes(1)
  })

  it('posts nothing to the token endpoint, and takes what the other has (RT-06)', async () => {
    const { inner, clock, open } = sharedStore()
    const own = handClock(clock.now())
    const reading = byHand<void>()
    let loads = 0
    const load: TokenStore['load'] = async (name) => {
      const found = await inner.load(name)
      loads += 1
      // It stands still with what it has read in its turn.
      if (loads === 2) await reading.promise
      return found
    }
    const base = { serverMetadata: metadata, clientId: 'me', clientSecret: 'hush' }
    const [stillServer, otherServer] = [tokenServer(), tokenServer()]
    const still = new ClientCredentialsAuth({
      ...base,
      clock: own,
      store: open({ load }),
      fetch: stillServer.fetch,
    })
    const other = new ClientCredentialsAuth({ ...base, clock, store: open(), fetch: otherServer.fetch })

    const waiting = secretOf(still.getToken())
    await until(() => loads === 2)
    const theirs = secretOf(other.getToken())
    await passing(clock, 11_000)
    expect(await theirs).toBe('t1')
    own.pass(11_000)
    reading.resolve()
    await passing(own, 500)

    expect(await waiting).toBe('t1')
    expect(otherServer.arrivals).toHaveLength(1)
    expect(stillServer.arrivals).toEqual([])
  })

  it('finds it out also where the store gave the turn and was slow to say so', async () => {
    const { inner, clock, start } = sharedStore()
    const own = handClock(clock.now())
    const answering = byHand<void>()
    const lease = vi.fn<NonNullable<TokenStore['lease']>>(async (...asked) => {
      const given = await inner.lease?.(...asked)
      if (lease.mock.calls.length === 1) await answering.promise
      return given
    })
    const [still, other] = [start('still', { clock: own, over: { lease } }), start('other')]
    const sent: string[] = []
    still.obtain.mockImplementation(async ({ hold }) => {
      await hold()
      sent.push('a refresh token')
      return tokenOf(own, 'late', 100)
    })
    const slow = byHand<Token>()
    other.obtain.mockReturnValueOnce(slow.promise)
    const waiting = secretOf(still.session.getToken())
    await aside()
    void other.session.getToken()
    await passing(clock, 11_000)
    expect(other.obtain).toHaveBeenCalledTimes(1)

    own.pass(11_000)
    answering.resolve()
    await aside()
    slow.resolve(tokenOf(clock, 'theirs', 100))
    await passing(own, 500)

    expect(await waiting).toBe('theirs')
    expect(sent).toEqual([])
  })
})

describe('a lease', () => {
  /** A store whose turns are watched. */
  function watched() {
    const inner = memoryStore()
    const extend = vi.fn<Lease['extend']>()
    const giveBack = vi.fn<() => Promise<void>>()
    const lease = vi.fn<NonNullable<TokenStore['lease']>>(async (...asked) => {
      const real = await inner.lease?.(...asked)
      if (real === undefined) return undefined
      extend.mockImplementation((...more) => real.extend(...more))
      giveBack.mockImplementation(async () => real[Symbol.asyncDispose]())
      return { fence: real.fence, extend, [Symbol.asyncDispose]: giveBack }
    })
    const store: TokenStore = { ...inner, lease }
    return { inner, lease, extend, giveBack, storage: { store, key } }
  }

  it('is extended each third of its time: one that fails does no harm, and none is for nothing', async () => {
    const { extend, storage } = watched()
    const { session, clock, obtain } = bench({ storage })
    obtain.mockReturnValueOnce(new Promise(() => {}))
    session.getToken().catch(() => {})
    await aside()

    for (let extended = 0; extended < 3; extended += 1) {
      clock.pass(3_333)
      await aside()
      expect(extend).toHaveBeenCalledTimes(extended)
      clock.pass(1)
      await aside()
      expect(extend).toHaveBeenCalledTimes(extended + 1)
    }
  })

  it('is extended before something is sent where half of it has passed, and not before', async () => {
    const { extend, storage } = watched()
    const clock = handClock()
    // Its timers do not run.
    const asleep = { ...clock, sleep: () => new Promise<void>(() => {}) }
    const { session, obtain } = bench({ clock: asleep, storage })
    const extended: number[] = []
    obtain.mockImplementationOnce(async ({ hold }) => {
      for (const ms of [5_000, 1, 5_000, 1]) {
        clock.pass(ms)
        await hold()
        extended.push(extend.mock.calls.length)
      }
      return tokenOf(clock, 't1', 100)
    })

    await session.getToken()

    expect(extended).toEqual([0, 1, 1, 2])
    expect(extend).toHaveBeenLastCalledWith(10_000, clock.now())
  })

  it('is extended before something is sent where the clock was set back by more than half of it', async () => {
    const { extend, storage } = watched()
    const clock = handClock()
    const { session, obtain } = bench({ clock, storage })
    obtain.mockImplementationOnce(async ({ hold }) => {
      clock.pass(-5_001)
      await hold()
      return tokenOf(clock, 't1', 100)
    })

    await session.getToken()

    expect(extend).toHaveBeenCalledTimes(1)
  })

  it.each<[string, number, (made: Bench) => Promise<Token>]>([
    ['about ten times a second', 100, ({ session }) => session.getToken()],
    ['about twice a second where a person has it', 500, ({ session }) => session.logIn(undefined, never)],
  ])('is asked for again %s, not by all at the same time', async (_, ms, ask) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.25)
    const { inner, clock, start } = sharedStore()
    const lease = vi.fn<NonNullable<TokenStore['lease']>>(async (...asked) => inner.lease?.(...asked))
    const [one, other] = [start('one'), start('other', { over: { lease } })]
    one.obtain.mockReturnValue(new Promise(() => {}))
    ask(one).catch(() => {})
    await aside()
    ask(other).catch(() => {})
    await aside()

    for (let asked = 1; asked < 5; asked += 1) {
      clock.pass(0.75 * ms - 1)
      await aside()
      expect(lease).toHaveBeenCalledTimes(asked)
      clock.pass(1)
      await aside()
      expect(lease).toHaveBeenCalledTimes(asked + 1)
    }
    vi.restoreAllMocks()
  })

  it('that comes when nobody waits for it any longer is given back', async () => {
    const { inner, storage } = watched()
    const granted = byHand<Lease | undefined>()
    const lease = () => granted.promise
    const { session, clock } = bench({ storage: { key, store: { ...inner, lease } } })
    const waiting = session.getToken().catch(caught)
    await aside()
    await session.close()
    expect(await waiting).toMatchObject({ code: 'closed' })

    const late = await storage.store.lease?.(key, 10_000, clock.now())
    granted.resolve(late)
    await aside()

    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
  })

  it('that the store cannot give fails the call by its own error, and nothing is asked; the next call tries again', async () => {
    const { lease, storage } = watched()
    const { session, obtain } = bench({ storage })
    const error = new Error('disk')
    lease.mockRejectedValueOnce(error)

    await expect(session.getToken()).rejects.toBe(error)

    expect(obtain).not.toHaveBeenCalled()
    expect(await secretOf(session.getToken())).toBe('t1')
  })

  it.each<[string, (made: ReturnType<typeof bench>) => unknown]>([
    ['brings a token', () => {}],
    ['fails', ({ obtain }) => obtain.mockRejectedValueOnce(down())],
    ['finds a token there', ({ obtain }) => obtain.mockImplementationOnce(async () => expect.fail('asked'))],
  ])('is given back when a renewal %s', async (how, prepare) => {
    const { inner, storage } = watched()
    const made = bench({ storage })
    prepare(made)
    if (how.startsWith('finds')) await bench({ clock: made.clock, storage }).session.getToken()

    await made.session.getToken().catch(() => {})

    expect(await inner.lease?.(key, 10_000, made.clock.now())).toBeDefined()
  })

  it('is given back when a token cannot be kept', async () => {
    const { inner, storage } = watched()
    const store = { ...storage.store, save: () => Promise.reject(new Error('disk full')) }
    const { session, clock } = bench({ storage: { store, key } })

    await expect(session.getToken()).rejects.toThrow('disk full')

    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
  })

  it('that cannot be given back fails nobody, and ends by itself', async () => {
    const { inner, giveBack, storage } = watched()
    const { session, clock, obtain } = bench({ storage })
    obtain.mockImplementationOnce(async () => {
      giveBack.mockReset().mockRejectedValue(new Error('disk'))
      return tokenOf(clock, 't1', 100)
    })

    expect(await secretOf(session.getToken())).toBe('t1')

    expect(await inner.lease?.(key, 10_000, clock.now() + 9_999)).toBeUndefined()
    await passing(clock, 10_000)
    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
  })

  it('is kept and given back also by a clock that rejects when it is woken', async () => {
    const { inner, storage } = watched()
    const clock = handClock()
    const sleep: HandClock['sleep'] = (_, signal) =>
      new Promise((__, reject) => signal?.addEventListener('abort', () => reject(new Error('woken'))))
    const { session } = bench({ clock: { ...clock, sleep }, storage })
    const troubled = vi.fn()
    process.once('unhandledRejection', troubled)

    expect(await secretOf(session.getToken())).toBe('t1')
    await aside()

    expect(troubled).not.toHaveBeenCalled()
    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
    process.off('unhandledRejection', troubled)
  })

  it('is given back by such a clock also where the session is closed meanwhile', async () => {
    const { inner, storage } = watched()
    const clock = handClock()
    const sleep: HandClock['sleep'] = (_, signal) =>
      new Promise((__, reject) => signal?.addEventListener('abort', () => reject(new Error('woken'))))
    const { session, obtain } = bench({ clock: { ...clock, sleep }, storage })
    const ending = byHand<Token>()
    obtain.mockReturnValueOnce(ending.promise)
    const troubled = vi.fn()
    process.once('unhandledRejection', troubled)
    session.getToken().catch(() => {})
    await aside()

    const closing = session.close()
    await aside()
    ending.reject(down())
    await closing
    await aside()

    expect(troubled).not.toHaveBeenCalled()
    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
    process.off('unhandledRejection', troubled)
  })

  it('is one for a thousand who ask in one process', async () => {
    const { lease, giveBack, storage } = watched()
    const { session } = bench({ storage })

    await times(1000, () => session.getToken())

    expect(lease).toHaveBeenCalledExactlyOnceWith(key, 10_000, expect.any(Number))
    expect(giveBack).toHaveBeenCalledTimes(1)
  })

  it('is asked for by nobody who finds a good token there', async () => {
    const { lease, storage } = watched()
    const one = bench({ storage })
    await one.session.getToken()

    await bench({ clock: one.clock, storage }).session.getToken()

    expect(lease).toHaveBeenCalledTimes(1)
  })
})

it('a store without turns is used all the same: both ask, and nobody waits', async () => {
  const { clock, start } = sharedStore({ leases: false })
  const [one, other] = [start('one'), start('other')]
  const slow = byHand<Token>()
  one.obtain.mockReturnValueOnce(slow.promise)

  const first = secretOf(one.session.getToken())
  await aside()
  expect(await secretOf(other.session.getToken())).toBe('other1')
  slow.resolve(tokenOf(clock, 'one1', 100))

  expect(await first).toBe('one1')
  expect(told(one.events)).toEqual(['a absent started', 'a absent obtained'])
})
