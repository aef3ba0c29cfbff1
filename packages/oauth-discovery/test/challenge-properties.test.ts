import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Challenge, parseWwwAuthenticate } from '../src/index.ts'
import { readPlainly } from './plain-reading.ts'

/** Members in order, whatever the prototype. */
const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, token68, parameters }) => [scheme, token68, Object.entries(parameters)])

// Words and values with all that they may hold in a header. Values of errors are a matter of their own.
const word = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,12}$/)
const name = fc
  .oneof(fc.constantFrom('realm', 'scope', 'resource_metadata', '__proto__', 'constructor'), word)
  .filter((each) => !/^error|^\d+$/.test(each))
const byte = fc.oneof(
  fc.integer({ min: 0x20, max: 0x7e }),
  fc.integer({ min: 0x80, max: 0xff }),
  fc.constant(9),
)
const text = fc.string({ unit: byte.map((code) => String.fromCharCode(code)), maxLength: 20 })
const token68 = fc.stringMatching(/^[0-9A-Za-z._~+/-]{1,12}={0,4}$/)

// How it may be written.
const gap = fc.stringMatching(/^[ \t]{0,2}$/)
const comma = fc.stringMatching(/^[ \t]{0,2},[ \t,]{0,3}$/)
const space = fc.stringMatching(/^ {1,2}(,[ \t,]{0,2})?$/)
const edge = fc.stringMatching(/^([ \t]?,[ \t]?){0,2}$/)
const inAnyCase = (each: string) => fc.constantFrom(each, each.toUpperCase())

/** Whatever is read, and one way to write it. */
type Written<T> = fc.Arbitrary<readonly [read: T, text: string]>

const quoted: Written<string> = fc
  .tuple(text, fc.constantFrom(/["\\]/g, /./gs))
  .map(([value, escaped]) => [value, `"${value.replaceAll(escaped, '\\$&')}"`] as const)

const value: Written<string> = fc.oneof(
  word.map((each) => [each, each] as const),
  quoted,
)

const parameter: Written<[string, string]> = fc
  .tuple(name, gap, gap, value)
  .chain(([key, before, after, [read, written]]) =>
    inAnyCase(key).map((each) => [[key, read], `${each}${before}=${after}${written}`] as const),
  )

const parameters: Written<Challenge['parameters']> = fc
  .tuple(fc.uniqueArray(parameter, { selector: ([[key]]) => key, minLength: 1, maxLength: 5 }), space, comma)
  .map(([list, before, between]) => [
    Object.fromEntries(list.map(([entry]) => entry)),
    before + list.map(([, written]) => written).join(between),
  ])

const challenge: Written<Challenge> = word.chain((scheme) =>
  fc
    .tuple(
      inAnyCase(scheme),
      fc.oneof(
        fc.constant([{}, ''] as const),
        parameters,
        fc.tuple(token68, fc.constantFrom(' ', '  ')).map(([each, before]) => [each, before + each] as const),
      ),
    )
    .map(([written, [read, rest]]) => [
      typeof read === 'string' ? { scheme, token68: read, parameters: {} } : { scheme, parameters: read },
      written + rest,
    ]),
)

const line: Written<readonly Challenge[]> = fc
  .tuple(fc.array(challenge, { maxLength: 4 }), comma, edge, edge)
  .map(([list, between, before, after]) => [
    list.map(([read]) => read),
    before + list.map(([, written]) => written).join(between) + after,
  ])

it('reads back what was written, in lines, in lists, in quotes and in any case (CH-02, CH-03, CH-04)', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 3 }), (lines) => {
      const headers = new Headers()
      for (const [, written] of lines) headers.append('www-authenticate', written)

      const read = parseWwwAuthenticate(headers.get('www-authenticate'))

      expect(plain(read)).toEqual(plain(lines.flatMap(([challenges]) => challenges)))
    }),
    { numRuns: 500 },
  )
})

const pieces = [
  ['Bearer', 'a', 'ERROR', 'scope', 'resource_metadata', 'https://x.example/?a=b'],
  ['=', '==', '= =', ' = ', ',', ', ', ' ', '\t', '  '],
  ['"', '"a"', '"b, c d=e"', '\\', '\\"', "'", ';', '@', '\u0000', '\n', '\u00a0', '\u00e9'],
].flat()
const items = ['Bearer', 'Basic a==', 'DPoP a=b', 'a=b', 'A="b"', 'b=a ', 'error="\\"\u00e9b\\\\"', '']
const item = fc.constantFrom(...items)
const mostly = [{ arbitrary: item, weight: 9 }, fc.constantFrom(...pieces)] as const
const almost = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 16 }).map((all) => all.join('')),
  fc.array(fc.oneof(...mostly), { maxLength: 8 }).map((all) => all.join(',')),
  fc.tuple(fc.array(item, { maxLength: 8 }), item).map(([all, last]) => all.join(', ') + last),
)
const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  // Halves of pairs, too.
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)), maxLength: 100 }),
  almost,
  fc.tuple(almost, almost, fc.nat(4000)).map(([start, each, times]) => start + each.repeat(times)),
)

it('finds what a plain reading of the grammar finds, and makes nothing up (CH-03)', () => {
  fc.assert(
    fc.property(almost, (header) => {
      const read = parseWwwAuthenticate(header)

      expect(plain(read)).toEqual(plain(readPlainly(header)))
    }),
    { numRuns: 5000 },
  )
})

it('gives an array of challenges for every string there is, and never throws (CH-03, CH-13)', () => {
  fc.assert(
    fc.property(anything, (header) => {
      const read = parseWwwAuthenticate(header)

      expect(Array.isArray(read)).toBe(true)
      expect(read.length).toBeLessThanOrEqual(32)
      for (const { scheme, token68: padded = '', parameters: found, ...others } of read) {
        const values = Object.values(found)
        expect(Object.keys(others)).toEqual([])
        expect(values.length).toBeLessThanOrEqual(32)
        for (const each of [scheme, ...Object.keys(found)]) expect(header.toLowerCase()).toContain(each)
        expect(header).toContain(padded)
        for (const each of values) expect(isLeftOf(each ?? '', header)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

it('leaves of an error what is allowed in one, in its order (CH-12, RFC 6750 §3)', () => {
  const key = fc.constantFrom('error', 'error_description', 'error_uri')
  fc.assert(
    fc.property(key, fc.string({ unit: 'binary' }), (each, said) => {
      const [read] = parseWwwAuthenticate(`Bearer ${each}="${said.replaceAll(/["\\]/g, '\\$&')}"`)

      const allowed = Array.from(said).filter((one) => /^[\x20-\x21\x23-\x5b\x5d-\x7e]$/.test(one))
      expect(read?.parameters[each]).toBe(allowed.join(''))
    }),
  )
})

/** Whether the one is the other with characters left out. */
function isLeftOf(rest: string, whole: string): boolean {
  let at = -1
  for (let index = 0; index < rest.length; index += 1) {
    at = whole.indexOf(rest.charAt(index), at + 1)
    if (at === -1) return false
  }
  return true
}
