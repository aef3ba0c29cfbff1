/**
 * Being told of changes, for as long as one wants to be.
 *
 * @module
 */
import type { Clock } from '@x/oauth-grants'
import { codeOf } from './connection.ts'
import type { MCPEvent } from './events.ts'
import { growingPause } from './growing-pause.ts'

/** One time that a server listens to us. */
export interface Listening {
  /** Resolves at its end. */
  readonly ended: Promise<unknown>
  close(): Promise<void>
}

interface Circumstances {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly tell: (event: Pick<Extract<MCPEvent, { type: 'subscription' }>, 'outcome' | 'code'>) => void
}

/** After so long a time, in ms, the pauses are short again. */
const lastingMs = 60_000

/** A subscription that is renewed whenever it ends, until it is closed. */
export class Subscription implements AsyncDisposable {
  readonly #closing = new AbortController()
  #listening: Listening

  /** @param listen begins once more; rejects where that does not work now */
  constructor(first: Listening, listen: () => Promise<Listening>, circumstances: Circumstances) {
    this.#listening = first
    const signal = AbortSignal.any([circumstances.signal, this.#closing.signal])
    void this.#renew(listen, { ...circumstances, signal })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#listening.close().catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Waits longer from time to time, unless the last one has lasted. */
  async #renew(listen: () => Promise<Listening>, { clock, signal, tell }: Circumstances): Promise<void> {
    let pause = growingPause(clock, signal)
    for (;;) {
      const since = clock.now()
      tell({ outcome: 'listening' })
      await this.#listening.ended
      if (signal.aborted) return
      tell({ outcome: 'ended' })
      if (clock.now() - since >= lastingMs) pause = growingPause(clock, signal)
      for (let next: Listening | undefined; next === undefined; ) {
        await pause()
        if (signal.aborted) return
        next = await listen().catch(
          (error: unknown) => tell({ outcome: 'failed', code: codeOf(error) }) as undefined,
        )
        if (next !== undefined) this.#listening = next
      }
      if (signal.aborted) return void this.#listening.close().catch(() => {})
    }
  }
}
