import { MCPClient } from '@x/mcp-client'
import { DeviceCodeAuth } from '@x/oauth-grants'
import { terminalPrompt } from '@x/oauth-grants/node'
import { startTestbed, type Testbed, testClients } from '@x/testbed'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromiumPath, openBrowser, Person } from './person.ts'
import { claimsOf } from './requests.ts'

describe.skipIf(chromiumPath === undefined)('a person who reads a terminal, with a browser beside it', () => {
  let testbed: Testbed
  let browser: Browser
  let ada: Person
  beforeAll(async () => {
    ;[testbed, browser] = await Promise.all([startTestbed({ people: 'pages' }), openBrowser()])
    ada = await Person.at(browser)
  })
  afterAll(() => Promise.all([browser.close(), testbed.close()]))

  it('connects the device by what is printed there, while it polls (RFC 8628 §3)', async () => {
    const terminal = openTerminal()
    await using auth = await terminal.authFor(testbed)

    const connecting = MCPClient.connect(testbed.mcp.url, { auth })
    const { address, code } = await terminal.read()
    await ada.typeUserCode(address, code)
    await ada.screenshot('device-1-confirm')
    await ada.press('Confirm')
    await ada.signInHere({ name: 'Ada Lovelace' })
    await ada.screenshot('device-2-consent')
    await ada.allow()
    await ada.screenshot('device-3-connected')

    await using client = await connecting
    const { content } = await client.callTool({ name: 'whoami' })
    expect(content).toMatchObject([{ text: expect.stringContaining('"subject":"Ada Lovelace"') }])
    expect(await ada.text()).toContain('Device connected')
  })

  it('mistypes the code, is told so, and follows the link instead (RFC 8628 §3.3.1)', async () => {
    await using person = await Person.at(browser)
    const terminal = openTerminal()
    await using auth = await terminal.authFor(testbed)

    const obtaining = auth.getToken()
    const { address, link } = await terminal.read()
    await person.typeUserCode(address, 'WRNG-CODE')
    await person.screenshot('device-4-wrong-code')
    expect(await person.text()).toContain('This code is not known')
    await person.open(link)
    await person.press('Confirm')
    await person.signInHere({ name: 'Grace' })
    await person.allow()

    const { accessToken } = await obtaining
    expect(claimsOf(accessToken)).toMatchObject({ sub: 'Grace' })
  })

  it('aborts, and the program hears it at its next poll (RFC 8628 §3.5)', async () => {
    const terminal = openTerminal()
    await using auth = await terminal.authFor(testbed)

    const attempt = expect(auth.getToken()).rejects.toMatchObject({
      name: 'AuthorizationError',
      code: 'access_denied',
      error: 'access_denied',
      recovery: 'interaction',
    })
    const { address, code } = await terminal.read()
    await ada.typeUserCode(address, code)
    await ada.press('Abort')
    await ada.screenshot('device-5-not-connected')
    await attempt

    expect(await ada.text()).toContain('Not connected')
  })
})

it('a terminal says where to go, what to enter, and for how long it is good (RFC 8628 §3.3)', async () => {
  await using testbed = await startTestbed()
  const terminal = openTerminal()
  await using auth = await terminal.authFor(testbed)
  const callOff = new AbortController()

  const attempt = auth.getToken({ signal: callOff.signal })
  const { text, code } = await terminal.read()
  callOff.abort()
  await expect(attempt).rejects.toMatchObject({ name: 'AbortError' })

  const shown = text.replaceAll(code, 'WDJB-MJHT').replaceAll(/127\.0\.0\.1:\d+/g, 'as.example')
  expect(shown).toMatchInlineSnapshot(`
    "
    To sign in, on this or any other device:

      open       http://as.example/device
      and enter  WDJB-MJHT

      or open    http://as.example/device?user_code=WDJB-MJHT
      and check that it shows WDJB-MJHT

    The code is good for 10 min. Waiting ...
    "
  `)
  expect(testbed.authorizationServer.journal.count({ path: '/token' })).toBe(0)
})

/** A program at a terminal, and what is to be read there. */
function openTerminal() {
  const printed = Promise.withResolvers<string>()
  const prompt = terminalPrompt({ output: { write: printed.resolve } })
  return {
    authFor: ({ mcp }: Testbed): Promise<DeviceCodeAuth> =>
      DeviceCodeAuth.fromResource({ resourceUrl: mcp.url, ...testClients.cli, prompt }),
    async read() {
      const text = await printed.promise
      const [address = '', link = ''] = text.match(/http\S+/g) ?? []
      const [, code = ''] = /enter +(\S+)/.exec(text) ?? []
      return { text, address, link, code }
    },
  }
}
