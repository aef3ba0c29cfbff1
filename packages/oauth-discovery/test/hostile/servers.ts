/**
 * The web of an attack: one server for https and one for http, which answer for every host.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer as createPlainServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Attack, Ports } from './attack.ts'
import { certificate, key } from './certificate.ts'
import { answer, respond } from './pages.ts'

export interface Servers extends AsyncDisposable {
  readonly ports: Ports
  /** `GET https://…` for each request, and `end of https://…` for each answer that the client did not let finish. */
  readonly log: string[]
  readonly headers: IncomingHttpHeaders[]
  /** Forgets the last attack. */
  layOut(web: Attack['web']): void
}

export async function startServers(): Promise<Servers> {
  let web: Attack['web'] = {}
  let waiting: { line: string; wake: () => void }[] = []
  const log: string[] = []
  const headers: IncomingHttpHeaders[] = []

  function note(line: string): void {
    log.push(line)
    for (const each of waiting) if (each.line === line) each.wake()
  }

  async function happened(line: string): Promise<void> {
    if (!log.includes(line)) await new Promise<void>((wake) => waiting.push({ line, wake }))
  }

  function listenerOf(scheme: string): RequestListener {
    return (request, response) => {
      const laidOut = web
      const host = request.headers.host?.replace(/:\d+$/, '') ?? ''
      // Who is asked as a proxy is told all of the URL.
      const url = URL.canParse(request.url ?? '') ? `${request.url}` : `${scheme}://${host}${request.url}`
      note(`${request.method} ${url}`)
      headers.push(request.headers)
      response.on('close', () => {
        if (!response.writableFinished && laidOut === web) note(`end of ${url}`)
      })
      response.on('error', () => {})
      respond(laidOut[url] ?? answer(404), response, happened)
    }
  }

  const servers = {
    http: createPlainServer(listenerOf('http')),
    https: createServer({ key, cert: certificate }, listenerOf('https')),
  }
  servers.http.on('connect', ({ url }, socket) => {
    note(`CONNECT ${url}`)
    socket.end()
  })
  for (const each of Object.values(servers)) await once(each.listen(0, '127.0.0.1'), 'listening')
  const portOf = (each: keyof typeof servers) => (servers[each].address() as AddressInfo).port // they listen to TCP
  return {
    ports: { http: portOf('http'), https: portOf('https') },
    log,
    headers,
    layOut(pages) {
      for (const each of Object.values(servers)) each.closeAllConnections()
      web = pages
      waiting = []
      log.length = 0
      headers.length = 0
    },
    async [Symbol.asyncDispose]() {
      for (const each of Object.values(servers)) {
        each.closeAllConnections()
        each.close()
        await once(each, 'close')
      }
    },
  }
}
