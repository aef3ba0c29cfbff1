import type { IncomingMessage, ServerResponse } from 'node:http'
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
): Promise<RunningServer & Facts> {
  let handler: Handler = async () => new Response('not yet', { status: 503 })
  const running = await listenAsTestbed(
    0,
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
  const init = { method, headers: headersOf(incoming), body: body.length === 0 ? null : body }
  const given = await handler(new Request(origin + url, init))
  const content = Buffer.from(await given.arrayBuffer())
  response.setHeaders(given.headers).writeHead(given.status).end(content)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
