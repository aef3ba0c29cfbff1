import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen, type RunningServer } from '@x/testbed'

/** One request, read to its end. */
export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: string
  readonly form: URLSearchParams
}

export type Answer = (asked: Asked) => Response | Promise<Response>

/** A server on this machine made of one function, which notes all that arrives. */
export function serve(makeAnswer: (origin: string) => Answer): Promise<RunningServer> {
  return listen(0, async (origin) => {
    const answer = makeAnswer(origin)
    return async (request: IncomingMessage, response: ServerResponse) => {
      const { method = '', url = '/' } = request
      const body = Buffer.concat(await request.toArray()).toString()
      const headers = new Headers()
      for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
      const asked = { method, url: new URL(url, origin), headers, body, form: new URLSearchParams(body) }
      const { status, headers: more, body: stream } = await answer(asked)
      response.writeHead(status, Object.fromEntries(more))
      for await (const chunk of stream ?? []) response.write(chunk)
      response.end()
    }
  })
}

/** All that has arrived at servers, as one text: what is not in it was not sent there. */
export function arrivedAt(...servers: readonly Pick<RunningServer, 'journal'>[]): string {
  return JSON.stringify(servers.map(({ journal }) => journal.arrivals))
}
