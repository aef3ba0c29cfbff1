import { expect, it } from 'vitest'
import { measureReading } from '../src/challenges.ts'
import { ours, oursMcp } from '../src/peers/ours.ts'
import { listMissedCounts, type Table } from '../src/result.ts'
import { measureHttp, measureMcp } from '../src/round-trips.ts'
import { measureStampedes, overHttp, overMcp } from '../src/stampedes.ts'

const crowd = { ended: 20, refused: 20, late: 10, down: 10 }

/** A table without goals would miss none. */
function expectGoalsMet(table: Table, count: number): void {
  expect(table.goals).toHaveLength(count)
  expect(listMissedCounts([table])).toEqual([])
}

it('counts as few round trips of ours over HTTP as are its goals', async () => {
  expectGoalsMet(await measureHttp([ours]), 5)
})

it('counts as few round trips of ours over MCP as are its goals', async () => {
  expectGoalsMet(await measureMcp([oursMcp]), 7)
})

it.each([
  ['HTTP', false, 8],
  ['HTTP', true, 9],
  ['MCP', false, 8],
  ['MCP', true, 9],
] as const)(
  'counts one token request of ours for many calls over %s, and none that fails (for a person: %s)',
  async (over, isPerson, goals) => {
    const subject = over === 'HTTP' ? overHttp(ours) : overMcp(oursMcp)

    expectGoalsMet(await measureStampedes([subject], over, isPerson, crowd), goals)
  },
)

it('finds that ours reads each of the hard headers right (RFC 9110 §11)', async () => {
  expectGoalsMet(await measureReading(), 1)
})
