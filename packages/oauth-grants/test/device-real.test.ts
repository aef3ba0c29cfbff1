import { startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeviceCodeAuth, type DeviceVerification } from '../src/index.ts'
import { decide } from './person.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ deviceIntervalSeconds: 1 })
})
afterAll(() => testbed.close())
beforeEach(() => testbed.authorizationServer.journal.clear())

const claimsOf = (jwt: string): unknown =>
  JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())

describe('a real server', () => {
  it.each(['cli', 'app'] as const)(
    'gives a token to the %s when a person has confirmed its code (DV-01, DV-06, DV-11, RFC 8628 §3.5)',
    async (name) => {
      const { authorizationServer, api } = testbed
      const shown: DeviceVerification[] = []
      const pages: string[] = []
      const auth = await DeviceCodeAuth.fromResource({
        resourceUrl: api.url,
        ...testClients[name],
        prompt: async (verification) => {
          shown.push(verification)
          pages.push(await decide(verification))
        },
      })
      authorizationServer.journal.clear()

      const token = await auth.getToken()
      const response = await auth.fetch(`${api.url}/orders`)

      expect(claimsOf(token.accessToken)).toMatchObject({
        sub: 'the-user',
        aud: api.url,
        client_id: testClients[name].clientId,
      })
      expect(response.status).toBe(200)
      expect(pages).toEqual([expect.stringContaining('Device connected')])
      expect(shown).toMatchObject([{ signal: { aborted: true } }])
      const sent = (path: string) =>
        authorizationServer.journal.arrivals.filter((arrival) => arrival.path === path)
      expect(sent('/device/auth')).toMatchObject([{ status: 200 }])
      // Timers of the system are exact to a few ms.
      const waited = (sent('/token')[0]?.at ?? 0) - (sent('/device/auth')[0]?.at ?? 0)
      expect(waited).toBeGreaterThanOrEqual(990)
    },
  )

  it('is asked again each second until the person has declined (DV-06, DV-09, RFC 8628 §3.5)', async () => {
    const { issuer, journal } = testbed.authorizationServer
    const shown: DeviceVerification[] = []
    const declined: Promise<string>[] = []
    const auth = await DeviceCodeAuth.fromIssuer({
      issuer,
      ...testClients.cli,
      scope: 'mcp:tools',
      resource: testbed.mcp.url,
      prompt: (verification) => void shown.push(verification),
      // Nobody decides before the first poll.
      onEvent: (event) => {
        const [verification] = shown
        if (event.type !== 'exchange' || event.purpose !== 'token request' || declined.length > 0) return
        if (verification !== undefined) declined.push(decide(verification, { abort: 'yes' }))
      },
    })

    await expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'access_denied',
      issuer,
    })
    expect(await Promise.all(declined)).toEqual([expect.stringContaining('Not connected')])
    const polls = journal.arrivals.filter(({ path }) => path === '/token')
    expect(polls.length).toBeGreaterThanOrEqual(2)
    expect(new Set(polls.map(({ status }) => status))).toEqual(new Set([400]))
  })
})
