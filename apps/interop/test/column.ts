import { expect, it } from 'vitest'
import { type Cell, cells, type Grant, type Server } from '../src/cells.ts'

type Show = (grant: Grant, claim: string, test: () => Promise<void>) => void

/** The tests of one server. Each is held against the cell that it shows, and the column must be shown as a whole. */
export function column(server: Server): { works: Show; isMissing: Show; isWhole: () => void } {
  const shown = new Set<Grant>()
  const show =
    (isThere: boolean): Show =>
    (grant, claim, test) => {
      shown.add(grant)
      const cell: Cell = cells[grant][server]
      it(`${grant}: ${claim}`, async () => {
        expect(cell.mark !== 'none', `what the table says of ${grant} at ${server}`).toBe(isThere)
        await test()
      })
    }
  return {
    works: show(true),
    isMissing: show(false),
    isWhole: () => {
      it('shows each cell of its column', () => {
        expect([...shown].toSorted()).toEqual(Object.keys(cells).toSorted())
      })
    },
  }
}
