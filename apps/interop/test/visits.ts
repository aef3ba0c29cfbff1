import type { Receiver } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'

/** A receiver whose opener is a person, who does one thing after the other; `act` is told which time it is, from 1 on. */
export function receiveFrom(act: (url: string, visit: number) => Promise<unknown>): {
  readonly authorize: Receiver
  /** Ends when the person has seen the last page of all that was opened so far. */
  readonly seen: () => Promise<unknown>
} {
  let visits = 0
  let last: Promise<unknown> = Promise.resolve()
  const open = (url: string): Promise<unknown> => {
    visits += 1
    const visit = visits
    last = last.then(() => act(url, visit))
    return last
  }
  return { authorize: loopbackReceiver({ open }), seen: () => last }
}

/** Where the browser is to come back to. */
export function redirectUriOf(url: string): string {
  return new URL(url).searchParams.get('redirect_uri') ?? ''
}
