/**
 * What an installation of our packages brings with it.
 *
 * @module
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Manifest, packages, root } from './repository.ts'

export interface RuntimeDependency {
  readonly name: string
  readonly version: string
  readonly license: string
  /** Those of our packages that name it themselves; of the others it comes with another. */
  readonly namedBy: readonly string[]
}

/** All that runs beside our own code, by name. What is left out of `npm install` is left out here. */
export function listRuntimeDependencies(): readonly RuntimeDependency[] {
  const found = new Map<string, Manifest>()
  const namedBy = new Map<string, string[]>()
  const visit = (folder: string, from?: string): void => {
    const { name, version, dependencies = {} } = readInstalled(folder)
    for (const dependency of Object.keys(dependencies)) {
      const place = findInstalled(folder, dependency)
      if (place === undefined)
        throw new Error(`${name}@${version} needs ${dependency}, which is not installed`)
      const manifest = readInstalled(place)
      const id = `${manifest.name}@${manifest.version}`
      if (from !== undefined) namedBy.set(id, [...(namedBy.get(id) ?? []), from])
      if (found.has(id)) continue
      found.set(id, manifest)
      visit(place)
    }
  }
  for (const folder of packages) visit(join(root, folder), readInstalled(join(root, folder)).name)
  return [...found]
    .filter(([, { name }]) => !name.startsWith('@x/'))
    .map(([id, { name, version, license = 'none' }]) => ({
      name,
      version,
      license,
      namedBy: namedBy.get(id) ?? [],
    }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

function readInstalled(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/** As Node looks for it: beside the package that asks, and then in each folder above. */
function findInstalled(folder: string, dependency: string): string | undefined {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    const place = join(at, 'node_modules', dependency)
    if (existsSync(place)) return realpathSync(place)
    if (at === dirname(at)) return undefined
  }
}
