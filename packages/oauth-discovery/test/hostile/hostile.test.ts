import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Attack, Outcome } from './attack.ts'
import { attacks } from './attacks.ts'
import { makeBombs } from './pages.ts'
import { type Servers, startServers } from './servers.ts'
import { titleOf } from './titles.ts'
import { startVictim, type VictimProcess } from './victims.ts'

let servers: Servers
let victim: VictimProcess | undefined

beforeAll(async () => {
  makeBombs()
  servers = await startServers()
})

afterAll(async () => {
  await victim?.[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
})

/** One process for many attacks; a new one after an attack that it has not survived, and for one that fills the memory. */
async function suffer({ attack, web, memory }: Attack): Promise<Outcome> {
  servers.layOut({}) // or who starts would meet the last attack
  await using own = memory === undefined ? undefined : await startVictim(servers.ports)
  victim ??= await startVictim(servers.ports)
  servers.layOut(web)
  try {
    // Longer than any attack takes that is withstood.
    return await (own?.suffer(attack, 10_000) ?? victim.suffer(attack, 4000))
  } catch (error) {
    await victim[Symbol.asyncDispose]()
    victim = undefined
    throw error
  }
}

describe.each(Object.entries(Object.groupBy(attacks, ({ guard }) => guard)))('%s', (_, group = []) => {
  for (const attack of group) {
    it(titleOf(attack), async () => {
      const outcome = await suffer(attack)

      const requests = servers.log.filter((line) => !line.startsWith('end of '))
      expect(outcome).toMatchObject(attack.outcome)
      const certain = requests.filter((line) => attack.mayBeSeen?.includes(line) !== true)
      expect(certain.toSorted()).toEqual(attack.seen.toSorted())
      expect(Object.keys(attack.web)).toEqual(expect.arrayContaining([...(attack.unseen ?? [])]))
      expect(requests.filter((line) => attack.unseen?.includes(line.replace(/^\w+ /, '')))).toEqual([])
      expect(outcome.grownMb).toBeLessThan(attack.memory ?? 96)
      if (attack.untold !== undefined) expect(outcome.text).not.toMatch(attack.untold)
      const sent = servers.headers.flatMap((each) => Object.keys(each))
      expect(sent.filter((name) => /^(?:authorization|cookie)$/.test(name))).toEqual([])
    })
  }
})
