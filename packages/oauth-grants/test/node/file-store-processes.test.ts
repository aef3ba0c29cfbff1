import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { fileStore } from '../../src/node.ts'
import { newPath } from './folder.ts'

const run = promisify(execFile)

/** A process that keeps 20 credentials, one after the other. */
function writer(path: string, name: string): Promise<unknown> {
  const program = `
    import { fileStore } from '${new URL('../../src/node.ts', import.meta.url)}'

    const store = fileStore({ path: ${JSON.stringify(path)} })
    for (let index = 0; index < 20; index += 1) {
      const revision = await store.save('${name} ' + index, 'value of ${name} ' + index, { expect: undefined })
      if (revision === undefined) throw new Error('not kept')
    }
  `
  // Rejects where the process ends with another status than 0.
  return run(process.execPath, ['--conditions=@x/source', '--input-type=module', '--eval', program])
}

it('loses none of what eight processes keep in one file at the same time', { timeout: 60_000 }, async () => {
  const path = await newPath()
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

  await Promise.all(names.map((name) => writer(path, name)))

  const keys = names.flatMap((name) => Array.from({ length: 20 }, (_, index) => `${name} ${index}`))
  const found = await Promise.all(keys.map((key) => fileStore({ path }).load(key)))
  expect(found.map((each) => each?.value)).toEqual(keys.map((key) => `value of ${key}`))
  expect(await readdir(join(path, '..'))).toEqual(['credentials.json'])
})

it('shows a reader the old file or the new one, and never a part of one', async () => {
  const path = await newPath()
  const [writing, reading] = [fileStore({ path }), fileStore({ path })]
  const values = Array.from({ length: 20 }, (_, index) => String(index % 10).repeat(500_000))
  let expected = await writing.save('a', values[0] ?? '', { expect: undefined })
  const done = new AbortController()
  const written = (async () => {
    for (const value of values) expected = await writing.save('a', value, { expect: expected })
  })().finally(() => done.abort())

  const seen: unknown[] = []
  while (!done.signal.aborted) seen.push((await reading.load('a'))?.value)
  await written

  expect(seen.filter((each) => typeof each !== 'string' || !values.includes(each))).toEqual([])
  expect(seen.length).toBeGreaterThan(1)
})
