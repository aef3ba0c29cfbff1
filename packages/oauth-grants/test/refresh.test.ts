import { describe, expect, it, vi } from 'vitest'
import { clientSecretPost, memoryStore, type TokenStore } from '../src/index.ts'
import { encodeToken } from '../src/token.ts'
import { exchangeBench, exchanged } from './exchange-server.ts'
import { handClock } from './hand-clock.ts'
import { answer, type LoginGiven, loginBench } from './login-bench.ts'
import { byHand, demand, secretOf, times, tokenOf } from './session-bench.ts'
import type { Reply } from './token-server.ts'

const resource = 'https://RS.example/mcp'

/** Signs in, and lets the token end, so that the next call has to renew it. */
async function ended(options: LoginGiven = {}, ...replies: Reply[]) {
  const all = loginBench(options, ...replies)
  const first = await all.auth.getToken()
  all.clock.pass(100_000)
  return { ...all, first }
}

describe('the request of a refresh', () => {
  it('presents the refresh token, for the same resource and for no scope (RT-03, RT-04, RFC 6749 §6, RFC 8707 §2.2)', async () => {
    const options = { scope: 'a b', resource, parameters: { audience: 'x', prompt: 'login' } }
    const { auth, forms, signIns } = await ended(options, answer(1), answer(2))

    await expect(secretOf(auth.getToken())).resolves.toBe('t2')

    expect(forms().slice(1)).toEqual([
      { grant_type: 'refresh_token', refresh_token: 'r1', resource, client_id: 'me' },
    ])
    expect(signIns).toHaveLength(1)
  })

  it.each<[string, LoginGiven, string | null, string | undefined]>([
    ['by its secret in the header', { clientSecret: 'hush' }, 'Basic bWU6aHVzaA==', undefined],
    [
      'by its secret in the form',
      { clientSecret: 'hush', clientAuthentication: clientSecretPost },
      null,
      'hush',
    ],
    ['as a public client, by its name only', {}, null, undefined],
  ])('is authenticated as the sign-in was: %s (RT-04, RFC 6749 §6)', async (_, options, header, secret) => {
    const { auth, arrivals, forms } = await ended(options, answer(1), answer(2))

    await auth.getToken()

    expect(arrivals.map(({ headers }) => headers.get('authorization'))).toEqual([header, header])
    expect(forms().map((form) => form['client_secret'])).toEqual([secret, secret])
  })

  it('is one for 1,000 callers (RT-06)', async () => {
    const { auth, presented } = await ended({}, answer(1), answer(2))

    const tokens = await times(1000, () => secretOf(auth.getToken()))

    expect(new Set(tokens)).toEqual(new Set(['t2']))
    expect(presented()).toEqual(['authorization_code', 'r1'])
  })

  it('is made for a wider demand by nobody: somebody has to sign in for that (RT-03)', async () => {
    const { auth, presented, signIns } = loginBench({ scope: 'a' }, answer(1), answer(2))
    await auth.getToken()

    const silent = auth.getToken({ challenge: demand('b'), interactive: false })
    await expect(silent).rejects.toMatchObject({ code: 'interaction_required' })
    expect(presented()).toEqual(['authorization_code'])
    await auth.getToken({ challenge: demand('b') })

    expect(presented()).toEqual(['authorization_code', 'authorization_code'])
    expect(signIns).toEqual(['a', 'a b'])
  })

  it('is made for a token that was refused, too', async () => {
    const { auth, presented } = loginBench({}, answer(1), answer(2))

    await expect(secretOf(auth.getToken({ rejected: await auth.getToken() }))).resolves.toBe('t2')

    expect(presented()).toEqual(['authorization_code', 'r1'])
  })

  it('is not made without a refresh token: somebody has to sign in again (SC-09)', async () => {
    const { auth, presented } = await ended({}, answer(1, { refresh_token: undefined }), answer(2))

    await auth.getToken()

    expect(presented()).toEqual(['authorization_code', 'authorization_code'])
  })

  it('of a token exchange presents no subject token again, and asks for each resource', async () => {
    const two = ['https://a.example/', 'https://b.example/']
    const { auth, forms, clock } = exchangeBench({ resource: two }, { ...exchanged, refresh_token: 'r1' })
    await auth.getToken()
    clock.pass(100_000)

    await auth.getToken()

    expect([...(forms()[1] ?? [])]).toEqual([
      ['grant_type', 'refresh_token'],
      ['refresh_token', 'r1'],
      ['resource', 'https://a.example/'],
      ['resource', 'https://b.example/'],
    ])
  })
})

