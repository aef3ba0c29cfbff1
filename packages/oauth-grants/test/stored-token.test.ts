import { afterEach, describe, expect, it, vi } from 'vitest'
import { dpop } from '../src/dpop.ts'
import { memoryStore, StoreError, type Token, type TokenStore } from '../src/index.ts'
import { decodeToken, encodeToken } from '../src/token.ts'
import { handClock } from './hand-clock.ts'
import { passing } from './process-bench.ts'
import { aside, bench, byHand, down, key, secretOf, storeWith, times, tokenOf } from './session-bench.ts'
import { withoutLeases } from './without-leases.ts'

afterEach(() => void vi.restoreAllMocks())

describe('a store', () => {
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
    ['is no token', '{"hello":1}', {}],
    ['is no JSON', 'hello', {}],
    ['is nothing', '', {}],
  ])(
    'whose token %s is not believed; the new one goes over it, by the revision that was seen',
    async (_, text, options) => {
      const { storage, store, revision, read } = await storeWith(text)
      const { session } = bench({ clock: still, storage })

      await expect(secretOf(session.getToken(options))).resolves.toBe('t1')

      expect(store.save).toHaveBeenCalledExactlyOnceWith(key, expect.any(String), {
        expect: revision,
        keepUntil: expect.any(Number),
      })
      await expect(read()).resolves.toBe('t1')
    },
  )

  it('whose token is of a later version keeps it: the call fails, and says so', async () => {
    const later = encodeToken(stored).replace('"version":1', '"version":2')
    const { storage, store } = await storeWith(later)
    const { session, obtain } = bench({ clock: still, storage })

    await expect(session.getToken()).rejects.toMatchObject({ code: 'store_unreadable' })

    expect(obtain).not.toHaveBeenCalled()
    await expect(store.load(key)).resolves.toMatchObject({ value: later })
  })

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

it.each<[string, number, number, string, (each: number) => string]>([
  ['takes nothing from a store that was refused', 8, 1, 't2', (each) => `late${each}`],
  ['remembers eight refusals and no more', 9, 1, 'refused', (each) => `late${each}`],
  ['remembers the newest: older ones are of no matter', 50, -1, 't2', (each) => `late${each}`],
  ['remembers as one what is refused many times', 50, 1, 't2', () => 'late'],
])('%s', async (_, refusals, ms, expected, nameOf) => {
  const { storage, write } = await storeWith()
  const { session, clock } = bench({ storage })
  await session.getToken()
  const refused = tokenOf(clock, 'refused', 1_000)
  await session.getToken({ rejected: refused })
  for (let each = 1; each < refusals; each += 1) {
    const late = tokenOf(handClock(clock.now() + each * ms), nameOf(each), 1)
    await session.getToken({ rejected: late })
  }
  await write(refused)
  clock.pass(100_000)

  await expect(secretOf(session.getToken())).resolves.toBe(expected)
})

describe('a store that was written meanwhile', () => {
  /** Others write, just before each of our writes that are told so. */
  async function raced(others: readonly string[], at: 'before us' | 'after us') {
    const clock = handClock()
    const all = await storeWith()
    const one = bench({ clock, storage: all.storage, name: 'mine' })
    const through = all.store.save.getMockImplementation() ?? expect.fail('there is one')
    for (const name of others) {
      all.store.save.mockImplementationOnce(async (...args) => {
        const before = handClock(clock.now() - 1000)
        await all.write(tokenOf(at === 'before us' ? before : clock, name, 100))
        return through(...args)
      })
    }
    return { ...all, ...one }
  }

  it('by an older token gets the newer one, over the revision that is there then', async () => {
    const { session, store, read } = await raced(['older'], 'before us')

    await expect(secretOf(session.getToken())).resolves.toBe('mine1')

    expect(store.save).toHaveBeenCalledTimes(2)
    await expect(read()).resolves.toBe('mine1')
  })

  it('by a newer token, or one of the same time, keeps that', async () => {
    const { session, store, read } = await raced(['newer'], 'after us')

    await expect(secretOf(session.getToken())).resolves.toBe('mine1')

    expect(store.save).toHaveBeenCalledTimes(1)
    await expect(read()).resolves.toBe('newer')
  })

  it('is given up after ten attempts, with an error; the token in hand is good all the same', async () => {
    const { session, store, read } = await raced('0 1 2 3 4 5 6 7 8 9 10'.split(' '), 'before us')

    await expect(session.getToken()).rejects.toMatchObject({ code: 'store_unavailable' })

    expect(store.save).toHaveBeenCalledTimes(10)
    await expect(read()).resolves.toBe('9')
    expect(session.current()?.accessToken).toBe('mine1')
  })

  it('and forgotten gets the new token', async () => {
    const { storage, store, read, write } = await storeWith()
    const { session } = bench({ storage })
    const first = await session.getToken()
    const through = store.save.getMockImplementation() ?? expect.fail('there is one')
    store.save.mockImplementationOnce(async (...args) => {
      await write(undefined)
      return through(...args)
    })

    await session.getToken({ rejected: first })

    await expect(read()).resolves.toBe('t2')
  })
})

