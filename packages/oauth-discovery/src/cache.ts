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
   * stands for an answer whose body was not read.
   */
  read(url: string, load: () => Promise<Answer>): Promise<Answer>
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

/**
 * A cache in the memory of the process, for as long as HTTP caching allows (RFC 9111), and within bounds. What fails,
 * a server that is down among it, is not kept.
 */
export function memoryCache(options: MemoryCacheOptions = {}): DiscoveryCache {
  const { maxEntries = 500, clock = systemClock } = options
  const kept = new Map<string, { readonly answer: Answer; readonly until: number }>()
  const flights = new Map<string, Promise<Answer>>()

  async function fly(url: string, load: () => Promise<Answer>, isCurrent: () => boolean): Promise<Answer> {
    const answer = await load()
    const ms = lifetimeOf(url, answer, options)
    if (isCurrent() && ms > 0) {
      kept.set(url, { answer, until: clock.now() + ms })
      // The oldest is the first.
      for (const each of kept.keys()) if (kept.size > maxEntries) kept.delete(each)
    }
    return answer
  }

  const cache: DiscoveryCache = {
    read(url, load) {
      const found = kept.get(url)
      if (found !== undefined && clock.now() < found.until) return Promise.resolve(found.answer)
      kept.delete(url)
      const running = flights.get(url)
      if (running !== undefined)
        return running.catch((error: unknown) => {
          // One that is still there was cut off with the request of which it was a part (Cloudflare Workers).
          if (!flights.has(url)) throw error
          if (flights.get(url) === running) flights.delete(url)
          return cache.read(url, load)
        })
      const flight: Promise<Answer> = fly(url, load, () => flights.get(url) === flight).finally(() => {
        if (flights.get(url) === flight) flights.delete(url)
      })
      flights.set(url, flight)
      return flight
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
