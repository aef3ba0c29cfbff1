/**
 * The web of an attack: one server of https and one of http, which answer for every host and note all that arrives.
 *
 * TLS is left out between the victim and them, so that a host can be anything, the address of a cloud's credentials too.
 *
 * @module
 */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Fetch } from '@x/oauth-discovery'
import { Agent, fetch as send } from 'undici'

export interface Arrival {
  readonly method: string
  /** With its query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Answer = (response: ServerResponse, arrival: Arrival) => unknown
/** An object is answered as a JSON document. */
export type Page = object | Answer
/** By URL without a query; `https://host/*` stands for all of a host that has no page of its own. */
export type Pages = Readonly<Record<string, Page>>

export interface World extends AsyncDisposable {
  /** Leads every host here, and follows redirects as the platform's does. */
  readonly fetch: Fetch
  /** What `fetch` was given, whatever it was. */
  readonly asked: readonly string[]
  readonly arrivals: readonly Arrival[]
  /** What came to a host, in clear text as well. */
  at(host: string): readonly Arrival[]
  /** Adds pages, and takes the place of others. */
  lay(pages: Pages): void
  /** Resolves when a request for that URL is there. */
  arrived(url: string): Promise<void>
}

export async function startWorld(first: Pages): Promise<World> {
  let pages = first
  const [asked, arrivals] = [[] as string[], [] as Arrival[]]
  const waiting: { readonly url: string; readonly wake: () => void }[] = []

  function receive(scheme: string): Server {
    return createServer((request, response) => {
      response.on('error', () => {})
      note(scheme, request).then(
        (arrival) => answer(arrival, response),
        () => response.destroy(),
      )
    })
  }

  async function note(scheme: string, request: IncomingMessage): Promise<Arrival> {
    const { method = '', headers } = request
    const url = `${scheme}://${headers.host}${request.url}`
    const arrival = { method, url, headers, body: Buffer.concat(await request.toArray()).toString() }
    arrivals.push(arrival)
    for (const each of waiting) if (each.url === bare(url)) each.wake()
    return arrival
  }

  async function answer(arrival: Arrival, response: ServerResponse): Promise<void> {
    const { origin } = new URL(arrival.url)
    const page = pages[bare(arrival.url)] ?? pages[`${origin}/*`] ?? status(404)
    if (typeof page === 'function') await page(response, arrival)
    else document(page)(response)
  }

  const [http, https] = [receive('http'), receive('https')]
  for (const each of [http, https]) await once(each.listen(0, '127.0.0.1'), 'listening')
  const dispatcher = new Agent({
    connect({ protocol }, callback) {
      const { port } = (protocol === 'https:' ? https : http).address() as AddressInfo // they listen to TCP
      const socket = connect(port, '127.0.0.1', () => callback(null, socket))
      socket.once('error', (error) => callback(error, null))
    },
  })
  return {
    asked,
    arrivals,
    at: (host) => arrivals.filter(({ url }) => new URL(url).host === host),
    lay(more) {
      pages = { ...pages, ...more }
    },
    async arrived(url) {
      if (!arrivals.some((each) => bare(each.url) === url)) {
        await new Promise<void>((wake) => waiting.push({ url, wake }))
      }
    },
    async fetch(input, init) {
      asked.push(input instanceof Request ? input.url : String(input))
      const request = new Request(input, init)
      const { method, headers, signal, redirect } = request
      const body = request.body && new Uint8Array(await request.arrayBuffer())
      const sent = { method, headers: Array.from(headers), signal, redirect, body, dispatcher }
      // The same interface by another class: undici is not the one that is inside Node.
      return (await send(request.url, sent)) as unknown as Response
    },
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy()
      for (const each of [http, https]) {
        each.closeAllConnections()
        each.close()
      }
    },
  }
}

function bare(url: string): string {
  return url.replace(/\?.*/s, '')
}

/** An answer that is no document. */
export function status(
  code: number,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): (response: ServerResponse) => void {
  return (response) => response.writeHead(code, headers).end(body)
}

/** A body as it stands, taken for JSON. */
export function text(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): (response: ServerResponse) => void {
  return (response) => response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
}

export function document(value: object): (response: ServerResponse) => void {
  return text(JSON.stringify(value))
}

/** As a token endpoint says no. */
export function refused(error: string): (response: ServerResponse) => void {
  const headers = { 'content-type': 'application/json' }
  return status(error === 'invalid_client' ? 401 : 400, headers, JSON.stringify({ error }))
}

/** One page after the other, the last for good. */
export function inTurn(...pages: readonly Answer[]): Answer {
  let turn = 0
  return (response, arrival) => {
    const page = pages[Math.min(turn, pages.length - 1)]
    turn += 1
    return page?.(response, arrival)
  }
}
