/**
 * Starts the client under test on behalf of the suite, and sees to its end.
 *
 * The suite's own time limit ends a shell and not what the shell has started. A client
 * killed by a signal counts as exited with 0 under a shell that runs its last command
 * in its own place. So the client gets a process group of its own, always ended as a
 * whole, and how it ended goes into a file, for the runner to judge.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const usage = 'launch.ts --ending FILE --time-limit MS [--garble-names] -- PROGRAM [ARGUMENT ...]'
const { values, positionals } = parseArgs({
  options: {
    ending: { type: 'string' },
    'time-limit': { type: 'string' },
    'garble-names': { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const [program, ...args] = positionals
if (program === undefined || values.ending === undefined) throw new Error(`usage: ${usage}`)

const client = spawn(program, args, {
  detached: true,
  stdio: 'inherit',
  env: values['garble-names'] ? withoutNames(process.env) : process.env,
})
let isLate = false
const timer = setTimeout(() => {
  isLate = true
  endGroup(client.pid)
}, Number(values['time-limit']))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => endGroup(client.pid))

await once(client, 'exit')
clearTimeout(timer)
// A child of the client that outlives it would hold the suite's pipes open.
endGroup(client.pid)
writeFileSync(values.ending, describeEnding())
process.exitCode = client.exitCode ?? 1

function describeEnding(): string {
  if (isLate) return `timed out after ${values['time-limit']} ms`
  return client.signalCode === null ? `exited with ${client.exitCode}` : `killed by ${client.signalCode}`
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody is left in the group.
  }
}

/** The name is told twice. A client that needs either is written for the test. */
function withoutNames(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const name = randomUUID()
  const { MCP_CONFORMANCE_CONTEXT: context } = env
  if (context === undefined) return { ...env, MCP_CONFORMANCE_SCENARIO: name }

  // The suite writes this variable, and always as a JSON object.
  const data: object = JSON.parse(context)
  const garbled = JSON.stringify({ ...data, name })
  return { ...env, MCP_CONFORMANCE_SCENARIO: name, MCP_CONFORMANCE_CONTEXT: garbled }
}
