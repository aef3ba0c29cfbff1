/** Where things are in this repository, and what its manifests say. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../../../', import.meta.url))

export type Ranges = Readonly<Record<string, string>>

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly packageManager?: string
  readonly type?: string
  readonly license?: string
  readonly repository?: unknown
  readonly sideEffects?: boolean
  readonly files?: readonly string[]
  readonly engines?: Ranges
  readonly publishConfig?: Readonly<Record<string, unknown>>
  readonly exports?: Readonly<Record<string, unknown>>
  readonly scripts?: Ranges
  readonly dependencies?: Ranges
  readonly devDependencies?: Ranges
  readonly optionalDependencies?: Ranges
  readonly peerDependencies?: Ranges
}

/** Folders of the published packages and of everything that stays here, relative to the root. */
export const packages: readonly string[] = workspaces('packages')
export const apps: readonly string[] = workspaces('apps')

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readText(join(folder, 'package.json')))
}

export function exists(path: string): boolean {
  return existsSync(join(root, path))
}

/** Paths relative to the root, with `/`, in a stable order. */
export function find(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .toSorted()
}

/** The installed version of what a workspace folder depends on. */
export function installedVersion(folder: string, dependency: string): string {
  return readManifest(join(folder, 'node_modules', dependency)).version
}

function workspaces(parent: string): string[] {
  return find(`${parent}/*/package.json`).map((path) => path.slice(0, -'/package.json'.length))
}
