/** One request as a server saw it. */
export interface Arrival {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly method: string
  /** With its query, as received. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** UTF-8; empty if there was none. */
  readonly body: string
  /** What was answered; `undefined` while the answer is open, and for ever when the connection was cut. */
  readonly status: number | undefined
  /** When the whole of it was answered, in ms since the epoch; `undefined` as the status. */
  readonly answeredAt: number | undefined
}

export interface Journal {
  readonly arrivals: readonly Arrival[]
  /** A string path is compared with the path without its query; a pattern sees the query too. */
  count(match: { method?: string; path?: string | RegExp; status?: number }): number
  clear(): void
}

export interface RequestMatch {
  method?: string
  path?: string | RegExp
}

/** An entry whose answer is still to come. */
export type OpenArrival = Omit<Arrival, 'status' | 'answeredAt'> & {
  status: number | undefined
  answeredAt: number | undefined
}

export interface WritableJournal extends Journal {
  record(arrival: OpenArrival): void
}

export function createJournal(): WritableJournal {
  const arrivals: Arrival[] = []
  return {
    arrivals,
    record: (arrival) => void arrivals.push(arrival),
    count: ({ status, ...match }) =>
      arrivals.filter((arrival) => matches(match, arrival) && (status ?? arrival.status) === arrival.status)
        .length,
    clear: () => void arrivals.splice(0),
  }
}

export function matches(match: RequestMatch, request: { method: string; path: string }): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== request.method) return false
  if (match.path === undefined) return true
  if (typeof match.path === 'string') return pathnameOf(request.path) === match.path
  // search() ignores lastIndex, so a pattern with the g flag gives the same answer each time.
  return request.path.search(match.path) >= 0
}

export function pathnameOf(path: string): string {
  return path.split('?', 1)[0] ?? path
}
