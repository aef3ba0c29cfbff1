import { once } from 'node:events'
import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { answerBroken } from './broken-answer.ts'
import { createFaults, type FaultQueue, type Faults } from './fault.ts'
import { createJournal, type Journal, type OpenArrival, type WritableJournal } from './journal.ts'
import { openToBrowsers } from './open-to-browsers.ts'

/** A server that keeps a journal and can be broken. */
export interface RunningServer extends AsyncDisposable {
  readonly origin: string
  readonly journal: Journal
  readonly faults: Faults
  /** Ends everything at once, open connections included. */
  close(): Promise<void>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

interface Desk {
  readonly journal: WritableJournal
  readonly faults: FaultQueue
  readonly closing: AbortSignal
  readonly handler: Promise<Handler>
}

/** Listens on 127.0.0.1, then makes the handler, which may need to know the origin. */
export async function listen(
  port: number,
  makeHandler: (origin: string) => Promise<Handler>,
): Promise<RunningServer> {
  const server = createServer()
  // Of a thousand who come at once nobody has to knock twice.
  await once(server.listen({ port, host: '127.0.0.1', backlog: 4_096 }), 'listening')
  const origin = originOf(server.address())
  const [journal, faults, closing] = [createJournal(), createFaults(), new AbortController()]
  const desk: Desk = { journal, faults, closing: closing.signal, handler: makeHandler(origin) }
  server.on('request', (request, response) => {
    receive(desk, request, response).catch((error: unknown) => giveUp(response, error))
  })
  const close = async (): Promise<void> => {
    closing.abort()
    await shut(server)
  }
  await desk.handler.catch(async (error: unknown) => {
    await close()
    throw error
  })
  return { origin, journal, faults, close, [Symbol.asyncDispose]: close }
}

async function shut(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

function originOf(address: ReturnType<Server['address']>): string {
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port')
  return `http://127.0.0.1:${address.port}`
}

async function receive(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { faults, closing } = desk
  const arrival = arrivalOf(request)
  const body = Buffer.concat(await request.toArray())
  const recorded: OpenArrival = { ...arrival, body: body.toString() }
  desk.journal.record(recorded)
  // Not 'finish': the client may have read the whole answer by then.
  response.once('prefinish', () => {
    recorded.status = response.statusCode
    recorded.answeredAt = Date.now()
  })
  const act = async (): Promise<void> => {
    const handler = await desk.handler
    await handler(readAgain(request, body), response)
  }
  const fault = faults.take(arrival)
  if (fault === undefined) return act()
  // A browser would show its scripts a network error instead.
  openToBrowsers(response)
  await answerBroken(fault, { response, act, faults, closing })
}

/** Nothing is thrown for a connection that is gone, and a mistake of a handler should not look like one. */
function giveUp(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) response.destroy()
  else response.writeHead(500).end(String(error))
}

function arrivalOf(request: IncomingMessage): OpenArrival {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)])
  const { method = '', url: path = '' } = request
  return {
    at: Date.now(),
    method,
    path,
    headers: Object.fromEntries(headers),
    body: '',
    status: undefined,
    answeredAt: undefined,
  }
}

/** The same request, unread: handlers want a stream, and this one was read to its end. */
export function readAgain(request: IncomingMessage, body: Buffer): IncomingMessage {
  const { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor } = request
  const head = { method, url, headers, rawHeaders, httpVersion, httpVersionMajor, httpVersionMinor }
  const copy = Object.assign(new IncomingMessage(request.socket), head, { complete: true })
  if (body.length > 0) copy.push(body)
  copy.push(null)
  return copy
}
