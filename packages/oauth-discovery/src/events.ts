/**
 * What happened, told while it happens, and fit to be written down: no secret, no token, no query of a URL. Only
 * the values of challenges are a stranger's text, of which the errors have been cleaned.
 *
 * Nothing here formats: a program that wants a log line or a waterfall makes it from these.
 *
 * @module
 */
import type { Challenge } from './challenge.ts'
import { systemClock } from './clock.ts'
import type { HttpOptions } from './http.ts'

/** `at`: ms since the epoch. `flow`: the same for all events of one public call. */
export type Event<T extends string = string, D = unknown> = {
  readonly type: T
  readonly at: number
  readonly flow: string
} & D

export type DiscoveryEvent =
  | Event<
      'exchange',
      {
        readonly purpose: string
        readonly method: string
        readonly url: string
        /** Absent when no answer came; then `code` says why. */
        readonly status?: number
        readonly ms: number
        readonly bytes?: number
        readonly code?: string
      }
    >
  | Event<'challenge', { readonly url: string; readonly challenges: readonly Challenge[] }>
  | Event<
      'candidate',
      {
        readonly url: string
        readonly outcome: 'used' | 'absent' | 'refused'
        readonly code?: string | undefined
      }
    >
  /** A member of a document is of the wrong type, and taken for absent. */
  | Event<'ignored', { readonly url: string; readonly member: string }>

type Unstamped<E> = E extends Event ? Omit<E, 'at' | 'flow'> : never

/** Stamps events with the time and one flow, and hands them to the caller's handler, whose own faults are its own. */
export type Emit<E extends Event = DiscoveryEvent> = (event: Unstamped<E>) => void

export function createEmit<E extends Event>(options: Pick<HttpOptions<E>, 'onEvent' | 'clock'>): Emit<E> {
  const { onEvent, clock = systemClock } = options
  if (onEvent === undefined) return () => {}
  const flow = crypto.randomUUID()
  return (event) => {
    // The compiler does not see that an event without its two stamps, stamped, is that event.
    const stamped = { ...event, at: clock.now(), flow } as unknown as E
    // An observer must not change what it observes, whether it throws at once or as a promise.
    void (async () => onEvent(stamped))().catch(() => {})
  }
}
