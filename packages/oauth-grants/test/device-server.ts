import type { Clock, Fetch } from '@x/oauth-discovery'
import {
  DeviceCodeAuth,
  type DeviceCodeOptions,
  type DeviceVerification,
  type GrantEvent,
} from '../src/index.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

/** How long each request may take here; no wait between two polls is as long. */
export const timeoutMs = 7_000
/** How long a renewal may take. */
const renewalMs = 2 * timeoutMs + 15_000

export const deviceMetadata = {
  ...metadata,
  device_authorization_endpoint: 'https://as.example/device',
} as const

export const authorization = {
  device_code: 'hunter2-device-code',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://as.example/enter',
  expires_in: 600,
} as const

/** A refusal of the token endpoint in the words of RFC 8628 §3.5. */
export const refused =
  (error: string, status = 400, headers: Record<string, string> = {}): Reply =>
  () =>
    Response.json({ error }, { status, headers })

export const pending: Reply = refused('authorization_pending')
export const token = { access_token: 't', token_type: 'Bearer', expires_in: 3600 } as const

/** No answer, for longer than anybody waits. */
export const silence =
  (clock: HandClock): Reply =>
  () => {
    clock.pass(timeoutMs)
    return new Promise<never>(() => {})
  }

/** Time that goes by as soon as the poll waits for it; `onWait` is told the number of the wait, before it is over. */
function patient(hand: HandClock, onWait: (wait: number) => unknown = () => {}): Clock {
  let waits = 0
  return {
    now: () => hand.now(),
    sleep(ms, signal) {
      const slept = hand.sleep(ms, signal)
      if (ms === timeoutMs || ms === renewalMs) return slept
      waits += 1
      if (waits > 1_000) throw new Error('the polling has no end')
      onWait(waits)
      hand.pass(ms)
      return slept
    },
  }
}

interface Given extends Partial<DeviceCodeOptions> {
  readonly hand?: HandClock
  /** The answer to the device authorization request. */
  readonly answer?: Reply
  /** The answers to the polls, in turn; the last one stays. */
  readonly polls?: readonly Reply[]
  readonly onWait?: (wait: number) => unknown
}

/** A device at a server that is made of replies. */
export function deviceBench(given: Given = {}) {
  const { hand = handClock(), answer = authorization, polls = [token], onWait, ...options } = given
  const server = tokenServer(answer, ...polls)
  const [shown, events, times]: [DeviceVerification[], GrantEvent[], number[]] = [[], [], []]
  const start = hand.now()
  const fetch: Fetch = (input, init) => {
    times.push((hand.now() - start) / 1000)
    return server.fetch(input, init)
  }
  const auth = new DeviceCodeAuth({
    serverMetadata: deviceMetadata,
    clientId: 'me',
    prompt: (verification) => void shown.push(verification),
    onEvent: (event) => void events.push(event),
    clock: patient(hand, onWait),
    timeoutMs,
    fetch,
    ...options,
  })
  return {
    auth,
    hand,
    shown,
    events,
    arrivals: server.arrivals,
    /** When it was asked for a token, in seconds after the start. */
    polledAt: () => times.slice(1),
  }
}

/** Much later: whatever was still to come has come. */
export async function muchLater(hand: HandClock): Promise<void> {
  for (let times = 0; times < 5; times += 1) {
    hand.pass(3_600_000)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
