// Many processes, one store: each token is asked for once in all. Also a program, for stores that are elsewhere:
// node --conditions=@x/source src/together.ts --module MODULE --name EXPORT --options JSON

import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Arrival, type Journal, startTestbed } from '@x/testbed'
import { type Credential, createAuth, credentials } from './credential.ts'
import { openStore, type StoreAddress } from './store-address.ts'
import { table } from './table.ts'
import { startWorker } from './workers.ts'

const lifeSeconds = 5

/** How many tokens there may be at most, for nobody renews in the first 60 % of a life: one at each end of the time besides. */
export function mostTokens(forMs: number): number {
  return 2 + Math.floor(forMs / (0.6 * lifeSeconds * 1_000))
}

export interface Together {
  readonly credential: Credential
  readonly calls: number
  /** Codes of those that failed. */
  readonly failures: readonly string[]
  /** When each token was asked for, and was given, ms from the start. */
  readonly tokenRequests: readonly { readonly from: number; readonly to: number }[]
}

/** Has so many processes call for so long, from one moment on; with a refresh token that was in the store before. */
export async function runTogether(store: StoreAddress, size: number, forMs: number): Promise<Together[]> {
  // On a busy machine a token ends on its way to the resource.
  await using testbed = await startTestbed({ accessTokenSeconds: lifeSeconds, clockToleranceSeconds: 10 })
  const { journal, issuer } = testbed.authorizationServer
  const place = { issuer, url: testbed.api.url }
  const workers = await Promise.all(Array.from({ length: size }, startWorker))
  const places = credentials.map((credential) => ({ credential, place, store }))
  await Promise.all(workers.map((worker) => worker.open({ places, timeoutMs: 5_000 })))
  await createAuth('refresh token', place, { store: await openStore(store) }).getToken()
  journal.clear()

  const startedAt = Date.now()
  const runs = credentials.map(async (credential, index) => {
    const outcomes = await Promise.all(workers.map((worker) => worker.call({ index, forMs, everyMs: 500 })))
    const seen = outcomes.flatMap((each) => each ?? []).map((each) => each.seen)
    return { credential, calls: seen.length, failures: seen.filter((each) => each !== '200') }
  })
  const results = await Promise.all(runs)
  for (const worker of workers) worker[Symbol.dispose]()
  return results.map((result) => ({
    ...result,
    tokenRequests: requestsOf(result.credential, journal).map(({ at, answeredAt = at }) => ({
      from: at - startedAt,
      to: answeredAt - startedAt,
    })),
  }))
}

function requestsOf(credential: Credential, { arrivals }: Journal): readonly Arrival[] {
  const grantType = credential === 'refresh token' ? 'refresh_token' : 'client_credentials'
  return arrivals.filter(({ body }) => new URLSearchParams(body).get('grant_type') === grantType)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      module: text,
      name: text,
      options: text,
      size: { ...text, default: '20' },
      seconds: { ...text, default: '60' },
    },
  })
  const { module = '', name = '', options = '{}', size, seconds } = values
  const results = await runTogether(
    { module, name, options: JSON.parse(options) },
    Number(size),
    Number(seconds) * 1_000,
  )
  const rows = results.map(({ credential, calls, failures, tokenRequests }) => [
    credential,
    String(calls),
    String(failures.length),
    tokenRequests.map(({ from }) => from).join(' '),
  ])
  console.log(table(['credential', 'calls', 'failed', 'token requests, ms'], rows))
}
