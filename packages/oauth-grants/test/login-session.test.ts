import { describe, expect, it, vi } from 'vitest'
import {
  AuthorizationError,
  type GrantEvent,
  type Obtain,
  type Renewal,
  type Token,
  TokenSession,
  type TokenSessionOptions,
} from '../src/index.ts'
import { LoginSession } from '../src/login-session.ts'
import { handClock } from './hand-clock.ts'
import { aside, byHand, demand, down, secretOf, storeWith, times, tokenOf } from './session-bench.ts'

const issuer = 'https://as.example'

const required = ({ challenge }: Pick<Renewal, 'challenge'>) =>
  new AuthorizationError('interaction_required', 'x', { issuer, challenge, recovery: 'interaction' })
const declined = () => new AuthorizationError('access_denied', 'x', { issuer, recovery: 'interaction' })

/** A session that nobody but a person can help, and the persons who were asked: each answers by hand. */
function bench(options: TokenSessionOptions = {}) {
  const clock = handClock()
  const events: GrantEvent[] = []
  const signIns: (Renewal & ReturnType<typeof byHand<Token>>)[] = []
  const obtain = vi.fn<Obtain>(async (renewal) => {
    if (!renewal.interactive) throw required(renewal)
    const answer = byHand<Token>()
    signIns.push({ ...renewal, ...answer })
    // As every grant here does: what is called off ends.
    renewal.signal.addEventListener('abort', () => answer.reject(renewal.signal.reason))
    return answer.promise
  })
  const session = new TokenSession(obtain, {
    clock,
    onEvent: (event) => void events.push(event),
    ...options,
  })
  const token = (accessToken: string, seconds = 100, scope: string[] = []) =>
    tokenOf(clock, accessToken, seconds, { requestedScope: scope, scope })
  return { login: new LoginSession(session), session, obtain, clock, events, signIns, token }
}

