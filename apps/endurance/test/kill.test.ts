import { expect, it } from 'vitest'
import { complaintsOf, killRounds } from '../src/kill.ts'

it.concurrent.each([
  ['loses its refresh token exactly where the server had replaced it and it was not written yet', 0],
  ['loses no refresh token where the server gives the last one a grace', 60],
])(
  'a process that is killed while it has the turn keeps nobody waiting longer than the turn, and %s (RFC 9700 §4.14.2)',
  async (_, graceSeconds) => {
    const rounds = await killRounds(graceSeconds > 0 ? 5 : 10, graceSeconds)

    expect(rounds.flatMap((round) => complaintsOf(round, graceSeconds > 0))).toEqual([])
  },
)
