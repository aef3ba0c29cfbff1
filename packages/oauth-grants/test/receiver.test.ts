import { describe, expect, it, vi } from 'vitest'
import type { Authorize, Listening } from '../src/index.ts'
import { bench, callbackOf, gone, refusal } from './sign-in.ts'
import type { Reply } from './token-server.ts'

describe('a receiver', () => {
  /** Listens nowhere, and notes what it is told. */
  function receiver(more: Partial<Listening> = {}) {
    const finish = vi.fn<Listening['finish']>(async () => {})
    const listening: Listening = {
      redirectUri: 'http://127.0.0.1:5555/callback',
      authorize: (url) => callbackOf(url),
      finish,
      ...more,
    }
    return { finish, listen: vi.fn(async () => listening) }
  }

  it('says where the browser comes back to (AC-24)', async () => {
    const authorize = receiver()
    const { auth, forms } = bench({ authorize, redirectUri: undefined })

    await auth.getToken()

    expect(forms()).toMatchObject([{ redirect_uri: 'http://127.0.0.1:5555/callback' }])
  })

  it('listens only while somebody signs in, and is told once how that ended (AC-20)', async () => {
    const authorize = receiver()
    const { auth } = bench({ authorize })
    expect(authorize.listen).not.toHaveBeenCalled()

    await auth.getToken()

    expect(authorize.listen).toHaveBeenCalledTimes(1)
    expect(authorize.finish.mock.calls).toEqual([[true]])
  })

  it.each<[string, Partial<Listening>, Reply[]]>([
    ['the answer is not to be trusted', { authorize: (url) => callbackOf(url, { state: 'x' }) }, []],
    ['the code is refused', {}, [refusal]],
    ['nobody can be asked', { authorize: () => Promise.reject(new Error('no browser')) }, []],
    ['its redirect URI is none', { redirectUri: 'http://app.example/' }, []],
  ])('is told once that it failed, where %s (AC-20)', async (_, more, replies) => {
    const authorize = receiver(more)
    const { auth } = bench({ authorize }, ...replies)

    await expect(auth.getToken()).rejects.toThrow()

    expect(authorize.finish.mock.calls).toEqual([[false]])
  })

  it('whose own end fails is told no second time', async () => {
    const finish = vi.fn(() => Promise.reject(new Error('the page is gone')))
    const { auth } = bench({ authorize: receiver({ finish }) })

    await expect(auth.getToken()).rejects.toThrow('the page is gone')

    expect(finish.mock.calls).toEqual([[true]])
  })

  it('that takes its time to listen opens no browser for who has left meanwhile', async () => {
    const listened = Promise.withResolvers<Listening>()
    const listening = await receiver({ authorize: vi.fn<Authorize>(gone) }).listen()
    const finish = vi.spyOn(listening, 'finish')
    const listen = vi.fn(() => listened.promise)
    const { auth } = bench({ authorize: { listen } })
    const leaving = new AbortController()
    const attempt = auth.getToken({ signal: leaving.signal })
    attempt.catch(() => {})
    await vi.waitFor(() => expect(listen).toHaveBeenCalled())

    leaving.abort(new Error('never mind'))
    await expect(attempt).rejects.toThrow('never mind')
    listened.resolve(listening)

    await vi.waitFor(() => expect(finish).toHaveBeenCalledWith(false))
    expect(listening.authorize).not.toHaveBeenCalled()
  })
})
