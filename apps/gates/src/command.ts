import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'

export interface Outcome {
  /** Undefined if the program was killed, by the deadline or otherwise, or could not be started. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  deadlineMs?: number
}

let free = Math.max(2, availableParallelism())
const waiting: (() => void)[] = []

/**
 * Runs a program to its end, and does not judge it.
 *
 * No more programs run at once than there are processors: callers start all they have, and no deadline
 * is used up by waiting for a turn.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
  else free -= 1
  try {
    return await execute(program, args, options)
  } finally {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
}

/** What went wrong, for a person; undefined for a program that ended well. */
export function failure({ code, stdout, stderr }: Outcome): string | undefined {
  if (code === 0) return undefined
  const how = code === undefined ? 'was killed, or did not start' : `ended with ${code}`
  return [how, stdout.trim(), stderr.trim()].filter((text) => text !== '').join('\n')
}

function execute(
  program: string,
  args: readonly string[],
  { cwd, env, deadlineMs = 60_000 }: CommandOptions,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const limits = { timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 } as const
    const child = execFile(program, args, { cwd, env, ...limits }, (error, stdout, stderr) => {
      const ended = typeof error?.code === 'number' ? error.code : undefined
      // Only what the system says about a program that did not start is missing in its own output.
      const complaint = typeof error?.code === 'string' ? error.message : ''
      resolve({ code: error === null ? 0 : ended, stdout, stderr: stderr + complaint })
    })
    child.stdin?.on('error', () => {}).end()
  })
}
