import { setImmediate as turn } from 'node:timers/promises'
import { type Fetch, isOAuthError } from '@x/oauth-discovery'
import { type GrantEvent, memoryStore } from '@x/oauth-grants'
import type { Fault, Testbed } from '@x/testbed'
import { handClock } from '@x/testbed/hand-clock'
import { type Credential, createAuth } from '../src/credential.ts'
import { urlOf } from './url-of.ts'

const timeoutMs = 300
const lifeMs = 3_600_000

/** What is wrong with the token endpoint: a fault of the one that is there, or another address in its place. */
export interface Trouble {
  readonly name: string
  readonly fault?: Fault
  /** Default: until it is healed. */
  readonly times?: number
  readonly endpoint?: (tokenEndpoint: string) => string
  /** What has come of the answer when the caller's patience ends; default: nobody's patience does. */
  readonly lasts?: 'sent' | 'begun'
}

/** Of the token: `good`, and due for an early renewal; or `refused` by the resource, before its end. */
export type State = 'good' | 'ended' | 'refused'

export interface Outcome {
  /** The status that the caller saw, or the error. */
  readonly seen: string
  readonly tokenRequests: number
  /** Whether the credential is still there: of the next call, when all is healed and the token has ended, `ok` or the recovery. */
  readonly next: string
}

/** One call while the token endpoint is in trouble, and one afterwards. */
export async function callIn(
  { authorizationServer, api }: Testbed,
  trouble: Trouble,
  state: State,
  credential: Credential,
): Promise<Outcome> {
  const { issuer, tokenEndpoint, faults } = authorizationServer
  const clock = handClock(Date.now())
  const tally = { sent: 0, begun: 0, renewing: 0, calling: 0 }
  const counting: Fetch = async (input, init) => {
    if (urlOf(input).startsWith(api.origin)) return fetch(input, init)
    tally.sent += 1
    const response = await fetch(input, init)
    tally.begun += 1
    return response
  }
  const onEvent = (event: GrantEvent) => {
    if (event.type === 'renewal') tally.renewing += event.outcome === 'started' ? 1 : -1
  }
  const options = { clock, store: memoryStore(), timeoutMs, fetch: counting, onEvent }
  const healthy = createAuth(credential, { issuer, url: api.url }, options)
  const { accessToken } = await healthy.getToken()
  const troubled = trouble.endpoint
    ? createAuth(
        credential,
        { issuer, url: api.url, tokenEndpoint: trouble.endpoint(tokenEndpoint) },
        options,
      )
    : healthy
  await troubled.getToken()

  if (state === 'refused') api.refuse(accessToken)
  else clock.pass(state === 'ended' ? lifeMs : 0.95 * lifeMs)
  const { fault, times } = trouble
  if (fault) faults.add(fault, { path: '/token', ...(times && { times }) })
  Object.assign(tally, { sent: 0, begun: 0 })
  tally.calling = 1
  const call = seenBy(troubled.fetch(api.url)).finally(() => {
    tally.calling = 0
  })
  let lapses = 0
  while (tally.calling + tally.renewing > 0) {
    await turn()
    if (trouble.lasts === undefined || tally[trouble.lasts] === lapses) continue
    clock.pass(timeoutMs)
    lapses += 1
  }
  const tokenRequests = tally.sent

  faults.heal()
  clock.pass(lifeMs)
  const next = await healthy.getToken({ interactive: false }).then(() => 'ok', recoveryOf)
  return { seen: await call, tokenRequests, next }
}

function recoveryOf(error: unknown): string {
  if (!isOAuthError(error)) throw error
  return error.recovery
}

async function seenBy(call: Promise<Response>): Promise<string> {
  try {
    const response = await call
    await response.body?.cancel()
    return String(response.status)
  } catch (error) {
    if (!isOAuthError(error)) throw error
    const { code, recovery, retryAfterMs } = error
    return [code, recovery, ...(retryAfterMs === undefined ? [] : [`${retryAfterMs / 1000} s`])].join(', ')
  }
}
