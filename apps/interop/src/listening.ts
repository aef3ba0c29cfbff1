import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { RunningServer as TestbedServer } from '@x/testbed'
import { createJournal, type OpenArrival, type WritableJournal } from './journal.ts'

/** A server that keeps a journal, like those of the testbed, but one that cannot be broken. */
export type RunningServer = Omit<TestbedServer, 'faults'>

/** What the servers of others are on the inside. */
export type Handler = (request: Request) => Promise<Response>

/** A handler, and what a client may know about it. */
export interface Service<Facts extends object> {
  readonly handler: Handler
  readonly facts: Facts
}

/** Listens on a free port of 127.0.0.1, then makes the service, which needs to know the origin; until then it is 503. */
export async function listen<Facts extends object>(
  makeService: (origin: string) => Promise<Service<Facts>>,
): Promise<RunningServer & Facts> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const [origin, journal] = [originOf(server), createJournal()]
  const close = (): Promise<void> => shut(server)
  let handler: Handler = async () => new Response('not yet', { status: 503 })
  server.on('request', (request, response) => {
    receive({ origin, journal, handler }, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  const { facts, ...service } = await makeService(origin).catch(async (error: unknown) => {
    await close()
    throw error
  })
  handler = service.handler
  journal.clear()
  return { ...facts, origin, journal, close, [Symbol.asyncDispose]: close }
}

function originOf(server: Server): string {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port')
  return `http://127.0.0.1:${address.port}`
}

async function shut(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

interface Desk {
  readonly origin: string
  readonly journal: WritableJournal
  readonly handler: Handler
}

async function receive(desk: Desk, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: path = '' } = incoming
  const headers = headersOf(incoming)
  const body = Buffer.concat(await incoming.toArray()).toString()
  const arrival: OpenArrival = { at: Date.now(), method, path, headers, body, status: undefined }
  desk.journal.record(arrival)
  // Not 'finish': the client may have read the whole answer by then.
  response.once('prefinish', () => {
    arrival.status = response.statusCode
  })
  const init = { method, headers, body: body === '' ? null : body }
  const answer = await desk.handler(new Request(desk.origin + path, init))
  const content = Buffer.from(await answer.arrayBuffer())
  response.setHeaders(answer.headers).writeHead(answer.status).end(content)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
