import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  AuthorizationError,
  ClientCredentialsAuth,
  memoryStore,
  type Obtain,
  type Renewal,
  type Token,
  type TokenInit,
  type TokenStore,
} from '../src/index.ts'
import { encodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { passing } from './process-bench.ts'
import {
  aside,
  type Bench,
  bench,
  byHand,
  demand,
  down,
  secretOf,
  storeWith,
  times,
  tokenOf,
} from './session-bench.ts'
import { metadata, tokenServer } from './token-server.ts'

afterEach(() => void vi.restoreAllMocks())

/** Gives t1, t2, ... for whatever scope is asked for. */
function obliging(clock: HandClock, seconds = 100): Obtain {
  let made = 0
  return async ({ scope }) => {
    made += 1
    const requestedScope = scope?.split(' ') ?? []
    return tokenOf(clock, `t${made}`, seconds, { requestedScope, scope: requestedScope })
  }
}

/** A session whose grant obliges, with a token in hand that was asked for and given for these scopes. */
async function inHand(init: Partial<TokenInit> = {}): Promise<Bench & { first: Token }> {
  const all = bench()
  all.obtain.mockImplementation(obliging(all.clock))
  all.obtain.mockResolvedValueOnce(tokenOf(all.clock, 'first', 100, init))
  const first = await all.session.getToken()
  return { ...all, first }
}

const scopesOf = ({ obtain }: Pick<Bench, 'obtain'>) => obtain.mock.calls.map(([{ scope }]) => scope)

describe('a demand for more', () => {
  it.each<[string, Partial<TokenInit>, string, string]>([
    ['what was asked for', { requestedScope: ['a'], scope: ['a'] }, 'b', 'a b'],
    ['what was asked for, though less was given', { requestedScope: ['a', 'x'], scope: ['a'] }, 'b', 'a x b'],
    ['what was given, where nothing was asked for', { scope: ['a', 'x'] }, 'b', 'a x b'],
    ['nothing, where nothing is known', {}, 'b', 'b'],
    ['what it repeats, once', { requestedScope: ['a', 'b'] }, 'c b a c', 'a b c'],
    ['what differs in case', { requestedScope: ['a'] }, 'A', 'a A'],
  ])('is asked for together with %s (SC-02, SC-03, SC-04)', async (_, init, demanded, scope) => {
    const all = await inHand(init)

    await expect(secretOf(all.session.getToken({ challenge: demand(demanded) }))).resolves.toBe('t1')

    expect(scopesOf(all)).toEqual([undefined, scope])
    expect(all.session.current()?.accessToken).toBe('t1')
  })

  it.each([
    ['what is no scope token (SC-10)', 'b "c d\\ ä e', 'a b e'],
    ['a wish to stay signed in, which is not for a resource to have (SC-08)', 'offline_access b', 'a b'],
  ])('is asked for without %s', async (_, demanded, scope) => {
    const all = await inHand({ requestedScope: ['a'] })

    await all.session.getToken({ challenge: demand(demanded) })

    expect(scopesOf(all)).toEqual([undefined, scope])
  })

  it('comes on top of the scope of the options, and of each demand before (SC-04)', async () => {
    const { fetch, arrivals } = tokenServer()
    const credentials = { clientId: 'me', clientSecret: 'hush' }
    const auth = new ClientCredentialsAuth({ serverMetadata: metadata, ...credentials, scope: 'a', fetch })

    await auth.getToken()
    await auth.getToken({ challenge: demand('b') })
    const token = await auth.getToken({ challenge: demand('c') })
    await auth.getToken({ rejected: token })

    const scopes = arrivals.map(({ body }) => new URLSearchParams(body).get('scope'))
    expect(scopes).toEqual(['a', 'a b', 'a b c', 'a b c'])
  })

  it('leaves the token in hand to those who are content with it, and costs one renewal (MC-07)', async () => {
    const all = await inHand({ requestedScope: ['a'] })
    const wide = byHand<Token>()
    all.obtain.mockReturnValueOnce(wide.promise)

    const demanding = [1, 2, 3].map(() => secretOf(all.session.getToken({ challenge: demand('b') })))
    await aside()
    await expect(secretOf(all.session.getToken())).resolves.toBe('first')
    wide.resolve(tokenOf(all.clock, 'wide', 100, { requestedScope: ['a', 'b'] }))

    await expect(Promise.all(demanding)).resolves.toEqual(['wide', 'wide', 'wide'])
    expect(all.obtain).toHaveBeenCalledTimes(2)
  })

  it('that meets others is asked for after them, each on top of those before (SC-02, SC-04)', async () => {
    const all = await inHand({ requestedScope: ['a'] })

    const tokens = await Promise.all(
      ['b', 'c', 'd', 'b c'].map((scope) => all.session.getToken({ challenge: demand(scope) })),
    )

    expect(tokens.map(({ scope }) => scope.join(' '))).toEqual(['a b', 'a b c', 'a b c d', 'a b c'])
    expect(scopesOf(all)).toEqual([undefined, 'a b', 'a b c', 'a b c d'])
  })

  it('is not answered by an early renewal, which asks for what there was (SC-02)', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const [idle, busy] = [await inHand({ requestedScope: ['a'] }), await inHand({ requestedScope: ['a'] })]
    idle.clock.pass(60_000)
    busy.clock.pass(60_000)
    await busy.session.getToken()

    const [one, other] = await Promise.all(
      [idle, busy].map(({ session }) => session.getToken({ challenge: demand('b') })),
    )

    expect([one?.scope, other?.scope]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
    expect(scopesOf(idle)).toEqual([undefined, 'a b'])
    expect(scopesOf(busy)).toEqual([undefined, 'a', 'a b'])
  })

  it('is none of a token that is no good: others go on using it, though it is called refused', async () => {
    const all = await inHand({ requestedScope: ['a'] })
    const wide = byHand<Token>()
    all.obtain.mockReturnValueOnce(wide.promise)

    const demanding = all.session.getToken({ rejected: all.first, challenge: demand('b') })
    await aside()

    await expect(secretOf(all.session.getToken())).resolves.toBe('first')
    wide.resolve(tokenOf(all.clock, 'wide', 100, { requestedScope: ['a', 'b'] }))
    await expect(secretOf(demanding)).resolves.toBe('wide')
  })

  it('that fails fails all who demand that, and costs one renewal', async () => {
    const all = await inHand({ requestedScope: ['a'] })
    all.obtain.mockRejectedValueOnce(down())

    const ends = await times(3, () =>
      all.session.getToken({ challenge: demand('b') }).catch(({ code }) => code),
    )

    expect(ends).toEqual(['unavailable', 'unavailable', 'unavailable'])
    expect(all.obtain).toHaveBeenCalledTimes(2)
  })

  /** Somebody who only wants the next token, while a demand is under way. */
  async function besideDemand(signal?: AbortSignal) {
    const all = await inHand({ requestedScope: ['a'] })
    all.clock.pass(100_000)
    all.obtain.mockImplementationOnce(({ signal: ended }) => {
      const { promise, reject } = byHand<Token>()
      ended.addEventListener('abort', () => reject(ended.reason))
      return promise
    })
    all.session.getToken({ challenge: demand('b') }).catch(() => {})
    await aside()
    const waiting = all.session.getToken({ signal }).catch((error: unknown) => error)
    await aside()
    return { ...all, waiting }
  }

  it('keeps nobody who has waited for it and goes', async () => {
    const leaving = new AbortController()
    const { waiting, obtain } = await besideDemand(leaving.signal)
    const reason = new Error('enough')

    leaving.abort(reason)

    expect(await waiting).toBe(reason)
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('and is called off by a sign-out is so for all who have waited for it: nothing is asked for afterwards', async () => {
    const { session, waiting, obtain } = await besideDemand()

    await session.signOut()

    expect(await waiting).toMatchObject({ code: 'signed_out' })
    expect(obtain).toHaveBeenCalledTimes(2)
  })

  it('that fails leaves the token in hand as it was', async () => {
    const all = await inHand({ requestedScope: ['a'] })
    all.obtain.mockRejectedValueOnce(down())

    await expect(all.session.getToken({ challenge: demand('b') })).rejects.toMatchObject({
      code: 'unavailable',
    })

    await expect(secretOf(all.session.getToken())).resolves.toBe('first')
  })
})

describe('a demand that says nothing new', () => {
  it.each<[string, Partial<TokenInit>, string | undefined]>([
    ['for what was given', { scope: ['a', 'b'] }, 'b'],
    ['for what was asked for and not given', { requestedScope: ['a', 'b'], scope: ['a'] }, 'b'],
    ['for part of either', { requestedScope: ['a', 'b'], scope: ['c'] }, 'c a'],
    ['for nothing', { scope: ['a'] }, ''],
    ['for nobody knows what', { scope: ['a'] }, undefined],
    ['for nothing that is a scope token', { scope: ['a'] }, '"'],
    ['for staying signed in', { scope: ['a'] }, 'offline_access'],
  ])('asks for nothing: %s (SC-06)', async (_, init, scope) => {
    const { session, obtain } = await inHand(init)

    await expect(secretOf(session.getToken({ challenge: demand(scope) }))).resolves.toBe('first')

    expect(obtain).toHaveBeenCalledTimes(1)
  })

  it.each([undefined, 'invalid_token', 'Insufficient_Scope', 'insufficient_scopes'])(
    'is none at all by the error %j, whatever its scope (CH-09, RFC 6750 §3.1)',
    async (error) => {
      const { session, obtain } = await inHand({ scope: ['a'] })
      const challenge = { scheme: 'bearer', parameters: { error, scope: 'b' } }

      await expect(secretOf(session.getToken({ challenge }))).resolves.toBe('first')

      expect(obtain).toHaveBeenCalledTimes(1)
    },
  )
})

describe('a resource that invents scopes', () => {
  /** How often something was obtained for so many demands, each for a new scope. */
  async function follow({ session, obtain, clock }: Bench, demands: number, pauseMs = 0): Promise<number> {
    const before = obtain.mock.calls.length
    for (let each = 0; each < demands; each += 1) {
      clock.pass(pauseMs)
      await session.getToken({ challenge: demand(`invented${before + each}`) }).catch(() => {})
    }
    return obtain.mock.calls.length - before
  }

  it('is followed ten times, and then gets the token in hand (SC-06)', async () => {
    const all = await inHand({ scope: ['a'] })

    await expect(follow(all, 12)).resolves.toBe(10)

    await expect(secretOf(all.session.getToken({ challenge: demand('more') }))).resolves.toBe('t10')
  })

  it('is followed ten times also where each attempt is refused (SC-06)', async () => {
    const all = await inHand({ scope: ['a'] })
    all.obtain.mockRejectedValue(
      new AuthorizationError('access_denied', 'x', { issuer: 'https://as.example' }),
    )

    await expect(follow(all, 12)).resolves.toBe(10)
  })

  it('uses up nothing while the server is down', async () => {
    const all = await inHand({ scope: ['a'] })
    all.obtain.mockRejectedValue(down())

    // A server that is down is left alone for half a minute at most.
    await expect(follow(all, 12, 31_000)).resolves.toBe(12)
  })

  it.each<[string, (all: Bench) => Promise<unknown>]>([
    ['demands', (all) => follow(all, 3, 31_000)],
    ['renewals', (all) => times(3, () => all.session.getToken().catch(() => {}))],
  ])('is followed no more than ten times where %s have failed before', async (_, fail) => {
    const all = await inHand({ scope: ['a'] })
    all.clock.pass(100_000)
    all.obtain.mockRejectedValue(down())
    await fail(all)
    all.clock.pass(100_000)
    all.obtain.mockImplementation(obliging(all.clock))

    await expect(follow(all, 14)).resolves.toBe(10)
  })

  it('is followed ten times again by who signs in after a sign-out (SC-06)', async () => {
    const all = await inHand({ scope: ['a'] })
    await follow(all, 12)
    await all.session.signOut()
    await all.session.getToken()

    await expect(follow(all, 12)).resolves.toBe(10)
  })

  it('is followed ten times also where the turn for a demand was lost, and asked for again (SC-06)', async () => {
    const store = memoryStore()
    let isLost = false
    const lease: TokenStore['lease'] = async (...asked) => {
      const given = await store.lease?.(...asked)
      return given && { ...given, extend: async () => !isLost }
    }
    const all = bench({ storage: { store: { ...store, lease }, key: 'k' } })
    all.obtain.mockImplementation(obliging(all.clock))
    await all.session.getToken()
    all.obtain.mockImplementationOnce(async ({ hold }) => {
      isLost = true
      all.clock.pass(5_001)
      return hold().then(() => expect.fail('it was kept'))
    })

    const first = all.session.getToken({ challenge: demand('first') })
    await aside()
    isLost = false
    await passing(all.clock, 200)

    expect((await first).scope).toEqual(['first'])
    await expect(follow(all, 12)).resolves.toBe(9)
  })

  it('uses up nothing as long as nobody is there who could be asked', async () => {
    const all = await inHand({ scope: ['a'] })
    const issuer = 'https://as.example'
    all.obtain.mockRejectedValue(
      new AuthorizationError('interaction_required', 'x', { issuer, recovery: 'interaction' }),
    )

    await expect(follow(all, 20)).resolves.toBe(20)
  })

  it('does not keep a token from being renewed', async () => {
    const all = await inHand({ scope: ['a'] })
    await follow(all, 12)
    all.clock.pass(100_000)

    await expect(secretOf(all.session.getToken())).resolves.toBe('t11')
  })
})

describe('what was asked for', () => {
  it('is asked for again at every renewal (SC-04, SC-11)', async () => {
    const all = await inHand({ requestedScope: ['a'], scope: ['a'] })
    const narrow = tokenOf(all.clock, 'narrow', 100, { requestedScope: ['a', 'b'], scope: ['a'] })
    all.obtain.mockResolvedValueOnce(narrow)
    await all.session.getToken({ challenge: demand('b') })
    all.clock.pass(100_000)

    await all.session.getToken()

    expect(scopesOf(all)).toEqual([undefined, 'a b', 'a b'])
  })

  it('is asked for again after a restart, where there is a store (SC-04)', async () => {
    const clock = handClock()
    const token = tokenOf(clock, 'stored', 100, { requestedScope: ['a', 'b'], scope: ['a'] })
    const { storage } = await storeWith(encodeToken(token))
    clock.pass(100_000)
    const all = bench({ clock, storage })
    all.obtain.mockImplementation(obliging(clock))

    await all.session.getToken()
    await all.session.getToken({ challenge: demand('c') })

    expect(scopesOf(all)).toEqual(['a b', 'a b c'])
  })

  it('with a token in a store that goes that far is not asked for at all (SC-02)', async () => {
    const clock = handClock()
    const { storage, write } = await storeWith(encodeToken(tokenOf(clock, 'narrow', 100, { scope: ['a'] })))
    const { session, obtain } = bench({ clock, storage })
    await expect(secretOf(session.getToken())).resolves.toBe('narrow')
    await write(tokenOf(clock, 'wide', 100, { scope: ['a', 'b'] }))

    await expect(secretOf(session.getToken({ challenge: demand('b') }))).resolves.toBe('wide')

    expect(obtain).not.toHaveBeenCalled()
  })

  it('with a token in a store that does not go that far is asked for (SC-02)', async () => {
    const clock = handClock()
    const { storage, write } = await storeWith(encodeToken(tokenOf(clock, 'narrow', 100, { scope: ['a'] })))
    const all = bench({ clock, storage })
    await all.session.getToken()
    await write(tokenOf(clock, 'other', 100, { scope: ['a', 'c'] }))

    await expect(secretOf(all.session.getToken({ challenge: demand('b') }))).resolves.toBe('t1')

    expect(scopesOf(all)).toEqual(['a c b'])
  })
})

it('tells a grant what the resource said, and that nobody may be asked', async () => {
  const all = await inHand({ scope: ['a'] })
  const challenge = demand('b')

  await all.session.getToken({ challenge })

  const { previous, ...renewal }: Partial<Renewal> = all.obtain.mock.calls[1]?.[0] ?? {}
  expect(renewal).toMatchObject({ challenge, interactive: false })
  expect(previous?.accessToken).toBe('first')
})
