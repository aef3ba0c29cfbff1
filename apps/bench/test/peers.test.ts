import type { Testbed } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { usuallyGiven } from '../src/peer.ts'
import { mcpPeers, peers } from '../src/peers/all.ts'
import { oursByHand, oursFromIssuer } from '../src/peers/ours.ts'
import { placeAt, startServers } from '../src/place.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startServers()
  // One of them prints that a way of using it is deprecated.
  vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterAll(() => testbed.close())

const ways = [...peers, oursByHand].flatMap((peer) => [
  ...peer.startsFrom.map((given) => ({ ...peer, given, isPerson: false })),
  { ...peer, given: usuallyGiven(peer), isPerson: true },
])
// It is one for client credentials, and not for people.
const all = [...ways, { ...oursFromIssuer, given: 'issuer' as const, isPerson: false }]

describe.each(all)('$name, given the $given (for a person: $isPerson)', ({ open, given, isPerson }) => {
  it('gets a token and is let in', async () => {
    const place = await placeAt(testbed, { part: 'api', fetch, given, isPerson })

    const caller = await open(place)
    const { status } = await caller.call(place.resourceUrl)

    expect(status).toBe(200)
    await caller.close?.()
  })
})

describe.each(mcpPeers)('$name over MCP', ({ connect }) => {
  it.each([false, true])('lists tools and calls one (for a person: %s)', async (isPerson) => {
    const client = await connect(await placeAt(testbed, { part: 'mcp', fetch, isPerson }))

    expect(await client.listTools()).toMatchObject({ tools: expect.any(Array) })
    expect((await client.whoami()).isError).not.toBe(true)
    await client.close()
  })
})
