import type { Fault } from '@x/testbed'
import type { Credential } from './credential.ts'

/** What both processes of the soak know. */
export const lifeSeconds = 2
export const timeoutMs = 500
/** So near the ends of its life nobody can say whether a token was in hand. */
export const wayMs = 100

/** A token request as the server saw it. */
export interface Arrived {
  readonly credential: Credential
  /** ms since the epoch. */
  readonly at: number
}

const faults: readonly Fault[] = [
  { kind: 'reset' },
  { kind: 'lost-answer' },
  { kind: 'truncated' },
  { kind: 'hang' },
  { kind: 'drip', ms: 50 },
  { kind: 'status', status: 429 },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503, headers: { 'retry-after': '1' } },
  { kind: 'html' },
]

/** The same each time: of the token requests every fifth on average is spoilt, and some of the others are late. */
export function spoilingPlan(size: number): readonly Fault[] {
  const random = createRandom(20)
  return Array.from({ length: size }, () => {
    const fault = faults[Math.floor(random() * faults.length)]
    if (fault !== undefined && random() < 0.2) return fault
    return { kind: 'delay', ms: random() < 0.2 ? random() * 0.4 * timeoutMs : 0 }
  })
}

/** Numbers from 0 to 1 that look random, and are the same for one seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
