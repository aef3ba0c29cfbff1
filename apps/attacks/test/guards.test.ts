import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { guards, sourceWithout } from '../src/guards/list.ts'
import { readPage } from '../src/guards/page.ts'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

describe('the list of guards', () => {
  it.each(guards)('finds $name in its file once', (guard) => {
    const source = read(guard.file)

    expect(sourceWithout(guard, source)).not.toBe(source)
  })

  it('has each name once', () => {
    const names = guards.map(({ name }) => name)

    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})

describe('GUARDS.md', () => {
  const reds = readPage(read('apps/attacks/GUARDS.md'))

  it('names each guard of the list, in its order, and no other', () => {
    expect([...reds.keys()]).toEqual(guards.map(({ name }) => name))
  })

  it('names an attack for each', () => {
    expect([...reds].filter(([, titles]) => titles.length === 0).map(([name]) => name)).toEqual([])
  })
})
