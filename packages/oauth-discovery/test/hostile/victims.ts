/**
 * Starts the process that is attacked, and gives it orders.
 *
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Outcome, Ports } from './attack.ts'
import type { Order } from './victim.ts'

export interface VictimProcess extends AsyncDisposable {
  suffer(attack: string, patienceMs: number): Promise<Outcome>
}

export async function startVictim(ports: Ports): Promise<VictimProcess> {
  const child = fork(fileURLToPath(new URL('./victim.ts', import.meta.url)), {
    execArgv: ['--conditions=@x/source', '--max-old-space-size=512'],
    serialization: 'advanced',
  })
  const suffer = (attack: string, patienceMs: number) => order(child, { attack, ports }, patienceMs)
  await suffer('none', 10_000)
  return {
    suffer,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function order(child: ChildProcess, message: Order, patienceMs: number): Promise<Outcome> {
  const waiting = new AbortController()
  const { signal } = waiting
  const timer = setTimeout(() => waiting.abort(new Error('The victim does not answer.')), patienceMs)
  const gone = once(child, 'exit', { signal }).then(() => {
    throw new Error('The victim is dead.')
  })
  child.send(message)
  try {
    const [outcome] = await Promise.race([once(child, 'message', { signal }), gone])
    return outcome as Outcome // what victim.ts sends
  } finally {
    clearTimeout(timer)
    gone.catch(() => {})
    waiting.abort()
  }
}
