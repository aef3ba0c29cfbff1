import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  /** Whether a process that the example started was still there when it had ended. */
  readonly leftProcess: boolean
}

export interface RunOptions {
  env?: Record<string, string>
  preload?: string
  /** Sees all that was printed so far, each time there is more. */
  onOutput?: ((stdout: string) => void) | undefined
}

/** Runs an example as a user does, and waits for its end, which it has to find by itself. */
export async function runExample(
  args: readonly string[],
  { env = {}, preload, onOutput }: RunOptions = {},
): Promise<Ended> {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const before = preload === undefined ? [] : ['--import', preload]
  const child = spawn(process.execPath, ['--conditions=@x/source', ...before, main, ...args], {
    // A group of its own, so that nobody in it is overlooked.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, NODE_COMPILE_CACHE, ...env },
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk
    onOutput?.(printed)
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { exitCode: child.exitCode, stdout, stderr, leftProcess: groupLives(child.pid ?? 0) }
}

function groupLives(leader: number): boolean {
  try {
    return process.kill(-leader, 0)
  } catch {
    return false
  }
}
