import { afterEach, describe, expect, it, vi } from 'vitest'
import { AuthorizationError, memoryStore } from '../src/index.ts'
import { encodeToken } from '../src/token.ts'
import { handClock } from './hand-clock.ts'
import { aside, bench, demand, down, storeWith, tokenOf, told } from './session-bench.ts'

afterEach(() => void vi.restoreAllMocks())

describe('events', () => {
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

  it('tell that a person is asked for more scope', async () => {
    const { session, events } = bench()
    await session.getToken()

    await session.logIn(demand('b'), new AbortController().signal)

    expect(told(events)).toContain('b scope started')
  })

  it('call no token refused that has ended in a store', async () => {
    const clock = handClock()
    const { storage } = await storeWith(encodeToken(tokenOf(clock, 'ended', 0)))
    const { session, obtain, events } = bench({ clock, storage })
    obtain.mockRejectedValueOnce(down())
    await session.getToken().catch(() => {})

    await session.getToken()

    expect(told(events)).toContain('b absent started')
  })

  it('call a token refused until there is another: also where that failed, to who asks next', async () => {
    const { session, obtain, events } = bench()
    const rejected = await session.getToken()
    obtain.mockRejectedValueOnce(down())
    await session.getToken({ rejected }).catch(() => {})

    await session.getToken()

    expect(told(events)).toContain('c rejected started')
  })

  it('tell the code of an error of ours, and of no other', async () => {
    const { session, obtain, events } = bench()
    obtain.mockRejectedValueOnce(Object.assign(new Error('x'), { code: 'ENOENT' }))

    await session.getToken().catch(() => {})

    expect(told(events)).toEqual(['a absent started', 'a absent failed'])
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

describe('events of a sign-in', () => {
  const ended = new AuthorizationError('access_denied', 'x', {
    issuer: 'https://as.example',
    recovery: 'interaction',
  })
  const never = new AbortController().signal

  it('tell when somebody is needed, and when they are done, as part of the renewal', async () => {
    const { session, events } = bench()

    await session.logIn(undefined, never)

    expect(told(events)).toEqual([
      'a absent started',
      'a interaction needed',
      'a interaction done',
      'a absent obtained',
    ])
  })

  it('tell what came of it where it failed', async () => {
    const { session, obtain, events } = bench()
    obtain.mockRejectedValueOnce(ended).mockRejectedValueOnce(new Error('not ours'))

    await session.logIn(undefined, never).catch(() => {})
    await session.logIn(undefined, never).catch(() => {})

    expect(told(events)).toEqual([
      'a absent started',
      'a interaction needed',
      'a interaction failed access_denied',
      'a absent failed access_denied',
      'b absent started',
      'b interaction needed',
      'b interaction failed',
      'b absent failed',
    ])
  })

  it('tell of nobody where nobody was asked: a store had the token, or could not be read', async () => {
    const { storage, store, write } = await storeWith()
    const { session, events, clock } = bench({ storage })
    store.load.mockRejectedValueOnce(new Error('disk'))
    await write(tokenOf(clock, 'theirs', 100))

    await session.logIn(undefined, never).catch(() => {})
    await session.logIn(undefined, never)

    expect(told(events)).toEqual([
      'a absent started',
      'a absent failed',
      'b absent started',
      'b absent adopted',
    ])
  })

  it('tell that somebody is done also where the token cannot be stored', async () => {
    const { storage, store } = await storeWith()
    const { session, events } = bench({ storage })
    store.save.mockRejectedValueOnce(new Error('disk full'))

    await session.logIn(undefined, never).catch(() => {})

    expect(told(events)).toEqual([
      'a absent started',
      'a interaction needed',
      'a interaction done',
      'a absent obtained',
      'a absent failed',
    ])
  })
})

describe('events of what was granted', () => {
  it.each<[string, string[], string[], string]>([
    ['as much as was asked for', ['a', 'b'], ['b', 'a'], 'a scope obtained'],
    ['less', ['a', 'b'], ['a'], 'a scope obtained less'],
    ['nothing of it', ['a'], [], 'a scope obtained less'],
    ['more', ['a'], ['a', 'b'], 'a scope obtained more'],
    ['something else: less', ['a'], ['b'], 'a scope obtained less'],
    ['anything, where nothing was asked for', [], ['a'], 'a scope obtained'],
  ])('tell whether it is %s, and the token is kept (SC-12)', async (_, requestedScope, scope, last) => {
    const { session, obtain, events, clock } = bench()
    await session.getToken()
    events.length = 0
    obtain.mockResolvedValueOnce(tokenOf(clock, 'new', 100, { requestedScope, scope }))

    await session.getToken({ challenge: demand('b') })

    expect(told(events)).toEqual(['a scope started', last])
    expect(session.current()?.accessToken).toBe('new')
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it.each([
    ['a refresh token is what it was asked for, named or not', 'one', 'a scope obtained'],
    ['without one it was not granted', undefined, 'a scope obtained less'],
  ])('tell of offline_access that %s (SC-12)', async (_, refreshToken, last) => {
    const { session, obtain, events, clock } = bench()
    await session.getToken()
    events.length = 0
    const scopes = { requestedScope: ['b', 'offline_access'], scope: ['b'] }
    obtain.mockResolvedValueOnce(tokenOf(clock, 'new', 100, { ...scopes, refreshToken }))

    await session.getToken({ challenge: demand('b') })

    expect(told(events)).toEqual(['a scope started', last])
  })
})
