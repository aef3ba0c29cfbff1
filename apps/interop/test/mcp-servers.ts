/**
 * The MCP servers of others that a client is shown, protected, and able to be started anew where they were.
 *
 * @module
 */
import type { MCPClient } from '@x/mcp-client'
import { type Gate, startBearerGate } from '../src/bearer-gate.ts'
import { startFastMcp } from '../src/fastmcp.ts'
import { startOfficialMcpServer } from '../src/official-mcp-server.ts'
import { startServerEverything } from '../src/server-everything.ts'
import { note, type Work } from '../src/work.ts'
import { createTally } from './tally.ts'

/** A server that may be away, and have forgotten everything when it is back. */
export interface Served extends AsyncDisposable {
  readonly url: string
  /** How often each task was run. */
  readonly runs: () => ReadonlyMap<string, number>
  /** Ends it in the midst of what it does. */
  stop(): Promise<void>
  /** Starts it again, at the same address. */
  start(): Promise<void>
  /** Has no slow task come to its end. */
  hold(): void
  letGo(): void
  /** Has it tell all who listen that its resource has changed. */
  touch(client: MCPClient): Promise<unknown>
}

export interface Kind {
  readonly name: string
  /** How the client is to choose its protocol. */
  readonly mode: 'auto' | 'legacy'
  readonly revision: string
  readonly hasSessions: boolean
  /** The call of a tool that does a task, and what it gives. */
  readonly call: (task: string) => { name: string; arguments: Record<string, unknown> }
  readonly answer: (task: string) => string
  /** The same of one that takes longer than the server will live, while that holds it. */
  readonly slowCall: Kind['call']
  /** What becomes of whoever wants to be told of changes; `unheard`: the server agrees, and has no way to tell. */
  readonly listening: 'told' | 'refused' | 'unheard'
  readonly resource: string
  readonly prompt: string
  readonly serve: (issuer: string) => Promise<Served>
}

interface Started extends AsyncDisposable {
  readonly url: string
  rewriteNote(): Promise<void>
  close(): Promise<void>
}

/** One of which each task is counted by the tool itself. */
async function serve(start: (work: Work, port?: number) => Promise<Started>): Promise<Served> {
  const tally = createTally()
  let running = await start(tally.work)
  const { url } = running
  return {
    url,
    runs: () => tally.runs,
    hold: tally.hold,
    letGo: tally.letGo,
    stop: () => running.close(),
    async start() {
      running = await start(tally.work, Number(new URL(url).port))
    },
    touch: () => running.rewriteNote(),
    [Symbol.asyncDispose]: () => running.close(),
  }
}

/** A process, whose gate stays where it is; each task is counted when it takes it from there. */
async function serveEverything(issuer: string): Promise<Served> {
  let running = await startServerEverything()
  const { origin } = running
  const gate = await startBearerGate({ issuer, target: origin })
  return {
    url: gate.url,
    runs: () => passed(gate),
    hold() {},
    letGo() {},
    stop: () => running.close(),
    async start() {
      running = await startServerEverything(Number(new URL(origin).port))
    },
    touch: (client) => client.callTool({ name: 'toggle-subscriber-updates' }),
    async [Symbol.asyncDispose]() {
      await Promise.all([running.close(), gate.close()])
    },
  }
}

function passed({ taken }: Gate): ReadonlyMap<string, number> {
  const runs = new Map<string, number>()
  for (const body of taken) {
    const [, task] = /"message":"([^"]+)"/.exec(body) ?? []
    if (task !== undefined) runs.set(task, (runs.get(task) ?? 0) + 1)
  }
  return runs
}

const call = (task: string) => ({ name: 'work', arguments: { task } })
const ours = {
  call,
  slowCall: call,
  listening: 'told',
  answer: (task: string) => `Done: ${task}`,
  resource: note,
  prompt: 'greet',
} as const

const official = (hasSessions: boolean) => (issuer: string) =>
  serve((work, port) => startOfficialMcpServer({ issuer, hasSessions, work, ...(port && { port }) }))

const fastmcp = (hasSessions: boolean) => (issuer: string) =>
  serve((work, port) => startFastMcp({ gate: { issuer }, hasSessions, work, ...(port && { port }) }))

export const kinds: readonly Kind[] = [
  {
    ...ours,
    name: '@modelcontextprotocol/server',
    mode: 'auto',
    revision: '2026-07-28',
    hasSessions: false,
    serve: official(true),
  },
  {
    ...ours,
    name: '@modelcontextprotocol/server, by the older protocol',
    mode: 'legacy',
    revision: '2025-11-25',
    hasSessions: false,
    listening: 'refused',
    serve: official(false),
  },
  {
    ...ours,
    name: '@modelcontextprotocol/server, by the older protocol, with sessions',
    mode: 'legacy',
    revision: '2025-11-25',
    hasSessions: true,
    serve: official(true),
  },
  { ...ours, name: 'fastmcp', mode: 'auto', revision: '2025-11-25', hasSessions: true, serve: fastmcp(true) },
  {
    ...ours,
    name: 'fastmcp, without sessions',
    mode: 'auto',
    revision: '2025-11-25',
    hasSessions: false,
    listening: 'unheard',
    serve: fastmcp(false),
  },
  {
    name: 'server-everything behind a gate',
    mode: 'auto',
    revision: '2025-11-25',
    hasSessions: true,
    call: (message) => ({ name: 'echo', arguments: { message } }),
    // It passes over an argument that it does not know.
    slowCall: (message) => ({
      name: 'trigger-long-running-operation',
      arguments: { message, duration: 3600 },
    }),
    answer: (message) => `Echo: ${message}`,
    listening: 'told',
    resource: 'demo://resource/static/document/architecture.md',
    prompt: 'simple-prompt',
    serve: serveEverything,
  },
]
