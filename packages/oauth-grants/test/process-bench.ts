import { memoryStore, type TokenSessionOptions, type TokenStore } from '../src/index.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { aside, bench, key } from './session-bench.ts'

/** A store that several processes have, each by an object of its own: no line of this process hides the turns. */
export function sharedStore({ leases = true } = {}) {
  const inner: TokenStore = memoryStore()
  if (!leases) delete inner.lease
  const clock = handClock()
  const open = (over: Partial<TokenStore> = {}): TokenStore => ({ ...inner, ...over })
  /** A process with one session; `over` is what its store does in its own way. */
  const start = (
    name: string,
    {
      over,
      ...options
    }: Omit<TokenSessionOptions, 'clock' | 'storage'> & {
      over?: Partial<TokenStore>
      clock?: HandClock
      seconds?: number
    } = {},
  ) => bench({ clock, name, storage: { store: open(over), key }, ...options })
  return { inner, clock, open, start }
}

/** Time that passes in steps, and whoever wakes gets on. */
export async function passing(clock: HandClock, ms: number, step = 100): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    clock.pass(Math.min(step, ms - passed))
    await aside()
  }
}

/** Lets others go on until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await aside()
}
