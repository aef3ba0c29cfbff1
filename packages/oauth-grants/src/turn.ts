/**
 * One at a time, of all who share a store: in this process, and in others where the store can tell.
 *
 * @module
 */
import { type Clock, untilAborted } from '@x/oauth-discovery/http'
import type { Lease, TokenStore } from './store.ts'

export interface Turn {
  /** Of its lease; undefined where the store has none. */
  readonly fence?: number | undefined
  /** For the moment before something is sent that can be used once. It throws where another has the turn by now. */
  readonly hold: () => Promise<void>
}

export interface Place<S, T> {
  readonly store: TokenStore
  readonly key: string
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
  /** Reads what is there, before a turn is asked for and again in it. */
  readonly look: () => Promise<S>
  /** Whether that is what one has waited for. */
  readonly accept: (seen: S) => T | undefined
  /** A person has the turn: that takes long, and is not lost because a process stood still. */
  readonly isSlow?: boolean
  readonly tell?: ((outcome: 'waiting' | 'held' | 'lost') => void) | undefined
}

/** How long whoever died keeps others waiting, in ms. Whoever lives extends it. */
const leaseMs = 10_000
/** How long giving one back may take, in ms. */
const patienceMs = 1_000
/** How often those look who wait, in ms, on average. */
const pollMs = 100
const slowPollMs = 500

/** Another process took the turn over while this one stood still. */
class TurnLost extends Error {}

/** What is under way in this process, by store and key. */
const lines = /* @__PURE__ */ new WeakMap<TokenStore, Map<string, Promise<void>>>()

/** Where nobody else can be in the way. */
export const ownTurn: Turn = { hold: async () => {} }

/**
 * Runs `act` when nobody else is at the same place.
 *
 * @returns what it gives, or what others have left there meanwhile
 */
export function inTurn<S, T>(place: Place<S, T>, act: (seen: S, turn: Turn) => Promise<T>): Promise<T> {
  const { store, key, clock, signal, isSlow } = place
  if (isSlow) return inLease(place, act)
  const line = lines.get(store) ?? new Map<string, Promise<void>>()
  lines.set(store, line)
  // Where it was cut off with the request of which it was a part (Cloudflare Workers), nobody is before us.
  const before = Promise.resolve(line.get(key)).catch(() => {})
  const turn = untilAborted(before, signal).then(() => inLease(place, act))
  const done = new AbortController()
  const ended = Promise.race([Promise.allSettled([turn]), longAfter(signal, clock, done.signal)])
  // Who gives up waiting lets nobody pass.
  const end = Promise.all([before, ended]).then(() => {
    done.abort()
    if (line.get(key) === end) line.delete(key)
  })
  line.set(key, end)
  return turn
}

/** Whoever hangs in spite of a signal has the turn for as long as who died. */
async function longAfter(signal: AbortSignal | undefined, clock: Clock, done: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    // Where it was aborted before, nothing was begun.
    signal?.addEventListener('abort', () => resolve(), { signal: done })
  })
  // Some clocks reject when they are woken.
  await clock.sleep(leaseMs, done).catch(() => {})
}

/** A turn if it can be had in so many ms; else none. */
export async function leaseSoon(place: Asking, ms: number): Promise<Lease | undefined> {
  const { store, clock } = place
  for (const until = clock.now() + ms; ; ) {
    const given = await ask(place)
    if (given || !store.lease || clock.now() >= until) return given?.lease
    await pause(place, pollMs)
  }
}

export async function giveBack(lease: Lease | undefined): Promise<void> {
  await lease?.[Symbol.asyncDispose]()
}

async function inLease<S, T>(place: Place<S, T>, act: (seen: S, turn: Turn) => Promise<T>): Promise<T> {
  const { store, look, accept, isSlow, tell } = place
  for (let isFirst = true; ; isFirst = false) {
    const seen = await look()
    const found = accept(seen)
    if (found !== undefined) return found
    if (store.lease === undefined) return act(seen, ownTurn)
    const given = await ask(place)
    try {
      if (given) return await holding(given, place, act)
      if (isFirst) tell?.('waiting')
    } catch (error) {
      if (!(error instanceof TurnLost)) throw error
      tell?.('lost')
    }
    await pause(place, isSlow ? slowPollMs : pollMs)
  }
}

async function holding<S, T>(
  { lease, askedAt }: Given,
  { clock, signal, look, accept, isSlow, tell }: Place<S, T>,
  act: (seen: S, turn: Turn) => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  let goodFrom = askedAt
  const extend = async () => {
    const now = clock.now()
    const isOurs = await lease.extend(leaseMs, now)
    // What is lost stays lost, whoever has found it out.
    goodFrom = isOurs ? now : Number.NEGATIVE_INFINITY
    if (!isOurs) throw new TurnLost()
  }
  // A process that stood still, or whose clock was set, may have lost it without notice.
  const hold = async () => {
    while (Math.abs(clock.now() - goodFrom) > leaseMs / 2) await untilAborted(extend(), signal)
  }
  // Some clocks reject when they are woken.
  const over = new AbortController()
  void longAfter(signal, clock, done.signal).then(() => over.abort())
  keep(extend, clock, AbortSignal.any([done.signal, over.signal])).catch(() => {})
  try {
    tell?.('held')
    // Somebody else may have had the turn since it was looked at.
    const seen = await look()
    return accept(seen) ?? (await act(seen, isSlow ? ownTurn : { fence: lease.fence, hold }))
  } finally {
    done.abort()
    // If not now, it ends by itself.
    const back = new AbortController()
    const soon = clock.sleep(patienceMs, back.signal)
    await Promise.race([giveBack(lease), soon]).catch(() => {})
    back.abort()
  }
}

/** Extends a turn, while somebody who is alive needs it. What the store says meanwhile is asked again before it counts. */
async function keep(extend: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(leaseMs / 3, signal)
    if (signal.aborted) return
    await extend().catch(() => {})
  }
}

interface Given {
  readonly lease: Lease
  /** ms since the epoch: it is good from then on, however long the store took. */
  readonly askedAt: number
}

type Asking = Pick<Place<unknown, unknown>, 'store' | 'key' | 'clock' | 'signal'>

/** @returns undefined where another has the turn, or the store knows none */
async function ask({ store, key, clock, signal }: Asking): Promise<Given | undefined> {
  const askedAt = clock.now()
  const leasing = store.lease?.(key, leaseMs, askedAt)
  if (leasing === undefined) return undefined
  try {
    const lease = await untilAborted(leasing, signal)
    return lease && { lease, askedAt }
  } catch (error) {
    // It may come all the same, and keep others waiting.
    leasing.then(giveBack).catch(() => {})
    throw error
  }
}

async function pause({ clock, signal }: Pick<Asking, 'clock' | 'signal'>, ms: number): Promise<void> {
  await clock.sleep(ms * (0.5 + Math.random()), signal)
  signal?.throwIfAborted()
}
