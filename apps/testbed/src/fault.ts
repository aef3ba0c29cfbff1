import type { Socket } from 'node:net'
import { matches, type RequestMatch } from './journal.ts'

/** What goes wrong instead of, or with, the true answer. */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string }
  /** The answer is replaced; 200 and JSON unless said otherwise. */
  | { kind: 'body'; body: string; contentType?: string; status?: number }
  /** The request waits, then the server acts and answers. */
  | { kind: 'delay'; ms: number }
  /** The server acts, then the answer waits. */
  | { kind: 'late-answer'; ms: number }
  /** Never answers, until healed or closed. */
  | { kind: 'hang' }
  /** The connection is reset before the server acts. */
  | { kind: 'reset' }
  /** The server acts, then the connection is reset before a byte of the answer. */
  | { kind: 'lost-answer' }
  | { kind: 'redirect'; location: string; status?: number }
  /** Declares the true length, sends half of the true body, cuts. */
  | { kind: 'truncated' }
  /** The server acts, then the true answer comes a byte at a time, each after so many ms. */
  | { kind: 'drip'; ms: number }
  /** One long JSON document of `bytes` bytes, its length not declared. */
  | { kind: 'oversized'; bytes: number }
  /** A page with status 200 where JSON is due. */
  | { kind: 'html' }
  /** The true JSON object with members replaced; one that is `undefined` is removed. */
  | { kind: 'changed-members'; members: Record<string, unknown> }

export interface Faults {
  /**
   * Applies to the next `times` requests that match; without `times` to all until healed.
   * Of several that match, the one added first is used up first.
   */
  add(fault: Fault, match?: { method?: string; path?: string | RegExp; times?: number }): void
  /** Removes all, and cuts the connections that hang. */
  heal(): void
}

export interface FaultQueue extends Faults {
  /** The fault due for this request; using it counts. */
  take(request: { method: string; path: string }): Fault | undefined
  /** Keeps a connection open and silent until healed. */
  hold(socket: Socket): void
}

interface Rule {
  readonly fault: Fault
  readonly match: RequestMatch
  left: number
}

export function createFaults(): FaultQueue {
  const rules: Rule[] = []
  const held = new Set<Socket>()
  return {
    add: (fault, { times = Number.POSITIVE_INFINITY, ...match } = {}) =>
      void rules.push({ fault, match, left: times }),
    take(request) {
      const rule = rules.find(({ match, left }) => left > 0 && matches(match, request))
      if (rule) rule.left -= 1
      return rule?.fault
    },
    hold: (socket) => void held.add(socket.once('close', () => held.delete(socket))),
    heal() {
      rules.splice(0)
      for (const socket of held) socket.destroy()
    },
  }
}
