import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { compare, dateOf, update } from '../src/comparison.ts'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const [results, page] = await Promise.all([read('../RESULTS.md'), read('../../../COMPARISON.md')])

describe('COMPARISON.md', () => {
  it('has the numbers of RESULTS.md, and its day', () => {
    expect(page).toContain(`\n\n${compare(results)}\n\n`)
    expect(page).toContain(`Measured on ${dateOf(results)}`)
  })

  it('follows what is measured anew, and keeps what people have written', () => {
    const later = results
      .replace('354 |                 0.22', '354 |                 0.99')
      .replace(/on \d{4}/, 'on 2031')

    const updated = update(page, later)

    expect(updated).toContain(' 0.99 × ')
    expect(updated).toContain('Measured on 2031')
    expect(updated.split('\n').length).toBe(page.split('\n').length)
    expect(update(updated, results)).toBe(page)
  })

  it('is not written from a page of results that lacks a table', () => {
    expect(() => compare(results.replace('## Heap', '## Memory'))).toThrow('no table Heap')
  })
})
