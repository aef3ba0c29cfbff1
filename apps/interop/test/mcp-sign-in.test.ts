import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth, DeviceCodeAuth } from '@x/oauth-grants'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, openBrowser, Person } from './person.ts'
import { receiveFrom } from './visits.ts'

describe.skipIf(chromiumPath === undefined)('a person whom nothing but an MCP client asks', () => {
  let testbed: Testbed
  let browser: Browser
  beforeAll(async () => {
    ;[testbed, browser] = await Promise.all([startTestbed({ people: 'pages' }), openBrowser()])
  })
  afterAll(() => Promise.all([browser.close(), testbed.close()]))
  beforeEach(() => testbed.authorizationServer.journal.clear())

  /** The grant of each token request so far. */
  const grants = () =>
    testbed.authorizationServer.journal.arrivals.flatMap(({ path, body }) =>
      path === '/token' ? [new URLSearchParams(body).get('grant_type')] : [],
    )

  const runs = () => [testbed.mcp.runs.get('write_note') ?? 0, testbed.mcp.runs.get('add') ?? 0] as const

  /** Twenty calls at once, and what each of them gave. */
  const twenty = async (
    client: MCPClient,
    name: string,
    give: (index: number) => Record<string, unknown>,
  ) => {
    const calls = Array.from({ length: 20 }, (_, index) => client.callTool({ name, arguments: give(index) }))
    const results = await Promise.all(calls)
    return results.map(({ content }) => content)
  }
  const sums = (client: MCPClient) => twenty(client, 'add', (index) => ({ a: index, b: 1 }))
  const expectedSums = Array.from({ length: 20 }, (_, index) => [{ type: 'text', text: String(index + 1) }])
  const notes = (client: MCPClient) => twenty(client, 'write_note', (index) => ({ text: `milk ${index}` }))
  const expectedNotes = Array.from({ length: 20 }, (_, index) => [
    { type: 'text', text: `Noted: milk ${index}` },
  ])

  it.each(['auto', 'legacy'] as const)(
    'signs in to connect, again for 20 calls that need more, and for 20 that wait, each of which runs once (SC-04, MC-07; %s)',
    async (mode) => {
      await using person = await Person.at(browser)
      const consents: string[] = []
      const { authorize, seen } = receiveFrom(async (url) => {
        await person.signIn(url, { name: 'Ada Lovelace' })
        consents.push(await person.text())
        await person.allow()
      })
      await using auth = new AuthorizationCodeAuth({
        resourceUrl: testbed.mcp.url,
        ...testClients.cli,
        scope: 'mcp:tools',
        authorize,
      })
      const before = runs()

      await using client = await MCPClient.connect(testbed.mcp.url, {
        auth,
        clientOptions: { versionNegotiation: { mode } },
      })
      const whoami = await client.callTool({ name: 'whoami' })
      const written = await notes(client)
      await auth.signOut()
      const added = await sums(client)

      await seen()
      expect(whoami.content).toMatchObject([{ text: expect.stringContaining('"subject":"Ada Lovelace"') }])
      expect(written).toEqual(expectedNotes)
      expect(added).toEqual(expectedSums)
      expect(runs()).toEqual([before[0] + 20, before[1] + 20])
      expect(consents).toEqual([
        expect.not.stringContaining('Write notes'),
        expect.stringContaining('Write notes'),
        expect.any(String),
      ])
      expect(grants()).toEqual(Array.from({ length: 3 }, () => 'authorization_code'))
      expect(await person.text()).toContain('You are signed in')
    },
  )

  it('enters a code to connect, another for 20 calls that need more, and one for 20 that wait, each of which runs once (SC-04, MC-07)', async () => {
    await using person = await Person.at(browser)
    const codes: string[] = []
    let entered = Promise.resolve()
    const enter = async (address: string, code: string): Promise<void> => {
      await person.enterUserCode(address, code)
      await person.signInIfAsked({ name: 'Grace' })
      await person.allow()
    }
    await using auth = new DeviceCodeAuth({
      resourceUrl: testbed.mcp.url,
      ...testClients.cli,
      scope: 'mcp:tools',
      prompt: ({ userCode, verificationUri }) => {
        codes.push(userCode)
        entered = entered.then(() => enter(verificationUri, userCode))
      },
    })
    const before = runs()

    await using client = await MCPClient.connect(testbed.mcp.url, { auth })
    const whoami = await client.callTool({ name: 'whoami' })
    const written = await notes(client)
    await auth.signOut()
    const added = await sums(client)

    await entered
    expect(whoami.content).toMatchObject([{ text: expect.stringContaining('"subject":"Grace"') }])
    expect(written).toEqual(expectedNotes)
    expect(added).toEqual(expectedSums)
    expect(runs()).toEqual([before[0] + 20, before[1] + 20])
    expect([codes.length, new Set(codes).size]).toEqual([3, 3])
    expect(await person.text()).toContain('Device connected')
  })
})
