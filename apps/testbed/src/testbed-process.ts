import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The testbed as a process of its own, so that it can be killed. */
export interface TestbedProcess extends AsyncDisposable {
  readonly pid: number
  /** Whose tokens are good here. */
  readonly issuer: string
  /** Empty, as the next, when only the authorization server runs. */
  readonly mcpUrl: string
  readonly apiUrl: string
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

export interface SpawnOptions {
  accessTokenSeconds?: number
  /** Default `all`. */
  part?: 'all' | 'authorization-server' | 'resource-servers'
  /** Whose tokens the resource servers accept, when they run alone. */
  issuer?: string
}

export interface Addresses {
  readonly issuer: string
  readonly mcpUrl: string
  readonly apiUrl: string
}

const program = fileURLToPath(new URL('./main.ts', import.meta.url))

/** Starts the testbed beside this process; it ends with it at the latest. */
export async function spawnTestbed(options: SpawnOptions = {}): Promise<TestbedProcess> {
  if (options.part === 'resource-servers' && options.issuer === undefined) {
    throw new TypeError('resource servers alone need an issuer to trust')
  }
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const addresses = await firstLine(child)
  return { ...addresses, pid: child.pid ?? 0, kill, [Symbol.asyncDispose]: kill }
}

async function firstLine(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<Addresses> {
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the testbed process ended with ${code} before it was ready`)
    }),
  ])
  return JSON.parse(line)
}
