// One process of several that share stores. It does what messages say, and tells of all that happens by messages.
import { setTimeout as sleep } from 'node:timers/promises'
import { isOAuthError } from '@x/oauth-discovery'
import type { Auth, GrantEvent } from '@x/oauth-grants'
import { type Credential, createAuth, type Place } from './credential.ts'
import { openStore, type StoreAddress } from './store-address.ts'

export type Order =
  /** Makes an auth object for each of these, in place of any before. */
  | {
      readonly do: 'open'
      readonly places: readonly {
        readonly credential: Credential
        readonly place: Place
        readonly store: StoreAddress
      }[]
      readonly timeoutMs: number
    }
  /** Calls by one of them, once, or for so long. */
  | { readonly do: 'call'; readonly index: number; readonly forMs: number; readonly everyMs: number }

/** What became of a call: its status, or the error. */
export interface Outcome {
  readonly seen: string
  readonly recovery: string | undefined
  readonly ms: number
}

export type News =
  | { readonly of: 'ready' }
  | { readonly of: 'event'; readonly index: number; readonly event: GrantEvent }
  | { readonly of: 'outcomes'; readonly index: number; readonly outcomes: readonly Outcome[] }

let opened: readonly { readonly auth: Auth; readonly url: string }[] = []

process.once('disconnect', () => process.exit())
process.on('message', (order: Order) => void (order.do === 'open' ? open(order) : callFor(order)))
tell({ of: 'ready' })

async function open({ places, timeoutMs }: Order & { do: 'open' }): Promise<void> {
  await Promise.all(opened.map(({ auth }) => auth[Symbol.asyncDispose]()))
  opened = await Promise.all(
    places.map(async ({ credential, place, store: address }, index) => {
      const store = await openStore(address)
      const onEvent = (event: GrantEvent) => {
        if (event.type !== 'exchange') tell({ of: 'event', index, event })
      }
      return { auth: createAuth(credential, place, { store, timeoutMs, onEvent }), url: place.url }
    }),
  )
  tell({ of: 'ready' })
}

async function callFor({ index, forMs, everyMs }: Order & { do: 'call' }): Promise<void> {
  const calls: Promise<Outcome>[] = []
  const end = Date.now() + forMs
  do {
    const { auth, url } = opened[index] ?? {}
    if (auth === undefined || url === undefined) throw new Error(`nothing was opened as ${index}`)
    calls.push(outcomeOf(auth, url))
    if (forMs > 0) await sleep(everyMs)
  } while (Date.now() < end)
  tell({ of: 'outcomes', index, outcomes: await Promise.all(calls) })
}

async function outcomeOf(auth: Auth, url: string): Promise<Outcome> {
  const start = Date.now()
  try {
    const response = await auth.fetch(url)
    await response.arrayBuffer()
    return { seen: String(response.status), recovery: undefined, ms: Date.now() - start }
  } catch (error) {
    const { code, recovery } = isOAuthError(error) ? error : { code: String(error), recovery: undefined }
    return { seen: code, recovery, ms: Date.now() - start }
  }
}

function tell(news: News): void {
  process.send?.(news)
}
