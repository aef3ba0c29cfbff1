/**
 * The command line of the official conformance suite.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export interface CommandResult {
  /** `null` if it had to be killed. */
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Runs one command of the suite in an environment without a scenario of somebody else's. */
export async function conformance(
  args: readonly string[],
  { timeLimitMs = 10_000 } = {},
): Promise<CommandResult> {
  const cli = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'))
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith('MCP_CONFORMANCE_'))
  const child = spawn(process.execPath, [cli, ...args], {
    env: Object.fromEntries(env),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeLimitMs,
    killSignal: 'SIGKILL',
  })

  const outputs = [text(child.stdout), text(child.stderr), once(child, 'close')] as const
  const [stdout, stderr] = await Promise.all(outputs)
  return { exitCode: child.exitCode, stdout, stderr }
}