it('lets nobody pass who comes while another, who waited for a turn, has gone (RT-06)', async () => {
  const { storage } = await storeWith()
  const [one, leaving, late] = [bench({ storage }), bench({ storage }), bench({ storage })]
  const hanging = byHand<Token>()
  one.obtain.mockReturnValueOnce(hanging.promise)
  const first = secretOf(one.session.getToken())
  await aside()
  const gone = leaving.session.getToken().catch((error: unknown) => error)
  await aside()

  await leaving.session.close()
  const last = secretOf(late.session.getToken())
  await aside()
  expect(late.obtain).not.toHaveBeenCalled()
  hanging.resolve(tokenOf(one.clock, 'first', 100))

  await expect(Promise.all([first, last])).resolves.toEqual(['first', 'first'])
  await expect(gone).resolves.toMatchObject({ code: 'closed' })
  expect(late.obtain).not.toHaveBeenCalled()
})

it('lets nobody pass in this process while one asks, however long that takes, by a store without turns (RT-06)', async () => {
  const clock = handClock()
  const storage = { store: withoutLeases(memoryStore()), key }
  const [one, other] = [
    bench({ clock, storage, timeoutMs: 60_000 }),
    bench({ clock, storage, timeoutMs: 60_000 }),
  ]
  const slow = byHand<Token>()
  one.obtain.mockReturnValueOnce(slow.promise)
  const tokens = [one, other].map((each) => each.session.getToken())

  await passing(clock, 60_000)
  expect(other.obtain).not.toHaveBeenCalled()
  slow.resolve(tokenOf(clock, 'slow', 100))

  await expect(Promise.all(tokens)).resolves.toMatchObject([{ accessToken: 'slow' }, { accessToken: 'slow' }])
})

it('lets nobody pass in this process who comes while the second of two asks (RT-06)', async () => {
  const storage = { store: withoutLeases(memoryStore()), key }
  const [one, other, third] = [bench({ storage }), bench({ storage }), bench({ storage })]
  const [failing, slow] = [byHand<Token>(), byHand<Token>()]
  one.obtain.mockReturnValueOnce(failing.promise)
  other.obtain.mockReturnValueOnce(slow.promise)
  one.session.getToken().catch(() => {})
  await aside()
  const second = secretOf(other.session.getToken())
  await aside()
  failing.reject(down())
  await aside()

  const last = secretOf(third.session.getToken())
  await aside()
  slow.resolve(tokenOf(other.clock, 'second', 100))

  await expect(Promise.all([second, last])).resolves.toEqual(['second', 'second'])
  expect(third.obtain).not.toHaveBeenCalled()
})

it('keeps who comes in this process waiting for 10 s where one hangs that was closed, by a store without turns', async () => {
  const clock = handClock()
  const storage = { store: withoutLeases(memoryStore()), key }
  const [one, other] = [bench({ clock, storage }), bench({ clock, storage })]
  one.obtain.mockReturnValueOnce(new Promise(() => {}))
  one.session.getToken().catch(() => {})
  await aside()
  void one.session.close()
  await aside()
  const waiting = secretOf(other.session.getToken())

  await passing(clock, 9_900)
  expect(other.obtain).not.toHaveBeenCalled()
  await passing(clock, 100)

  await expect(waiting).resolves.toBe('t1')
})

