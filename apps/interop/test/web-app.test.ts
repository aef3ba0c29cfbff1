import { fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import { AuthorizationCodeAuth, finishAuthorization, startAuthorization } from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, openBrowser, Person } from './person.ts'
import { startWebApp } from './web-app.ts'

const redirectUri = 'http://127.0.0.1/callback'

describe.skipIf(chromiumPath === undefined)('people at a web server, each in a browser of their own', () => {
  let testbed: Testbed
  let browser: Browser
  let app: Awaited<ReturnType<typeof startWebApp>>
  beforeAll(async () => {
    ;[testbed, browser] = await Promise.all([startTestbed({ people: 'pages' }), openBrowser()])
    app = await startWebApp(testbed)
  })
  afterAll(() => Promise.all([browser.close(), app.close(), testbed.close()]))
  beforeEach(() => testbed.authorizationServer.journal.clear())

  const tokenRequests = () => testbed.authorizationServer.journal.count({ path: '/token' })

  it('sign in at the same time, and none is taken for another', async () => {
    await using ada = await Person.at(browser)
    await using grace = await Person.at(browser)

    await Promise.all([
      ada.signIn(`${app.origin}/login`, { name: 'Ada' }),
      grace.signIn(`${app.origin}/login`, { name: 'Grace' }),
    ])
    await Promise.all([ada.allow(), grace.allow()])

    expect([await ada.text(), await grace.text()]).toEqual(['Hello, Ada!', 'Hello, Grace!'])
    expect([ada.url(), grace.url()]).toEqual([`${app.origin}/`, `${app.origin}/`])
    expect(tokenRequests()).toBe(2)
  })

  it('are not signed in as somebody else by a link that this one has sent (RFC 6749 §10.12)', async () => {
    await using mallory = await Person.at(browser)
    await using ada = await Person.at(browser)
    let link = ''
    await mallory.rewrite('*/callback?*', (address) => {
      link = address.href
      address.href = app.origin
    })
    await mallory.signIn(`${app.origin}/login`, { name: 'Mallory' })
    await mallory.allow()

    await ada.open(link)
    expect(await ada.text()).toBe('Nobody began to sign in here.')
    await ada.open(`${app.origin}/login`)
    await ada.open(link)
    expect(await ada.text()).toBe('Not signed in: state_mismatch')

    expect(new URL(link).searchParams.has('code')).toBe(true)
    expect(tokenRequests()).toBe(0)
  })

  it('stay signed in when they come by the old address again', async () => {
    await using ada = await Person.at(browser)
    let callback = ''
    await ada.rewrite('*/callback?*', ({ href }) => {
      callback = href
    })
    await ada.signIn(`${app.origin}/login`, { name: 'Ada' })
    await ada.allow()

    await ada.open(callback)
    expect(await ada.text()).toBe('Nobody began to sign in here.')
    await ada.open(app.origin)

    expect(await ada.text()).toBe('Hello, Ada!')
    expect(tokenRequests()).toBe(1)
  })
})

it('a code that comes twice is refused, and ends what came of it (RFC 6749 §4.1.2)', async () => {
  await using testbed = await startTestbed()
  const { issuer } = testbed.authorizationServer
  const { cli } = testClients
  const { url, pending } = await startAuthorization({
    serverMetadata: await fetchAuthorizationServerMetadata(issuer),
    ...cli,
    redirectUri,
    resource: testbed.api.url,
    scope: 'api:read',
  })
  const callback = await agree(url)

  const { accessToken, refreshToken } = await finishAuthorization(callback, pending)
  const again = finishAuthorization(callback, pending)
  await expect(again).rejects.toMatchObject({ name: 'TokenError', code: 'refused', error: 'invalid_grant' })

  const options = { issuer, ...cli, redirectUri, resource: testbed.api.url, refreshToken }
  await using auth = await AuthorizationCodeAuth.fromIssuer(options)
  await expect(auth.getToken()).rejects.toMatchObject({ code: 'interaction_required' })
  // A JWT is good until its end all the same: nobody asks the server about it.
  const headers = { authorization: `Bearer ${accessToken}` }
  expect((await fetch(`${testbed.api.url}/orders`, { headers })).status).toBe(200)
})
