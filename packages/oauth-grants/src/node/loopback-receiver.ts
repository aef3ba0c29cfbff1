/**
 * Where a browser on this machine brings the answer of a sign-in: RFC 8252 §7.3.
 *
 * @module
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { untilAborted } from '@x/oauth-discovery/http'
import type { Listening, Receiver } from '../authorization-code.ts'
import { AuthConfigError, unusable } from '../errors.ts'
import { callbackPage, type Outcome } from './callback-page.ts'

export interface LoopbackReceiverOptions {
  /** Brings a person to a URL, such as the package `open` does. If it throws, or gives a promise that rejects, the sign-in ends with that error. */
  open: (url: string) => unknown
  /** Default: 127.0.0.1; where this machine has none, ::1. Servers tell each from the other, and from localhost. */
  host?: '127.0.0.1' | '::1' | 'localhost' | undefined
  /** Default: 0, any that is free. Servers let the port of a native app differ from the registered one (RFC 8252 §7.3); where one does not, name it. */
  port?: number | undefined
  /** As it is registered. Default: `/callback`. A path for each server tells servers apart that do not name themselves in their answers (RFC 8252 §8.10). */
  path?: string | undefined
}

/**
 * Receives the answer of a sign-in on this machine: listens while somebody signs in, takes the one request that belongs
 * to it, and shows whether it worked.
 *
 * @throws {AuthConfigError} `invalid_redirect_uri`: at once, where the path is none; from the sign-in, where nobody can
 *   listen there, such as on a port that another program has
 */
export function loopbackReceiver(options: LoopbackReceiverOptions): Receiver {
  const { path = '/callback', open, host = '127.0.0.1', port = 0 } = options
  if (!path.startsWith('/')) {
    throw unusable('invalid_redirect_uri', `path ${JSON.stringify(path)}`, 'it has to begin with a slash')
  }
  return {
    redirectUri: `http://${host === '::1' ? '[::1]' : host}${port === 0 ? '' : `:${port}`}${path}`,
    async listen() {
      const server = createServer()
      const origin = await bind(server, options)
      return receiveAt(server, origin + path, open)
    },
  }
}

/** Only from this machine can anybody connect (RFC 8252 §8.3). */
async function bind(server: Server, { host, port = 0 }: LoopbackReceiverOptions): Promise<string> {
  const hosts = host === undefined ? ['127.0.0.1', '::1'] : [host]
  for (const each of hosts) {
    const authority = each === '::1' ? '[::1]' : each
    try {
      await once(server.listen({ host: each, port, exclusive: true }), 'listening')
      const address = server.address()
      // Only a pipe has an address without a port.
      const bound = typeof address === 'object' ? address?.port : undefined
      return `http://${authority}:${bound}`
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException // what `listen` fails with has one
      if (code !== 'EADDRNOTAVAIL' || each === hosts.at(-1)) throw cannotListen(`${authority}:${port}`, code)
    }
  }
  throw new Error('unreachable: there is at least one host')
}

function cannotListen(place: string, code: string | undefined): AuthConfigError {
  const isTaken = code === 'EADDRINUSE'
  const why = isTaken ? 'another program listens there' : 'the system does not allow it'
  const message = `Cannot listen at ${place} for the end of a sign-in: ${why} (${code}). Pass another port, or none, which takes any that is free.`
  return new AuthConfigError('invalid_redirect_uri', message, isTaken ? { recovery: 'transient' } : {})
}

function receiveAt(server: Server, redirectUri: string, open: (url: string) => unknown): Listening {
  const { origin, pathname } = new URL(redirectUri)
  const arrived = Promise.withResolvers<string>()
  let expected: string | undefined
  let conclude: ((outcome: Outcome) => Promise<void>) | undefined
  let outcome: Outcome | undefined

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A proxy is asked by a whole URL, and some methods name no place at all: neither is for us.
    const url = request.url?.startsWith('/') ? new URL(origin + request.url) : undefined
    if (url?.pathname !== pathname) return show(response, 404, 'elsewhere')
    if (request.method !== 'GET') return show(response.setHeader('allow', 'GET'), 405, 'elsewhere')
    // Whoever else can make this browser come here does not know the state (RFC 6749 §10.12).
    if (expected === undefined || url.searchParams.get('state') !== expected) {
      return show(response, 400, 'unexpected')
    }
    if (conclude !== undefined) return show(response, 200, outcome ?? 'repeated')
    // What it shows depends on what comes of it.
    conclude = (each) => deliver(response, each)
    arrived.resolve(url.href)
  })

  return {
    redirectUri,
    async authorize(url, { signal }) {
      signal.throwIfAborted()
      expected = url.searchParams.get('state') ?? undefined
      // What opens a browser may wait until that is closed, and the answer comes before.
      const opened = Promise.resolve(url.href).then(open)
      return untilAborted(Promise.race([arrived.promise, opened.then(() => arrived.promise)]), signal)
    },
    async finish(isSignedIn) {
      outcome = isSignedIn ? 'signed-in' : 'failed'
      await conclude?.(outcome)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Shows it, and waits until it is on its way. Whoever waited for it may have gone. */
async function deliver(response: ServerResponse, outcome: Outcome): Promise<void> {
  if (response.destroyed) return
  const sent = once(response, 'close')
  show(response, 200, outcome)
  await sent
}

function show(response: ServerResponse, status: number, outcome: Outcome): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    connection: 'close',
    // The code stands in the address of this page: it goes nowhere from here (RFC 9700 §4.2.4).
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  })
  response.end(callbackPage(outcome))
}