describe('a refresh token', () => {
  it('that comes with an answer takes the place of the one before (RT-01, RFC 6749 §6)', async () => {
    const { auth, clock, presented } = await ended({}, answer(1), answer(2), answer(3))
    await auth.getToken()
    clock.pass(100_000)

    await auth.getToken()

    expect(presented()).toEqual(['authorization_code', 'r1', 'r2'])
  })

  it.each([undefined, '', null, 7])(
    'that does not come with an answer, but %j, stays the one before (RT-02)',
    async (odd) => {
      const silent = answer(2, { refresh_token: odd })
      const { auth, clock, presented } = await ended({}, answer(1), silent, silent)
      const second = await auth.getToken()
      clock.pass(100_000)

      await auth.getToken()

      expect(second.refreshToken).toBe('r1')
      expect(presented()).toEqual(['authorization_code', 'r1', 'r1'])
    },
  )

  it('is in the store before anybody gets what came with it (RT-01, RFC 6749 §6)', async () => {
    const saving = byHand<string | undefined>()
    const inner = memoryStore()
    let saves = 0
    const store = {
      ...inner,
      save: (...args: Parameters<typeof inner.save>) => {
        saves += 1
        return saves === 2 ? saving.promise : inner.save(...args)
      },
    }
    const { auth, presented } = await ended({ store, resource }, answer(1), answer(2))
    const given: string[] = []

    const waiting = [auth.getToken(), auth.getToken()].map(async (token) => {
      given.push(await secretOf(token))
    })
    await vi.waitUntil(() => saves === 2)

    expect(presented()).toEqual(['authorization_code', 'r1'])
    expect(given).toEqual([])
    saving.resolve('2')
    await Promise.all(waiting)
    expect(given).toEqual(['t2', 't2'])
  })

  it('that could not be stored is not lost: the next renewal uses it (RT-01)', async () => {
    const store = memoryStore()
    const disk = new Error('disk full')
    const { auth, clock, presented } = await ended({ store }, answer(1), answer(2), answer(3))
    const broken = vi.spyOn(store, 'save').mockRejectedValue(disk)

    await expect(auth.getToken()).rejects.toBe(disk)
    broken.mockRestore()
    clock.pass(100_000)
    await auth.getToken()

    expect(presented()).toEqual(['authorization_code', 'r1', 'r2'])
  })

  it('in a store is used by the next process: nobody has to sign in again', async () => {
    const store = memoryStore()
    const { clock } = await ended({ store }, answer(1))
    const { auth, presented, signIns } = loginBench({ store, clock }, answer(2))

    await expect(secretOf(auth.getToken())).resolves.toBe('t2')

    expect(presented()).toEqual(['r1'])
    expect(signIns).toEqual([])
  })
})

describe('a refresh token of another issuer', () => {
  /** A store in which a token lies that has ended, of a server that is not asked. */
  function strange() {
    const clock = handClock()
    const token = tokenOf(clock, 'theirs', 0, {
      issuer: 'https://other.example',
      refreshToken: 'r-theirs',
      idToken: 'i-theirs',
      resource: 'https://theirs.example/',
    })
    const inner = memoryStore()
    let isWritten = false
    const store: TokenStore = {
      load: async (key) => (isWritten ? inner.load(key) : { value: encodeToken(token), revision: 'first' }),
      save(key, value, options) {
        const seen = isWritten ? options.expect : undefined
        isWritten = true
        return inner.save(key, value, { ...options, expect: seen })
      },
      clear: (key, options) => inner.clear(key, options),
    }
    clock.pass(1)
    return { clock, store }
  }

  it('is sent to nobody (RT-05)', async () => {
    const { auth, arrivals } = loginBench(strange())

    await expect(auth.getToken({ interactive: false })).rejects.toMatchObject({
      code: 'interaction_required',
    })

    expect(arrivals).toEqual([])
  })

  it('is sent to nobody either after a refresh by another one that was handed in (RT-05)', async () => {
    const silent = answer(1, { refresh_token: undefined })
    const options = { ...strange(), refreshToken: 'r-mine' }
    const { auth, clock, arrivals, presented } = loginBench(options, silent, silent)

    const token = await auth.getToken()
    clock.pass(100_000)
    await auth.getToken()

    expect(presented()).toEqual(['r-mine', 'r-mine'])
    expect(arrivals.map(({ body }) => body).join()).not.toContain('theirs')
    expect(token).toMatchObject({ refreshToken: 'r-mine', idToken: undefined, resource: undefined })
  })
})

