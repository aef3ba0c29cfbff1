/**
 * What would be published of a package, and what is wrong with it.
 *
 * @module
 */
import { basename, join } from 'node:path'
import { type Check, check } from './check.ts'
import { failure, run } from './command.ts'
import { find, type Manifest, packages, type Ranges, readManifest, root } from './repository.ts'

export interface Tarball {
  /** Of the package, relative to the root. */
  readonly folder: string
  readonly path: string
  /** Relative to the package. */
  readonly files: readonly string[]
  /** As it is packed: with real ranges. */
  readonly manifest: Manifest
}

/** Every file of a tarball matches one of these, and nothing else belongs there. */
const allowed = [
  /^package\.json$/,
  /^[A-Z]+\.md$/,
  /^LICENSE$/,
  /^dist\/(?:[\w-]+\/)*[\w-]+\.(?:js|js\.map|d\.ts)$/,
  /^src\/(?:[\w-]+\/)*[\w-]+\.ts$/,
]

const required = ['package.json', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']
export async function pack(folder: string, destination: string): Promise<Tarball> {
  const packed = await runOrThrow(
    'pnpm',
    ['pack', '--json', '--pack-destination', destination],
    join(root, folder),
  )
  const { filename }: { filename: string } = JSON.parse(packed)
  const listed = await runOrThrow('tar', ['-tzf', filename])
  const manifest = await runOrThrow('tar', ['-xzOf', filename, 'package/package.json'])
  return {
    folder,
    path: filename,
    files: listed
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^package\//, '')),
    manifest: JSON.parse(manifest),
  }
}

export async function checkTarball(tarball: Tarball): Promise<readonly Check[]> {
  const { folder, files, manifest, path } = tarball
  const present = ['LICENSE', ...find(`${folder}/*.md`).map((page) => basename(page))]
  const lint = async (what: string, name: string, args: readonly string[]) =>
    check(`${manifest.name}: ${what}`, failure(await run(join(root, 'node_modules/.bin', name), args)))

  return [
    { what: `${manifest.name}: ${files.length} files`, faults: listFileFaults(files, present) },
    { what: `${manifest.name}: ranges of the manifest`, faults: listRangeFaults(manifest, versions()) },
    ...(await Promise.all([
      lint('publint', 'publint', ['run', path, '--strict']),
      lint('types, for every way to import', 'attw', [
        path,
        '--profile',
        'esm-only',
        '--no-color',
        '--no-emoji',
      ]),
    ])),
  ]
}

export function listFileFaults(files: readonly string[], alsoRequired: readonly string[] = []): string[] {
  const strays = files.filter((file) => !allowed.some((pattern) => pattern.test(file)))
  const maps = files.filter((file) => /^dist\/.*\.js$/.test(file)).map((file) => `${file}.map`)
  const missing = [...required, ...alsoRequired, ...maps].filter((file) => !files.includes(file))
  return [
    ...strays.map((file) => `${file} should not be there`),
    ...missing.map((file) => `${file} is missing`),
  ]
}

function versions(): Ranges {
  return Object.fromEntries(packages.map(readManifest).map(({ name, version }) => [name, version]))
}

/**
 * What only this workspace understands must not be left, not even where it does no harm.
 *
 * @param ours versions of the packages here: another one must not be what a package needs at run time
 */
export function listRangeFaults(manifest: Manifest, ours: Ranges = {}): string[] {
  const { dependencies = {}, devDependencies, peerDependencies, optionalDependencies } = manifest
  const all = { ...devDependencies, ...optionalDependencies, ...peerDependencies, ...dependencies }
  const isLocal = (range: string) => /^(?:workspace|catalog|file|link):/.test(range)
  const isOther = (name: string, range: string) => ours[name] !== undefined && range !== `^${ours[name]}`
  return [
    ...Object.entries(all).filter(([, range]) => isLocal(range)),
    ...Object.entries(dependencies).filter(([name, range]) => !isLocal(range) && isOther(name, range)),
  ].map(([name, range]) => `${name} is ${range}`)
}

async function runOrThrow(program: string, args: readonly string[], cwd = root): Promise<string> {
  const outcome = await run(program, args, { cwd })
  const fault = failure(outcome)
  if (fault !== undefined) throw new Error(`${program} ${args.join(' ')} ${fault}`)
  return outcome.stdout
}
