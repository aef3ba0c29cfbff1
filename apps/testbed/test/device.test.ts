import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import { Browser } from './browser.ts'
import { claimsOf } from './requests.ts'
import { enterCode, poll, startDevice } from './sign-in.ts'

const { cli, app } = testClients

let server: AuthorizationServer
beforeAll(async () => {
  server = await startAuthorizationServer()
})
afterAll(() => server.close())

it.each([
  ['a public client', cli],
  ['a client with a secret', app],
])('connects a device when the user confirms its code (RFC 8628 §3.5; %s)', async (_who, client) => {
  const device = await startDevice(server, client)
  const browser = new Browser()

  const before = await poll(server, client, device)
  const { page: confirmation } = await enterCode(browser, device)
  const { page: end } = await browser.submit(confirmation)
  const after = await poll(server, client, device)

  expect(device).toMatchObject({ interval: 1, expires_in: 600 })
  expect(before).toMatchObject({ error: 'authorization_pending' })
  expect(confirmation).toContain(`>${client.clientId}<`)
  expect(confirmation).toContain(`>${device.user_code}<`)
  expect(end).toContain('Device connected')
  expect(claimsOf(after.access_token)).toMatchObject({
    sub: 'the-user',
    aud: 'https://resource.example/mcp',
    client_id: client.clientId,
  })
})

it('tells the device no when the user aborts (RFC 8628 §3.5)', async () => {
  const device = await startDevice(server, cli)
  const browser = new Browser()

  const { page: confirmation } = await enterCode(browser, device)
  const { page: end } = await browser.submit(confirmation, { abort: 'yes' })

  expect(end).toContain('Not connected')
  expect(await poll(server, cli, device)).toMatchObject({ error: 'access_denied' })
})

it('says what is wrong with a code, and asks again', async () => {
  const device = await startDevice(server, cli)
  const attempts = ['', 'NOPE-<b>', device.user_code].map((user_code) =>
    enterCode(new Browser(), { ...device, user_code }),
  )
  const [missing, unknown, right] = await Promise.all(attempts)

  expect(missing?.page).toContain('Enter a code.')
  expect(unknown?.page).toContain('not known')
  expect(unknown?.page).toContain('value="NOPE-&lt;b&gt;"')
  expect(right?.page).toContain('Confirm')
})

it('tells device and user how long a code lives and how often to poll', async () => {
  await using quick = await startAuthorizationServer({ deviceCodeSeconds: 1, deviceIntervalSeconds: 3 })
  const device = await startDevice(quick, cli)
  expect(device).toMatchObject({ expires_in: 1, interval: 3 })

  await expect
    .poll(() => poll(quick, cli, device), { timeout: 5000 })
    .toMatchObject({ error: 'expired_token' })

  expect((await enterCode(new Browser(), device)).page).toContain('has expired')
})
