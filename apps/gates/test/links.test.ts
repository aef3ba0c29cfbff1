import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exists, find, readText } from '../src/repository.ts'

const pages = find('*.md', 'packages/*/*.md', 'apps/*/*.md')

/** The places within this repository that a page leads to. */
function listLinks(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '')
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target).filter(
    (target) => !/^[a-z]+:/.test(target),
  )
}

/** As a forge names the headings of a page. */
function listAnchors(text: string): string[] {
  const headings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = '']) => heading)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function listBroken(page: string): string[] {
  return listLinks(readText(page)).filter((target) => {
    const [path = '', anchor] = target.split('#')
    const place = path === '' ? page : join(dirname(page), path)
    if (!exists(place)) return true
    return anchor !== undefined && !listAnchors(readText(place)).includes(anchor)
  })
}

describe('links', () => {
  it('are found, and so are the headings that they name', () => {
    expect(listLinks('[a](b.md#c) `[d](e)` ![f](g.svg) [h](https://example.com)')).toEqual([
      'b.md#c',
      'g.svg',
    ])
    expect(listAnchors('## Whose token, and `why`?')).toEqual(['whose-token-and-why'])
    expect(pages.flatMap((page) => listLinks(readText(page))).length).toBeGreaterThan(20)
  })

  it.each(pages)('of %s lead somewhere', (page) => {
    expect(listBroken(page)).toEqual([])
  })
})