describe('where nobody may be asked', () => {
  it('a call fails by what has to be done, and asks nobody', async () => {
    const { login, signIns } = bench()
    const challenge = demand('b')

    await expect(login.getToken({ interactive: false, challenge })).rejects.toMatchObject({
      code: 'interaction_required',
      recovery: 'interaction',
      challenge,
    })

    expect(signIns).toEqual([])
  })

  it('a call fails at once, though somebody is signing in for others', async () => {
    const { login, signIns, token } = bench()
    const waiting = secretOf(login.getToken())
    await aside()
    expect(signIns).toHaveLength(1)

    await expect(login.getToken({ interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })

    signIns[0]?.resolve(token('t1'))
    await expect(waiting).resolves.toBe('t1')
  })

  it('a call gets the token that somebody signed in for before', async () => {
    const { login, signIns, token } = bench()
    const waiting = login.getToken()
    await aside()
    signIns[0]?.resolve(token('t1'))
    await waiting

    await expect(secretOf(login.getToken({ interactive: false }))).resolves.toBe('t1')
  })
})

describe('a sign-in', () => {
  it('is one for 20 who wait', async () => {
    const { login, signIns, token } = bench()

    const waiting = times(20, () => secretOf(login.getToken()))
    await aside()
    signIns[0]?.resolve(token('t1'))

    expect(new Set(await waiting)).toEqual(new Set(['t1']))
    expect(signIns).toHaveLength(1)
  })

  it('is joined by those who come while it goes on', async () => {
    const { login, signIns, token } = bench()

    const first = secretOf(login.getToken())
    await aside()
    const second = secretOf(login.getToken())
    await aside()
    signIns[0]?.resolve(token('t1'))

    await expect(Promise.all([first, second])).resolves.toEqual(['t1', 't1'])
    expect(signIns).toHaveLength(1)
  })

  it('with a token that is good for the request at hand only is still one for all who wait', async () => {
    const { login, signIns, token } = bench()

    const waiting = times(20, () => secretOf(login.getToken()))
    await aside()
    signIns[0]?.resolve(token('t1', 0))

    expect(new Set(await waiting)).toEqual(new Set(['t1']))
    expect(signIns).toHaveLength(1)
  })

  it('that fails, fails for all who wait, and is not remembered: the next call asks again', async () => {
    const { login, signIns, token } = bench()
    const error = declined()

    const failing = times(20, () => login.getToken().catch((caught: unknown) => caught))
    await aside()
    signIns[0]?.reject(error)
    const failures = await failing
    const waiting = secretOf(login.getToken())
    await aside()
    signIns[1]?.resolve(token('t2'))

    expect(failures.filter((each) => each === error)).toHaveLength(20)
    await expect(waiting).resolves.toBe('t2')
    expect(signIns).toHaveLength(2)
  })

  it.each([
    ['an outage', down()],
    ['a fault of the program', new TypeError('x')],
  ])('is not asked for because of %s', async (_, error) => {
    const { login, obtain, signIns } = bench()
    obtain.mockRejectedValueOnce(error)

    await expect(login.getToken()).rejects.toBe(error)

    expect(signIns).toEqual([])
  })

  it('that ended while it was found out that one is needed is used (RT-06)', async () => {
    const { login, obtain, signIns, token } = bench()
    const waiting = secretOf(login.getToken())
    await aside()
    const silent = byHand<Token>()
    obtain.mockReturnValueOnce(silent.promise)
    const late = secretOf(login.getToken())
    await aside()

    signIns[0]?.resolve(token('t1'))
    await waiting
    silent.reject(required({ challenge: undefined }))

    await expect(late).resolves.toBe('t1')
    expect(signIns).toHaveLength(1)
  })

  it('is not asked for where a store has the token of another process', async () => {
    const { storage, write } = await storeWith()
    const { login, signIns, token } = bench({ storage })
    await write(token('theirs'))

    await expect(secretOf(login.getToken())).resolves.toBe('theirs')

    expect(signIns).toEqual([])
  })

  it('goes beside the token in hand, which others go on using', async () => {
    const { login, session, signIns, token } = bench()
    const first = login.getToken()
    await aside()
    signIns[0]?.resolve(token('narrow', 100, ['a']))
    await first

    const wide = secretOf(login.getToken({ challenge: demand('b') }))
    await aside()
    await expect(secretOf(login.getToken())).resolves.toBe('narrow')
    signIns[1]?.resolve(token('wide', 100, ['a', 'b']))

    await expect(wide).resolves.toBe('wide')
    expect(session.current()?.accessToken).toBe('wide')
    expect(signIns.map(({ scope }) => scope)).toEqual([undefined, 'a b'])
  })

  it.each([
    ['is not undone by a renewal that was under way beside it', ['wide', 'early']],
    ['takes the place of what a renewal beside it has brought', ['early', 'wide']],
  ])('%s', async (_, order) => {
    const { login, session, obtain, clock, signIns, token } = bench()
    const first = login.getToken()
    await aside()
    signIns[0]?.resolve(token('narrow', 100, ['a']))
    await first
    const wide = secretOf(login.getToken({ challenge: demand('b') }))
    await aside()
    clock.pass(99_000)
    const early = byHand<Token>()
    obtain.mockReturnValueOnce(early.promise)
    session.current()
    await aside()

    for (const each of order) {
      if (each === 'wide') signIns[1]?.resolve(token('wide', 100, ['a', 'b']))
      else early.resolve(token('early', 100, ['a']))
      await aside()
    }

    await expect(wide).resolves.toBe('wide')
    expect(session.current()?.accessToken).toBe('wide')
  })
})

describe('others who want something else', () => {
  it('wait for the sign-in under way, and then for one of their own (SC-02, SC-04)', async () => {
    const { login, signIns, token } = bench()

    const one = secretOf(login.getToken({ challenge: demand('a') }))
    await aside()
    const other = secretOf(login.getToken({ challenge: demand('b') }))
    await aside()
    expect(signIns).toHaveLength(1)
    signIns[0]?.resolve(token('one', 100, ['a']))
    await expect(one).resolves.toBe('one')
    await aside()
    signIns[1]?.resolve(token('both', 100, ['a', 'b']))

    await expect(other).resolves.toBe('both')
    expect(signIns.map(({ scope }) => scope)).toEqual(['a', 'a b'])
  })

  it('are content where it was asked for and not given: to ask again is no use (SC-06)', async () => {
    const { login, signIns, clock } = bench()
    const narrow = tokenOf(clock, 'narrow', 100, { requestedScope: ['a', 'b'], scope: ['a'] })

    const both = ['a b', 'b'].map((scope) => secretOf(login.getToken({ challenge: demand(scope) })))
    await aside()
    signIns[0]?.resolve(narrow)

    await expect(Promise.all(both)).resolves.toEqual(['narrow', 'narrow'])
    expect(signIns).toHaveLength(1)
  })
})

describe('a signal', () => {
  it("ends one caller's wait, with its reason; the others get their token", async () => {
    const { login, signIns, token } = bench()
    const [controller, reason] = [new AbortController(), new Error('enough')]

    const leaving = login.getToken({ signal: controller.signal })
    const staying = secretOf(login.getToken())
    await aside()
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    expect(signIns[0]?.signal.aborted).toBe(false)
    signIns[0]?.resolve(token('t1'))

    await expect(staying).resolves.toBe('t1')
    expect(signIns).toHaveLength(1)
  })

  it('of the last who waits calls the sign-in off, with its reason; the next call begins another', async () => {
    const { login, signIns, token } = bench()
    const controllers = [new AbortController(), new AbortController()]
    const reason = new Error('enough')

    const waiting = controllers.map(({ signal }) =>
      login.getToken({ signal }).catch((error: unknown) => error),
    )
    await aside()
    controllers[0]?.abort(new Error('first'))
    await aside()
    expect(signIns[0]?.signal.aborted).toBe(false)
    controllers[1]?.abort(reason)
    await Promise.all(waiting)

    expect(signIns[0]?.signal.reason).toBe(reason)
    const next = secretOf(login.getToken())
    await aside()
    signIns[1]?.resolve(token('t2'))
    await expect(next).resolves.toBe('t2')
  })

  it('whose sign-in comes to an end all the same troubles nobody, and its token is not wasted', async () => {
    const { login, obtain, signIns, token } = bench()
    const controller = new AbortController()
    const late = byHand<Token>()
    obtain.mockImplementationOnce(async (renewal) => {
      throw required(renewal)
    })
    obtain.mockReturnValueOnce(late.promise)

    const leaving = login.getToken({ signal: controller.signal })
    await aside()
    controller.abort()
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    late.resolve(token('t1'))
    await aside()

    await expect(secretOf(login.getToken({ interactive: false }))).resolves.toBe('t1')
    expect(signIns).toEqual([])
  })

  it('that is aborted already asks nobody', async () => {
    const { login, obtain } = bench()
    const reason = new Error('enough')

    await expect(login.getToken({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)

    await aside()
    expect(obtain).not.toHaveBeenCalled()
  })

  it('that is aborted while it is found out that a sign-in is needed asks nobody', async () => {
    const { login, obtain, signIns } = bench()
    const [controller, silent] = [new AbortController(), byHand<Token>()]
    obtain.mockReturnValueOnce(silent.promise)

    const leaving = login.getToken({ signal: controller.signal })
    await aside()
    controller.abort()
    silent.reject(required({ challenge: undefined }))

    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' })
    await aside()
    expect(signIns).toEqual([])
  })
})

describe('closing', () => {
  const closed = { name: 'AuthConfigError', code: 'closed' }

  it('ends a sign-in, and those who wait for it, and waits for its end', async () => {
    const { login, signIns } = bench()
    const waiting = times(3, () => login.getToken().catch((error: unknown) => error))
    await aside()

    await login.close()

    expect(signIns[0]?.signal.reason).toMatchObject(closed)
    await expect(waiting).resolves.toMatchObject([closed, closed, closed])
    await expect(login.getToken()).rejects.toMatchObject(closed)
    expect(signIns).toHaveLength(1)
  })

  it('waits for a sign-in that takes its time to end', async () => {
    const { login, obtain } = bench()
    const ending = byHand<Token>()
    obtain.mockImplementation(async (renewal) => {
      if (!renewal.interactive) throw required(renewal)
      return ending.promise
    })
    const waiting = login.getToken().catch((error: unknown) => error)
    await aside()
    const done = vi.fn()

    const closing = login.close().then(done)
    await aside()
    expect(done).not.toHaveBeenCalled()
    ending.reject(declined())
    await closing

    await expect(waiting).resolves.toMatchObject({ code: 'access_denied' })
  })

  it('ends a sign-in whose token is on its way to a store that hangs', async () => {
    const { storage, store } = await storeWith()
    store.save.mockReturnValue(new Promise(() => {}))
    const { login, signIns, token } = bench({ storage })
    const waiting = login.getToken().catch((error: unknown) => error)
    await aside()
    signIns[0]?.resolve(token('t1'))
    await aside()

    await login.close()

    await expect(waiting).resolves.toMatchObject(closed)
  })
})
