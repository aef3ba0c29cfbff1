/**
 * Which grant works with which authorization server.
 *
 * The tests of each server are held against its column, and the page of this app against all of it.
 *
 * @module
 */

export const servers = ['testbed', 'cloudflare', 'better-auth'] as const
export type Server = (typeof servers)[number]

/** `own`: it works, by a grant that is not the server's but ours. `none`: the server does not have it. */
export type Mark = 'works' | 'own' | 'none'

export interface Cell {
  readonly mark: Mark
  /** What a reader has to know to believe the mark. */
  readonly note?: string
}

const works: Cell = { mark: 'works' }

export const cells = {
  'client credentials': {
    testbed: works,
    cloudflare: { mark: 'none', note: 'It has no `client_credentials`.' },
    'better-auth': works,
  },
  'token exchange': {
    testbed: {
      mark: 'own',
      note: '`oidc-provider` has no RFC 8693. The grant is of the testbed, registered with the provider.',
    },
    cloudflare: {
      mark: 'works',
      note: 'Access tokens only, for the same audience and for the same scope or less; the client has a secret.',
    },
    'better-auth': { mark: 'none', note: 'It has no RFC 8693.' },
  },
  'device code': {
    testbed: {
      mark: 'works',
      note: 'The `interval` in the answer is of the testbed: the provider names none, and never says `slow_down`.',
    },
    cloudflare: { mark: 'none', note: 'It has no RFC 8628.' },
    'better-auth': { mark: 'works', note: "`slow_down` is the server's own word, twice in one sign-in." },
  },
  'authorization code': {
    testbed: { mark: 'works', note: 'By HTTP here, and in a browser with a person before its pages.' },
    cloudflare: { mark: 'works', note: 'The page, which approves at once, is ours: the library has none.' },
    'better-auth': {
      mark: 'works',
      note: 'The library has no pages: the user signs in and consents over its HTTP API.',
    },
  },
  refresh: { testbed: works, cloudflare: works, 'better-auth': works },
  revocation: {
    testbed: works,
    cloudflare: { mark: 'works', note: 'The revocation endpoint is the token endpoint.' },
    'better-auth': {
      mark: 'works',
      note: 'By refresh token. A JWT that came without one it refuses to revoke, by `unsupported_token_type`, and `signOut` says so.',
    },
  },
} as const satisfies Record<string, Record<Server, Cell>>

export type Grant = keyof typeof cells
