import { describe, expect, it } from 'vitest'
import { selectChallenge } from '../src/challenge.ts'
import { type Challenge, parseWwwAuthenticate } from '../src/index.ts'
import { serverVectors } from './server-vectors.ts'
import { vectors } from './vectors.ts'

/** Members in order, whatever the prototype. */
const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, token68, parameters }) => [scheme, token68, Object.entries(parameters)])

describe('parseWwwAuthenticate', () => {
  it.each([...vectors, ...serverVectors])('reads $claim', ({ header, challenges }) => {
    const read = parseWwwAuthenticate(header)

    expect(plain(read)).toEqual(plain(challenges))
  })

  it('gives nothing for an absent header', () => {
    expect(parseWwwAuthenticate(null)).toEqual([])
  })

  it('reads several field lines as fetch joins them (CH-02, RFC 9110 §5.3)', () => {
    const headers = new Headers()
    headers.append('www-authenticate', 'Basic realm="x"')
    headers.append('www-authenticate', 'Bearer scope="a"')

    expect(parseWwwAuthenticate(headers.get('www-authenticate')).map(({ scheme }) => scheme)).toEqual([
      'basic',
      'bearer',
    ])
  })

  it('keeps parameters off the prototype (CH-03)', () => {
    const [challenge] = parseWwwAuthenticate('Bearer __proto__=a')

    expect(Object.getPrototypeOf(challenge?.parameters)).toBeNull()
    expect(Object.keys(challenge?.parameters ?? {})).toEqual(['__proto__'])
  })

  it('caps the header, the challenges and the parameters (CH-13)', () => {
    const manyParameters = Array.from({ length: 33 }, (_, index) => `p${index}=1`).join(', ')

    expect(parseWwwAuthenticate(`Bearer realm="${'x'.repeat(16_384)}"`)).toEqual([])
    expect(parseWwwAuthenticate(Array(100).fill('Basic').join(','))).toHaveLength(32)
    expect(
      parseWwwAuthenticate(`Bearer ${manyParameters}, Basic realm=x`).map(({ scheme }) => scheme),
    ).toEqual(['basic'])
  })
})

describe('selectChallenge', () => {
  const select = (header: string) => selectChallenge(parseWwwAuthenticate(header))?.scheme

  it('prefers the scheme that can be sent and says where its metadata is (CH-06, CH-07)', () => {
    expect(
      select('DPoP resource_metadata="https://a.example", Bearer resource_metadata="https://a.example"'),
    ).toBe('bearer')
    expect(select('Basic realm=x, DPoP resource_metadata="https://a.example", Bearer scope=a')).toBe('dpop')
    expect(select('Basic realm=x, Bearer scope=a')).toBe('bearer')
    expect(select('Basic realm=x')).toBeUndefined()
  })
})
