import { afterEach, expect, it, vi } from 'vitest'
import { ClientCredentialsAuth, memoryStore, type Token } from '../src/index.ts'
import { bench, byHand, down, key, times } from './session-bench.ts'
import { metadata } from './token-server.ts'
import { withoutLeases } from './without-leases.ts'

afterEach(() => void vi.restoreAllMocks())

/**
 * What is begun now does nothing more when it has ended, as where the request of a server of which it is a part is over.
 * Whoever waits for it is told by an error; `npm run matrix` shows it where that is real.
 */
async function cuttingOff(begin: () => void): Promise<void> {
  const spy = vi.spyOn(Promise.prototype, 'finally').mockImplementation(function (this: Promise<unknown>) {
    return this
  })
  begin()
  for (let step = 0; step < 10; step += 1) await Promise.resolve()
  spy.mockRestore()
}

it('begins another renewal where one was cut off, one for all who have waited for it', async () => {
  const { session, obtain } = bench()
  const ending = byHand<Token>()
  obtain.mockReturnValueOnce(ending.promise)
  await cuttingOff(() => void session.getToken().catch(() => {}))

  const waiting = times(3, () => session.getToken())
  ending.reject(down())

  const tokens = await waiting
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
  expect(obtain).toHaveBeenCalledTimes(2)
})

it('keeps nobody from a turn in this process where the one before was cut off', async () => {
  const storage = { store: withoutLeases(memoryStore()), key }
  const [one, other] = [bench({ storage }), bench({ storage })]
  // That which waits for the end of its turn.
  vi.spyOn(Promise, 'all').mockRejectedValueOnce(new Error('cut off'))
  one.session.getToken().catch(() => {})

  const token = await other.session.getToken()

  expect(token.accessToken).toBe('t1')
})

it('looks for the server again where that was cut off', async () => {
  const fetch = vi.fn<typeof globalThis.fetch>()
  // Both documents of a server.
  for (let each = 0; each < 2; each += 1) fetch.mockRejectedValueOnce(new TypeError('cut off'))
  fetch.mockImplementation(async (input) =>
    new Request(input).url.includes('well-known')
      ? Response.json(metadata)
      : Response.json({ access_token: 't1', token_type: 'Bearer' }),
  )
  const auth = new ClientCredentialsAuth({
    issuer: metadata.issuer,
    clientId: 'me',
    clientSecret: 'x',
    fetch,
  })
  await cuttingOff(() => void auth.getToken().catch(() => {}))

  const tokens = await times(3, () => auth.getToken())

  expect(tokens.map(({ accessToken }) => accessToken)).toEqual(['t1', 't1', 't1'])
})
