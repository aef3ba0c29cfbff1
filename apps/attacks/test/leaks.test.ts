import { expect, it } from 'vitest'
import { leaksIn } from './parts/leaks.ts'

const secret = "made:/+ up% secret é'-0123456789-abcdef"

it.each([
  ['as it is', secret],
  ['percent-encoded', encodeURIComponent(secret)],
  ['percent-encoded in lower case', encodeURIComponent(secret).toLowerCase()],
  ['form-encoded', new URLSearchParams({ x: secret }).toString()],
  ['as JSON', JSON.stringify({ secret })],
  ['as bytes', Buffer.from(secret).toString('hex')],
  ['as a list of bytes', JSON.stringify([...Buffer.from(secret)])],
  ['in base64, with nothing before it', btoa(encodeURIComponent(secret))],
  ['in base64, with one letter before it', Buffer.from(`x${secret}y`).toString('base64')],
  ['in base64, with two letters before it', Buffer.from(`xy${secret}z`).toString('base64url')],
  ['cut off', `${secret.slice(0, 24)}…`],
  ['without its beginning', `…${secret.slice(-24)}`],
  ['torn apart by what is not seen', secret.split('').join('\u200b')],
])('finds a secret %s', (_, written) => {
  expect(leaksIn(`before ${written} behind`, [secret])).toEqual([secret])
})

it('finds nothing where there is nothing', () => {
  expect(leaksIn('before and behind: 0123456789', [secret])).toEqual([])
})
