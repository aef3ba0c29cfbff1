import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryStore, type TokenStore } from '../src/index.ts'
import { decodeToken, encodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { answer, type LoginGiven, loginBench, lost, refusal } from './login-bench.ts'
import { aside, demand, secretOf, tokenOf } from './session-bench.ts'
import { metadata, type Reply } from './token-server.ts'

afterEach(() => void vi.restoreAllMocks())

/** Signs in, and lets the token end, so that the next call has to renew it. */
async function ended(options: LoginGiven = {}, ...replies: Reply[]) {
  const all = loginBench(options, answer(1), ...replies)
  await all.auth.getToken()
  all.clock.pass(100_000)
  return all
}

/** A store for one entry, whatever its name, and what other processes do there. */
function shared() {
  const inner = memoryStore()
  const store: TokenStore = {
    load: () => inner.load('k'),
    save: (_, ...args) => inner.save('k', ...args),
    clear: (_, ...args) => inner.clear('k', ...args),
  }
  const readToken = async () => decodeToken((await inner.load('k'))?.value ?? '')
  const read = async () => (await readToken())?.accessToken
  const readRefreshToken = async () => (await readToken())?.refreshToken
  /** What another process does, which has used the same refresh token before us. */
  const renewElsewhere = async (clock: HandClock, seconds = 100) => {
    const token = tokenOf(clock, 't-theirs', seconds, { issuer: metadata.issuer, refreshToken: 'r-theirs' })
    await inner.save('k', encodeToken(token), { expect: (await inner.load('k'))?.revision })
  }
  return { store, read, readRefreshToken, renewElsewhere }
}

const silently = { interactive: false }
const interactionRequired = { name: 'AuthorizationError', code: 'interaction_required' }

describe('a refresh that is refused by invalid_grant', () => {
  it('gives the token that another process has put into the store meanwhile (RT-07)', async () => {
    const { store, renewElsewhere, read } = shared()
    const clock = handClock()
    const beaten: Reply = async () => {
      await renewElsewhere(clock)
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    const { auth, presented, signIns } = await ended({ store, clock }, beaten, answer(3))

    await expect(secretOf(auth.getToken(silently))).resolves.toBe('t-theirs')
    clock.pass(100_000)
    await auth.getToken(silently)

    expect(presented()).toEqual(['authorization_code', 'r1', 'r-theirs'])
    expect(signIns).toHaveLength(1)
    await expect(read()).resolves.toBe('t3')
  })

  it('is forgotten, here and in the store, and is not sent again (RT-07, RFC 6749 §5.2)', async () => {
    const { store, readRefreshToken } = shared()
    const { auth, clock, presented } = await ended({ store }, refusal('invalid_grant'))

    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    const next = loginBench({ store, clock })
    await expect(next.auth.getToken(silently)).rejects.toMatchObject(interactionRequired)

    expect(presented()).toEqual(['authorization_code', 'r1'])
    expect(next.arrivals).toEqual([])
    await expect(readRefreshToken()).resolves.toBeUndefined()
  })

  it('in the word of GitHub, which is answered with 200, is one as well: somebody is asked again', async () => {
    const { auth, presented, signIns } = await ended({}, refusal('bad_refresh_token', 200), answer(2))

    await expect(secretOf(auth.getToken())).resolves.toBe('t2')

    expect(presented()).toEqual(['authorization_code', 'r1', 'authorization_code'])
    expect(signIns).toHaveLength(2)
  })

  it('is forgotten without a store too (RT-07)', async () => {
    const { auth, presented } = await ended({}, refusal('invalid_grant'))

    await auth.getToken(silently).catch(() => {})
    await auth.getToken(silently).catch(() => {})

    expect(presented()).toEqual(['authorization_code', 'r1'])
  })

  it('leaves in the store what another process has put there, though it is of no use now (RT-07)', async () => {
    const { store, read, renewElsewhere } = shared()
    const beaten: Reply = async () => {
      // On a clock that is a day behind: here it has ended.
      await renewElsewhere(handClock(Date.UTC(2025, 11, 31)))
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    const { auth } = await ended({ store }, beaten)

    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)

    await expect(read()).resolves.toBe('t-theirs')
  })

  it('has nobody sign in, where what another process has put into the store can be refreshed (RT-07)', async () => {
    const { store, renewElsewhere } = shared()
    const clock = handClock()
    const beaten: Reply = async () => {
      await renewElsewhere(clock, 0)
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    const { auth, presented, signIns } = await ended({ store, clock }, beaten, answer(3))

    await expect(secretOf(auth.getToken())).resolves.toBe('t3')

    expect(presented()).toEqual(['authorization_code', 'r1', 'r-theirs'])
    expect(signIns).toHaveLength(1)
  })

  it('has somebody sign in, who is there, for all that was asked for before (RT-07, SC-04)', async () => {
    const options = { scope: 'a' }
    const { auth, clock, signIns } = loginBench(
      options,
      answer(1),
      answer(2),
      refusal('invalid_grant'),
      answer(4),
    )
    await auth.getToken()
    await auth.getToken({ challenge: demand('b') })
    clock.pass(100_000)

    await expect(secretOf(auth.getToken())).resolves.toBe('t4')

    expect(signIns).toEqual(['a', 'a b', 'a b'])
  })

  it('gives way to one that was handed in, which is tried once (RT-07)', async () => {
    const { store } = shared()
    const { clock } = await ended({ store })
    const next = loginBench({ store, clock, refreshToken: 'r0' }, refusal('invalid_grant'))

    await expect(next.auth.getToken(silently)).rejects.toMatchObject(interactionRequired)
    await expect(next.auth.getToken(silently)).rejects.toMatchObject(interactionRequired)

    expect(next.presented()).toEqual(['r1', 'r0'])
  })

  it('does not give way to one that was handed in, if that is used up (RT-07)', async () => {
    const { auth, clock, presented } = loginBench({ refreshToken: 'r0' }, answer(1), refusal('invalid_grant'))
    await auth.getToken()
    clock.pass(100_000)

    await expect(auth.getToken(silently)).rejects.toMatchObject(interactionRequired)

    expect(presented()).toEqual(['r0', 'r1'])
  })

  it('fails no call as long as the token in hand is good, and is not repeated', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, clock, presented } = loginBench({}, answer(1), refusal('invalid_grant'))
    await auth.getToken()

    for (const second of [60, 65, 70, 80, 99]) {
      clock.pass(second * 1000 - (clock.now() - Date.UTC(2026, 0, 1)))
      await expect(secretOf(auth.getToken(silently))).resolves.toBe('t1')
      await aside()
    }

    expect(presented()).toEqual(['authorization_code', 'r1'])
  })
})

describe('a refresh token is kept', () => {
  it.each<[string, Reply, object]>([
    ['500', () => new Response('', { status: 500 }), { code: 'unavailable', recovery: 'transient' }],
    ['503', () => new Response('', { status: 503 }), { code: 'unavailable', recovery: 'transient' }],
    ['429', () => new Response('', { status: 429 }), { code: 'unavailable', recovery: 'transient' }],
    ['temporarily_unavailable', refusal('temporarily_unavailable'), { code: 'unavailable' }],
    ['a page', () => new Response('<p>', { headers: { 'content-type': 'text/html' } }), {}],
    ['invalid_client', refusal('invalid_client', 401), { code: 'refused', error: 'invalid_client' }],
    ['invalid_scope', refusal('invalid_scope'), { code: 'refused', error: 'invalid_scope' }],
  ])('through %s, which nobody has to sign in for (RT-08)', async (_, reply, error) => {
    const { store, read } = shared()
    const { auth, presented, signIns } = await ended({ store }, reply, answer(3))

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'TokenError', ...error })
    await expect(read()).resolves.toBe('t1')
    await expect(secretOf(auth.getToken())).resolves.toBe('t3')

    expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])
    expect(signIns).toHaveLength(1)
  })

  it('through an answer that does not come in time, which is not waited for again (RT-08)', async () => {
    const { auth, clock, arrivals, presented } = await ended({}, () => new Promise(() => {}), answer(3))

    const waiting = auth.getToken().catch((error: unknown) => error)
    await vi.waitUntil(() => arrivals.length === 2)
    clock.pass(10_000)

    await expect(waiting).resolves.toMatchObject({ code: 'timeout', recovery: 'transient' })
    expect(arrivals).toHaveLength(2)
    await expect(secretOf(auth.getToken())).resolves.toBe('t3')
    expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])
  })
})

