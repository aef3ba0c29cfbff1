/**
 * What the root entry of a built package loads.
 *
 * @module
 */
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import type { Check } from './check.ts'
import { root } from './repository.ts'

/** Costly to import: loaded when they are first needed, inside a function. */
const lazy = ['ky', 'jose', 'ipaddr.js', 'http-cache-semantics', 'undici']

type Import = Metafile['inputs'][string]['imports'][number]

/** Packages of this repository are followed into, what others have made is not. */
export const onlyOurs: Plugin = {
  name: 'only-ours',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || /^(?:@x\/|#)/.test(path) ? undefined : { path, external: true },
    )
  },
}

export async function checkEntry(name: string): Promise<Check> {
  const { metafile } = await build({
    entryPoints: [name],
    absWorkingDir: join(root, 'apps/gates'),
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    logLevel: 'silent',
    plugins: [onlyOurs],
  })
  return { what: `${name}: what its root entry loads`, faults: listLoadFaults(metafile) }
}

export function listLoadFaults({ inputs, outputs }: Pick<Metafile, 'inputs' | 'outputs'>): string[] {
  const [entry = ''] = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? [])
  if (inputs[entry] === undefined) return ['no entry was found']
  const isStatic = ({ kind }: Import) => kind !== 'dynamic-import'
  const named = (file: string) => file.replace(/^(?:\.\.\/)+/, '')
  const anywhere = reach(inputs, entry, () => true).filter(({ path }) => isBuiltin(path))
  const atTheTop = reach(inputs, entry, isStatic).filter((each) => isStatic(each) && isLazy(each.path))
  return [
    ...anywhere.map(({ path, from }) => `${named(from)} imports ${path}, which only Node has`),
    ...atTheTop.map(({ path, from }) => `${named(from)} imports ${path} at the top`),
  ]
}

function isLazy(path: string): boolean {
  return lazy.some((name) => path === name || path.startsWith(`${name}/`))
}

/** The imports of every file that is loaded from the entry, if those are followed that may be. */
function reach(
  inputs: Metafile['inputs'],
  entry: string,
  isFollowed: (each: Import) => boolean,
): (Import & { from: string })[] {
  const seen = new Set([entry])
  const imports: (Import & { from: string })[] = []
  // A set may grow while it is walked.
  for (const from of seen) {
    for (const each of inputs[from]?.imports ?? []) {
      imports.push({ ...each, from })
      if (each.external !== true && isFollowed(each)) seen.add(each.path)
    }
  }
  return imports
}
