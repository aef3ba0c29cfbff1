/**
 * The runtime of Workers on this machine, and what makes a Worker one file.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeFolder } from './folder.ts'

export const versions = { workerd: '1.20261117.1', esbuild: '0.28.2' }

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export interface RunningWorker extends AsyncDisposable {
  readonly url: string
}

/** @param say told where something has to be fetched first, which may take a while */
export async function startWorker(
  file: string,
  env: Readonly<Record<string, string>>,
  say: (text: string) => void,
): Promise<RunningWorker> {
  const load = await findTools(say)
  const folder = await makeFolder()
  await bundle(load, here(`../${file}`), join(folder.path, 'worker.mjs'))
  await copyFile(here('worker.capnp'), join(folder.path, 'worker.capnp'))
  const { default: program }: { default: string } = load('workerd')
  // On the fourth of its files it says where it listens.
  const stdio = ['ignore', 'ignore', 'inherit', 'pipe'] as const
  const args = ['serve', join(folder.path, 'worker.capnp'), '--control-fd=3']
  const child = spawn(program, args, { env: { ...env }, stdio: [...stdio] })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const gone = once(child, 'exit')
  const port = await portIn(child.stdio[3] as Readable)
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      kill()
      await gone
      process.off('exit', kill)
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function portIn(control: Readable): Promise<number> {
  for await (const line of createInterface(control)) {
    const { port }: { port?: number } = JSON.parse(line)
    if (port !== undefined) return port
  }
  throw new Error('workerd ended before it listened, and said above why.')
}

/** For workerd, of the sources where these are what runs, else of what is installed. */
async function bundle(load: NodeJS.Require, from: string, to: string): Promise<void> {
  const isSource = process.execArgv.includes('--conditions=@x/source')
  const conditions = ['workerd', 'worker', 'browser', ...(isSource ? ['@x/source'] : [])]
  const args = ['--bundle', '--format=esm', '--target=es2022', '--log-level=error', `--outfile=${to}`]
  await promisify(execFile)(join(load.resolve('esbuild'), '../../bin/esbuild'), [
    from,
    ...args,
    `--conditions=${conditions.join(',')}`,
  ])
}

/** By which both can be required: as installed here, or as npx has fetched them. */
async function findTools(say: (text: string) => void): Promise<NodeJS.Require> {
  const installed = createRequire(import.meta.url)
  try {
    for (const name of Object.keys(versions)) installed.resolve(name)
    return installed
  } catch {
    const names = Object.entries(versions).map((pair) => pair.join('@'))
    say(`npx fetches ${names.join(' and ')}, which are not installed here`)
    const args = [
      '-y',
      '--ignore-scripts',
      '--fetch-retries=0',
      ...names.flatMap((name) => ['-p', name]),
      '-c',
      'command -v workerd',
    ]
    const { stdout } = await promisify(execFile)('npx', args).catch(
      ({ code = '' }: { code?: string | number }) => {
        throw new Error(
          `This needs ${names.join(' and ')}, which are not installed here, and npx could not fetch them (${code}). Is there a network? npm test installs them as well.`,
        )
      },
    )
    return createRequire(await realpath(stdout.trim()))
  }
}
