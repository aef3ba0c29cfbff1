import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { listen as listenAsTestbed, type RunningServer } from '@x/testbed'

export type { RunningServer }

/** What the servers of others are on the inside. */
export type Handler = (request: Request) => Promise<Response>

/** A handler, and what a client may know about it. */
export interface Service<Facts extends object> {
  readonly handler: Handler
  readonly facts: Facts
}

/** Listens as the servers of the testbed do, then makes the service, which needs to know the origin; until then it is 503. */
export async function listen<Facts extends object>(
  makeService: (origin: string) => Promise<Service<Facts>>,
  port = 0,
): Promise<RunningServer & Facts> {
  let handler: Handler = async () => new Response('not yet', { status: 503 })
  const running = await listenAsTestbed(
    port,
    async (origin) => (request, response) => answer(handler, origin, request, response),
  )
  const { facts, ...service } = await makeService(running.origin).catch(async (error: unknown) => {
    await running.close()
    throw error
  })
  handler = service.handler
  running.journal.clear()
  return { ...running, ...facts }
}

async function answer(
  handler: Handler,
  origin: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = incoming
  const body = Buffer.concat(await incoming.toArray())
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const given = await handler(
    new Request(origin + url, {
      method,
      headers: headersOf(incoming),
      body: body.length === 0 ? null : body,
      signal: gone.signal,
    }),
  )
  response.setHeaders(given.headers).writeHead(given.status)
  if (given.body === null) return void response.end()
  // A stream may have nothing to say yet.
  response.flushHeaders()
  await pipeline(given.body, response)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
