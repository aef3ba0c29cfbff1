import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Token, TokenStore } from '../src/index.ts'
import { decodeToken } from '../src/token.ts'
import { answer, loginBench, refusal } from './login-bench.ts'
import { passing, sharedStore, until } from './process-bench.ts'
import { aside, byHand, demand, key, secretOf, tokenOf } from './session-bench.ts'

afterEach(() => void vi.restoreAllMocks())

const silently = { interactive: false }
const caught = (error: unknown) => error
const revoked = () => new Response()

/** Two programs of one person, who has signed in at one of them; the other has the token from the store. */
async function two(...more: Parameters<typeof loginBench>[1][]) {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { clock, open } = sharedStore()
  const one = loginBench({ store: open(), clock }, answer(1), ...more)
  const other = loginBench({ store: open(), clock }, answer(2))
  const first = await one.auth.getToken()
  expect(await secretOf(other.auth.getToken(silently))).toBe('t1')
  return { clock, one, other, first }
}

describe('a sign-out in another program', () => {
  it.each<[string, (made: Awaited<ReturnType<typeof two>>) => Promise<unknown>]>([
    [
      'when the token is renewed early',
      async ({ clock, other }) => {
        clock.pass(60_000)
        await other.auth.getToken(silently)
        await aside()
        return other.auth.getToken(silently).catch(caught)
      },
    ],
    [
      'when the token was refused',
      ({ other, first }) => other.auth.getToken({ ...silently, rejected: first }).catch(caught),
    ],
    [
      'when the token has ended',
      ({ clock, other }) => {
        clock.pass(100_000)
        return other.auth.getToken(silently).catch(caught)
      },
    ],
  ])('is noticed %s: somebody has to sign in, and no refresh token is sent (RT-11)', async (_, act) => {
    const made = await two(revoked)
    await made.one.auth.signOut()

    expect(await act(made)).toMatchObject({ code: 'interaction_required' })

    expect(made.other.presented()).toEqual([])
  })

  it('leaves a token that is good to be used until then', async () => {
    const { clock, one, other } = await two(revoked)
    await one.auth.signOut()
    clock.pass(59_999)

    expect(await secretOf(other.auth.getToken(silently))).toBe('t1')
  })

  it('is not seen in a refresh token that was taken out of use: what is in hand is good until its end (RT-07)', async () => {
    const { clock, one, other, first } = await two(refusal('invalid_grant'))
    await one.auth.getToken({ ...silently, rejected: first }).catch(caught)
    expect(one.presented()).toEqual(['authorization_code', 'r1'])

    clock.pass(60_000)
    for (const _ of 'ab') {
      expect(await secretOf(other.auth.getToken(silently))).toBe('t1')
      await aside()
    }

    clock.pass(40_000)
    expect(await other.auth.getToken(silently).catch(caught)).toMatchObject({ code: 'interaction_required' })
    expect(other.presented()).toEqual([])
  })

  it('does not take away what somebody signs in for afterwards', async () => {
    const { clock, one, other } = await two(revoked, answer(3))
    await one.auth.signOut()
    clock.pass(100_000)

    expect(await secretOf(other.auth.getToken())).toBe('t2')
    expect(await secretOf(one.auth.getToken(silently))).toBe('t2')
    expect(await secretOf(other.auth.getToken(silently))).toBe('t2')
  })

  it('does not take away what somebody is signing in for', async () => {
    const { clock, open } = sharedStore()
    const coming = byHand<string>()
    const addresses: URL[] = []
    const authorize = (url: URL) => {
      addresses.push(url)
      return coming.promise
    }
    const one = loginBench({ store: open(), clock }, answer(1), revoked)
    await one.auth.getToken()
    const other = loginBench({ store: open(), clock, authorize }, answer(2))
    const waiting = secretOf(other.auth.getToken({ challenge: demand('b') }))
    await until(() => addresses.length > 0)

    await one.auth.signOut()
    const { searchParams } = addresses[0] ?? expect.fail('nobody was asked')
    coming.resolve(
      `${searchParams.get('redirect_uri')}?code=c&state=${encodeURIComponent(searchParams.get('state') ?? '')}`,
    )

    expect(await waiting).toBe('t2')
    const next = loginBench({ store: open(), clock })
    expect(await secretOf(next.auth.getToken(silently))).toBe('t2')
  })
})

