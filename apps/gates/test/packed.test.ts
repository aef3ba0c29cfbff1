import { describe, expect, it } from 'vitest'
import { listSizeFaults } from '../src/bundle-size.ts'
import { attempted, describeCheck } from '../src/check.ts'
import { listLoadFaults } from '../src/entry-loads.ts'
import { listFileFaults, listRangeFaults } from '../src/tarball.ts'

describe('the files of a tarball', () => {
  const good = [
    'package.json',
    'README.md',
    'dist/index.js',
    'dist/index.js.map',
    'dist/index.d.ts',
    'src/index.ts',
  ]

  it('are these, with chunks, folders, a licence and a changelog', () => {
    const more = [
      'dist/node/chunk-WW4HEPZ7.js',
      'dist/node/chunk-WW4HEPZ7.js.map',
      'src/node/file.ts',
      'LICENSE',
    ]

    expect(listFileFaults(good)).toEqual([])
    expect(listFileFaults([...good, ...more, 'CHANGELOG.md'], ['LICENSE', 'CHANGELOG.md'])).toEqual([])
  })

  it.each([
    'test/index.test.ts',
    'src/index.test.ts',
    'tsconfig.json',
    'tsup.config.ts',
    'notes.txt',
    'dist/a.cjs',
  ])('are not %s', (file) => {
    expect(listFileFaults([...good, file])).toEqual([`${file} should not be there`])
  })

  it.each([...good, 'LICENSE'])('are not without %s', (file) => {
    const files = [...good, 'LICENSE'].filter((each) => each !== file)

    expect(listFileFaults(files, ['LICENSE'])).toContain(`${file} is missing`)
  })
})

it.each(['workspace:^', 'catalog:', 'file:../x', 'link:../x'])(
  'a packed manifest has no range like %s',
  (range) => {
    const manifest = { name: '@x/a', version: '1.0.0', dependencies: { fine: '^1.0.0', bad: range } }

    expect(listRangeFaults(manifest)).toEqual([`bad is ${range}`])
  },
)

it('a packed manifest asks for the versions beside it', () => {
  const ours = { '@x/b': '1.2.0', '@x/c': '0.1.0' }
  const manifest = {
    name: '@x/a',
    version: '1.0.0',
    dependencies: { '@x/b': '^1.2.0', '@x/c': '^0.0.1', d: '9' },
  }

  expect(listRangeFaults(manifest, ours)).toEqual(['@x/c is ^0.0.1'])
})

describe('what an entry loads', () => {
  /** Of files with their imports; what is not among the files is someone else's. */
  function loads(
    files: Readonly<Record<string, readonly [kind: 'import-statement' | 'dynamic-import', path: string][]>>,
  ) {
    const inputs = Object.entries(files).map(([file, imports]) => [
      file,
      {
        bytes: 1,
        imports: imports.map(([kind, path]) => ({ kind, path, external: files[path] === undefined })),
      },
    ])
    const output = { bytes: 1, inputs: {}, imports: [], exports: [], entryPoint: 'index.js' }
    return listLoadFaults({ inputs: Object.fromEntries(inputs), outputs: { 'out.js': output } })
  }

  it('is known at all', () => {
    expect(loads({})).toEqual(['no entry was found'])
  })

  it('may be costly where it is first needed', () => {
    expect(
      loads({
        'index.js': [
          ['import-statement', 'chunk.js'],
          ['dynamic-import', 'lazy.js'],
        ],
        'chunk.js': [
          ['dynamic-import', 'ky'],
          ['import-statement', 'index.js'],
          ['import-statement', 'kysely'],
        ],
        'lazy.js': [['import-statement', 'jose/jwt/sign']],
      }),
    ).toEqual([])
  })

  it('is not costly at the top, through however many files', () => {
    expect(
      loads({
        'index.js': [['import-statement', 'chunk.js']],
        'chunk.js': [['import-statement', 'deep.js']],
        'deep.js': [
          ['import-statement', 'jose/jwt/sign'],
          ['import-statement', 'ky'],
        ],
      }),
    ).toEqual(['deep.js imports jose/jwt/sign at the top', 'deep.js imports ky at the top'])
  })

  it.each(['node:fs', 'fs', 'fs/promises'])('is nothing of Node, not even when it is needed: %s', (path) => {
    const faults = loads({
      'index.js': [['dynamic-import', 'lazy.js']],
      'lazy.js': [['dynamic-import', path]],
    })

    expect(faults).toEqual([`lazy.js imports ${path}, which only Node has`])
  })
})

describe('a size', () => {
  const budget = { all: 16_000, firstChunk: 8_500 }
  const room = ['ky 25.22 kB']

  it('may reach its budget', () => {
    expect(listSizeFaults('it', { ...budget, room }, budget)).toEqual([])
  })

  it.each([
    [{ all: 16_001, firstChunk: 1 }, /^it is 16\.00 kB/],
    [{ all: 9_000, firstChunk: 8_501 }, /^it has a first chunk/],
    [{ all: Number.NaN, firstChunk: 1 }, /^it is NaN/],
  ])('may not exceed it, nor be no number: %j', (size, fault) => {
    const faults = listSizeFaults('it', { ...size, room }, budget)

    expect(faults).toEqual([expect.stringMatching(fault)])
    expect(faults[0]).toMatch(/\nits room: ky 25\.22 kB$/)
  })

  it('may not be missing', () => {
    expect(listSizeFaults('it', undefined, budget)).toEqual(['it was not measured'])
    expect(listSizeFaults('it', { all: 0, firstChunk: 0, room: [] }, budget)).toEqual(['it was not measured'])
  })
})

it('takes a part that breaks for a fault', async () => {
  const checks = await attempted('it', () => Promise.reject(new Error('broken')))

  expect(checks.map(describeCheck)).toEqual(['FAULT     it\n          broken'])
})
