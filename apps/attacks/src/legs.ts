/**
 * All that a program sends on its own behalf on its way to a token and back, one request at a time.
 *
 * @module
 */
import { AuthorizationCodeAuth, dynamicRegistration, type GrantAuth } from '@x/oauth-grants'
import { issuer, metadataUrl, resourceUrl, wellKnown } from './honest.ts'
import { type Circumstances, victimOf } from './victims.ts'

export interface Leg {
  readonly leg: string
  /** What is asked there. */
  readonly url: string
  /** Who gets there. */
  readonly make: (given: Circumstances) => GrantAuth
  readonly go: (auth: GrantAuth) => Promise<unknown>
}

const getToken = (auth: GrantAuth) => auth.getToken()
const of = (secret: string) => (given: Circumstances) => victimOf(secret, { resourceUrl }, given)

/** What is read: nothing secret is in it, but what it says decides where that goes. */
export const readings: readonly Leg[] = [
  ['first question', resourceUrl] as const,
  ['metadata of the resource', metadataUrl] as const,
  ['metadata of the server', wellKnown(issuer)] as const,
].map(([leg, url]) => ({ leg, url, make: of('client secret'), go: getToken }))

/** What is sent: in each there is something secret. */
export const postings: readonly Leg[] = [
  {
    leg: 'token endpoint, shown a client secret',
    url: `${issuer}/token`,
    make: of('client secret'),
    go: getToken,
  },
  {
    leg: 'token endpoint, shown the token of a user',
    url: `${issuer}/token`,
    make: of('subject token'),
    go: getToken,
  },
  {
    leg: 'token endpoint, shown an assertion',
    url: `${issuer}/token`,
    make: of('assertion'),
    go: getToken,
  },
  {
    leg: 'token endpoint, shown a code',
    url: `${issuer}/token`,
    make: of('authorization code'),
    go: getToken,
  },
  {
    leg: 'token endpoint, shown a refresh token',
    url: `${issuer}/token`,
    make: (given) =>
      new AuthorizationCodeAuth({
        ...given,
        resourceUrl,
        clientId: 'me',
        partition: 'p',
        refreshToken: 'hush-handed-in',
      }),
    go: (auth) => auth.getToken({ interactive: false }),
  },
  {
    leg: 'token endpoint, shown a device code',
    url: `${issuer}/token`,
    make: of('device code'),
    go: getToken,
  },
  {
    leg: 'device authorization endpoint',
    url: `${issuer}/device`,
    make: of('device code'),
    go: getToken,
  },
  {
    leg: 'registration endpoint',
    url: `${issuer}/register`,
    make: (given) => {
      const registration = dynamicRegistration(
        { software_statement: 'hush-statement' },
        { store: given.store },
      )
      return of('authorization code')({ ...given, registration })
    },
    go: getToken,
  },
  {
    leg: 'revocation endpoint',
    url: `${issuer}/revoke`,
    make: of('authorization code'),
    go: async (auth) => {
      await auth.getToken()
      if (auth instanceof AuthorizationCodeAuth) await auth.signOut()
    },
  },
]
