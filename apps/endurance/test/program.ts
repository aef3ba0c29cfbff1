import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a program of `src` to its end, and gives what it printed; rejects with all of it where its status is not 0. */
export async function run(name: string, ...args: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../src/${name}`, import.meta.url))
  const { stdout } = await execute(process.execPath, ['--expose-gc', '--conditions=@x/source', path, ...args])
  return stdout
}
