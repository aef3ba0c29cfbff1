import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { listUnwelcome } from '../src/plain-words.ts'
import { exists, readText, root } from '../src/repository.ts'

// Written in two parts, or this file would hold what it looks for.
const joined = (...parts: string[]) => parts.join('')

describe('listUnwelcome', () => {
  it.each([
    joined('see /ho', 'me/ada/project'),
    joined('"/Use', 'rs/ada"'),
    joined('(/wo', 'rk/project)'),
    joined('C:\\Use', 'rs\\ada'),
    joined('https://regis', 'try.npmjs.org/ky'),
    joined('tarball: https://npm', '.example.com/ky.tgz'),
    joined('// @ts-', 'ignore'),
    joined('// biome-', 'ignore lint: x'),
    joined('it.on', "ly('x')"),
    joined('it.each([1]).on', "ly('x')"),
    joined('it.to', "do('x')"),
    joined('const x = 1 // TO', 'DO: two'),
    joined('# TO', 'DO'),
  ])('finds %j', (line) => {
    expect(listUnwelcome(`fine\n${line}`)).toHaveLength(1)
  })

  it.each([
    'https://www.npmjs.com/package/ky',
    'import ky from "ky"',
    '/homepage, https://example.com/users/ada',
    '// The comment says why.',
    "expect(todo.only).toBe('mastodon')",
  ])('leaves %j alone', (line) => {
    expect(listUnwelcome(line)).toEqual([])
  })
})

it('finds nothing in the files of this repository', () => {
  // What git would track if it were added now is looked at as well.
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = listed.split('\0').filter((file) => file !== '' && exists(file))

  const found = files.flatMap((file) => listUnwelcome(readText(file)).map((line) => `${file}:${line}`))

  expect(files).toContain('package.json')
  expect(found).toEqual([])
})
