import { AuthorizationCodeAuth, type AuthorizationCodeOptions, type GrantEvent } from '../src/index.ts'
import { type HandClock, handClock } from './hand-clock.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

export const loginMetadata = {
  ...metadata,
  authorization_endpoint: 'https://as.example/authorize',
  revocation_endpoint: 'https://as.example/revoke',
  code_challenge_methods_supported: ['S256'],
}

/** The answer that has t1 and r1 in it, or t2 and r2, ... good for 100 s. */
export const answer = (number: number, more: object = {}) => ({
  access_token: `t${number}`,
  token_type: 'Bearer',
  expires_in: 100,
  refresh_token: `r${number}`,
  ...more,
})

export const refusal =
  (error: string, status = 400): Reply =>
  () =>
    Response.json({ error }, { status })

/** An answer of the token endpoint that nobody gets to see. */
export const lost: Reply = () => Promise.reject(new TypeError('fetch failed'))

export type LoginGiven = Omit<Partial<AuthorizationCodeOptions>, 'clock'> & { clock?: HandClock }

/** Somebody who signs in at once, at a server that is made of replies; and what was asked of both. */
export function loginBench(given: LoginGiven = {}, ...replies: Reply[]) {
  const { clock = handClock(), ...options } = given
  const server = tokenServer(...replies)
  const redirectUri = 'http://127.0.0.1/callback'
  const events: GrantEvent[] = []
  /** For which scope somebody was asked to sign in. */
  const signIns: (string | null)[] = []
  const auth = new AuthorizationCodeAuth({
    serverMetadata: loginMetadata,
    clientId: 'me',
    partition: 'ada',
    redirectUri,
    authorize({ searchParams }) {
      signIns.push(searchParams.get('scope'))
      return `${redirectUri}?${new URLSearchParams({ code: 'c', state: searchParams.get('state') ?? '' })}`
    },
    fetch: server.fetch,
    clock,
    onEvent: (event) => void events.push(event),
    ...options,
  })
  const { arrivals } = server
  return {
    auth,
    clock,
    events,
    signIns,
    arrivals,
    forms: () => arrivals.map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
    /** What each request of ours presented: the name of a refresh token, or what else it is. */
    presented: () =>
      arrivals.map(({ url, body }) => {
        const form = new URLSearchParams(body)
        return form.get('refresh_token') ?? form.get('grant_type') ?? new URL(url).pathname
      }),
  }
}
