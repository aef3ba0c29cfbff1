import type { Fault } from '@x/testbed'
import type { Credential } from './credential.ts'

/** What both processes of the soak know. */
export const lifeSeconds = 2
export const timeoutMs = 500
/**
 * A request is on its way for some ms, and on a busy machine for more: so near its ends nobody can say whether a token was
 * in hand.
 */
export const wayMs = 100

/** What went wrong with a token request; undefined: it was answered, perhaps late. */
export type Spoilt = string | undefined

/** A token request as the server saw it. */
export interface Arrived {
  readonly credential: Credential
  /** ms since the epoch, as all times here. */
  readonly at: number
  readonly spoilt: Spoilt
}

const faults: readonly (readonly [string, Fault])[] = [
  ['reset', { kind: 'reset' }],
  ['lost', { kind: 'lost-answer' }],
  ['cut', { kind: 'truncated' }],
  ['hang', { kind: 'hang' }],
  ['drip', { kind: 'drip', ms: 50 }],
  ['429', { kind: 'status', status: 429 }],
  ['500', { kind: 'status', status: 500 }],
  ['503', { kind: 'status', status: 503, headers: { 'retry-after': '1' } }],
  ['HTML', { kind: 'html' }],
]

/** The same each time: of the token requests every fifth on average is spoilt, and some of the others are late. */
export function spoilingPlan(size: number): { readonly name: Spoilt; readonly fault: Fault }[] {
  const random = createRandom(20)
  return Array.from({ length: size }, () => {
    const [name, fault] = faults[Math.floor(random() * faults.length)] ?? ['reset', { kind: 'reset' }]
    if (random() < 0.2) return { name, fault }
    return { name: undefined, fault: { kind: 'delay', ms: random() < 0.2 ? random() * 0.4 * timeoutMs : 0 } }
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
