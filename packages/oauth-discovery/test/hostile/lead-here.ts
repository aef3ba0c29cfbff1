/**
 * What stands for the network in the victim's process: a `fetch` that leads every host to the servers of the test.
 *
 * @module
 */
import { Agent, buildConnector, fetch as send } from 'undici'
import type { Fetch } from '../../src/index.ts'
import type { Ports } from './attack.ts'
import { certificate } from './certificate.ts'

/** It keeps cookies as a browser does: sent where a request does not say that they are to be left out. */
export function makeFetch(ports: Ports): { readonly fetch: Fetch; readonly end: () => Promise<void> } {
  const connect = buildConnector({ ca: certificate, checkServerIdentity: () => undefined })
  const dispatcher = new Agent({
    maxHeaderSize: 1_048_576, // Node's own limit is not what is looked at
    connect(options, callback) {
      const port = String(options.protocol === 'https:' ? ports.https : ports.http)
      connect({ ...options, hostname: '127.0.0.1', port, servername: 'rs.example' }, callback)
    },
  })
  const cookies: string[] = []
  return {
    async fetch(input, init) {
      const request = new Request(input, init)
      const { method, headers, signal, redirect, credentials } = request
      if (credentials !== 'omit') for (const each of cookies) headers.append('cookie', each)
      const body = method === 'GET' ? null : new Uint8Array(await request.arrayBuffer())
      const sent = { method, headers: Array.from(headers), signal, redirect, body, dispatcher }
      const response = await send(request.url, sent)
      cookies.push(...response.headers.getSetCookie().map((each) => each.replace(/;.*/, '')))
      // The same interface by another class: undici is not the one that is inside Node.
      return response as unknown as Response
    },
    end: () => dispatcher.destroy(),
  }
}
