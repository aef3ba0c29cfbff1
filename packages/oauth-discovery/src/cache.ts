/**
 * What was read a while ago, kept as long as its server allows.
 *
 * @module
 */
import CachePolicy from 'http-cache-semantics'
import { type Clock, systemClock } from './clock.ts'
import type { Answer } from './http.ts'
import { parseJsonObject } from './json.ts'

/**
 * Keeps answers to requests without credentials. One object is shared by passing it around: to all calls of a program,
 * or to those of one tenant.
 */
export interface DiscoveryCache {
  /**
   * What is kept for a URL, or what `load` brings, which is called once for all who want it meanwhile. A `#` at the end
   * stands for an answer whose body was not read. Who wants it no longer says so by `signal`; that of `load` gives it up,
   * and is for when nobody is left.
   */
  read(url: string, load: (signal?: AbortSignal) => Promise<Answer>, signal?: AbortSignal): Promise<Answer>
  /** Forgets what the server of that URL has said, and what it is about to say. */
  drop(url: string): void
}

export interface MemoryCacheOptions {
  /** Default: 500. */
  maxEntries?: number | undefined
  /** How long a document is kept at most, whatever its server says, in ms. Default: an hour. */
  maxAgeMs?: number | undefined
  /** How long one is kept whose server says nothing of it, in ms. Default: five minutes. */
  defaultAgeMs?: number | undefined
  /** How long it is known that there is none, and that a resource wants a token, in ms. Default: 10 s. */
  negativeAgeMs?: number | undefined
  clock?: Pick<Clock, 'now'> | undefined
}

/** An answer that is on its way, and how many want it. */
interface Flight {
  readonly answer: Promise<Answer>
  readonly over: AbortController
  waiting: number
}

/**
 * A cache in the memory of the process, for as long as HTTP caching allows (RFC 9111), and within bounds. What fails,
 * a server that is down among it, is not kept.
 */
export function memoryCache(options: MemoryCacheOptions = {}): DiscoveryCache {
  const { maxEntries = 500, clock = systemClock } = options
  const kept = new Map<string, { readonly answer: Answer; readonly until: number }>()
  const flights = new Map<string, Flight>()

  function take(url: string, load: (signal?: AbortSignal) => Promise<Answer>): Flight {
    const over = new AbortController()
    const isCurrent = () => flights.get(url) === flight
    const keep = (answer: Answer) => {
      const ms = lifetimeOf(url, answer, options)
      if (!isCurrent() || ms <= 0) return answer
      kept.set(url, { answer, until: clock.now() + ms })
      // The oldest is the first.
      for (const each of kept.keys()) if (kept.size > maxEntries) kept.delete(each)
      return answer
    }
    const answer = load(over.signal)
      .then(keep)
      .finally(() => isCurrent() && flights.delete(url))
    const flight: Flight = { over, waiting: 0, answer }
    flights.set(url, flight)
    return flight
  }

  /** Gives the flight up with the last who waits for it: who comes then gets another. */
  function leave(url: string, flight: Flight): void {
    flight.waiting -= 1
    if (flight.waiting > 0 || flights.get(url) !== flight) return
    flights.delete(url)
    flight.over.abort()
  }

  const cache: DiscoveryCache = {
    read(url, load, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason)
      const found = kept.get(url)
      if (found !== undefined && clock.now() < found.until) return Promise.resolve(found.answer)
      kept.delete(url)
      const running = flights.get(url)
      const flight = running ?? take(url, load)
      flight.waiting += 1
      signal?.addEventListener('abort', () => leave(url, flight), { once: true })
      if (running === undefined) return flight.answer
      return running.answer.catch((error: unknown) => {
        // One that is still there was cut off with the request of which it was a part (Cloudflare Workers).
        if (!flights.has(url)) throw error
        if (flights.get(url) === running) flights.delete(url)
        return cache.read(url, load, signal)
      })
    },
    drop(url) {
      const { origin } = new URL(url)
      for (const map of [kept, flights]) {
        for (const each of map.keys()) if (new URL(each).origin === origin) map.delete(each)
      }
    },
  }
  return cache
}

/** In ms. */
function lifetimeOf(
  url: string,
  answer: Answer,
  { maxAgeMs = 3_600_000, defaultAgeMs = 300_000, negativeAgeMs = 10_000 }: MemoryCacheOptions,
): number {
  const { status, headers } = answer
  if (status === 429 || status >= 500) return 0
  if (headers.get('vary')?.includes('*') === true) return 0
  const request = { url, method: 'GET', headers: {} }
  const said = new Headers(headers)
  // Compared without regard to case (RFC 9111 §5.2), which the library leaves to us.
  said.set('cache-control', headers.get('cache-control')?.toLowerCase() ?? '')
  // As of a 200: a 401 that says nothing would be kept by nobody (RFC 9111 §3), and is here, for a moment.
  const policy = new CachePolicy(request, { status: 200, headers: Object.fromEntries(said) })
  const isSaid = headers.has('cache-control') || headers.has('expires')
  // Not its `timeToLive`, which counts in how long a stale answer may stand in for a new one (RFC 5861).
  const saidMs = (policy.maxAge() - policy.age()) * 1000
  const isDocument = status === 200 && parseJsonObject(answer) !== undefined
  return Math.min(isSaid ? saidMs : defaultAgeMs, isDocument ? maxAgeMs : negativeAgeMs)
}
