/**
 * What a server said of itself, remembered from one connection to the next.
 *
 * @module
 */
import { systemClock } from '@x/oauth-discovery/http'
import { type ConnectOptions, type Prior, partitionOf } from './connection.ts'

/** How long it is believed, in ms: a server that has learned a newer protocol still speaks the old one. */
const dayMs = 86_400_000

type Options = Pick<ConnectOptions, 'auth' | 'store' | 'clock' | 'clientOptions'>

export async function recallPrior(options: Options, url: URL): Promise<Prior | undefined> {
  const key = keyOf(options, url)
  const stored = key === undefined ? undefined : await options.store?.load(key)
  try {
    const { version, until, prior } = JSON.parse(stored?.value ?? '')
    return version === 1 && (options.clock ?? systemClock).now() < until ? (prior ?? undefined) : undefined
  } catch {
    return undefined
  }
}

export async function rememberPrior(options: Options, url: URL, prior: Prior): Promise<void> {
  const { store, clock = systemClock } = options
  const key = keyOf(options, url)
  if (key === undefined || store === undefined) return
  const until = clock.now() + dayMs
  const { revision } = (await store.load(key)) ?? {}
  await store.save(key, JSON.stringify({ version: 1, until, prior }), { expect: revision, keepUntil: until })
}

/** Servers may tell each principal something else. Of whom that is nothing is known for a mere token. */
function keyOf({ auth, clientOptions = {} }: Options, { href }: URL): string | undefined {
  const { listChanged, versionNegotiation, supportedProtocolVersions } = clientOptions
  const partition = auth === undefined ? '' : partitionOf(auth)
  // The official client subscribes to changes only where it has asked the server who it is.
  if (partition === undefined || listChanged !== undefined) return undefined
  return JSON.stringify(['mcp', href, partition, versionNegotiation, supportedProtocolVersions])
}
