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

export type Send = (request: Request) => Promise<Response>
export type Guard = (next: Send) => Send

const maxRedirects = 3

/** A redirect moves a request to a host that nobody vetted: a GET stays within its origin, a POST stays where it is. */
export function followWithinOrigin(fail: Fail): Guard {
  return (next) => async (first) => {
    let request = first
    for (let hops = 0; ; hops += 1) {
      const response = await next(request)
      if (!isRedirect(response)) return response
      const target = redirectTarget(response, request.url)
      const within = target?.origin === new URL(request.url).origin
      if (target === undefined || !within || request.method !== 'GET' || hops === maxRedirects) {
        throw redirectRefused(request, target, fail)
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

function redirectRefused({ method, url }: Request, target: URL | undefined, fail: Fail): OAuthError {
  const shown = displayUrl(url)
  const to = target === undefined ? '' : ` to ${displayUrl(target)}`
  const rule = method === 'GET' ? `at most ${maxRedirects}, within the origin, are` : 'none of a POST is'
  const message = `${method} ${shown} was redirected${to}: ${rule} followed. If you trust that address, configure it.`
  return fail('redirect_refused', message, { url: shown, recovery: 'terminal' })
}

/**
 * In clear text a token is everybody's, and a server may not send us to the machine that we run on:
 * plain http, and this machine at all, are for programs whose own caller named this machine.
 */
export function vetAddress(caller: URL, allowAddress: (url: URL) => boolean, fail: Fail): Guard {
  return (next) => async (request) => {
    const url = new URL(request.url)
    if (/^https?:$/.test(url.protocol) && allowAddress(url)) return next(request)
    const shown = displayUrl(url)
    const refused = (code: HttpErrorCode, why: string) =>
      fail(code, `${shown} ${why}: nothing is sent. The option allowAddress can allow it.`, {
        url: shown,
        recovery: 'terminal',
      })
    if (isLoopback(url) && !isLoopback(caller)) {
      throw refused(
        'address_refused',
        `is on this machine, and ${displayUrl(caller)}, which led there, is not`,
      )
    }
    if (!isSecure(url)) throw refused('insecure_url', 'is not https')
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
export function limitBody(maxBytes: number, fail: Fail): Guard {
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
        const url = displayUrl(request.url)
        const message = `${request.method} ${url}: the answer is larger than ${maxBytes} bytes; the option maxBytes sets the limit.`
        throw fail('body_too_large', message, { url, recovery: 'terminal' })
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