describe('signing out while another process renews', () => {
  const old = { refreshToken: 'r1' }

  /** Another process is about to get a new token. */
  async function renewing(leases = true) {
    const { inner, clock, start } = sharedStore({ leases })
    const [one, other] = [start('one'), start('other')]
    one.obtain.mockImplementationOnce(async () => tokenOf(clock, 'old', 100, old))
    await one.session.getToken()
    const rejected = await other.session.getToken()
    const slow = byHand<Token>()
    other.obtain.mockReturnValueOnce(slow.promise)
    const waiting = other.session.getToken({ rejected }).catch(caught)
    await aside()
    const read = async () => decodeToken((await inner.load(key))?.value ?? '')?.accessToken
    const renewed = () => {
      clock.pass(1)
      slow.resolve(tokenOf(clock, 'new', 100, { refreshToken: 'r2' }))
    }
    return { clock, one, other, waiting, read, renewed }
  }

  it('waits for that, and gives what came of it, which is in the store no longer (RT-13)', async () => {
    const { clock, one, waiting, read, renewed } = await renewing()

    const leaving = one.session.signOut()
    await passing(clock, 2_500)
    expect(await read()).toBe('old')
    renewed()
    await passing(clock, 500)

    expect(await leaving).toMatchObject({ accessToken: 'new', refreshToken: 'r2' })
    expect(await waiting).toMatchObject({ accessToken: 'new' })
    expect(await read()).toBeUndefined()
  })

  it('waits for 3 s: then it is signed out, and what comes later is kept by nobody (RT-13)', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { clock, one, other, waiting, read, renewed } = await renewing()

    const ended = vi.fn()
    void one.session.signOut().then(ended)
    await aside()
    await passing(clock, 2_900)
    expect(ended).not.toHaveBeenCalled()
    await passing(clock, 100)
    expect(ended).toHaveBeenCalledWith(expect.objectContaining({ accessToken: 'old' }))
    renewed()

    expect(await waiting).toMatchObject({ code: 'signed_out' })
    expect(await read()).toBeUndefined()
    expect(other.session.current()).toBeUndefined()
  })

  it('by a store without turns does not wait, and what comes later is kept by nobody (RT-13)', async () => {
    const { one, other, waiting, read, renewed } = await renewing(false)

    expect(await one.session.signOut()).toMatchObject({ accessToken: 'old' })
    renewed()

    expect(await waiting).toMatchObject({ code: 'signed_out' })
    expect(await read()).toBeUndefined()
    expect(other.session.current()).toBeUndefined()
  })

  it('gives the turn back, so that who signs in again does not wait', async () => {
    const { inner, clock, start } = sharedStore()
    const { session } = start('one')
    await session.getToken()

    await session.signOut()

    expect(await inner.lease?.(key, 10_000, clock.now())).toBeDefined()
  })

  it('ends by the error of a store that cannot give a turn, and can be tried again', async () => {
    const { inner, start } = sharedStore()
    const error = new Error('disk')
    const lease = vi.fn<NonNullable<TokenStore['lease']>>(async (...asked) => inner.lease?.(...asked))
    const { session } = start('one', { over: { lease } })
    await session.getToken()
    lease.mockRejectedValueOnce(error)

    await expect(session.signOut()).rejects.toBe(error)
    await expect(session.signOut()).resolves.toMatchObject({ accessToken: 'one1' })

    expect(await inner.load(key)).toBeUndefined()
  })
})