it('does not keep for a time what has a refresh token, which has no end that anybody knows', async () => {
  const { storage, store } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  const first = tokenOf(clock, 't1', 100)
  obtain.mockResolvedValueOnce(first)
  obtain.mockResolvedValueOnce(tokenOf(clock, 't2', 100, { refreshToken: 'r2' }))

  await session.getToken()
  await session.getToken({ rejected: first })

  expect(store.save.mock.calls.map(([, , { keepUntil }]) => keepUntil)).toEqual([first.expiresAt, undefined])
})

it('presents no refresh token where somebody has signed out elsewhere, be it after the first renewal', async () => {
  const { storage, write } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 't1', 100, { refreshToken: 'r1' }))
  await session.getToken()
  await write(undefined)
  clock.pass(100_000)

  await session.getToken()

  expect(obtain.mock.lastCall?.[0].previous?.refreshToken).toBeUndefined()
})

it('asks for the same scope as before where somebody has signed out elsewhere', async () => {
  const { storage, write } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  const more = { refreshToken: 'r1', requestedScope: ['a', 'b'] }
  obtain.mockImplementationOnce(async () => tokenOf(clock, 't1', 100, more))
  await session.getToken()
  await write(undefined)
  clock.pass(100_000)

  await session.getToken()

  expect(obtain.mock.lastCall?.[0].scope).toBe('a b')
})

it('is given up with an error where a store without turns keeps nothing, though nobody has written', async () => {
  const store = { ...withoutLeases(memoryStore()), save: vi.fn(async () => undefined) }
  const { session } = bench({ storage: { store, key } })

  await expect(session.getToken()).rejects.toMatchObject({
    code: 'store_unavailable',
    recovery: 'transient',
  })

  expect(store.save).toHaveBeenCalledTimes(10)
})

it('gets the newer token over an older one that somebody has put there out of turn', async () => {
  const store = memoryStore()
  const { session, obtain, clock } = bench({ storage: { store, key } })
  obtain.mockImplementationOnce(async () => {
    const older = encodeToken(tokenOf(handClock(clock.now() - 1_000), 'older', 100))
    await store.save(key, older, { expect: undefined })
    return tokenOf(clock, 'newer', 100)
  })

  await session.getToken()

  expect((await store.load(key))?.value).toContain('newer')
})

it.each([
  ['its end, where that is to come', 100, 100],
  ['no end that is to come, where it is refused for good', 5, 10],
])('leaves of a token without its refresh token %s', async (_, seconds, end) => {
  const { storage, readToken } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  const start = clock.now()
  const first = tokenOf(clock, 't1', seconds, { refreshToken: 'r1', requestedScope: ['a'], issuer: 'as' })
  obtain.mockResolvedValueOnce(first)
  await session.getToken()
  clock.pass(10_000)
  obtain.mockImplementationOnce(async ({ forget }) => {
    await forget()
    throw down()
  })
  await session.getToken({ rejected: first }).catch(() => {})

  const left = await readToken()

  expect(left).toMatchObject({ accessToken: 't1', requestedScope: ['a'], issuer: 'as' })
  expect(left?.refreshToken).toBeUndefined()
  expect(left?.expiresAt).toBe(start + end * 1_000)
})

it('signs out of what nobody can read, where the store says what is there: that is forgotten', async () => {
  const { storage, store, revision, read } = await storeWith('sealed')
  const { session } = bench({ storage })
  store.load.mockRejectedValueOnce(new StoreError('store_unreadable', 'x', { revision }))

  await expect(session.signOut()).resolves.toBeUndefined()

  expect(store.clear).toHaveBeenCalledExactlyOnceWith(key, { expect: revision })
  await expect(read()).resolves.toBeUndefined()
})

it.each([
  ['an error of ours that does not say what is there', new StoreError('store_unavailable', 'x')],
  ['an error of its own, be it with a revision', Object.assign(new Error('disk'), { revision: '1' })],
])('fails a sign-out by %s, and leaves what is there', async (_, error) => {
  const { storage, store, read } = await storeWith(encodeToken(tokenOf(handClock(), 'stored', 100)))
  const { session } = bench({ storage })
  store.load.mockRejectedValueOnce(error)

  await expect(session.signOut()).rejects.toBe(error)

  await expect(read()).resolves.toBe('stored')
})

