import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'

// Made up for these tests and good for nothing else: an authority, and what it has signed for 127.0.0.1, localhost and
// far.example, until 2120.
export const authority = `-----BEGIN CERTIFICATE-----
MIH1MIGooAMCAQICAQEwBQYDK2VwMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5
MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAZMRcwFQYDVQQDDA50
ZXN0IGF1dGhvcml0eTAqMAUGAytlcAMhABQiisvTsIjG7JKnHNTwntL4lAfryCbI
ePV+n/aQL41soxMwETAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBAARj5PtSwaV0
1lEoV7LXKRV6JuDV50m9N1HPtNudcM12uYCwyB6aGQwKwgaZ1MjMUL5U/vTPlVRO
ROfAKZ3M9QM=
-----END CERTIFICATE-----`
const cert = `-----BEGIN CERTIFICATE-----
MIIBAzCBtqADAgECAgECMAUGAytlcDAZMRcwFQYDVQQDDA50ZXN0IGF1dGhvcml0
eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowDzENMAsGA1UEAwwE
dGVzdDAqMAUGAytlcAMhAMi86yY6cep9GDquvqUPY0twTkbngnOo+MLm3a6gm+2C
oyswKTAnBgNVHREEIDAehwR/AAABgglsb2NhbGhvc3SCC2Zhci5leGFtcGxlMAUG
AytlcANBAAD5GKVRhlK89HdHTsZSexwyVw1BDKeqol5EwTrwzBhDGUi9zWPMguk/
7PcA2PTIp69IEQG73u49LyVe1q5eiQk=
-----END CERTIFICATE-----`
const key = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKUT3WVhe/VVtZRHTX/p6VpZGrDbX9Z+N95FoqLzGSVd
-----END PRIVATE KEY-----`

export interface EgressServer extends AsyncDisposable {
  readonly origin: string
  readonly port: number
  /** Of each request, in order: method, target as it was written, headers, body. */
  readonly arrivals: readonly Arrival[]
  readonly connections: ReadonlySet<Socket>
}

interface Arrival {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

type Scheme = 'http' | 'https'

/** A server on 127.0.0.1 that notes what arrives, and who connects. */
export async function serve(
  scheme: Scheme,
  answer: RequestListener = (_, response) => response.end('hello'),
): Promise<EgressServer> {
  const arrivals: Arrival[] = []
  const listener: RequestListener = (request, response) => {
    const { method = '', url: target = '', headers } = request
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      arrivals.push({ method, target, headers, body: Buffer.concat(chunks).toString() })
      answer(request, response)
    })
  }
  const server = scheme === 'https' ? createSecureServer({ key, cert }, listener) : createServer(listener)
  return { ...(await start(server, scheme)), arrivals }
}

/** A proxy that leads wherever the table says, by the `host:port` that it is asked for. */
export async function serveProxy(scheme: Scheme, table: Record<string, EgressServer>): Promise<EgressServer> {
  const arrivals: Arrival[] = []
  const listener: RequestListener = (request, response) => {
    const { method = '', url: target = '', headers } = request
    arrivals.push({ method, target, headers, body: '' })
    const { host, pathname } = new URL(target)
    const there = table[host]
    if (there === undefined) response.writeHead(502).end()
    else void pass(`${there.origin}${pathname}`, response)
  }
  const server = scheme === 'https' ? createSecureServer({ key, cert }, listener) : createServer(listener)
  server.on('connect', ({ url: target = '', headers }, socket) => {
    arrivals.push({ method: 'CONNECT', target, headers, body: '' })
    const there = table[target]
    if (there === undefined) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    // Either end may hang up at any time.
    pipeline(socket, connect(there.port, '127.0.0.1'), socket).catch(() => {})
  })
  const started = await start(server, scheme)
  // By name, for a certificate's sake: TLS has no names for addresses.
  return { ...started, origin: `${scheme}://localhost:${started.port}`, arrivals }
}

async function pass(url: string, response: ServerResponse): Promise<void> {
  const answer = await fetch(url, { redirect: 'manual' })
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
}

async function start(server: Server, scheme: Scheme): Promise<Omit<EgressServer, 'arrivals'>> {
  const connections = new Set<Socket>()
  server.keepAliveTimeout = 600_000
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo // it listens on a port
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    port,
    connections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const each of connections) each.destroy()
      await closed
    },
  }
}
