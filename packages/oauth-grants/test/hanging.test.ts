import { expect, it, vi } from 'vitest'
import { memoryStore, type TokenStore } from '../src/index.ts'
import { passing, sharedStore } from './process-bench.ts'
import { aside, bench, key, secretOf, tokenOf } from './session-bench.ts'

const hanging = () => new Promise<never>(() => {})

it('a grant that hangs with a store: the next call begins anew', async () => {
  const { session, clock, obtain } = bench({ storage: { store: memoryStore(), key } })
  obtain.mockImplementationOnce(hanging)
  void session.getToken().catch(() => {})
  await passing(clock, 30_000)
  const next = secretOf(session.getToken())
  next.catch(() => {})
  await passing(clock, 31_000)
  expect(await next).toBe('t1')
})

it('a grant that hangs keeps other processes waiting for some time, and not for ever', async () => {
  const { clock, start } = sharedStore()
  const [one, other] = [start('one'), start('other')]
  one.obtain.mockImplementationOnce(hanging)
  void one.session.getToken().catch(() => {})
  await passing(clock, 45_000)
  const next = secretOf(other.session.getToken())
  next.catch(() => {})
  await passing(clock, 31_000)
  expect(await next).toBe('other1')
})

it('a store that hangs at save of a refresh token: the next call has the token', async () => {
  const inner = memoryStore()
  let saves = 0
  const save: TokenStore['save'] = (...asked) => (saves++ === 0 ? hanging() : inner.save(...asked))
  const { session, clock, obtain } = bench({ storage: { store: { ...inner, save }, key } })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'kept', 100, { refreshToken: 'r2' }))
  void session.getToken().catch(() => {})
  await passing(clock, 30_000)
  const next = secretOf(session.getToken())
  next.catch(() => {})
  await passing(clock, 31_000)
  expect(await next).toBe('kept')
})

it('a store that hangs at save of a refresh token keeps it from who waits for 10 s, and no longer', async () => {
  const store = { ...memoryStore(), save: hanging }
  const { session, clock, obtain } = bench({ storage: { store, key } })
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'kept', 100, { refreshToken: 'r2' }))
  const failed = vi.fn()
  const waiting = session.getToken().catch(failed)
  await aside()
  await passing(clock, 9_900)
  expect(failed).not.toHaveBeenCalled()

  await passing(clock, 100)
  await waiting

  expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'timeout' }))
  expect(await secretOf(session.getToken())).toBe('kept')
})

it('a store that hangs when a turn is given back fails nobody, and is waited for for 1 s', async () => {
  const inner = memoryStore()
  const lease: NonNullable<TokenStore['lease']> = async (...asked) => {
    const real = await inner.lease?.(...asked)
    return real && { ...real, [Symbol.asyncDispose]: hanging }
  }
  const { session, clock } = bench({ storage: { store: { ...inner, lease }, key } })
  const done = vi.fn()
  const first = secretOf(session.getToken()).finally(done)
  await aside()
  await passing(clock, 900)
  expect(done).not.toHaveBeenCalled()
  await passing(clock, 100)
  expect(await first).toBe('t1')
})