it('signs out though the turn cannot be given back', async () => {
  const inner = memoryStore()
  const lease: TokenStore['lease'] = async (...asked) => {
    const real = await inner.lease?.(...asked)
    return real && { ...real, [Symbol.asyncDispose]: () => Promise.reject(new Error('disk')) }
  }
  const { session } = bench({ storage: { store: { ...inner, lease }, key } })

  await expect(session.signOut()).resolves.toBeUndefined()
})

it('can be closed while a store hangs that is asked for a turn to sign out', async () => {
  const store: TokenStore = { ...memoryStore(), lease: () => new Promise(() => {}) }
  const { session } = bench({ storage: { store, key } })
  const leaving = expect(session.signOut()).rejects.toMatchObject({ code: 'closed' })
  await aside()

  await session.close()

  await leaving
})

describe('a bound token in a store', () => {
  /** A session that has kept one, and another that has not read it. */
  async function kept() {
    const binding = await dpop()
    const { storage, store } = await storeWith()
    const all = { ...storage, binding }
    const [one, other] = [bench({ storage: all }), bench({ storage: all })]
    const token = tokenOf(one.clock, 'bound', 100, { binding, refreshToken: 'r1' })
    one.obtain.mockResolvedValueOnce(token)
    await one.session.getToken()
    return { one, other, token, binding, store }
  }

  it('is given to who signs out, so that it can be revoked', async () => {
    const { other } = await kept()

    await expect(other.session.signOut()).resolves.toMatchObject({ accessToken: 'bound', refreshToken: 'r1' })
  })

  it('stays bound without its refresh token', async () => {
    const { one, token, binding, store } = await kept()
    one.obtain.mockImplementationOnce(async ({ forget }) => {
      await forget()
      throw down()
    })

    await expect(one.session.getToken({ rejected: token })).rejects.toMatchObject({ code: 'unavailable' })

    const left = decodeToken((await store.load(key))?.value ?? '', binding)
    expect(left).toMatchObject({ accessToken: 'bound', tokenType: 'DPoP' })
    expect(left?.refreshToken).toBeUndefined()
  })
})

it('takes no older token from a store than the one in hand, which may have used up what that one holds (RT-01)', async () => {
  const { storage, store, read } = await storeWith()
  const { session, obtain, clock } = bench({ storage, seconds: 1000 })
  const first = await session.getToken()
  clock.pass(1000)
  store.save.mockRejectedValueOnce(new Error('disk full'))
  await session.getToken({ rejected: first }).catch(() => {})
  const other = bench({ clock, storage })
  // Somebody else still takes the first for good, and a late refusal is forgotten with so many others.
  await expect(secretOf(other.session.getToken())).resolves.toBe('t1')
  const second = session.current() ?? expect.fail('there is none')
  clock.pass(1000)

  for (let each = 0; each < 8; each += 1) {
    await session.getToken({ rejected: tokenOf(clock, `late${each}`, 1) })
  }
  await expect(secretOf(session.getToken({ rejected: second }))).resolves.toBe('t3')

  expect(obtain.mock.lastCall?.[0].previous?.accessToken).toBe('t2')
  await expect(read()).resolves.toBe('t3')
})

it.each<[string, string | undefined, boolean]>([
  ['another has put there what is of no use', 'r1', true],
  ['it has gone from there without a refresh token, by its age perhaps', undefined, false],
])('leaves the token in hand where %s', async (_, refreshToken, isWritten) => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { storage, write } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'good', 100, { refreshToken }))
  await session.getToken()
  clock.pass(60_000)
  await write(isWritten ? tokenOf(clock, 'ended', 0) : undefined)
  obtain.mockRejectedValueOnce(down())

  await session.getToken()
  await aside()

  expect(session.current()?.accessToken).toBe('good')
})

it('has no token in hand any longer where somebody has signed out while it was renewed', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { storage, write } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  obtain.mockImplementation(async () => {
    if (obtain.mock.calls.length > 1) await write(undefined)
    return tokenOf(clock, 'good', 100, { refreshToken: 'r1' })
  })
  await session.getToken()
  clock.pass(60_000)
  await session.getToken()
  await aside()

  expect(session.current()).toBeUndefined()
})

