import { afterEach, expect, it, vi } from 'vitest'
import { AuthorizationError, type Token, TokenError } from '../src/index.ts'
import { aside, bench, byHand, demand, down, secretOf, storeWith, times, tokenOf } from './session-bench.ts'

afterEach(() => void vi.restoreAllMocks())

/** Asks for a token each second, so many times. */
async function passing({ clock, session }: ReturnType<typeof bench>, seconds: number) {
  for (let second = 0; second < seconds; second += 1) {
    clock.pass(1_000)
    await session.getToken()
    await aside()
  }
}

it('is not brought forward by a step-up that fails', async () => {
  const all = bench({ seconds: 100 })
  await all.session.getToken()
  all.obtain.mockRejectedValueOnce(down())
  await all.session.getToken({ challenge: demand('more') }).catch(() => {})

  await passing(all, 55)

  expect(all.obtain).toHaveBeenCalledTimes(2)
})

it('of a token without an end is not begun by a step-up that fails', async () => {
  const all = bench({ seconds: Number.POSITIVE_INFINITY })
  await all.session.getToken()
  all.obtain.mockRejectedValueOnce(down())
  await all.session.getToken({ challenge: demand('more') }).catch(() => {})

  await passing(all, 30)

  expect(all.obtain).toHaveBeenCalledTimes(2)
})

it.each([
  ['nothing', undefined],
  ['an error that only looks like one of ours', { recovery: 'interaction', retryAfterMs: 60_000 }],
])('that fails by %s is tried again after a tenth of what is left', async (_, error) => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const all = bench({ seconds: 100 })
  await all.session.getToken()
  all.obtain.mockRejectedValueOnce(error)
  all.clock.pass(59_000)
  await passing(all, 4)
  expect(all.obtain).toHaveBeenCalledTimes(2)

  await passing(all, 1)

  expect(all.obtain).toHaveBeenCalledTimes(3)
})

it('of a token without an end, by a clock that was set back, is tried again after a second where it fails', async () => {
  const all = bench({ seconds: Number.POSITIVE_INFINITY })
  await all.session.getToken()
  all.obtain.mockRejectedValueOnce(down())
  all.clock.pass(-3_600_000)
  await all.session.getToken()
  await aside()
  expect(all.obtain).toHaveBeenCalledTimes(2)

  await passing(all, 1)

  expect(all.obtain).toHaveBeenCalledTimes(3)
})

it('is not spared by the very token in hand, which somebody has put in the store once more', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { storage, write } = await storeWith()
  const all = bench({ seconds: 100, storage })
  await write(await all.session.getToken())
  all.clock.pass(59_000)

  await passing(all, 1)

  expect(all.session.current()?.accessToken).toBe('t2')
})

it('whose token is refused in the moment in which it begins, and that fails, is tried again at once', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { session, obtain, clock } = bench({ seconds: 100 })
  const rejected = await session.getToken()
  clock.pass(60_000)
  obtain.mockRejectedValueOnce(down())
  session.current()

  expect(await secretOf(session.getToken({ rejected }))).toBe('t2')
})

it('that only a person could help with is tried once for a token', async () => {
  const all = bench({ seconds: 100 })
  await all.session.getToken()
  const needed = { issuer: 'https://as.example', recovery: 'interaction' } as const
  all.obtain.mockRejectedValue(new AuthorizationError('interaction_required', 'x', needed))

  await passing(all, 99)

  expect(all.obtain).toHaveBeenCalledTimes(2)
})

it.each([
  ['less', ['a']],
  ['as much', ['a', 'b']],
])('that brings %s after a sign-in leaves what that brought, in the store too', async (_, requestedScope) => {
  const { storage, read } = await storeWith()
  const { session, obtain, clock } = bench({ seconds: 100, storage })
  await session.getToken()
  const slow = byHand<Awaited<ReturnType<typeof session.getToken>>>()
  obtain.mockReturnValueOnce(slow.promise)
  clock.pass(95_000)
  await session.getToken()
  await aside()
  obtain.mockImplementationOnce(async () => tokenOf(clock, 'wide', 100, { requestedScope: ['a', 'b'] }))
  await session.logIn(demand('b'), new AbortController().signal)

  clock.pass(1)
  slow.resolve(tokenOf(clock, 'late', 100, { requestedScope }))
  await aside()

  expect(await secretOf(session.getToken())).toBe('wide')
  expect(await read()).toBe('wide')
})

it.each([
  ['', undefined],
  [', with a signal too', new AbortController().signal],
])(
  'that fails only after the token has ended leaves who has waited for it an attempt of their own%s',
  async (_, signal) => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { session, obtain, clock } = bench({ seconds: 10 })
    await session.getToken()
    const hanging = byHand<Token>()
    obtain.mockReturnValueOnce(hanging.promise)
    clock.pass(6000)
    await session.getToken()
    clock.pass(4000)
    const waiting = times(100, () => secretOf(session.getToken({ signal })))

    hanging.reject(down())

    expect(new Set(await waiting)).toEqual(new Set(['t2']))
    expect(obtain).toHaveBeenCalledTimes(3)
  },
)

it('whose second attempt fails as well fails who has waited, and is not tried a third time', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { session, obtain, clock } = bench({ seconds: 10 })
  await session.getToken()
  const hanging = byHand<Token>()
  obtain.mockReturnValueOnce(hanging.promise).mockRejectedValueOnce(down())
  clock.pass(6000)
  await session.getToken()
  clock.pass(4000)
  const waiting = times(100, () => session.getToken().catch((error: unknown) => error))

  hanging.reject(down())

  for (const error of await waiting) expect(error).toMatchObject({ code: 'unavailable' })
  expect(obtain).toHaveBeenCalledTimes(3)
})

it('that is refused for good only after the token has ended fails who has waited for it: to ask again is of no use', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { session, obtain, clock } = bench({ seconds: 10 })
  await session.getToken()
  const hanging = byHand<Token>()
  obtain.mockReturnValueOnce(hanging.promise)
  clock.pass(6000)
  await session.getToken()
  clock.pass(4000)
  const waiting = session.getToken().catch((error: unknown) => error)
  const refused = new TokenError('refused', 'x', { endpoint: '', issuer: '', recovery: 'terminal' })

  hanging.reject(refused)

  expect(await waiting).toBe(refused)
  expect(obtain).toHaveBeenCalledTimes(2)
})

it('whose token cannot be kept leaves that its own time', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  const { storage, store } = await storeWith()
  const all = bench({ seconds: 100, storage })
  await all.session.getToken()
  store.save.mockRejectedValueOnce(new Error('disk full'))
  all.clock.pass(60_000)
  await all.session.getToken()
  await aside()

  await passing(all, 59)

  expect(all.session.current()?.accessToken).toBe('t2')
  expect(all.obtain).toHaveBeenCalledTimes(2)
})
