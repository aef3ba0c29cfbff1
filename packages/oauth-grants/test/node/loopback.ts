import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { AuthorizationCodeAuth, type AuthorizationCodeOptions, type Token } from '../../src/index.ts'
import { type LoopbackReceiverOptions, loopbackReceiver } from '../../src/node.ts'
import { loginServer } from '../sign-in.ts'
import { type Reply, tokenServer } from '../token-server.ts'

/** A sign-in that has come as far as a browser; whatever becomes of it, `outcome` does not reject. */
export interface Opened {
  /** Where the browser was sent. */
  readonly url: URL
  /** Where it is to come back, with a code. */
  readonly callback: string
  readonly port: number
  readonly outcome: Promise<Token | Error>
  readonly auth: AuthorizationCodeAuth
}

/** Signs in by a loopback receiver at a server made of replies, up to where the browser is opened. */
export async function openBrowser(
  receiver: Partial<LoopbackReceiverOptions> = {},
  options: Partial<AuthorizationCodeOptions> & { signal?: AbortSignal } = {},
  ...replies: Reply[]
): Promise<Opened> {
  const opened = Promise.withResolvers<string>()
  const { signal, ...rest } = options
  const auth = new AuthorizationCodeAuth({
    serverMetadata: loginServer,
    clientId: 'me',
    fetch: tokenServer(...replies).fetch,
    authorize: loopbackReceiver({ open: (url) => opened.resolve(url), ...receiver }),
    ...rest,
  })
  const outcome = auth.getToken({ signal }).catch((error: Error) => error)
  const url = new URL(await opened.promise)
  const callback = new URL(url.searchParams.get('redirect_uri') ?? '')
  callback.searchParams.set('state', url.searchParams.get('state') ?? '')
  callback.searchParams.set('code', 'c1')
  return { url, callback: callback.href, port: Number(callback.port), outcome, auth }
}

/** Sends these bytes, and gives all that comes back. */
export async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  return text(socket)
}

/** Whether anything answers at this port of a host. */
export async function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect({ port, host, timeout: 2000 })
  // What lets no answer through is no listener either.
  socket.once('timeout', () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
