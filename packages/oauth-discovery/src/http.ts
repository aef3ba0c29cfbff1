/**
 * The guarded client: every request that these packages make on their own behalf goes through it.
 *
 * Published as `@x/oauth-discovery/http` for `@x/oauth-grants`, so that there is one policy and not two.
 *
 * @module
 */
import { type Clock, systemClock, untilAborted } from './clock.ts'
import { isOAuthError, type OAuthError } from './errors.ts'
import { createEmit, type DiscoveryEvent, type Emit, type Event } from './events.ts'
import { describeCause, displayUrl, quoteForeign, withoutSecrets } from './foreign.ts'
import {
  dropBody,
  type Fail,
  followWithinOrigin,
  type HttpErrorCode,
  isSecure,
  limitBody,
  type Refuse,
  reportExchange,
  type Send,
  vetAddress,
} from './guards.ts'
import { parseJsonObject } from './json.ts'

export type { Clock, Emit, Fail, HttpErrorCode }
export {
  createEmit,
  displayUrl,
  isSecure,
  parseJsonObject,
  quoteForeign,
  systemClock,
  untilAborted,
  withoutSecrets,
}

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Taken by every public call that uses the network. */
export interface HttpOptions<E extends Event = DiscoveryEvent> {
  /** What sends, underneath the guards. Default: `globalThis.fetch` at the time of the call. */
  fetch?: Fetch | undefined
  /** One deadline for the whole call, every hop and body in it, in ms. Default: 10,000. */
  timeoutMs?: number | undefined
  /** Limit of each decoded body, in bytes. Default: 1,048,576. */
  maxBytes?: number | undefined
  /** Lets through a URL that the policy refuses: plain http, or this machine named by another. */
  allowAddress?: ((url: URL) => boolean) | undefined
  /** Default: the system's. */
  clock?: Clock | undefined
  /** Told of each exchange and decision, in order. What it throws is swallowed. */
  onEvent?: ((event: E) => void) | undefined
}

export interface HttpRequest {
  /** Names the exchange in events and messages, such as "token request". */
  readonly purpose: string
  readonly url: string
  /** Sent by POST; without it the request is a GET. */
  readonly form?: URLSearchParams | undefined
  readonly headers?: Headers | undefined
  /** For where only the head of the answer matters, and the body may have no end. */
  readonly dropBody?: boolean | undefined
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

export type Http = (request: HttpRequest) => Promise<Answer>

export interface HttpContext {
  /** What the caller named. Whether it is on this machine decides whether servers may send us there. */
  readonly callerUrl: string | URL
  readonly fail: Fail
  readonly emit: Emit
}

/**
 * Runs `work` with the guarded client, under one deadline and the caller's signal. What work waits for besides
 * requests has to heed the signal that it gets.
 *
 * @throws what `context.fail` makes, with an {@link HttpErrorCode}; or the reason of the caller's signal.
 */
export async function withHttp<T>(
  options: HttpOptions & { signal?: AbortSignal | undefined },
  context: HttpContext,
  work: (http: Http, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs = 10_000, clock = systemClock } = options
  options.signal?.throwIfAborted()
  const deadline = new AbortController()
  const done = new AbortController()
  // Some clocks reject when they are woken.
  clock.sleep(timeoutMs, done.signal).then(
    () => done.signal.aborted || deadline.abort(),
    () => {},
  )
  const signal = AbortSignal.any([deadline.signal, options.signal ?? deadline.signal])
  const http: Http = async (request) => {
    const refuse = refusing(request, context.fail)
    try {
      return await untilAborted(exchange(request, signal, options, { ...context, refuse }), signal)
    } catch (error) {
      options.signal?.throwIfAborted()
      if (deadline.signal.aborted) throw overdue(request, timeoutMs, refuse)
      throw isOAuthError(error) ? error : unreachable(request, error, refuse)
    }
  }
  try {
    return await work(http, signal)
  } finally {
    done.abort()
  }
}

/** Every failure says what was attempted and on what; `what` adds what came of it, and what to do. */
function refusing({ purpose, form }: HttpRequest, fail: Fail): Refuse {
  return (code, address, what, cause) => {
    const url = displayUrl(address)
    const message = `${form === undefined ? 'GET' : 'POST'} ${url} (${purpose}): ${what}`
    const recovery = code === 'timeout' || code === 'unreachable' ? 'transient' : 'terminal'
    return fail(code, message, { url, recovery, cause })
  }
}

function overdue({ url }: HttpRequest, ms: number, refuse: Refuse): OAuthError {
  const what = `no complete answer within ${ms} ms. Check that the server is up. The option timeoutMs sets the limit.`
  return refuse('timeout', url, what)
}

function unreachable({ url }: HttpRequest, error: unknown, refuse: Refuse): OAuthError {
  const cause = describeCause(error)
  const what = `no answer (${cause.code ?? cause.name}). Check that the address is right and the server up.`
  return refuse('unreachable', url, what, cause)
}

async function exchange(
  request: HttpRequest,
  signal: AbortSignal,
  options: HttpOptions,
  { callerUrl, emit, refuse }: HttpContext & { readonly refuse: Refuse },
): Promise<Answer> {
  const { maxBytes = 1_048_576, allowAddress = () => false, clock = systemClock } = options
  const fetch = options.fetch ?? globalThis.fetch
  const guards = [
    followWithinOrigin(refuse),
    vetAddress(new URL(callerUrl), allowAddress, refuse),
    reportExchange(request.purpose, emit, clock),
    request.dropBody === true ? dropBody : limitBody(maxBytes, refuse),
  ]
  const send = guards.reduceRight<Send>(
    (next, guard) => guard(next),
    (each) => fetch(each),
  )
  // Loaded with the first request: importing ky costs as much as starting Node, and reading a header needs none of it.
  const { sendByKy } = await import('./ky.ts')
  const response = await sendByKy(request, send, signal)
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, headers: response.headers, bytes }
}
