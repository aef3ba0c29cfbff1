import { type GrantEvent, TokenExchangeAuth, type TokenExchangeOptions } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

export const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`
export const exchanged = {
  access_token: 'x',
  token_type: 'Bearer',
  expires_in: 100,
  issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
} as const

/** A service at a server that is made of replies: by default x1, x2, ... each good for 100 s. */
export function exchangeBench(options: Partial<TokenExchangeOptions> = {}, ...replies: Reply[]) {
  let made = 0
  const next: Reply = () => {
    made += 1
    return Response.json({ ...exchanged, access_token: `x${made}` })
  }
  const server = tokenServer(...(replies.length > 0 ? replies : [next]))
  const clock = handClock()
  const events: GrantEvent[] = []
  const auth = new TokenExchangeAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientSecret: 'hush',
    subjectToken: 's1',
    onEvent: (event) => void events.push(event),
    fetch: server.fetch,
    clock,
    ...options,
  })
  const forms = () => server.arrivals.map(({ body }) => new URLSearchParams(body))
  return { auth, clock, events, forms, arrivals: server.arrivals }
}
