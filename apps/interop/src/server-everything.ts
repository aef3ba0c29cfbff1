import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { startOnFreePort } from './free-port.ts'

const program = import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js')

/** A process of its own, open to everybody. */
export interface ServerEverything extends AsyncDisposable {
  readonly origin: string
  /** The MCP server. */
  readonly url: string
  /** Ends the process; resolves when it is gone. */
  close(): Promise<void>
}

/** @param port default: a free one */
export async function startServerEverything(port?: number): Promise<ServerEverything> {
  return port === undefined ? startOnFreePort(startAt) : startAt(port)
}

async function startAt(port: number): Promise<ServerEverything> {
  const child = spawn(process.execPath, [fileURLToPath(program), 'streamableHttp'], {
    // One of its tools tells its whole environment.
    env: { PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  const close = async (): Promise<void> => {
    process.off('exit', end)
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    end()
    await gone
  }
  await untilListening(child).catch(async (error: unknown) => {
    await close()
    throw error
  })
  const origin = `http://127.0.0.1:${port}`
  return { origin, url: `${origin}/mcp`, close, [Symbol.asyncDispose]: close }
}

/** It says so in its first line. */
async function untilListening(child: ChildProcess & { stderr: Readable }): Promise<void> {
  const [line] = await Promise.race([
    once(createInterface(child.stderr), 'line'),
    once(child, 'exit').then(([code]) => [`it ended with ${code}`]),
  ])
  if (!/listening on port \d+$/.test(line)) throw new Error(`server-everything did not start: ${line}`)
}
