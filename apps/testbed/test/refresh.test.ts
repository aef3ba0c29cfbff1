import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import { Browser } from './browser.ts'
import { type Client, claimsOf, jsonOf, postAs, type TokenAnswer } from './requests.ts'
import { enterCode, poll, signIn, startDevice } from './sign-in.ts'

let server: AuthorizationServer
beforeAll(async () => {
  server = await startAuthorizationServer()
})
afterAll(() => server.close())

const { cli, app } = testClients
const clients: [string, Client][] = [
  ['a public client', cli],
  ['a client with a secret', app],
]

describe.each(clients)('%s', (_who, client) => {
  const refresh = async (refresh_token = ''): Promise<TokenAnswer & { error?: string }> =>
    jsonOf(await postAs(client, server.tokenEndpoint, { grant_type: 'refresh_token', refresh_token }))

  it('gets a refresh token from a device too, without asking for one', async () => {
    const { refresh_token } = await connect(client)

    const next = await refresh(refresh_token)

    expect(claimsOf(next.access_token)).toMatchObject({ sub: 'the-user', client_id: client.clientId })
  })

  it('gets another refresh token with each refresh, and a used one ends them all (RFC 9700 §4.14.2)', async () => {
    const { refresh_token: first } = await signIn(server, client)
    const { refresh_token: second } = await refresh(first)
    const { refresh_token: third } = await refresh(second)

    const reused = await refresh(first)
    const last = await refresh(third)

    expect(new Set([first, second, third]).size).toBe(3)
    expect([reused, last]).toMatchObject([{ error: 'invalid_grant' }, { error: 'invalid_grant' }])
  })

  it('cannot refresh with what it revoked (RFC 7009 §2.1)', async () => {
    const { refresh_token: token = '' } = await signIn(server, client)

    const revoked = await postAs(client, `${server.issuer}/token/revocation`, { token })

    expect(revoked.status).toBe(200)
    expect(await refresh(token)).toMatchObject({ error: 'invalid_grant' })
  })

  it('can ask for access while the user is away, and who that is (OpenID Connect Core §11, §3.1.3.3)', async () => {
    const scope = 'openid offline_access mcp:tools'

    const answer = await signIn(server, client, { scope, prompt: 'consent' })
    const next = await refresh(answer.refresh_token)

    expect(answer).toMatchObject({ scope: 'mcp:tools', refresh_token: expect.any(String) })
    expect(claimsOf(answer.access_token)).toMatchObject({ aud: 'https://resource.example/mcp' })
    for (const { id_token = '' } of [answer, next]) {
      expect(claimsOf(id_token)).toMatchObject({ iss: server.issuer, sub: 'the-user', aud: client.clientId })
    }
  })
})

it('answers a used refresh token anew within the grace, and ends its family after it', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await using gentle = await startAuthorizationServer({ refreshGraceSeconds: 5 })
  const refresh = async (refresh_token = ''): Promise<TokenAnswer & { error?: string }> =>
    jsonOf(await postAs(cli, gentle.tokenEndpoint, { grant_type: 'refresh_token', refresh_token }))
  const { refresh_token: first } = await signIn(gentle, cli)
  const { refresh_token: second } = await refresh(first)

  vi.advanceTimersByTime(4_999)
  const again = await refresh(first)
  vi.advanceTimersByTime(1)
  const tooLate = await refresh(first)
  vi.useRealTimers()

  expect(new Set([first, second, again.refresh_token]).size).toBe(3)
  expect(gentle.refreshTokenUsedAt(first ?? '')).toBeLessThanOrEqual(Date.now())
  expect(gentle.refreshTokenUsedAt('another')).toBeUndefined()
  expect([tooLate, await refresh(second), await refresh(again.refresh_token)]).toMatchObject(
    Array.from({ length: 3 }, () => ({ error: 'invalid_grant' })),
  )
})

async function connect(client: Client): Promise<TokenAnswer> {
  const device = await startDevice(server, client)
  const browser = new Browser()
  const { page } = await enterCode(browser, device)
  await browser.submit(page)
  return poll(server, client, device)
}
