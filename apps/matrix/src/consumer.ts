/**
 * A project of somebody else, with the packed packages and the cases in it: once as modules, and bundled where that is
 * how programs get there.
 *
 * @module
 */
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { failure, run } from '@x/gates/command'
import { installedVersion, readManifest, root } from '@x/gates/repository'
import { build } from 'esbuild'

const ours = ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client']
/** Loaded when a case wants it, and not there in a bundle. */
const forNode = ['@x/oauth-discovery/node', '@x/oauth-grants/node', 'node:*']

/** @param folder an empty one outside the repository, or imports would be found in it */
export async function createConsumer(folder: string): Promise<void> {
  await mkdir(join(folder, 'packed'), { recursive: true })
  const packed = JSON.parse(await packAll(join(folder, 'packed')))
  await installInto(folder, { ...packed, undici: installedVersion('apps/matrix', 'undici') })
  // One copy is not two: this is what a program has that got another version by another way.
  await cp(join(folder, 'node_modules/@x/oauth-discovery'), join(folder, 'another-discovery'), {
    recursive: true,
  })
  await build({
    entryPoints: [
      fileURLToPath(new URL('./suite/cases.ts', import.meta.url)),
      fileURLToPath(new URL('./suite/run-cases.ts', import.meta.url)),
    ],
    outdir: folder,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    external: [...ours, 'node:*'],
  })
  await writeFile(
    join(folder, 'suite.js'),
    `import { cases } from './cases.js'
import { runCases } from './run-cases.js'
import * as copy from './another-discovery/dist/index.js'
export const names = cases.map(({ name }) => name)
export const run = (surroundings, chosen = names) =>
  runCases(cases.filter(({ name }) => chosen.includes(name)), { ...surroundings, copy })
`,
  )
  await writeFile(
    join(folder, 'program.js'),
    `import { run } from './suite.js'
const [url, folder] = process.argv.slice(2)
console.log(JSON.stringify(await run({ url, folder })))
`,
  )
}

/** The suite as one file, by the conditions of where it is to run. */
export async function bundle(
  folder: string,
  program: string,
  conditions: readonly string[],
): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: folder },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    conditions: [...conditions],
    external: forNode,
  })
  return outputFiles[0]?.text ?? ''
}

function packAll(destination: string): Promise<string> {
  const { packageManager = 'pnpm' } = readManifest('.')
  const program = fileURLToPath(new URL('./pack.ts', import.meta.url))
  return runOrThrow('npx', ['-y', '-p', packageManager, '-c', `node '${program}' '${destination}'`], root)
}

/** By npm, whose lockfile nobody keeps: versions are exact here. */
export async function installInto(
  folder: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<void> {
  const manifest = {
    private: true,
    type: 'module',
    dependencies,
    // Or npm would ask the registry for what the tarballs need of each other.
    overrides: Object.fromEntries(
      ours.filter((name) => name in dependencies).map((name) => [name, `$${name}`]),
    ),
  }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await runOrThrow(
    'npm',
    ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'],
    folder,
    600_000,
  )
}

async function runOrThrow(
  program: string,
  args: readonly string[],
  cwd: string,
  deadlineMs = 120_000,
): Promise<string> {
  // npm hands its own flags down as settings, and refuses this one of the script's in a project's install.
  const { npm_config_allow_scripts: _, ...env } = process.env
  const outcome = await run(program, args, { cwd, env, deadlineMs })
  const fault = failure(outcome)
  if (fault !== undefined) throw new Error(`${program} ${args.join(' ')} ${fault}`)
  return outcome.stdout
}
