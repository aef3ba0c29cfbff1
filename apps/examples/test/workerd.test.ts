import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { versions } from '../src/stage/workerd.ts'

it.each(Object.entries(versions))(
  'where %s has to be fetched it is the one that is tested here',
  (name, version) => {
    const manifest: { version: string } = createRequire(import.meta.url)(`${name}/package.json`)

    expect(manifest.version).toBe(version)
  },
)
