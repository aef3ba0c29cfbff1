// One process of several that share a store. It is told what to do by messages, and tells of all that happens by messages.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isOAuthError } from '@x/oauth-discovery'
import type { Auth, GrantEvent } from '@x/oauth-grants'
import { type Credential, createAuth, type Place } from './credential.ts'
import { openStore, type StoreAddress } from './store-address.ts'

export interface Order {
  readonly place: Place
  readonly store: StoreAddress
  readonly credentials: readonly Credential[]
  readonly timeoutMs: number
  /** How long to go on with calls, in ms; 0: one call of each. */
  readonly forMs: number
  readonly everyMs: number
}

/** What became of a call: `200`, or the error. */
export interface Outcome {
  readonly credential: Credential
  readonly at: number
  readonly seen: string
  readonly recovery: string | undefined
}

export type Message =
  | { readonly type: 'ready' }
  | { readonly type: 'event'; readonly event: GrantEvent }
  | { readonly type: 'outcomes'; readonly outcomes: readonly Outcome[] }

process.once('disconnect', () => process.exit())
tell({ type: 'ready' })
for (;;) {
  const [order]: Order[] = await once(process, 'message')
  if (order !== undefined) await follow(order)
}

/** Opens the store, waits for the word, and calls. */
async function follow({
  place,
  store: address,
  credentials,
  timeoutMs,
  forMs,
  everyMs,
}: Order): Promise<void> {
  const store = await openStore(address)
  const onEvent = (event: GrantEvent) => {
    if (event.type !== 'exchange') tell({ type: 'event', event })
  }
  const auths = credentials.map((credential) => ({
    credential,
    auth: createAuth(credential, place, { store, timeoutMs, onEvent }),
  }))
  tell({ type: 'ready' })
  await once(process, 'message')
  const outcomes: Promise<Outcome>[] = []
  const end = Date.now() + forMs
  do {
    for (const { credential, auth } of auths) outcomes.push(call(credential, auth, place.url))
    if (forMs > 0) await sleep(everyMs)
  } while (Date.now() < end)
  tell({ type: 'outcomes', outcomes: await Promise.all(outcomes) })
  await Promise.all(auths.map(({ auth }) => auth[Symbol.asyncDispose]()))
}

async function call(credential: Credential, auth: Auth, url: string): Promise<Outcome> {
  const at = Date.now()
  try {
    const response = await auth.fetch(url)
    await response.arrayBuffer()
    return { credential, at, seen: String(response.status), recovery: undefined }
  } catch (error) {
    const { code, recovery } = isOAuthError(error) ? error : { code: String(error), recovery: undefined }
    return { credential, at, seen: code, recovery }
  }
}

function tell(message: Message): void {
  process.send?.(message)
}
