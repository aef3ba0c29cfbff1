/**
 * The servers that the cases want, and the way to have them started and broken from any runtime.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { agree, type Fault, type RunningServer, startTestbed } from '@x/testbed'
import { startSessionServer } from './session-server.ts'
import type { Arrival, ServerName } from './suite/case.ts'
import type { Acts, Addresses } from './suite/control.ts'

type Testbed = Awaited<ReturnType<typeof startTestbed>>
type Started = Pick<Testbed, 'authorizationServer' | 'mcp' | 'api'> & {
  readonly sessions: Awaited<ReturnType<typeof startSessionServer>>
}

/** One case has its servers at a time: `open` starts them, `close` ends them. */
export interface ControlServer extends AsyncDisposable {
  readonly url: string
}

type Answers = { [Name in keyof Acts]: (given: Acts[Name][0]) => Acts[Name][1] | Promise<Acts[Name][1]> }

export async function startControlServer(): Promise<ControlServer> {
  const answers = createAnswers()
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    answer(answers, request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: originOf(server),
    async [Symbol.asyncDispose]() {
      await answers.close(null)
      const closed = once(server, 'close')
      server.close().closeAllConnections()
      await closed
    },
  }
}

export function originOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port')
  return `http://127.0.0.1:${address.port}`
}

async function answer(answers: Answers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = (request.url ?? '').slice(1)
  if (!isAct(answers, name)) return void response.writeHead(404).end()
  const given = JSON.parse(Buffer.concat(await request.toArray()).toString())
  // The suite and these answers are of one piece.
  const act = answers[name] as (given: unknown) => unknown
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await act(given)))
}

function isAct(answers: Answers, name: string): name is keyof Acts {
  return Object.hasOwn(answers, name)
}

function createAnswers(): Answers {
  let started: Started | undefined
  const latest = (): Started => {
    if (started === undefined) throw new Error('no servers were started')
    return started
  }
  const serverOf = (name: ServerName): RunningServer => latest()[name]
  const serversOf = ({ authorizationServer, mcp, api, sessions }: Started) => [
    authorizationServer,
    mcp,
    api,
    sessions,
  ]
  return {
    async open(options) {
      if (started !== undefined) throw new Error('a case has one place')
      const { authorizationServer, mcp, api } = await startTestbed({ ...options })
      const { issuer, tokenEndpoint } = authorizationServer
      const sessions = await startSessionServer(issuer)
      authorizationServer.journal.clear()
      started = { authorizationServer, mcp, api, sessions }
      return {
        issuer,
        tokenEndpoint,
        mcpUrl: mcp.url,
        apiUrl: api.url,
        sessionsUrl: sessions.url,
      } satisfies Addresses
    },
    async close() {
      const ended = started === undefined ? [] : serversOf(started)
      started = undefined
      await Promise.all(ended.map((server) => server.close()))
      return null
    },
    break([name, fault, match]) {
      serverOf(name).faults.add(fault as Fault, match)
      return null
    },
    heal() {
      for (const { faults } of serversOf(latest())) faults.heal()
      return null
    },
    count: ([name, match]) => serverOf(name).journal.count(match),
    arrivals: ([name]) =>
      serverOf(name)
        .journal.arrivals.filter(({ method }) => method !== 'OPTIONS')
        .map(
          ({ method, path, headers, body, status }): Arrival => ({
            method,
            path,
            headers,
            body,
            ...(status !== undefined && { status }),
          }),
        ),
    clear() {
      for (const { journal } of serversOf(latest())) journal.clear()
      return null
    },
    refuse([name, accessToken]) {
      latest()[name].refuse(accessToken)
      return null
    },
    runs([name, tool]) {
      const server = serverOf(name)
      return 'runs' in server && server.runs instanceof Map ? (server.runs.get(tool) ?? 0) : 0
    },
    vouch() {
      const { platform, issuer } = latest().authorizationServer
      return platform.sign({ subject: 'job', audience: issuer })
    },
    forgetSessions() {
      latest().sessions.forget()
      return null
    },
    agree: (url) => agree(url),
  }
}
