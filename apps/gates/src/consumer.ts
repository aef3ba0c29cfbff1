/**
 * A project of somebody else: npm, the tarballs, and the first program that the root README shows.
 *
 * @module
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { spawnTestbed } from '@x/testbed'
import { type Check, check } from './check.ts'
import { failure, type Outcome, run } from './command.ts'
import { runExamplesAgainstTarballs } from './examples.ts'
import { environment, readPrograms } from './readme-programs.ts'
import { exists, installedVersion, readManifest, root } from './repository.ts'
import { listCompilers, listNodes } from './runtimes.ts'
import type { Tarball } from './tarball.ts'

const program = 'program.ts'
const entries = 'entries.ts'
const webEntries = 'web-entries.ts'

/** @param folder an empty one outside the repository, or imports would be found in it */
export async function checkConsumer(folder: string, tarballs: readonly Tarball[]): Promise<readonly Check[]> {
  const installation = check('npm installs the tarballs', failure(await install(folder, tarballs)))
  if (installation.faults.length > 0) return [installation]

  const parts = await Promise.all([checkProgram(folder, tarballs), runExamplesAgainstTarballs(folder)])
  return [installation, ...parts.flat()]
}

async function checkProgram(folder: string, tarballs: readonly Tarball[]): Promise<readonly Check[]> {
  const [first] = readPrograms('README.md')
  if (first === undefined) return [check('the first program of README.md', 'there is none')]
  await writeFile(join(folder, program), first.text)
  await writeFile(join(folder, entries), everyEntry(tarballs))
  await writeFile(join(folder, webEntries), everyEntry(tarballs, isForTheWeb))
  const parts = await Promise.all([runProgram(folder), compileProgram(folder), compileForTheWeb(folder)])
  return parts.flat()
}

async function install(folder: string, tarballs: readonly Tarball[]): Promise<Outcome> {
  await mkdir(folder)
  const ours = Object.fromEntries(tarballs.map(({ manifest: { name }, path }) => [name, `file:${path}`]))
  const manifest = {
    private: true,
    type: 'module',
    dependencies: { ...exampleDependencies(), ...ours },
    devDependencies: { '@types/node': installedVersion('.', '@types/node') },
    // Or npm would ask the registry for what the tarballs need of each other, and wait where there is none.
    overrides: Object.fromEntries(Object.keys(ours).map((name) => [name, `$${name}`])),
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  // npm hands its own flags down as settings, and refuses this one of the README's commands in a project's install.
  const { npm_config_allow_scripts: _, ...env } = process.env
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // What an earlier run has fetched will do, also without a network; a list of versions may be too old for that.
  const outcome = await run('npm', [...args, '--prefer-offline', '--fetch-retries=0'], { cwd: folder, env })
  if (outcome.code === 0) return outcome
  return run('npm', [...args, '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=4000'], {
    cwd: folder,
    env,
  })
}

/** What the examples need besides: the same versions as here. */
function exampleDependencies(): Record<string, string> {
  const folder = 'apps/examples'
  const { dependencies } = exists(folder) ? readManifest(folder) : {}
  return Object.fromEntries(
    Object.keys(dependencies ?? {})
      .filter((name) => !name.startsWith('@x/'))
      .map((name) => [name, installedVersion(folder, name)]),
  )
}

/** The official client has types of Node in its own. */
const isForTheWeb = (specifier: string) => !/^@x\/mcp-client|\/node$/.test(specifier)

/** A file that needs the types of all that can be imported. */
function everyEntry(
  tarballs: readonly Tarball[],
  isMeant: (specifier: string) => boolean = () => true,
): string {
  const specifiers = tarballs.flatMap(({ manifest: { name, exports } }) =>
    Object.keys(exports ?? {})
      .filter((path) => !path.endsWith('.json'))
      .map((path) => name + path.slice(1)),
  )
  return specifiers
    .filter(isMeant)
    .map((specifier, index) => `export * as entry${index} from '${specifier}'\n`)
    .join('')
}

async function runProgram(folder: string): Promise<Check[]> {
  await using testbed = await spawnTestbed()
  const env = await environment(testbed)
  const checks = listNodes().map(async ({ name, path }): Promise<Check> => {
    const what = `the first program of README.md runs under ${name}`
    if (path === undefined) return { what, faults: [], skipped: 'there is no such Node for this machine' }
    const outcome = await run(path, [program], { cwd: folder, env, deadlineMs: 20_000 })
    const isSilent = outcome.stdout.trim() === ''
    return check(what, failure(outcome) ?? (isSilent ? 'it printed nothing' : undefined))
  })
  // Awaited here, for the testbed ends with this function.
  const done = await Promise.all(checks)
  await rm(env.HOME, { recursive: true })
  return done
}

/** As in a project for a browser: an older target, and no types of Node. */
async function compileForTheWeb(folder: string): Promise<Check[]> {
  const tsc = join(root, 'apps/gates/node_modules/typescript/bin/tsc')
  const strict = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    'false',
    '--skipDefaultLibCheck',
    '--target',
    'es2022',
  ]
  const args = [tsc, ...strict, '--module', 'nodenext', webEntries]
  return [
    check(
      'entries for any runtime compile without types of Node',
      failure(await run(process.execPath, args, { cwd: folder })),
    ),
  ]
}

function compileProgram(folder: string): Promise<Check[]> {
  // What the compiler brings itself is not ours to check, and takes a tenth of the time.
  const libraries = ['--skipLibCheck', 'false', '--skipDefaultLibCheck']
  const strict = ['--noEmit', '--strict', ...libraries, '--target', 'es2022', '--types', 'node']
  const resolutions = [
    ['--module', 'nodenext', '--moduleResolution', 'nodenext'],
    ['--module', 'preserve', '--moduleResolution', 'bundler'],
  ]
  const checks = listCompilers().flatMap(({ name, path }) =>
    resolutions.map(async (resolution) => {
      const args = [path, ...strict, ...resolution, program, entries]
      return check(
        `it compiles under ${name}, ${resolution.at(-1)}`,
        failure(await run(process.execPath, args, { cwd: folder })),
      )
    }),
  )
  return Promise.all(checks)
}
