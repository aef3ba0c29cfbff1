/**
 * The policy under every request of ours, as a list that can be read aloud. Each guard answers one attack.
 *
 * @module
 */
import type { Clock } from './clock.ts'
import { isOAuthError, type OAuthError, type Recovery } from './errors.ts'
import type { Emit } from './events.ts'
import { displayUrl } from './foreign.ts'

export type HttpErrorCode =
  | 'invalid_url'
  | 'insecure_url'
  | 'address_refused'
  | 'redirect_refused'
  | 'body_too_large'
  | 'timeout'
  | 'unreachable'

/** Makes a failure into the error class of the package that asked. */
export type Fail = (
  code: HttpErrorCode,
  message: string,
  options: { url: string; recovery: Recovery; cause?: unknown },
) => OAuthError

/** Makes a failure of the exchange under way: `what` goes behind its method and URL. */
export type Refuse = (code: HttpErrorCode, url: string, what: string, cause?: unknown) => OAuthError

export type Send = (request: Request) => Promise<Response>
export type Guard = (next: Send) => Send

const maxRedirects = 3

/** A redirect moves a request to a host that nobody vetted: a GET stays within its origin, a POST stays where it is. */
export function followWithinOrigin(refuse: Refuse): Guard {
  return (next) => async (first) => {
    let request = first
    for (let hops = 0; ; hops += 1) {
      const response = await next(request)
      if (!isRedirect(response)) return response
      const target = redirectTarget(response, request.url)
      const within = target?.origin === new URL(request.url).origin
      if (target === undefined || !within || request.method !== 'GET' || hops === maxRedirects) {
        const to = target === undefined ? '' : ` to ${displayUrl(target)}`
        const what = `redirected${to}, and only a GET is followed, within its origin and at most ${maxRedirects} times. If you trust that address, configure it.`
        throw refuse('redirect_refused', request.url, what)
      }
      request = new Request(target, request)
    }
  }
}

function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status <= 399 && status !== 304)
}

/** Browsers hide where a redirect leads; then there is no target. */
function redirectTarget(response: Response, base: string): URL | undefined {
  const location = response.headers.get('location')
  return location !== null && URL.canParse(location, base) ? new URL(location, base) : undefined
}

/**
 * In clear text a token is everybody's, and a server may not send us to the machine that we run on:
 * plain http, and this machine at all, are for programs whose own caller named this machine.
 */
export function vetAddress(caller: URL, allowAddress: (url: URL) => boolean, refuse: Refuse): Guard {
  return (next) => async (request) => {
    const url = new URL(request.url)
    if (/^https?:$/.test(url.protocol) && allowAddress(url)) return next(request)
    const refused = (code: HttpErrorCode, why: string) =>
      refuse(code, request.url, `not sent, for ${why}. The option allowAddress can allow it.`)
    if (isLoopback(url) && !isLoopback(caller)) {
      const why = `it is on this machine, and ${displayUrl(caller)}, which led there, is not`
      throw refused('address_refused', why)
    }
    if (!isSecure(url)) throw refused('insecure_url', 'it is not https')
    return next(request)
  }
}

/** Whether what is sent there stays between the two ends: over https, or within this machine. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

/** URL parsers have already rewritten `0x7f.1`, `2130706433` and the like to one form. */
function isLoopback({ hostname }: URL): boolean {
  return /^(?:(?:.+\.)?localhost\.?|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\]|\[::ffff:(?:7f..:[0-9a-f]{1,4}|0:0)\])$/.test(
    hostname,
  )
}

/** Not a defence: tells the caller of each exchange, hop by hop. */
export function reportExchange(purpose: string, emit: Emit, clock: Clock): Guard {
  return (next) => async (request) => {
    const started = clock.now()
    const exchange = {
      type: 'exchange',
      purpose,
      method: request.method,
      url: displayUrl(request.url),
    } as const
    try {
      const response = await next(request)
      const bytes = Number(response.headers.get('content-length') ?? 0)
      emit({ ...exchange, status: response.status, ms: clock.now() - started, bytes })
      return response
    } catch (error) {
      const code = isOAuthError(error) ? error.code : 'unreachable'
      emit({ ...exchange, ms: clock.now() - started, code })
      throw error
    }
  }
}

/** An endless or inflated body fills the memory: what is read is counted after decompression, whatever was declared. */
export function limitBody(maxBytes: number, refuse: Refuse): Guard {
  return (next) => async (request) => {
    const response = await next(request)
    if (response.body === null) return response
    const chunks: Uint8Array<ArrayBuffer>[] = []
    let length = 0
    // Not `for await`: browsers do not iterate streams everywhere.
    const reader = response.body.getReader()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.byteLength
      if (length > maxBytes) {
        void reader.cancel().catch(() => {})
        const what = `the answer is larger than ${maxBytes} bytes. The option maxBytes sets the limit.`
        throw refuse('body_too_large', request.url, what)
      }
      chunks.push(read.value)
    }
    return rebuilt(response, await new Blob(chunks).arrayBuffer())
  }
}

/** An event stream has no end: where only the head matters, the body is called off. */
export const dropBody: Guard = (next) => async (request) => {
  const response = await next(request)
  void response.body?.cancel().catch(() => {})
  return response.body === null ? response : rebuilt(response, null)
}

function rebuilt({ status, headers }: Response, body: ArrayBuffer | null): Response {
  const truthful = new Headers(headers)
  truthful.delete('content-encoding')
  truthful.set('content-length', String(body?.byteLength ?? 0))
  return new Response(body, { status, headers: truthful })
}
