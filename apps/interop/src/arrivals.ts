import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Fetch } from '@x/oauth-discovery'

/** What arrived at servers, whoever wrote them. */
export interface Arrivals extends Disposable {
  /** Methods and paths that a server got, sorted: what goes side by side has no order. */
  at(url: string): string[]
  /** How many in all. */
  count(): number
  /** For a server in another process: what it gets is noted where it is sent. */
  readonly fetch: Fetch
}

const channel = 'http.server.request.start'

/** Sees what arrives at each server of this process, as Node does, until disposed of. */
export function watchArrivals(): Arrivals {
  const seen: { readonly port: string; readonly request: string }[] = []
  const note = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage } // this is how Node describes the channel
    const { method, url, socket } = request
    seen.push({ port: String(socket.localPort), request: `${method} ${url}` })
  }
  subscribe(channel, note)
  return {
    at(url) {
      const { port } = new URL(url)
      return seen.flatMap((each) => (each.port === port ? [each.request] : [])).toSorted()
    },
    count: () => seen.length,
    fetch(input, init) {
      const request = new Request(input, init)
      const { port, pathname } = new URL(request.url)
      seen.push({ port, request: `${request.method} ${pathname}` })
      return fetch(request)
    },
    [Symbol.dispose]: () => void unsubscribe(channel, note),
  }
}
