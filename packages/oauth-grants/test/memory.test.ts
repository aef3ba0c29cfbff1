import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { TokenSession, type TokenStore } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { tokenOf } from './session-bench.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const rounds = 100
/** So long that what is kept of one round is seen. */
const long = (number: number) => `${number}`.padEnd(100_000, 'x')

/** How much more there is in memory after so many rounds, in texts of that length. */
async function kept(act: (round: number) => Promise<unknown>): Promise<number> {
  await act(rounds)
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < rounds; round += 1) await act(round)
  collectGarbage()
  return (process.memoryUsage().heapUsed - before) / long(0).length
}

it('a session keeps none of the tokens that it has replaced', async () => {
  const clock = handClock()
  const session = new TokenSession(async () => tokenOf(clock, long(clock.now()), 1), { clock })

  const more = await kept(async () => {
    await session.getToken()
    clock.pass(1_000)
  })

  expect(more).toBeLessThan(rounds / 2)
})

it('a store keeps in this process nothing of the keys whose sessions have gone', async () => {
  const store: TokenStore = {
    load: async () => undefined,
    save: async () => '1',
    clear: async () => true,
  }
  const clock = handClock()

  const more = await kept(async (round) => {
    const obtain = async () => tokenOf(clock, 't1', 100)
    await new TokenSession(obtain, { clock, storage: { store, key: long(round) } }).getToken()
  })

  expect(more).toBeLessThan(rounds / 2)
})
