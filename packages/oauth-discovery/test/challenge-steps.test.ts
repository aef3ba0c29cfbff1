import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseWwwAuthenticate } from '../src/index.ts'
import { type CountedMatch, countMatches } from './counted-matching.ts'

/** The longest is the longest that is read at all. */
const sizes = [1024, 2048, 4096, 8192, 16_384]

/** Three is what they come to: there and back in a quote without an end, and once more for the choice in it. */
const perCharacter = 4

const hostile: readonly (readonly [start: string, repeated: string, end: string])[] = [
  // of one thing only
  ['', '"', ''],
  ['', '\\', ''],
  ['', ',', ''],
  ['', '=', ''],
  ['', 'a', ''],
  ['', 'a=', ''],
  ['', 'a ', ''],
  ['', ' \t', ''],

  // quotes that end late, or never
  ['Bearer a="', 'b', ''],
  ['Bearer a="', '\\', ''],
  ['Bearer a="', '\\"', ''],
  ['Bearer a="', '\\"', '"'],
  ['Bearer a="', ',b="', ''],
  ['Bearer ', 'a="",', 'a="'],
  ['Bearer error="', '\u00e9', '"'],
  ['Bearer error="', '\\\u00e9', '"'],
  ['', 'a error="\u001b",', ''],

  // words that may be a token68, a parameter or a scheme
  ['', 'a,', ''],
  ['', 'a b,', ''],
  ['', 'a b=,', ''],
  ['', 'a b==,', ''],
  ['', 'a b= =,', ''],
  ['', 'a b=c,', ''],
  ['', 'a aaaaaaa=b,', ''],
  ['Bearer ', 'a', ' b'],
  ['Bearer ', 'a', '=b'],
  ['Bearer a', '=', 'b'],
  ['Bearer a', '= ', ''],
  ['Bearer a=', ' ', '"'],

  // parameters without end, and values that are not quoted
  ['Bearer ', 'a=1,', ''],
  ['Bearer ', 'a = "b" ,', ''],
  ['Bearer resource_metadata=', 'a=', ''],
  ['Bearer ', 'resource_metadata=/,', ''],
]

const read = (header: string) => countMatches(() => parseWwwAuthenticate(header))

const stepsOf = (matches: readonly CountedMatch[]) => matches.reduce((sum, { steps }) => sum + steps, 0)

/** Attempts that failed at another character than the first, and so have looked at what will be read again. */
const inVain = (matches: readonly CountedMatch[]) =>
  matches.filter(({ pattern, isFound, steps }) => pattern.sticky && !isFound && steps > 1)

describe('a header costs', () => {
  it.each(hostile)('at most 4 looks at each of its characters: %j, then %j, then %j (CH-13)', (...parts) => {
    const [start, repeated, end] = parts

    for (const size of sizes) {
      const middle = repeated.repeat(size).slice(0, size - start.length - end.length)
      const matches = read(start + middle + end)

      expect(stepsOf(matches)).toBeGreaterThan(0)
      expect(stepsOf(matches) / size).toBeLessThan(perCharacter)
      expect(inVain(matches).length).toBeLessThanOrEqual(1)
    }
  })

  it('at most 4 looks at each of its characters, whatever they are, and one attempt in vain (CH-13)', () => {
    const piece = fc.constantFrom('a', 'error', ' ', '\t', ',', '=', '"', '""', '\\', '\\"', '/', '\u00e9')
    const part = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 8 }), fc.nat(200))
    const header = fc
      .array(part, { maxLength: 8 })
      .map((parts) => parts.map(([pieces, times]) => pieces.join('').repeat(times)).join(''))

    fc.assert(
      fc.property(header, (text) => {
        const matches = read(`Bearer ${text}`)

        expect(stepsOf(matches)).toBeLessThan(perCharacter * (text.length + 8))
        expect(inVain(matches).length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 300 },
    )
  })

  it('one look to the end for a quote without one, after which nothing is read (CH-13)', () => {
    const matches = read(`Basic realm="x", Bearer realm="${'y", z="'.repeat(1000)}`)

    expect(inVain(matches).map(({ pattern }) => pattern.source.charAt(0))).toEqual(['"'])
  })

  it('no look at all where it is too long (CH-13)', () => {
    expect(read(`Bearer a="${'b'.repeat(16_384)}"`)).toEqual([])
  })
})

describe('the count', () => {
  it.each([
    ['a character that is there', /a/y, 'a', 1],
    ['one that is not', /a/y, 'b', 1],
    ['the one that ends a repetition', /[ab]+/y, 'abc', 3],
    ['the way back', /[ab]*c/y, 'abab', 10],
    ['each place that is tried', /b/g, 'aaab', 4],
    ['a pattern that explodes', /(?:a+)+b/y, 'a'.repeat(12), 12_286],
  ])('has %s', (_, pattern, text, steps) => {
    const matches = countMatches(() => {
      pattern.exec(text)
    })

    expect(stepsOf(matches)).toBe(steps)
  })

  it('has the matches that a replacement makes', () => {
    const matches = countMatches(() => {
      '\\a\\b'.replace(/\\(.)/gs, '$1')
    })

    expect(matches.map(({ isFound, steps }) => [isFound, steps])).toEqual([
      [true, 2],
      [true, 2],
      [false, 1],
    ])
  })
})
