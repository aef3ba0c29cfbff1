/**
 * How much a program that looks at many servers does at once.
 *
 * @module
 */
import { type Clock, systemClock, untilAborted } from './clock.ts'
import { DiscoveryError } from './errors.ts'

/** Given to many calls, which then take turns. */
export interface Limits {
  /** Runs `work` when there is room. Its signal is that of the caller, aborted also when the time of all is over. */
  run<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T>
}

export interface LimitsOptions {
  /** How many calls go on at once, each with two requests at most; the others wait, before their own deadline begins. */
  concurrency: number
  /** How long all of them may take together, from now, in ms. Default: no end. What is under way then, and what comes later, is refused with `timeout`. */
  totalMs?: number | undefined
  clock?: Clock | undefined
}

/** @throws {DiscoveryError} `invalid_option` */
export function createLimits({
  concurrency,
  totalMs = Number.POSITIVE_INFINITY,
  clock = systemClock,
}: LimitsOptions): Limits {
  if (!(concurrency >= 1)) {
    const message = `The option concurrency is ${concurrency}, and has to be 1 or more.`
    throw new DiscoveryError('invalid_option', message, { url: '' })
  }
  if (Number.isNaN(totalMs)) {
    throw new DiscoveryError('invalid_option', 'The option totalMs is NaN, and has to be a number of ms.', {
      url: '',
    })
  }
  const endsAt = clock.now() + totalMs
  const waiting = new Set<() => void>()
  let running = 0

  async function takeRoom(signal: AbortSignal | undefined): Promise<void> {
    if (running < concurrency) {
      running += 1
      return
    }
    let enter = () => {}
    const room = new Promise<void>((resolve) => {
      enter = resolve
    })
    waiting.add(enter)
    await untilAborted(room, signal).catch((error: unknown) => {
      // It may have been given room in the moment in which it gave up.
      if (!waiting.delete(enter)) giveRoom()
      throw error
    })
  }

  function giveRoom(): void {
    const [next] = waiting
    if (next === undefined) {
      running -= 1
      return
    }
    waiting.delete(next)
    next()
  }

  function overdue(): DiscoveryError {
    const message = `All calls with these limits had ${totalMs} ms together, which are over. The option totalMs sets the limit.`
    return new DiscoveryError('timeout', message, { url: '', recovery: 'transient' })
  }

  return {
    async run(work, signal) {
      await takeRoom(signal)
      const end = new AbortController()
      const over = new AbortController()
      try {
        const left = endsAt - clock.now()
        if (left <= 0) throw overdue()
        clock.sleep(left, over.signal).then(
          () => over.signal.aborted || end.abort(overdue()),
          () => {},
        )
        return await work(AbortSignal.any([end.signal, signal ?? end.signal]))
      } finally {
        over.abort()
        giveRoom()
      }
    },
  }
}