it.each<[string, (saving: ReturnType<typeof byHand<string | undefined>>) => void]>([
  ['kept', ({ resolve }) => resolve('7')],
  ['not kept', ({ reject }) => reject(new Error('disk full'))],
])('a renewal whose token is %s after somebody has signed in leaves what that brought', async (_, end) => {
  const { storage, store } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  const saving = byHand<string | undefined>()
  store.save.mockReturnValueOnce(saving.promise)
  const renewing = session.getToken().catch(() => {})
  await aside()
  obtain.mockResolvedValueOnce(tokenOf(clock, 'person', 100))
  await session.logIn(undefined, new AbortController().signal)

  end(saving)
  await renewing

  expect(session.current()?.accessToken).toBe('person')
})

it('keeps what a sign-in brings in the place of a token of the same time', async () => {
  const { storage, read } = await storeWith()
  const { session } = bench({ storage })
  await session.getToken()

  await session.logIn(undefined, new AbortController().signal)

  await expect(read()).resolves.toBe('t2')
})

it('gives what another has put there at the same time, where somebody signs out: it is the one to be revoked', async () => {
  const { storage, write } = await storeWith()
  const { session, clock } = bench({ storage })
  await session.getToken()
  await write(tokenOf(clock, 'theirs', 100))

  await expect(session.signOut()).resolves.toMatchObject({ accessToken: 'theirs' })
})

it('lets a grant that lets go of a refresh token take nothing of a sign-in beside it', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { storage } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  await session.getToken()
  const going = byHand<void>()
  obtain.mockImplementationOnce(async ({ forget }) => {
    await going.promise
    await forget()
    throw down()
  })
  clock.pass(60_000)
  await session.getToken()
  await aside()
  obtain.mockResolvedValueOnce(tokenOf(clock, 'person', 100, { refreshToken: 'r2' }))
  const rejected = await session.logIn(undefined, new AbortController().signal)

  going.resolve()
  await aside()
  await session.getToken({ rejected })

  expect(obtain.mock.lastCall?.[0].previous).toMatchObject({ accessToken: 'person', refreshToken: 'r2' })
})

it.each(['load', 'save'] as const)(
  'can be closed while a store hangs at %s where a grant lets go of a refresh token',
  async (step) => {
    const { storage, store } = await storeWith()
    const { session, obtain, clock } = bench({ storage })
    await session.getToken()
    clock.pass(100_000)
    obtain.mockImplementationOnce(async ({ forget }) => {
      store[step].mockReturnValue(new Promise<never>(() => {}))
      await forget()
      throw down()
    })
    const waiting = expect(session.getToken()).rejects.toMatchObject({ code: 'closed' })
    await aside()

    await session.close()

    await waiting
  },
)

it('takes what is there after a sign-out that the store has failed', async () => {
  const { storage, store } = await storeWith()
  const { session, obtain } = bench({ storage })
  await session.getToken()
  store.clear.mockRejectedValueOnce(new Error('disk'))
  await session.signOut().catch(() => {})

  await expect(secretOf(session.getToken())).resolves.toBe('t1')

  expect(obtain).toHaveBeenCalledTimes(1)
})

it('uses a token only when it is in the store (RT-01, RFC 6749 §6)', async () => {
  const saving = byHand<string | undefined>()
  const store = { ...memoryStore(), save: () => saving.promise }
  const { session } = bench({ storage: { store, key: 'k' } })
  const first = session.getToken()
  await aside()

  expect(session.current()).toBeUndefined()
  saving.resolve('1')

  expect(await secretOf(first)).toBe('t1')
  expect(session.current()?.accessToken).toBe('t1')
})

it.each(['load', 'save'] as const)('can be closed while a store hangs at %s', async (step) => {
  const store: TokenStore = { ...memoryStore(), [step]: () => new Promise(() => {}) }
  const { session } = bench({ storage: { store, key } })
  const waiting = expect(session.getToken()).rejects.toMatchObject({ code: 'closed' })
  await aside()

  await session.close()

  await waiting
})
