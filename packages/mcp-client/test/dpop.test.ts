import { authorizedFetch, ClientCredentialsAuth, createToken } from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { type Arrival, startTestbed, type Testbed, testClients } from '@x/testbed'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createTransport, MCPClient } from '../src/index.ts'
import { handClock } from './hand-clock.ts'

/** Servers that take nothing without a nonce of theirs, and no token without its key. */
let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed({ boundTokensOnly: true, requiresNonces: true })
})
afterAll(() => testbed.close())
beforeEach(() => {
  for (const { faults, journal } of [testbed.mcp, testbed.authorizationServer]) {
    faults.heal()
    journal.clear()
  }
})

const add = { name: 'add', arguments: { a: 2, b: 3 } }
const five = [{ type: 'text', text: '5' }]

const authFor = async (options: Partial<Parameters<typeof ClientCredentialsAuth.fromResource>[0]> = {}) =>
  ClientCredentialsAuth.fromResource({
    resourceUrl: testbed.mcp.url,
    ...testClients.worker,
    scope: 'mcp:tools',
    binding: await dpop(),
    ...options,
  })

interface Claims {
  htm?: string
  htu?: string
  ath?: string
}

/** The claims of each proof that came, beside how it came and what was answered. */
const proofsOf = (arrivals: readonly Arrival[]) =>
  arrivals.flatMap(({ headers, status, method }) =>
    headers['dpop'] === undefined ? [] : [{ ...decodeJwt<Claims>(headers['dpop']), method, status }],
  )

const revisions = [
  ['2026-07-28', 'auto'],
  ['2025-11-25', 'legacy'],
] as const

it.each(revisions)(
  'proves each request anew to a server that wants that, with the nonce of the answer before (DP-02, DP-03, DP-04, DP-05; %s)',
  async (_, mode) => {
    await using auth = await authFor()
    testbed.mcp.journal.clear()

    const client = await MCPClient.connect(`${testbed.mcp.url}?query=hidden`, {
      auth,
      clientOptions: { versionNegotiation: { mode } },
    })
    const { content } = await client.callTool(add)
    await client.close()

    const { arrivals } = testbed.mcp.journal
    const proofs = proofsOf(arrivals)
    expect(content).toEqual(five)
    expect(arrivals.filter(({ headers }) => !headers['authorization']?.startsWith('DPoP '))).toEqual([])
    expect(proofs).toHaveLength(arrivals.length)
    expect(proofs.length).toBeGreaterThanOrEqual(3)
    expect(proofs.filter(({ htu, htm, method }) => htu !== testbed.mcp.url || htm !== method)).toEqual([])
    expect(new Set(proofs.map(({ jti }) => jti)).size).toBe(proofs.length)
    // Only the first has no nonce.
    expect(proofs[0]).toMatchObject({ status: 401 })
    expect(proofs.slice(1).filter(({ status }) => status === 401)).toEqual([])
  },
)

it.each(revisions)('proves a new token by another hash than the one before (DP-12; %s)', async (_, mode) => {
  const clock = handClock()
  await using auth = await authFor({ clock })
  const client = await MCPClient.connect(testbed.mcp.url, {
    auth,
    clientOptions: { versionNegotiation: { mode } },
  })
  const hashes = () => new Set(proofsOf(testbed.mcp.journal.arrivals).map(({ ath }) => ath))
  expect(hashes().size).toBe(1)
  clock.moveMs(3_600_000)

  const { content } = await client.callTool(add)
  await client.close()

  expect(content).toEqual(five)
  expect(hashes().size).toBe(2)
})

it('shows no proof where a redirect leads to another origin, and the token neither (DP-12)', async () => {
  const elsewhere: string[] = []
  const sent: (string | undefined)[] = []
  const binding = await dpop()
  const fetch = authorizedFetch(
    { getToken: async () => createToken({ accessToken: 'a-token', binding }) },
    {
      origins: ['https://mcp.example'],
      fetch: async (input, init) => {
        const { url } = new Request(input, init)
        if (!url.startsWith('https://mcp.example')) elsewhere.push(url)
        sent.push(init?.redirect)
        return new Response(null, { status: 307, headers: { location: 'https://evil.example/' } })
      },
    },
  )

  const transport = createTransport('https://mcp.example/mcp', { auth: { fetch } })
  await transport.start()
  const attempt = transport.send({ jsonrpc: '2.0', id: 1, method: 'ping' })

  await expect(attempt).rejects.toThrow()
  expect([elsewhere, new Set(sent)]).toEqual([[], new Set(['manual'])])
})
