import { AuthorizationCodeAuth, type AuthorizationCodeOptions } from '@x/oauth-grants'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { MCPClient } from '../src/index.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())
beforeEach(() => {
  testbed.authorizationServer.journal.clear()
  testbed.mcp.journal.clear()
})

/** Auth for a person who agrees with everything; each time they are asked is counted. */
async function signIn(options: Partial<AuthorizationCodeOptions> = {}) {
  const authorize = vi.fn((url: URL) => agree(url))
  const auth = await AuthorizationCodeAuth.fromResource({
    resourceUrl: testbed.mcp.url,
    ...testClients.cli,
    redirectUri: 'http://127.0.0.1/callback',
    authorize,
    ...options,
  })
  return { auth, authorize }
}

const write = { name: 'write_note', arguments: { text: 'milk' } }
const asked = (authorize: { mock: { calls: readonly (readonly [URL, ...unknown[]])[] } }) =>
  authorize.mock.calls.map(([url]) => url.searchParams.get('scope'))

describe.each([
  ['2026-07-28', 'auto'],
  ['2025-11-25', 'legacy'],
] as const)('by revision %s', (_, mode) => {
  const clientOptions = { versionNegotiation: { mode } }

  it('asks a person to sign in as part of connecting', async () => {
    const { auth, authorize } = await signIn()

    await using client = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions })
    const { tools } = await client.listTools()

    expect(tools.map(({ name }) => name)).toContain('whoami')
    expect(authorize).toHaveBeenCalledTimes(1)
  })

  it('asks once for 20 calls that wait for it, and runs each of them once (MC-07)', async () => {
    const { auth, authorize } = await signIn()
    await using client = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions })
    await auth.signOut()
    const before = testbed.mcp.runs.get('add') ?? 0

    const calls = Array.from({ length: 20 }, (_each, index) =>
      client.callTool({ name: 'add', arguments: { a: index, b: 1 } }),
    )
    const answers = await Promise.all(calls)

    expect(answers.map(({ content }) => content)).toEqual(
      Array.from({ length: 20 }, (_each, index) => [{ type: 'text', text: String(index + 1) }]),
    )
    expect(authorize).toHaveBeenCalledTimes(2)
    expect(testbed.mcp.runs.get('add')).toBe(before + 20)
  })

  it('asks again where a tool needs more, for both scopes, and sends the refused call once more (SC-02, SC-04, SC-05, MC-06)', async () => {
    const { auth, authorize } = await signIn({ scope: 'mcp:tools' })
    await using client = await MCPClient.connect(testbed.mcp.url, { auth, clientOptions })
    const before = testbed.mcp.runs.get('write_note') ?? 0

    const answer = await client.callTool(write)

    expect(answer.isError).not.toBe(true)
    expect(asked(authorize)).toEqual(['mcp:tools', 'mcp:tools mcp:write'])
    expect(testbed.mcp.runs.get('write_note')).toBe(before + 1)
  })
})

it('asks twice for one call that needs both: a sign-in, and more scope', async () => {
  const { auth, authorize } = await signIn({ scope: 'mcp:tools' })
  await using client = await MCPClient.connect(testbed.mcp.url, { auth })
  await auth.signOut()
  const before = testbed.mcp.runs.get('write_note') ?? 0

  await client.callTool(write)

  expect(asked(authorize)).toEqual(['mcp:tools', 'mcp:tools', 'mcp:tools mcp:write'])
  expect(testbed.mcp.runs.get('write_note')).toBe(before + 1)
})

it('asks no more than twice for one call, whatever a server demands next (SC-06)', async () => {
  const { auth, authorize } = await signIn({ scope: 'mcp:tools' })
  await using client = await MCPClient.connect(testbed.mcp.url, { auth })
  for (const scope of ['mcp:write', 'api:read', 'openid', 'offline_access']) {
    const headers = { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` }
    testbed.mcp.faults.add({ kind: 'status', status: 403, headers }, { times: 1 })
  }

  await expect(client.callTool(write)).rejects.toMatchObject({ code: 'interaction_required' })
  testbed.mcp.faults.heal()

  expect(asked(authorize)).toEqual(['mcp:tools', 'mcp:tools mcp:write', 'mcp:tools mcp:write api:read'])
})

it('does not count the time of a person against the time of a call', async () => {
  const { auth, authorize } = await signIn({ scope: 'mcp:tools' })
  await using client = await MCPClient.connect(testbed.mcp.url, { auth })
  authorize.mockImplementation(async (url) => {
    await new Promise((resolve) => setTimeout(resolve, 400))
    return agree(url)
  })

  const { isError } = await client.callTool(write, { timeout: 300 })

  expect(isError).not.toBe(true)
})

it('does not count the time of a person against the time to connect', async () => {
  const { auth } = await signIn({
    authorize: async (url) => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return agree(url)
    },
  })

  await using client = await MCPClient.connect(testbed.mcp.url, { auth, timeoutMs: 300 })

  expect((await client.listTools()).tools).not.toEqual([])
})

it('asks once for a call: what is refused again is the error', async () => {
  const { auth, authorize } = await signIn({ scope: 'mcp:tools' })
  await using client = await MCPClient.connect(testbed.mcp.url, { auth })
  authorize.mockRejectedValue(new Error('closed the window'))

  const attempt = client.callTool(write)

  await expect(attempt).rejects.toThrow('closed the window')
  expect(authorize).toHaveBeenCalledTimes(2)
})

it('leaves it to the caller where the auth object has nobody to ask', async () => {
  const { auth } = await signIn({ authorize: undefined })

  const attempt = MCPClient.connect(testbed.mcp.url, { auth })

  await expect(attempt).rejects.toMatchObject({ name: 'AuthorizationError', code: 'interaction_required' })
})

it('ends the wait for a person with the signal, and opens nothing', async () => {
  const abort = new AbortController()
  const { auth } = await signIn({
    authorize: (_url, { signal }) => {
      abort.abort(new Error('enough'))
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })

  const attempt = MCPClient.connect(testbed.mcp.url, { auth, signal: abort.signal })

  await expect(attempt).rejects.toThrow('enough')
  expect(testbed.authorizationServer.journal.arrivals.filter(({ path }) => path === '/token')).toEqual([])
})
