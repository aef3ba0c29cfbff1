import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseWwwAuthenticate } from '../src/index.ts'

const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,12}$/)
const parameters = fc.dictionary(name, fc.string({ unit: 'grapheme-ascii' }), {
  maxKeys: 5,
  noNullPrototype: true,
})
const challenge = fc.record({ scheme: name, parameters })
const gap = fc.stringMatching(/^[ \t]{0,2}$/)

it('reads back what was written, whatever is in the quotes and around the signs (CH-02, CH-03)', () => {
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 6 }), gap, gap, (written, before, after) => {
      const quote = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`
      const header = written.map((each) => {
        const list = Object.entries(each.parameters).map(
          ([key, value]) => `${key}${before}=${after}${quote(value)}`,
        )
        return `${each.scheme} ${list.join(`${before},${after}`)}`
      })

      const read = parseWwwAuthenticate(header.join(`,${after}`))

      expect(read.map(({ scheme, parameters: found }) => ({ scheme, parameters: { ...found } }))).toEqual(
        written,
      )
    }),
  )
})

it('never throws, and never makes up what is not there (CH-03)', () => {
  const piece = fc.constantFrom(
    'Bearer',
    'scope',
    '=',
    ',',
    '"',
    '\\',
    ' ',
    'a',
    'resource_metadata',
    'https://x/',
    '\u0000',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
      ),
      (header) => {
        for (const { scheme, parameters: found } of parseWwwAuthenticate(header)) {
          expect(header.toLowerCase()).toContain(scheme)
          for (const value of Object.values(found))
            expect(header.replaceAll('\\', '')).toContain(value?.replaceAll('\\', ''))
        }
      },
    ),
  )
})
