import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { GrantEvent } from '@x/oauth-grants'
import type { News, Order, Outcome } from './worker.ts'

/** A process that holds auth objects, and calls by them. */
export interface Worker extends Disposable {
  open(order: Omit<Order & { do: 'open' }, 'do'>): Promise<void>
  /** @returns what became of the calls of one of them; undefined where the process was killed meanwhile */
  call(order: { index: number; forMs?: number; everyMs?: number }): Promise<readonly Outcome[] | undefined>
  /** Resolves when that happens to one of them. */
  event(index: number, is: (event: GrantEvent) => boolean): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

const program = fileURLToPath(new URL('./worker.ts', import.meta.url))

export async function startWorker(): Promise<Worker> {
  const child = fork(program, { execArgv: ['--conditions=@x/source'] })
  const gone = once(child, 'exit')
  const news = new EventEmitter().setMaxListeners(0)
  child.on('message', (each: News) => news.emit('news', each))
  const next = <T>(read: (each: News) => T | undefined): Promise<T> =>
    new Promise((resolve) => {
      const listen = (each: News) => {
        const found = read(each)
        if (found === undefined) return
        news.off('news', listen)
        resolve(found)
      }
      news.on('news', listen)
    })
  const ready = () => next((each) => (each.of === 'ready' ? true : undefined))
  const send = (order: Order) => child.send(order)
  await ready()
  return {
    async open(order) {
      const opened = ready()
      send({ do: 'open', ...order })
      await opened
    },
    async call({ index, forMs = 0, everyMs = 0 }) {
      const outcomes = next((each) =>
        each.of === 'outcomes' && each.index === index ? each.outcomes : undefined,
      )
      send({ do: 'call', index, forMs, everyMs })
      return Promise.race([outcomes, gone.then(() => undefined)])
    },
    async event(index, is) {
      await next((each) => (each.of === 'event' && each.index === index && is(each.event) ? true : undefined))
    },
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
