/**
 * Where the cases run, and how they get there.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { failure, run } from '@x/gates/command'
import { listNodes } from '@x/gates/runtimes'
import { runInChromium } from './chromium.ts'
import { installInto } from './consumer.ts'
import type { Result, RuntimeName } from './suite/case.ts'
import { runInWorkerd } from './workerd.ts'

/** Of what is installed by the command, for no other program here needs it. */
const versions = { bun: '1.4.5', deno: '2.9.6', workerd: '1.20261117.1' }

export interface Job {
  /** The consumer. */
  readonly folder: string
  /** For the files of the cases. */
  readonly files: string
  /** Of the control server. */
  readonly url: string
}

export interface Runtime {
  readonly name: RuntimeName
  /** As in `Node 22.23.3`. */
  readonly version: string
  /** Why it cannot be tried here, and what to do about that. */
  readonly missing?: string | undefined
  readonly run: (job: Job) => Promise<readonly Result[]>
}

/** @param folder where to install what is not here */
export async function findRuntimes(
  folder: string,
  wanted: (name: RuntimeName) => boolean,
): Promise<readonly Runtime[]> {
  const installs = (['Bun', 'Deno', 'workerd'] as const).some(wanted)
  if (installs) await installInto(folder, versions)
  const all = [
    ...listNodes().map(
      ({ name, path }): Runtime => ({
        name: name.replace(/\..*/, '') as RuntimeName, // the three that are listed
        version: name,
        missing: path === undefined ? 'nobody publishes this Node as a package for this machine' : undefined,
        run: (job) => runProgram(path ?? '', [], job),
      }),
    ),
    {
      name: 'Bun' as const,
      version: `Bun ${versions.bun}`,
      run: (job: Job) => runProgram(programOf(folder, '@oven/bun-', 'bin/bun', 'bun'), ['run'], job),
    },
    {
      name: 'Deno' as const,
      version: `Deno ${versions.deno}`,
      run: (job: Job) =>
        runProgram(
          programOf(folder, '@deno/', 'deno', 'deno'),
          ['run', '--allow-all', '--no-lock', '--node-modules-dir=manual'],
          job,
        ),
    },
    {
      name: 'workerd' as const,
      version: `workerd ${versions.workerd}`,
      // The program itself, and not what starts it: that one could not be ended with what it has started.
      run: (job: Job) => runInWorkerd(createRequire(join(folder, 'package.json'))('workerd').default, job),
    },
    { name: 'Chromium' as const, ...(await runInChromium()) },
  ]
  return all.filter(({ name }) => wanted(name))
}

/** Most come with a script that would put the program in its place: scripts of packages are not run here. */
function programOf(folder: string, prefix: string, path: string, name: string): string {
  const { optionalDependencies } = createRequire(join(folder, 'package.json'))(`${name}/package.json`)
  const found = Object.keys(optionalDependencies)
    .filter((each) => each.startsWith(prefix))
    .map((each) => join(folder, 'node_modules', each, path))
    .find((each) => existsSync(each))
  if (found === undefined) throw new Error(`${name} has no program for this machine`)
  return found
}

async function runProgram(
  program: string,
  args: readonly string[],
  { folder, files, url }: Job,
): Promise<readonly Result[]> {
  const outcome = await run(program, [...args, 'program.js', url, files], {
    cwd: folder,
    deadlineMs: 120_000,
  })
  const fault = failure(outcome)
  if (fault !== undefined) throw new Error(fault)
  return JSON.parse(outcome.stdout)
}
