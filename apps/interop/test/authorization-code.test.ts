import { AuthorizationCodeAuth, type AuthorizationCodeOptions } from '@x/oauth-grants'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { handClock } from '@x/testbed/hand-clock'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, openBrowser, Person } from './person.ts'
import { claimsOf } from './requests.ts'
import { receiveFrom, redirectUriOf } from './visits.ts'

type Options = Pick<AuthorizationCodeOptions, 'authorize' | 'clock' | 'loginTimeoutMs'>

describe.skipIf(chromiumPath === undefined)('a person who signs in in a browser', () => {
  let testbed: Testbed
  let browser: Browser
  let ada: Person
  beforeAll(async () => {
    ;[testbed, browser] = await Promise.all([startTestbed({ people: 'pages' }), openBrowser()])
    ada = await Person.at(browser)
  })
  afterAll(() => Promise.all([browser.close(), testbed.close()]))
  beforeEach(() => testbed.authorizationServer.journal.clear())

  const authFor = (options: Options) =>
    AuthorizationCodeAuth.fromResource({ resourceUrl: testbed.api.url, ...testClients.cli, ...options })

  const tokenRequests = () => testbed.authorizationServer.journal.count({ path: '/token' })

  it('gives the program a token in their name, and is told so (RFC 8252 §7.3)', async () => {
    const { authorize, seen } = receiveFrom(async (url) => {
      await ada.open(url)
      await ada.screenshot('code-1-login')
      await ada.signInHere({ name: 'Ada Lovelace' })
      await ada.screenshot('code-2-consent')
      await ada.allow()
      await ada.screenshot('code-3-signed-in')
    })
    await using auth = await authFor({ authorize })

    const { accessToken } = await auth.getToken()

    await seen()
    expect(claimsOf(accessToken)).toMatchObject({ sub: 'Ada Lovelace', aud: testbed.api.url })
    expect((await auth.fetch(`${testbed.api.url}/orders`)).status).toBe(200)
    expect(await ada.text()).toContain('You are signed in')
    await ada.prefer('dark')
    await ada.screenshot('code-3-signed-in-dark')
  })

  it('finds nothing at the address of a sign-in that is over (RFC 8252 §8.3)', async () => {
    await using person = await ada.atAnotherTab()
    const { authorize, seen } = receiveFrom(async (url) => {
      await person.signIn(url, { name: 'Ada Lovelace' })
      await person.allow()
    })
    await using auth = await authFor({ authorize })
    await auth.getToken()
    await seen()

    const again = person.open(person.url())

    await expect(again).rejects.toThrow('net::ERR_CONNECTION_REFUSED')
    expect(tokenRequests()).toBe(1)
  })

  it('denies, and the program hears it, and asks for no token (RFC 6749 §4.1.2.1)', async () => {
    await using person = await ada.atAnotherTab()
    const { authorize, seen } = receiveFrom(async (url) => {
      await person.signIn(url, { name: 'Ada Lovelace' })
      await person.deny()
    })
    await using auth = await authFor({ authorize })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'access_denied',
      error: 'access_denied',
      recovery: 'interaction',
    })

    await seen()
    await person.screenshot('code-4-failed')
    expect(await person.text()).toContain('That did not work')
    expect(tokenRequests()).toBe(0)
  })

  it('comes by an older tab, which is not taken for this sign-in, and goes on (RFC 6749 §10.12)', async () => {
    await using person = await ada.atAnotherTab()
    await using tab = await ada.atAnotherTab()
    const { authorize, seen } = receiveFrom(async (url) => {
      await tab.open(`${redirectUriOf(url)}?code=of-an-older-sign-in&state=of-an-older-sign-in`)
      await tab.screenshot('code-5-not-this-sign-in')
      await person.signIn(url, { name: 'Ada Lovelace' })
      await person.allow()
    })
    await using auth = await authFor({ authorize })

    const { accessToken } = await auth.getToken()

    await seen()
    expect(await tab.text()).toContain('This is not the sign-in that the program waits for')
    expect(claimsOf(accessToken)).toMatchObject({ sub: 'Ada Lovelace' })
    expect(tokenRequests()).toBe(1)
  })

  it('comes back in the name of another server, whose code goes nowhere (RFC 9207 §2.4)', async () => {
    await using person = await ada.atAnotherTab()
    await person.rewrite('*/callback?*', ({ searchParams }) =>
      searchParams.set('iss', 'https://evil.example'),
    )
    const { authorize, seen } = receiveFrom(async (url) => {
      await person.signIn(url, { name: 'Ada Lovelace' })
      await person.allow()
    })
    await using auth = await authFor({ authorize })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'issuer_mismatch', recovery: 'terminal' })

    await seen()
    expect(new URL(person.url()).searchParams.get('iss')).toBe('https://evil.example')
    expect(await person.text()).toContain('That did not work')
    expect(tokenRequests()).toBe(0)
  })

  it('has left: in time the program gives up, and listens no longer', async () => {
    await using person = await ada.atAnotherTab()
    const clock = handClock(Date.now())
    const left = Promise.withResolvers<string>()
    const { authorize } = receiveFrom(async (url) => {
      await person.signIn(url, { name: 'Ada Lovelace' })
      left.resolve(redirectUriOf(url))
    })
    await using auth = await authFor({ authorize, clock, loginTimeoutMs: 300_000 })

    const attempt = expect(auth.getToken()).rejects.toMatchObject({ code: 'login_expired' })
    const redirectUri = await left.promise
    clock.pass(300_000)
    await attempt

    await expect(fetch(redirectUri)).rejects.toThrow('fetch failed')
    expect(tokenRequests()).toBe(0)
  })

  it('is called off by the program, and may be asked again', async () => {
    await using person = await ada.atAnotherTab()
    const redirectUris: string[] = []
    const callOff = new AbortController()
    const { authorize, seen } = receiveFrom(async (url, visit) => {
      redirectUris.push(redirectUriOf(url))
      if (visit === 1) return callOff.abort(new Error('the user pressed Ctrl-C'))
      await person.signIn(url, { name: 'Ada Lovelace' })
      await person.allow()
    })
    await using auth = await authFor({ authorize })

    const attempt = auth.getToken({ signal: callOff.signal })
    await expect(attempt).rejects.toThrow('the user pressed Ctrl-C')

    await expect(fetch(redirectUris[0] ?? '')).rejects.toThrow('fetch failed')
    const { accessToken } = await auth.getToken()
    await seen()
    expect(claimsOf(accessToken)).toMatchObject({ sub: 'Ada Lovelace' })
    expect(redirectUris).toHaveLength(2)
  })
})
