import { MCPClient } from '@x/mcp-client'
import { AuthorizationCodeAuth, type AuthorizationError, isOAuthError } from '@x/oauth-grants'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chromiumPath, openBrowser, Person } from './person.ts'
import { receiveFrom } from './visits.ts'

describe.skipIf(chromiumPath === undefined)('a person whose program needs more', () => {
  let testbed: Testbed
  let browser: Browser
  beforeAll(async () => {
    ;[testbed, browser] = await Promise.all([startTestbed({ people: 'pages' }), openBrowser()])
  })
  afterAll(() => Promise.all([browser.close(), testbed.close()]))
  beforeEach(() => testbed.authorizationServer.journal.clear())

  /** The scope of each authorization request so far. */
  const scopes = () =>
    testbed.authorizationServer.journal.arrivals
      .filter(({ path }) => path.startsWith('/auth?'))
      .map(({ path }) => new URLSearchParams(path.split('?')[1]).get('scope'))

  it('signs in when an MCP client connects, and consents to what a tool needs when it does (SC-04)', async () => {
    await using person = await Person.at(browser)
    const consents: string[] = []
    const { authorize, seen } = receiveFrom(async (url, visit) => {
      await person.signIn(url, { name: 'Ada Lovelace' })
      consents.push(await person.text())
      await person.screenshot(`step-up-${visit}`)
      await person.allow()
    })
    await using auth = await AuthorizationCodeAuth.fromResource({
      resourceUrl: testbed.mcp.url,
      ...testClients.cli,
      scope: 'mcp:tools',
      authorize,
    })

    await using client = await MCPClient.connect(testbed.mcp.url, { auth })
    const { tools } = await client.listTools()
    const noted = await client.callTool({ name: 'write_note', arguments: { text: 'milk' } })
    const { content } = await client.callTool({ name: 'whoami' })

    await seen()
    expect(tools.map(({ name }) => name)).toEqual(['whoami', 'add', 'write_note'])
    expect(noted.content).toEqual([{ type: 'text', text: 'Noted: milk' }])
    expect(content).toMatchObject([{ text: expect.stringContaining('"subject":"Ada Lovelace"') }])
    expect(consents).toEqual([
      expect.not.stringContaining('Write notes'),
      expect.stringContaining('Write notes'),
    ])
    expect(scopes()).toEqual(['mcp:tools', 'mcp:tools mcp:write'])
    expect(testbed.mcp.runs.get('write_note')).toBe(1)
    expect(await person.text()).toContain('You are signed in')
  })

  it('does not consent: the tool does not run, and the rest goes on', async () => {
    await using person = await Person.at(browser)
    const { authorize, seen } = receiveFrom(async (url, visit) => {
      await person.signIn(url, { name: 'Grace' })
      await (visit === 1 ? person.allow() : person.deny())
    })
    await using auth = await AuthorizationCodeAuth.fromResource({
      resourceUrl: testbed.mcp.url,
      ...testClients.cli,
      scope: 'mcp:tools',
      authorize,
    })
    const before = testbed.mcp.runs.get('write_note')

    await using client = await MCPClient.connect(testbed.mcp.url, { auth })
    const attempt = client.callTool({ name: 'write_note', arguments: { text: 'milk' } })
    await expect(attempt).rejects.toMatchObject({ code: 'access_denied' })
    const added = await client.callTool({ name: 'add', arguments: { a: 40, b: 2 } })

    await seen()
    expect(added.content).toEqual([{ type: 'text', text: '42' }])
    expect(testbed.mcp.runs.get('write_note')).toBe(before)
    expect(scopes()).toEqual(['mcp:tools', 'mcp:tools mcp:write'])
  })

  it('is never waited for by fetch, which says what to ask them for (RFC 6750 §3.1)', async () => {
    await using person = await Person.at(browser)
    const { authorize, seen } = receiveFrom(async (url) => {
      await person.signIn(url, { name: 'Ada' })
      await person.allow()
    })
    await using auth = await AuthorizationCodeAuth.fromIssuer({
      issuer: testbed.authorizationServer.issuer,
      ...testClients.cli,
      resource: testbed.mcp.url,
      scope: 'openid',
      authorize,
    })
    await auth.getToken()

    const refusal: unknown = await auth.fetch(testbed.mcp.url).catch((error: unknown) => error)
    expect(isOAuthError(refusal, 'interaction_required')).toBe(true)
    // Of an error with this code it is the class.
    const { challenge } = refusal as AuthorizationError
    const { scope } = await auth.getToken({ challenge })

    await seen()
    expect(scope).toContain('mcp:tools')
    expect((await auth.fetch(testbed.mcp.url)).status).not.toBe(403)
    expect(scopes()).toEqual(['openid', 'openid mcp:tools'])
  })
})
