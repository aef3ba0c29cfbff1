import { DiscoveryError, isOAuthError as isDiscoveryError, OAuthError } from '@x/oauth-discovery'
import { AuthConfigError, ClientCredentialsAuth, isOAuthError, TokenError } from '@x/oauth-grants'
import { testClients } from '@x/testbed/clients'
import type { Case } from './case.ts'
import { failureOf, holds, refused, same } from './claims.ts'

const { worker } = testClients
const token = { method: 'POST', path: '/token' }

/** What the token endpoint does, and what comes of it. */
const failures: readonly (readonly [what: string, fault: object, members: Record<string, unknown>])[] = [
  ['a page', { kind: 'html' }, { code: 'invalid_response', recovery: 'transient' }],
  ['no JSON', { kind: 'body', body: '{"access_token":"hunter2' }, { code: 'invalid_response' }],
  [
    'another type of token',
    { kind: 'changed-members', members: { token_type: 'mac' } },
    { code: 'token_type_not_supported' },
  ],
  [
    'a server error',
    { kind: 'status', status: 500, body: 'hunter2' },
    { code: 'unavailable', recovery: 'transient' },
  ],
  ['a redirect', { kind: 'redirect', status: 307, location: '/elsewhere' }, { code: 'redirect_refused' }],
  ['a connection that is reset', { kind: 'reset' }, { code: 'unreachable', recovery: 'transient' }],
  ['an answer that breaks off', { kind: 'truncated' }, { code: 'unreachable', recovery: 'transient' }],
  ['an answer without an end', { kind: 'oversized', bytes: 5_000_000 }, { code: 'body_too_large' }],
]

export const errorCases: readonly Case[] = [
  ...failures.map(
    ([what, fault, members]): Case => ({
      name: `names what the token endpoint answers: ${what}`,
      async run({ open }) {
        const { apiUrl, break: spoil, count } = await open()
        await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...worker })
        await spoil('authorizationServer', fault, token)
        const error = await refused(auth.getToken(), { name: 'TokenError', ...members })
        holds(error instanceof TokenError && error instanceof OAuthError, 'it is of its class')
        hidesSecrets(error)
        same(
          await count('authorizationServer', { method: 'GET', path: '/elsewhere' }),
          0,
          'redirects that were followed',
        )
      },
    }),
  ),
  {
    name: 'names a client that is refused, in the words of the server',
    async run({ open }) {
      const { apiUrl } = await open()
      const wrong = { clientId: worker.clientId, clientSecret: 'hunter2' }
      await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...wrong })
      const error = await refused(auth.getToken(), { code: 'refused', error: 'invalid_client', status: 401 })
      hidesSecrets(error)
    },
  },
  {
    name: 'names what is configured and cannot work, and sends nothing',
    async run({ open }) {
      const { apiUrl, count } = await open()
      const attempt = ClientCredentialsAuth.fromResource({
        resourceUrl: apiUrl,
        clientId: 'a',
        scope: 'a  b',
      })
      const error = await failureOf(attempt.then((auth) => auth.getToken()))
      holds(error instanceof AuthConfigError, `it is of its class, and not ${error.name}`)
      same(await count('authorizationServer', token), 0, 'token requests')
    },
  },
  {
    name: 'shows no token in any text of it',
    async run({ open }) {
      const { apiUrl } = await open()
      await using auth = await ClientCredentialsAuth.fromResource({ resourceUrl: apiUrl, ...worker })
      const held = await auth.getToken()
      const texts = [JSON.stringify(held), JSON.stringify({ ...held }), JSON.stringify(auth)]
      holds(
        texts.every((text) => text === undefined || !text.includes(held.accessToken)),
        'the token is hidden',
      )
      same(held.accessToken.split('.').length, 3, 'parts of the token')
    },
  },
  {
    name: 'knows the errors of another copy of these packages',
    async run({ copy }) {
      holds(copy.DiscoveryError !== DiscoveryError, 'it is another copy')
      const error = new copy.DiscoveryError('issuer_mismatch', 'x', { url: 'https://as.example' })
      holds(!(error instanceof DiscoveryError), 'it is of another class')
      holds(
        isDiscoveryError(error, 'issuer_mismatch') && isOAuthError(error, 'issuer_mismatch'),
        'it is known',
      )
      holds(!isOAuthError(error, 'timeout') && !isOAuthError(new Error('x')), 'nothing else is')
      const ours = new TokenError('refused', 'x', { endpoint: '', issuer: '' })
      holds(copy.isOAuthError(ours, 'refused'), 'and the reverse')
    },
  },
]

/** Of whatever can be reached from it, and of what the runtime would print. */
function hidesSecrets(error: Error): void {
  const seen = new Set<unknown>()
  const texts: string[] = []
  const look = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value)
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    for (const name of Reflect.ownKeys(value)) look(Reflect.get(value, name))
  }
  look(error)
  look([String(error), JSON.stringify(error), error.stack])
  const secrets = [worker.clientSecret, encodeURIComponent(worker.clientSecret), 'hunter2']
  const told = texts.filter((text) => secrets.some((secret) => text.includes(secret)))
  same(told, [], 'texts with a secret')
}
