import { type DiscoveryEvent, type Fetch, isOAuthError } from '@x/oauth-discovery'
import { expect, it, vi } from 'vitest'
import { type Arrivals, watchArrivals } from '../src/arrivals.ts'
import { type DiscoveredServer, type Discovery, discoveries } from '../src/discoveries.ts'

/** Gives what was found, or the error that told what was not. */
type Test = (arrivals: Arrivals) => Promise<unknown>

/** The tests of one server. Each is held against the row that it shows, and all rows of the server must be shown. */
export function discoveriesOf<Server extends DiscoveredServer>(server: Server) {
  const rows: Readonly<Record<string, Discovery>> = discoveries[server]
  const shown = new Set<string>()
  return {
    shows: (asked: keyof (typeof discoveries)[Server] & string, claim: string, test: Test): void => {
      shown.add(asked)
      it(`${asked}: ${claim}`, async () => {
        using arrivals = watchArrivals()
        const outcome = outcomeOf(await test(arrivals))
        expect({ outcome, requests: arrivals.count() }).toEqual({
          outcome: rows[asked]?.outcome,
          requests: rows[asked]?.requests,
        })
      })
    },
    isWhole: (): void => {
      it('shows each row', () => {
        expect([...shown].toSorted()).toEqual(Object.keys(rows).toSorted())
      })
    },
  }
}

function outcomeOf(result: unknown): string {
  if (isOAuthError(result)) return result.code
  const isTold = typeof result === 'object' && result !== null && 'kind' in result
  return isTold ? String(result.kind) : 'found'
}

/** The error that an attempt must end with. */
export async function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error,
  )
}

/** What one address answered, once `onEvent` is told of it. */
export function answersOf(url: string) {
  const statuses: (number | undefined)[] = []
  const onEvent = (event: DiscoveryEvent): void => {
    if (event.type === 'exchange' && event.url === url) statuses.push(event.status)
  }
  return { statuses, onEvent }
}

/**
 * Keeps answers back until the two requests that go side by side have arrived: where the answer to the first points
 * elsewhere, the second is of no use, and may be called off before it is there.
 */
export function sideBySide(arrivals: Arrivals, url: string): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    await vi.waitFor(() => expect(arrivals.at(url).length).toBeGreaterThan(1))
    return response
  }
}
