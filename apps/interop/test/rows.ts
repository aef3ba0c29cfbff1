import { expect, it } from 'vitest'
import type { Row } from '../src/parity.ts'

/** The tests of one table of parity: each shows a row, and all rows must be shown. */
export function rowsOf<Name extends string>(rows: Record<Name, Row>) {
  const shown = new Set<string>()
  return {
    shows: (name: Name, test: () => unknown): void => {
      shown.add(name)
      const { differs, missing }: Row = rows[name]
      const remark = missing !== undefined ? ' (not there)' : differs === undefined ? '' : ' (differs)'
      it(name + remark, async () => {
        // Said in each run, for this is no test that was skipped.
        if (missing !== undefined) console.log(`${name} is not there: ${missing}`)
        await test()
      })
    },
    isWhole: (): void => {
      it('shows each row', () => {
        expect([...shown].toSorted()).toEqual(Object.keys(rows).toSorted())
      })
    },
  }
}
