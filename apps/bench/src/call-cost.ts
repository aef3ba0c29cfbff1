/**
 * What a client adds to a call, where nothing has to be renewed and the network costs nothing.
 *
 * @module
 */
import type { Testbed } from '@x/testbed'
import { batches, type Cost, costs, type Subject } from './interleaved.ts'
import { usuallyGiven } from './peer.ts'
import { mcpPeers, peers } from './peers/all.ts'
import { bareFetch } from './peers/bare-fetch.ts'
import { official } from './peers/official.ts'
import { ours, oursByHand } from './peers/ours.ts'
import { placeAt, type Send, startServers } from './place.ts'
import { judge, type Measure, type Table } from './result.ts'

export const callCost: Measure = {
  name: 'call-cost',
  async measure() {
    await using testbed = await startServers()
    return [await measureCalls(testbed), await measureTools(testbed)]
  },
}

/** Seen in a profile. */
const whatIsAdded =
  'What is added is an object for the tries of the request, a copy of its headers, and one wait more.'

const measured = [ours, oursByHand, ...peers.filter((each) => each !== ours)]

async function measureCalls(testbed: Testbed): Promise<Table> {
  const wire = createWire()
  const resourceUrl = testbed.api.url
  const subjects: Subject[] = []
  for (const peer of measured) {
    const given = usuallyGiven(peer)
    const caller = await peer.open(await placeAt(testbed, { part: 'api', fetch: wire.fetch, given }))
    await caller.call(resourceUrl)
    subjects.push({ name: peer.name, call: () => caller.call(resourceUrl) })
  }
  // The token is there; from here on there is no network.
  const answer = Promise.resolve(new Response(null))
  wire.answer = () => answer
  const stub: Subject = { name: 'the stub alone', call: () => wire.fetch(resourceUrl) }
  const [floor = none, ...each] = await costs([stub, ...subjects])
  const added = each.map(({ ns, bytes }) => ({ ns: ns - floor.ns, bytes: bytes - floor.bytes }))
  const of = (name: string) => added[measured.findIndex((peer) => peer.name === name)] ?? none
  const peer = of(official.name)
  const own = of(ours.name)
  return {
    title: 'One authorized call, added to a `fetch` that answers at once',
    columns: [
      `medians of ${batches} batches in turn`,
      'ns',
      'of the official client',
      'bytes allocated',
      'of the official client',
    ],
    rows: measured.map(({ name }, index) => {
      const { ns, bytes } = added[index] ?? none
      return [name, whole(ns), ratio(ns, peer.ns), whole(bytes), ratio(bytes, peer.bytes)]
    }),
    notes: [
      `The stub alone takes ${whole(floor.ns)} ns. \`${bareFetch.name}\` builds one object of headers, and is the least that can be done.`,
      'Clients that put every call through a request of their own (`Request`, `Headers`, interceptors) pay for it here.',
      'Instructions are not counted: the counters of the processor cannot be read everywhere.',
    ],
    goals: [
      judge(
        {
          what: 'time added by ours, of what the official client adds',
          unit: 'time',
          atMost: 0.35,
          reason: whatIsAdded,
        },
        own.ns / peer.ns,
      ),
      judge(
        {
          what: 'bytes allocated by ours, of what the official client allocates',
          unit: 'bytes',
          atMost: 0.55,
          reason: whatIsAdded,
        },
        own.bytes / peer.bytes,
      ),
    ],
  }
}

const none: Cost = { ns: Number.NaN, bytes: Number.NaN }

/** The answer to a request for the tools, as a server gives it. */
async function measureTools(testbed: Testbed): Promise<Table> {
  const subjects: Subject[] = []
  for (const { name, ...peer } of mcpPeers) {
    const wire = createWire()
    const client = await peer.connect(await placeAt(testbed, { part: 'mcp', fetch: wire.fetch }))
    let recorded = ''
    wire.answer = async (input, init) => {
      const response = await fetch(input, init)
      recorded = await response.clone().text()
      return response
    }
    await client.listTools()
    const { result } = parseMessage(recorded)
    wire.answer = async (_, init) => {
      const text = typeof init?.body === 'string' ? init.body : '{}'
      const { id } = JSON.parse(text) as { id: unknown }
      return Response.json({ jsonrpc: '2.0', id, result })
    }
    subjects.push({ name, call: () => client.listTools() })
  }
  const each = await costs(subjects)
  const peer = each[1] ?? none
  return {
    title: 'One `tools/list` over MCP, on a `fetch` that answers at once',
    columns: [
      `medians of ${batches} batches in turn`,
      'µs',
      'of the official client',
      'kB allocated',
      'of the official client',
    ],
    rows: subjects.map(({ name }, index) => {
      const { ns, bytes } = each[index] ?? none
      return [name, whole(ns / 1000), ratio(ns, peer.ns), whole(bytes / 1000), ratio(bytes, peer.bytes)]
    }),
    notes: [
      'In full, and not what is added: the answer of a real server, given again. Ours is the official client with a hook beneath and an owner above.',
    ],
  }
}

/** A message of the server, which comes as JSON or as an event of a stream. */
function parseMessage(text: string): { readonly result: unknown } {
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? text
  return JSON.parse(data) as { readonly result: unknown }
}

/** A `fetch` that first goes to real servers, and later does as it is told. */
function createWire(): { readonly fetch: Send; answer: Send } {
  const wire = {
    answer: ((input, init) => fetch(input, init)) as Send,
    fetch: ((input, init) => wire.answer(input, init)) as Send,
  }
  return wire
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function ratio(value: number, of: number): string {
  return `${(value / of).toFixed(2)} ×`
}
