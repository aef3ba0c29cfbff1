/**
 * Programs with something to lose: one for each way to a token, with secrets that nobody but its own server may see.
 *
 * @module
 */
import type { AuthorizationServerMetadata, HttpOptions } from '@x/oauth-discovery'
import {
  AuthorizationCodeAuth,
  type Binding,
  ClientCredentialsAuth,
  type ClientRegistration,
  type Clock,
  DeviceCodeAuth,
  type GrantAuth,
  type GrantEvent,
  JwtBearerAuth,
  TokenExchangeAuth,
  type TokenStore,
} from '@x/oauth-grants'

export interface Circumstances extends HttpOptions<GrantEvent> {
  readonly expectedIssuer?: string | undefined
  readonly store?: TokenStore | undefined
  readonly scope?: string | undefined
  readonly binding?: Binding | undefined
  /** Where the browser ends; default: the redirect URI with a code, from whom it was sent to. */
  readonly browser?: ((url: URL) => string) | undefined
  /** Takes what a person is shown. */
  readonly shown?: string[] | undefined
  readonly registration?: ClientRegistration | undefined
  /** Of an earlier sign-in. */
  readonly refreshToken?: string | undefined
}

export type Place =
  | { readonly resourceUrl: string }
  | { readonly serverMetadata: AuthorizationServerMetadata; readonly resource: string }

export const redirectUri = 'https://app.example/callback'

/**
 * A person who signs in where they are sent, and comes back with a code.
 *
 * @param answer takes the place of what is right; what is undefined is left out
 */
export function comingBack(url: URL, answer: Readonly<Record<string, string | undefined>> = {}): string {
  const state = url.searchParams.get('state') ?? ''
  const parameters = { code: 'hush-code', state, iss: url.origin, ...answer }
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  return `${redirectUri}?${new URLSearchParams(pairs)}`
}

/** Between polls nobody sleeps, also where each waits for longer than the last; a deadline comes when it is told to. */
export function quickClock(): Clock & { readonly end: () => void } {
  let now = Date.now()
  const ends: (() => void)[] = []
  return {
    now: () => now,
    sleep(ms, signal) {
      if (ms <= 1_000 || ms === 2_000 || ms === 4_000) {
        now += ms
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        ends.push(resolve)
        signal?.addEventListener('abort', () => resolve(), { once: true })
      })
    },
    end() {
      for (const end of ends.splice(0)) end()
    },
  }
}

/** Without a name where it is to register. */
function clientFor({ registration }: Circumstances) {
  return registration === undefined ? client : { clientId: '', partition: 'p' }
}

const client = { clientId: 'me', clientSecret: 'hush-client-secret', partition: 'p' }

const victims: Readonly<Record<string, (place: Place, circumstances: Circumstances) => GrantAuth>> = {
  'client secret': (place, given) => new ClientCredentialsAuth({ ...client, ...given, ...place }),
  'subject token': (place, given) =>
    new TokenExchangeAuth({ ...client, ...given, ...place, subjectToken: 'hush-subject' }),
  assertion: (place, given) =>
    new JwtBearerAuth({ partition: 'p', ...given, ...place, assertion: () => 'hush-assertion' }),
  'authorization code': (place, { browser = comingBack, shown = [], ...given }) =>
    new AuthorizationCodeAuth({
      ...clientFor(given),
      ...given,
      ...place,
      redirectUri,
      authorize(url) {
        shown.push(url.href)
        return browser(url)
      },
    }),
  'device code': (place, { shown = [], ...given }) =>
    new DeviceCodeAuth({
      ...clientFor(given),
      clock: quickClock(),
      ...given,
      ...place,
      prompt: ({ verificationUri, verificationUriComplete }) =>
        void shown.push(`${verificationUri} ${verificationUriComplete}`),
    }),
}

export const secrets = Object.keys(victims)

/** The victim whose secret that is. */
export function victimOf(secret: string, place: Place, circumstances: Circumstances): GrantAuth {
  const make = victims[secret]
  if (make === undefined) throw new Error(`nobody has a ${secret}`)
  return make(place, circumstances)
}