describe('a refresh whose answer is lost', () => {
  it('is tried once more with the same token, where the old one has ended (RT-08)', async () => {
    const { auth, presented } = await ended({}, lost, answer(3))

    await expect(secretOf(auth.getToken())).resolves.toBe('t3')

    expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])
  })

  it('is not tried a third time, until the next call does (RT-08)', async () => {
    const { auth, presented } = await ended({}, lost, lost, answer(4))

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'unreachable', recovery: 'transient' })
    expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])

    await expect(secretOf(auth.getToken())).resolves.toBe('t4')
  })

  it('is not tried again while the old token is good: nothing has to be risked (RT-08)', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { auth, clock, arrivals, presented } = loginBench({}, answer(1), lost, answer(3))
    await auth.getToken()
    clock.pass(60_000)

    await expect(secretOf(auth.getToken())).resolves.toBe('t1')
    await vi.waitUntil(() => arrivals.length === 2)
    await aside()
    await expect(secretOf(auth.getToken())).resolves.toBe('t1')

    expect(presented()).toEqual(['authorization_code', 'r1'])
  })

  it('is tried once more where the old token was refused, though its time is not over (RT-08)', async () => {
    const { auth, presented } = loginBench({}, answer(1), lost, answer(3))
    const rejected = await auth.getToken()

    await expect(secretOf(auth.getToken({ rejected }))).resolves.toBe('t3')

    expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])
  })

  it('gives the token that another process has put into the store, and is not tried again (RT-08)', async () => {
    const { store, renewElsewhere } = shared()
    const clock = handClock()
    const beaten: Reply = async () => {
      await renewElsewhere(clock)
      throw new TypeError('fetch failed')
    }
    const { auth, presented } = await ended({ store, clock }, beaten)

    await expect(secretOf(auth.getToken())).resolves.toBe('t-theirs')

    expect(presented()).toEqual(['authorization_code', 'r1'])
  })

  it('has somebody sign in, where it turns out to have used the token up (RT-08, RT-07)', async () => {
    const { auth, presented } = await ended({}, lost, refusal('invalid_grant'), answer(4))

    await expect(secretOf(auth.getToken())).resolves.toBe('t4')

    expect(presented()).toEqual(['authorization_code', 'r1', 'r1', 'authorization_code'])
  })

  it('is tried once more with one that was handed in, for there is nothing to fall back on (RT-08)', async () => {
    const { auth, presented } = loginBench({ refreshToken: 'r0' }, lost, answer(2))

    await expect(secretOf(auth.getToken())).resolves.toBe('t2')

    expect(presented()).toEqual(['r0', 'r0'])
  })
})
