import { startTestbed, type Testbed } from '@x/testbed'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { credentials } from '../src/credential.ts'
import { table } from '../src/table.ts'
import { callIn, type State, type Trouble } from './trouble.ts'

let testbed: Testbed
beforeAll(async () => {
  testbed = await startTestbed()
})
afterAll(() => testbed.close())

const states: readonly State[] = ['good', 'ended', 'refused']

const retryAfter = { 'retry-after': '7' }

const troubles: readonly Trouble[] = [
  { name: 'reset before it acted', fault: { kind: 'reset' } },
  { name: 'reset after it acted', fault: { kind: 'lost-answer' } },
  { name: 'reset after it acted, once', fault: { kind: 'lost-answer' }, times: 1 },
  { name: 'cut in the middle', fault: { kind: 'truncated' } },
  { name: 'cut in the middle, once', fault: { kind: 'truncated' }, times: 1 },
  { name: 'slow drip', fault: { kind: 'drip', ms: 100 }, lasts: 'begun' },
  { name: 'hang', fault: { kind: 'hang' }, lasts: 'sent' },
  ...[429, 500, 503].flatMap((status): Trouble[] => [
    { name: `${status}`, fault: { kind: 'status', status } },
    { name: `${status}, Retry-After: 7`, fault: { kind: 'status', status, headers: retryAfter } },
  ]),
  { name: '200, HTML', fault: { kind: 'html' } },
  { name: '200, half of a JSON text', fault: { kind: 'body', body: '{"access_token":"hal' } },
  { name: '400, empty', fault: { kind: 'status', status: 400 } },
  { name: 'a name that is not there', endpoint: () => 'https://token.invalid/token' },
  { name: 'no TLS at that port', endpoint: (url) => url.replace('http:', 'https:') },
]

/** For each credential what the caller saw, how many token requests there were, and whether the next call is served. */
async function rowOf(trouble: Trouble, state: State): Promise<string[]> {
  const outcomes: string[] = []
  for (const credential of credentials) {
    const { seen, tokenRequests, next } = await callIn(testbed, trouble, state, credential)
    outcomes.push(seen, String(tokenRequests), next)
  }
  return outcomes
}

it('answers each fault of the token endpoint as the table says, and fails no call whose token is good', async () => {
  const rows: string[][] = []
  for (const trouble of troubles) {
    for (const state of states) {
      rows.push([state === states[0] ? trouble.name : '', state, ...(await rowOf(trouble, state))])
    }
  }

  const heads = ['the token endpoint', 'the token', ...credentials.flatMap((each) => [each, 'sent', 'next'])]
  await expect(table(heads, rows)).toMatchFileSnapshot('fault-matrix.txt')
  const whileGood = rows.filter(([, state]) => state === states[0])
  expect(whileGood.flatMap(([, , one, , , other]) => [one, other]).filter((seen) => seen !== '200')).toEqual(
    [],
  )
})
