/**
 * The guarded client: every request that these packages make on their own behalf goes through it.
 *
 * Published as `@x/oauth-discovery/http` for `@x/oauth-grants`, so that there is one policy and not two.
 *
 * @module
 */
import type { DiscoveryCache } from './cache.ts'
import { type Clock, systemClock, untilAborted } from './clock.ts'
import { isOAuthError, type OAuthError } from './errors.ts'
import { createEmit, type DiscoveryEvent, type Emit, type Event } from './events.ts'
import { describeCause, displayUrl, quoteForeign, withoutSecrets } from './foreign.ts'
import {
  type Fail,
  followWithinOrigin,
  type Guard,
  type HttpErrorCode,
  isSecure,
  type Refuse,
  readWithin,
  reportExchange,
  type Send,
  vetAddress,
} from './guards.ts'
import { parseJsonObject } from './json.ts'
import type { Limits } from './limits.ts'
import { readRetryAfter } from './retry-after.ts'

export type { Clock, Emit, Fail, HttpErrorCode }
export {
  createEmit,
  displayUrl,
  isSecure,
  parseJsonObject,
  quoteForeign,
  readRetryAfter,
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
  /** Lets through a URL that the policy refuses: plain http, or an address to which only a server outside has led. */
  allowAddress?: ((url: URL) => boolean) | undefined
  /** What was read is kept there, for all calls that are given the same one. Default: nothing is kept. */
  cache?: DiscoveryCache | undefined
  /** How much may go on at once, and for how long, over all calls that are given the same ones. */
  limits?: Limits | undefined
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
  readonly body?: URLSearchParams | string | undefined
  readonly headers: Headers
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
  const { timeoutMs = 10_000, clock = systemClock, limits, signal: caller } = options
  if (limits) {
    return limits.run((signal) => withHttp({ ...options, limits: undefined, signal }, context, work), caller)
  }
  caller?.throwIfAborted()
  const over = new AbortController()
  const shown = displayUrl(context.callerUrl)
  const late = `no complete answer within ${timeoutMs} ms. The option timeoutMs sets the limit.`
  const end = () =>
    over.signal.aborted ||
    over.abort(context.fail('timeout', `${shown}: ${late}`, { url: shown, recovery: 'transient' }))
  // Some clocks reject when they are woken.
  clock.sleep(timeoutMs, over.signal).then(end, () => {})
  const signal = AbortSignal.any([over.signal, caller ?? over.signal])
  const http: Http = async (request) => {
    const refuse = refusing(request, context.fail)
    try {
      return await untilAborted(exchange(request, signal, options, { ...context, refuse }), signal)
    } catch (error) {
      caller?.throwIfAborted()
      // What was asked for says more than the reason of the signal.
      if (isOAuthError(over.signal.reason)) throw refuse('timeout', request.url, late)
      throw isOAuthError(error) ? error : unreachable(request.url, error, refuse)
    }
  }
  try {
    return await work(http, signal)
  } finally {
    over.abort()
  }
}

/** Every failure says what was attempted and on what; `what` adds what came of it, and what to do. */
function refusing({ purpose, body }: Pick<HttpRequest, 'purpose' | 'body'>, fail: Fail): Refuse {
  return (code, address, what, cause) => {
    const url = displayUrl(address)
    const message = `${body === undefined ? 'GET' : 'POST'} ${url} (${purpose}): ${what}`
    const recovery = code === 'timeout' || code === 'unreachable' ? 'transient' : 'terminal'
    return fail(code, message, { url, recovery, cause })
  }
}

function unreachable(url: string, error: unknown, refuse: Refuse): OAuthError {
  const { message, ...cause } = describeCause(error)
  if (message !== undefined) return refuse('address_refused', url, `not sent: ${message}`, cause)
  const what = `no answer (${cause.code ?? cause.name}). Check that the address is right and the server up.`
  return refuse('unreachable', url, what, cause)
}

function exchange(
  request: HttpRequest,
  signal: AbortSignal,
  options: HttpOptions,
  context: HttpContext & { readonly refuse: Refuse },
): Promise<Answer> {
  const { allowAddress = () => false, maxBytes = 1_048_576, clock = systemClock, cache } = options
  const fetch = options.fetch ?? globalThis.fetch
  const { emit, refuse } = context
  const isGet = request.body === undefined
  const vet = vetAddress(new URL(context.callerUrl), allowAddress, refuse)
  // What one call asks for all that want the same has a deadline of its own, and no single caller who ends it.
  const load = (over?: AbortSignal) =>
    withHttp({ ...options, timeoutMs: undefined, signal: over, cache: undefined }, context, (http) =>
      http(request),
    )
  // An answer without its body is not one with it.
  const share: Guard = (next) => (url) =>
    cache && isGet ? cache.read(request.dropBody ? `${url}#` : url, load, signal) : next(url)
  const guards = [
    vet, // what is kept is no way round the policy either
    share,
    followWithinOrigin(isGet, refuse),
    vet,
    reportExchange(request.purpose, isGet ? 'GET' : 'POST', emit, clock),
  ]
  const send: Send = async (url) => {
    // Loaded with the first request: importing ky costs as much as starting Node, and reading a header needs none of it.
    const { sendByKy } = await import('./ky.ts')
    const response = await sendByKy({ ...request, url }, fetch, signal)
    const { status, headers } = response
    if (!request.dropBody)
      return { status, headers, bytes: await readWithin(maxBytes, url, response, refuse) }
    void response.body?.cancel().catch(() => {})
    return { status, headers, bytes: new Uint8Array() }
  }
  return guards.reduceRight((next, guard) => guard(next), send)(request.url)
}
