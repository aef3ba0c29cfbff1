import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import { Browser } from './browser.ts'
import { claimsOf } from './requests.ts'
import { authorizationUrl, enterCode, poll, redeem, redirectUri, startDevice } from './sign-in.ts'

const { cli } = testClients

let server: AuthorizationServer
beforeAll(async () => {
  server = await startAuthorizationServer({ people: 'pages' })
})
afterAll(() => server.close())

/** Opens the authorization URL and signs in. */
async function arrive(browser: Browser, username: string, more: Record<string, string> = {}) {
  const { page } = await browser.open(await authorizationUrl(server, cli, more))
  return browser.submit(page, { username, password: 'any' })
}

it('signs in whoever types a name, and lets them allow', async () => {
  const browser = new Browser()

  const { page: consent } = await arrive(browser, ' Ada ')
  const { url: callback } = await browser.submit(consent, { decision: 'allow' }, redirectUri)

  const { access_token } = await redeem(server, cli, callback)
  expect(claimsOf(access_token)).toMatchObject({ sub: 'Ada', scope: 'mcp:tools' })
})

it('asks again for a name that is empty', async () => {
  const browser = new Browser()

  const { page } = await arrive(browser, ' ')

  expect(page).toContain('Enter a user name.')
  expect((await browser.submit(page, { username: 'Ada' })).page).toContain('Allow access?')
})

it('lets somebody else sign in at the same browser (OpenID Connect Core §3.1.2.1)', async () => {
  const browser = new Browser()
  const { page: first } = await arrive(browser, 'Ada')
  await browser.submit(first, { decision: 'allow' }, redirectUri)

  const { page: change } = await arrive(browser, 'Grace', { prompt: 'login' })
  // A script of the provider's sends this form, which signs Ada out.
  const { page: consent } = await browser.submit(change)
  const { url: callback } = await browser.submit(consent, { decision: 'allow' }, redirectUri)

  expect(claimsOf((await redeem(server, cli, callback)).access_token)['sub']).toBe('Grace')
})

it('names the client, the user, the resource and each scope before it asks', async () => {
  const scope = 'openid mcp:tools mcp:write'

  const { page } = await arrive(new Browser(), 'Ada', { scope })

  for (const name of [cli.clientId, 'Ada', 'https://resource.example/mcp', ...scope.split(' ')]) {
    expect(page).toContain(`>${name}<`)
  }
})

it('shows what others wrote as text', async () => {
  const resource = 'https://resource.example/?a=<b>&"'

  const { page } = await arrive(new Browser(), `<script>alert('x')</script>`, { resource })

  expect(page).toContain('&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;')
  expect(page).toContain('https://resource.example/?a=&lt;b&gt;&amp;&quot;')
})

it('tells the client when the user denies (RFC 6749 §4.1.2.1)', async () => {
  const browser = new Browser()

  const { page: consent } = await arrive(browser, 'Ada', { state: 'xyz' })
  const { url: callback } = await browser.submit(consent, { decision: 'deny' }, redirectUri)

  expect(Object.fromEntries(new URL(callback).searchParams)).toEqual({
    error: 'access_denied',
    error_description: 'the user denied access',
    state: 'xyz',
    iss: server.issuer,
  })
})

it('keeps nobody at a page that leads nowhere', async () => {
  const response = await fetch(`${server.issuer}/interaction/gone`)

  expect(response.status).toBe(400)
  expect(await response.text()).toContain('start again')
})

describe('a device', () => {
  /** Enters and confirms the code and signs in, up to the question for consent. */
  async function arriveFor(browser: Browser, device: Awaited<ReturnType<typeof startDevice>>) {
    const { page: confirmation } = await enterCode(browser, device)
    const { page: login } = await browser.submit(confirmation)
    return browser.submit(login, { username: 'Ada' })
  }

  it.each([
    ['allow', 'Device connected', { access_token: expect.any(String) }],
    ['deny', 'Not connected', { error: 'access_denied' }],
  ])('hears what the user decides (%s)', async (decision, words, answer) => {
    const device = await startDevice(server, cli)
    const browser = new Browser()

    const { page: consent } = await arriveFor(browser, device)
    const { page: end } = await browser.submit(consent, { decision })

    expect(end).toContain(words)
    expect(await poll(server, cli, device)).toMatchObject(answer)
  })
})

it('has its pages below an issuer with a path too', async () => {
  await using tenant = await startAuthorizationServer({ people: 'pages', issuerPath: '/tenant1' })
  const browser = new Browser()

  const { page: login } = await browser.open(await authorizationUrl(tenant, cli))
  const { page: consent } = await browser.submit(login, { username: 'Ada' })
  const { url: callback } = await browser.submit(consent, { decision: 'allow' }, redirectUri)

  expect(claimsOf((await redeem(tenant, cli, callback)).access_token)['sub']).toBe('Ada')
})
