import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Task, Tokens } from './redis-process.ts'

const program = fileURLToPath(new URL('./redis-process.ts', import.meta.url))

/** Three processes of one program, as on three machines. */
export function startFleet(task: Task) {
  const processes = [1, 2, 3].map(() => fork(program))
  for (const each of processes) each.send(task)
  return {
    /** What each of them has when all have got the next tokens. */
    getTokens: () => Promise.all(processes.map(askForTokens)),
    async [Symbol.asyncDispose]() {
      const running = processes.filter(({ connected }) => connected)
      const gone = running.map((each) => once(each, 'exit'))
      for (const each of running) each.disconnect()
      await Promise.all(gone)
    },
  }
}

async function askForTokens(each: ChildProcess): Promise<Tokens> {
  each.send('next')
  const [tokens] = await Promise.race([
    once(each, 'message'),
    once(each, 'exit').then(([code]) => {
      throw new Error(`A process of the fleet ended with ${code}, and said above why.`)
    }),
  ])
  return tokens
}
