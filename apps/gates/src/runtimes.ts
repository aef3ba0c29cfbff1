/**
 * The Nodes and compilers that the packages must work under.
 *
 * @module
 */
import { join } from 'node:path'
import { exists, installedVersion, root } from './repository.ts'

export interface Runtime {
  /** As in `Node 22.23.3`. */
  readonly name: string
  /** Undefined where nobody publishes one for this machine. */
  readonly path: string | undefined
}

const builds = ['linux-x64', 'linux-arm64']

/** From the registry, and so only for some machines; on those a missing one is an error. */
export function listNodes(): Runtime[] {
  const build = `${process.platform}-${process.arch}`
  const nodes: readonly (readonly [major: string, folder: string, dependency: string])[] = [
    ['22', 'apps/runtimes', `node-22-${build}`],
    ['24', '.', `node-${build}`],
    ['26', 'apps/runtimes', `node-26-${build}`],
  ]
  return nodes.map(([major, folder, dependency]) =>
    builds.includes(build)
      ? {
          name: `Node ${installed(folder, dependency)}`,
          path: join(root, folder, 'node_modules', dependency, 'bin/node'),
        }
      : { name: `Node ${major}`, path: undefined },
  )
}

export function listCompilers(): { name: string; path: string }[] {
  const compilers = [
    ['apps/runtimes', 'typescript-5.9'],
    ['apps/gates', 'typescript'],
    ['apps/runtimes', 'typescript-7.0'],
  ] as const
  return compilers.map(([folder, dependency]) => ({
    name: `TypeScript ${installed(folder, dependency)}`,
    path: join(root, folder, 'node_modules', dependency, 'bin/tsc'),
  }))
}

function installed(folder: string, dependency: string): string {
  if (!exists(join(folder, 'node_modules', dependency)))
    throw new Error(`${dependency} is not installed in ${folder}`)
  return installedVersion(folder, dependency)
}
