import type { Arrival, Journal } from '@x/testbed'

/** An entry whose answer is still to come. */
export type OpenArrival = Omit<Arrival, 'status'> & { status: number | undefined }

export interface WritableJournal extends Journal {
  record(arrival: OpenArrival): void
}

/** Keeps what arrived, in order; reads like the journals of the testbed. */
export function createJournal(): WritableJournal {
  const arrivals: Arrival[] = []
  return {
    arrivals,
    record: (arrival) => void arrivals.push(arrival),
    count: (match) => arrivals.filter((arrival) => matches(match, arrival)).length,
    clear: () => void arrivals.splice(0),
  }
}

type Match = Parameters<Journal['count']>[0]

function matches({ method, path, status }: Match, arrival: Arrival): boolean {
  if (method !== undefined && method.toUpperCase() !== arrival.method) return false
  if (status !== undefined && status !== arrival.status) return false
  if (path === undefined) return true
  if (typeof path === 'string') return arrival.path.split('?', 1)[0] === path
  // search() ignores lastIndex, so a pattern with the g flag gives the same answer each time.
  return arrival.path.search(path) >= 0
}
