import { describe, expect, it } from 'vitest'
import { listImports, packageOf } from '../src/imports.ts'
import { apps, find, packages, type Ranges, readManifest, readText } from '../src/repository.ts'

/** Who may know whom, within this repository. A new package is a new line here. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  '@x/oauth-discovery': [],
  '@x/oauth-grants': ['@x/oauth-discovery'],
  '@x/mcp-client': ['@x/oauth-discovery', '@x/oauth-grants'],
  '@x/testbed': [],
  '@x/examples': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed'],
  '@x/interop': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed'],
  '@x/bench': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed'],
  '@x/endurance': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed', '@x/examples'],
  '@x/attacks': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed'],
  '@x/gates': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed'],
  '@x/matrix': ['@x/oauth-discovery', '@x/oauth-grants', '@x/mcp-client', '@x/testbed', '@x/gates'],
  '@x/runtimes': [],
}

const isOurs = (name: string) => name.startsWith('@x/')

/** Every import of the sources of a package, as `file imports module`. */
function imports(folder: string): { file: string; specifier: string; line: string }[] {
  return find(`${folder}/src/**/*.ts`).flatMap((file) =>
    listImports(readText(file)).map((specifier) => ({
      file,
      specifier,
      line: `${file} imports ${specifier}`,
    })),
  )
}

describe.each([...packages, ...apps])('%s', (folder) => {
  const manifest = readManifest(folder)
  const allowed = arrows[manifest.name] ?? []

  it('has a line among the arrows', () => {
    expect(Object.keys(arrows)).toContain(manifest.name)
  })

  it('imports only along the arrows', () => {
    const strays = imports(folder).filter(({ specifier }) => {
      const name = packageOf(specifier)
      return name !== undefined && isOurs(name) && !allowed.includes(name)
    })

    expect(strays.map(({ line }) => line)).toEqual([])
  })

  it('depends only along the arrows', () => {
    const { dependencies, optionalDependencies, peerDependencies } = manifest
    const named = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })

    expect(named.filter((name) => isOurs(name) && !allowed.includes(name))).toEqual([])
  })

  it('imports only what its manifest lists', () => {
    const { dependencies, optionalDependencies, peerDependencies } = manifest
    const listed: Ranges = { ...dependencies, ...optionalDependencies, ...peerDependencies }
    const unlisted = imports(folder).filter(({ specifier }) => {
      const name = packageOf(specifier)
      return name !== undefined && listed[name] === undefined
    })

    expect(unlisted.map(({ line }) => line)).toEqual([])
  })

  it('has no file that is named after no idea', () => {
    const vague = /\/(utils?|helpers?|common|core|managers?|types)(\.[^/]*|\/.*)$/

    expect(find(`${folder}/{src,test}/**/*.ts`).filter((file) => vague.test(file))).toEqual([])
  })

  it('exports by name', () => {
    const files = find(`${folder}/src/**/*.ts`).filter((file) =>
      /^\s*export\s+(type\s+)?\*/m.test(readText(file)),
    )

    expect(files).toEqual([])
  })
})

it.each([...packages, ...apps].filter((folder) => folder !== 'apps/runtimes'))(
  'finds sources in %s, and imports in them',
  (folder) => {
    expect(imports(folder)).not.toEqual([])
  },
)

describe.each(packages)('%s', (folder) => {
  it('imports nothing of Node, except where its path says node', () => {
    const strays = imports(folder).filter(
      ({ file, specifier }) => specifier.startsWith('node:') && !file.startsWith(`${folder}/src/node`),
    )

    expect(strays.map(({ line }) => line)).toEqual([])
  })

  it('needs only the testbed for its tests, of what is ours', () => {
    const named = Object.keys(readManifest(folder).devDependencies ?? {})

    expect(named.filter(isOurs)).toEqual(['@x/testbed'])
  })
})
