import { describe, expect, it, vi } from 'vitest'
import { gate } from '../src/gate.ts'
import { type Goal, judge, type Table } from '../src/result.ts'

const goal: Goal = { what: 'token requests', unit: 'count', atMost: 1 }

function tableOf(of: Partial<Goal>, measured: number | undefined): Table {
  return { title: '', columns: [], rows: [], goals: [judge({ ...goal, ...of }, measured)] }
}

describe('gate', () => {
  it('fails where a count is more than its goal, and says which', () => {
    const tell = vi.fn()

    const code = gate([tableOf({}, 1), tableOf({}, 1000)], tell)

    expect(code).toBe(1)
    expect(tell.mock.calls).toEqual([['missed: token requests: 1000, of at most 1']])
  })

  it('fails where a count was not measured', () => {
    expect(gate([tableOf({}, undefined)], () => {})).toBe(1)
  })

  it('fails for a missed count that has a reason as well', () => {
    expect(gate([tableOf({ reason: 'It is known.' }, 2)], () => {})).toBe(1)
  })

  it.each(['time', 'bytes'] as const)(
    'passes where a goal of %s is missed: each machine has its own',
    (unit) => {
      const tell = vi.fn()

      expect(gate([tableOf({ unit }, 1000)], tell)).toBe(0)
      expect(tell).not.toHaveBeenCalled()
    },
  )

  it('passes where all counts are met', () => {
    expect(gate([tableOf({}, 1), tableOf({ atMost: 0 }, 0)], () => {})).toBe(0)
  })
})
