import { vi } from 'vitest'
import {
  type Challenge,
  createToken,
  type GrantEvent,
  memoryStore,
  type Obtain,
  type Token,
  TokenError,
  type TokenInit,
  TokenSession,
  type TokenSessionOptions,
  type TokenStore,
} from '../src/index.ts'
import { decodeToken, encodeToken } from '../src/token.ts'
import { type HandClock, handClock } from './hand-clock.ts'

export interface Bench {
  readonly clock: HandClock
  readonly session: TokenSession
  readonly obtain: ReturnType<typeof vi.fn<Obtain>>
  readonly events: GrantEvent[]
}

/** A session over a stub that gives t1, t2, ... each good for so many seconds. */
export function bench({
  seconds = 100,
  name = 't',
  clock = handClock(),
  ...options
}: Omit<TokenSessionOptions, 'clock'> & {
  seconds?: number | undefined
  name?: string
  clock?: HandClock
} = {}): Bench {
  const events: GrantEvent[] = []
  let made = 0
  const obtain = vi.fn<Obtain>(async () => {
    made += 1
    return tokenOf(clock, `${name}${made}`, seconds)
  })
  const onEvent = (event: GrantEvent) => void events.push(event)
  return { clock, session: new TokenSession(obtain, { clock, onEvent, ...options }), obtain, events }
}

/** The key of the one entry here. */
export const key = 'k'

/** A store that holds a text already, and what is done to it. */
export async function storeWith(text?: string) {
  const inner = memoryStore()
  const revision = text === undefined ? undefined : await inner.save(key, text, { expect: undefined })
  const store = {
    load: vi.fn<TokenStore['load']>((...args) => inner.load(...args)),
    save: vi.fn<TokenStore['save']>((...args) => inner.save(...args)),
    clear: vi.fn<TokenStore['clear']>((...args) => inner.clear(...args)),
  }
  const readToken = async () => decodeToken((await inner.load(key))?.value ?? '')
  const read = async () => (await readToken())?.accessToken
  /** What another process does. */
  const write = async (token: Token | undefined) => {
    const expect = (await inner.load(key))?.revision
    await (token === undefined
      ? inner.clear(key, { expect })
      : inner.save(key, encodeToken(token), { expect }))
  }
  return { store, revision, read, readToken, write, storage: { store, key } }
}

export function tokenOf(
  clock: HandClock,
  accessToken: string,
  seconds: number,
  more: Partial<TokenInit> = {},
): Token {
  const end = Number.isFinite(seconds) ? clock.now() + seconds * 1000 : undefined
  return createToken({ accessToken, obtainedAt: clock.now(), expiresAt: end, ...more })
}

export function times<T>(count: number, act: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, act))
}

export const secretOf = async (token: Promise<Token>): Promise<string> => (await token).accessToken

/** Lets what goes on in the background go on: all of it here is promises. */
export const aside = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A promise that is settled by hand. */
export function byHand<T>() {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((...hands) => {
    ;[resolve, reject] = hands
  })
  return { promise, resolve, reject }
}

export const down = (retryAfterMs?: number): TokenError =>
  new TokenError('unavailable', 'down', {
    endpoint: 'https://as.example/token',
    issuer: 'https://as.example',
    recovery: 'transient',
    retryAfterMs,
  })

/** What a resource says that wants more than the token is good for. */
export const demand = (scope: string | undefined): Challenge => ({
  scheme: 'bearer',
  parameters: { error: 'insufficient_scope', scope },
})

/** Each event, as a word; the same letter for the same flow. */
export function told(events: readonly GrantEvent[]): string[] {
  const flows = [...new Set(events.map(({ flow }) => flow))]
  return events.map((event) => {
    return ['abcdefgh'[flows.indexOf(event.flow)] ?? '?', ...wordsOf(event)].filter(Boolean).join(' ')
  })
}

function wordsOf(event: GrantEvent): (string | undefined)[] {
  if (event.type === 'renewal') return [event.why, event.outcome, event.granted, event.code]
  if (event.type === 'interaction') return [event.type, event.outcome, event.code]
  return event.type === 'lease' ? [event.type, event.outcome] : [event.type]
}
