import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { GrantEvent } from '@x/oauth-grants'
import type { Message, Order, Outcome } from './worker.ts'

/** A process that follows orders, one at a time. */
export interface Worker extends Disposable {
  /** Makes ready for an order, and waits for `go`. */
  prepare(order: Order, onEvent?: (event: GrantEvent) => void): Promise<void>
  /** Calls; undefined where it was killed meanwhile. */
  go(): Promise<readonly Outcome[] | undefined>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

const program = fileURLToPath(new URL('./worker.ts', import.meta.url))

export async function startWorker(): Promise<Worker> {
  const child = fork(program, { execArgv: ['--conditions=@x/source'] })
  const gone = once(child, 'exit')
  await nextOf(child, 'ready')
  return {
    async prepare(order, onEvent) {
      child.removeAllListeners('message')
      child.on('message', (message: Message) => {
        if (message.type === 'event') onEvent?.(message.event)
      })
      child.send(order)
      await nextOf(child, 'ready')
    },
    async go() {
      const outcomes = nextOf(child, 'outcomes').then((message) => message.outcomes)
      child.send('go')
      return Promise.race([outcomes, gone.then(() => undefined)])
    },
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

function nextOf<T extends Message['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Message, { type: T }>> {
  return new Promise((resolve) => {
    const listen = (message: Message) => {
      if (message.type !== type) return
      child.off('message', listen)
      // Its type was compared.
      resolve(message as Extract<Message, { type: T }>)
    }
    child.on('message', listen)
  })
}