describe('a refreshed token', () => {
  it.each([
    ['says which scope is left', { scope: 'a' }, ['a']],
    ['has the scope of the one before, where the answer does not say', {}, ['a', 'b']],
  ])('%s, and what was asked for at first (SC-11, RFC 6749 §6)', async (_, members, scope) => {
    const options = { scope: 'a b c' }
    const { auth } = await ended(options, answer(1, { scope: 'a b' }), answer(2, members))

    const token = await auth.getToken()

    expect(token).toMatchObject({ scope, requestedScope: ['a', 'b', 'c'] })
  })

  it('has the ID token of the sign-in until there is a newer one (OpenID Connect Core §12.2)', async () => {
    const replies = [answer(1, { id_token: 'i1' }), answer(2), answer(3, { id_token: 'i3' })]
    const { auth, clock } = await ended({}, ...replies)

    const second = await auth.getToken()
    clock.pass(100_000)
    const third = await auth.getToken()

    expect([second.idToken, third.idToken]).toEqual(['i1', 'i3'])
  })

  it('has what else the latest answer says, and nothing of those before', async () => {
    const { auth, first } = await ended({}, answer(1, { one: 1, both: 1 }), answer(2, { two: 2, both: 2 }))

    const second = await auth.getToken()

    expect([first.extra, second.extra]).toEqual([
      { one: 1, both: 1 },
      { two: 2, both: 2 },
    ])
  })

  it('is for the resource that it was asked for', async () => {
    const { auth } = await ended({ resource }, answer(1), answer(2))

    await expect(auth.getToken()).resolves.toMatchObject({ resource })
  })
})

describe('a refresh token that is handed in', () => {
  it('is used before anybody is asked, and then its successors are', async () => {
    const { auth, clock, forms, presented, signIns } = loginBench(
      { refreshToken: 'r0', resource, scope: 'a' },
      answer(1),
      answer(2),
    )

    const token = await auth.getToken()
    clock.pass(100_000)
    await auth.getToken()

    expect(token).toMatchObject({ accessToken: 't1', scope: ['a'], requestedScope: ['a'], resource })
    expect(forms()[0]).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'r0',
      resource,
      client_id: 'me',
    })
    expect(presented()).toEqual(['r0', 'r1'])
    expect(signIns).toEqual([])
  })

  it('is used again where the server gives no other (RT-02)', async () => {
    const silent = answer(1, { refresh_token: undefined })
    const { auth, clock, presented } = loginBench({ refreshToken: 'r0' }, silent, silent)
    await auth.getToken()
    clock.pass(100_000)

    await auth.getToken()

    expect(presented()).toEqual(['r0', 'r0'])
  })

  it('comes after the one in a store, which is newer', async () => {
    const store = memoryStore()
    const { clock } = await ended({ store }, answer(1))
    const { auth, presented } = loginBench({ store, clock, refreshToken: 'r0' }, answer(2))

    await auth.getToken()

    expect(presented()).toEqual(['r1'])
  })

  it('takes the place of the one that a stored token lacks, and is kept like it', async () => {
    const store = memoryStore()
    const silent = answer(1, { refresh_token: undefined, id_token: 'i1' })
    const { clock } = await ended({ store }, silent)
    const { auth, presented } = loginBench({ store, clock, refreshToken: 'r0' }, silent, silent)

    const token = await auth.getToken()
    clock.pass(100_000)
    await auth.getToken()

    expect(token).toMatchObject({ refreshToken: 'r0', idToken: 'i1' })
    expect(presented()).toEqual(['r0', 'r0'])
  })

  it('is not used for more than the options ask for: it cannot give that (RT-03)', async () => {
    const { auth, presented, signIns } = loginBench({ refreshToken: 'r0', scope: 'a' }, answer(1))

    await auth.getToken({ challenge: demand('b') })

    expect(presented()).toEqual(['authorization_code'])
    expect(signIns).toEqual(['a b'])
  })
})
