/**
 * What comes back from the browser: RFC 6749 §4.1.2, RFC 9207. Anybody may have sent it.
 *
 * @module
 */
import { displayUrl, quoteForeign } from '@x/oauth-discovery/http'
import { AuthorizationError, type AuthorizationErrorCode } from './errors.ts'
import { accessDenied } from './login.ts'
import { adviceOn } from './token-response.ts'

/** What was recorded before the browser was sent off: the answer is held against it. */
export interface Expected {
  readonly issuer: string
  /** Whether the server says that it names itself in each answer. */
  readonly namesIssuer: boolean
  readonly state: string
  readonly redirectUri: string
}

const once = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri']

/**
 * The code in an answer.
 *
 * Nothing in an answer is acted on, or shown, before it is known to be the answer to this request, from this server.
 *
 * @throws {AuthorizationError} `invalid_callback`, `redirect_uri_mismatch`, `state_mismatch`, `issuer_mismatch`,
 *   `access_denied`, `authorization_refused`
 */
export function readAuthorizationResponse(callback: string | URL, expected: Expected): string {
  const { issuer, redirectUri } = expected
  const refused = (code: AuthorizationErrorCode, why: string) =>
    new AuthorizationError(
      code,
      `The answer of the browser to the sign-in at ${issuer} was not used: ${why}. Sign in again.`,
      {
        issuer,
      },
    )
  const url = URL.canParse(callback) ? new URL(callback) : undefined
  if (url === undefined) throw refused('invalid_callback', 'it is no absolute URL')
  if (!isSamePlace(url, new URL(redirectUri))) {
    throw refused(
      'redirect_uri_mismatch',
      `it did not come to ${displayUrl(redirectUri)}, where this sign-in ends (RFC 8252 §8.10)`,
    )
  }
  const { searchParams: given } = url
  const repeated = once.find((name) => given.getAll(name).length > 1)
  if (repeated !== undefined) throw refused('invalid_callback', `it has ${repeated} twice (RFC 6749 §3.1)`)
  if (!isSameText(given.get('state') ?? '', expected.state)) {
    throw refused(
      'state_mismatch',
      'its state is not that of this sign-in, which somebody else may have begun (RFC 6749 §10.12)',
    )
  }
  requireIssuer(given.get('iss'), expected, refused)
  const [code, error] = [given.get('code'), given.get('error')]
  if (code && error !== null) throw refused('invalid_callback', 'it has both a code and an error')
  if (error) throw refusalOf(error, given.get('error_description'), issuer)
  if (!code) throw refused('invalid_callback', 'it has neither a code nor an error')
  return code
}

/** "compare ... using simple string comparison", whether or not the server said that it would send it (RFC 9207 §2.4). */
function requireIssuer(
  iss: string | null,
  { issuer, namesIssuer }: Expected,
  refused: (code: AuthorizationErrorCode, why: string) => AuthorizationError,
): void {
  if (iss === null && namesIssuer) {
    throw refused(
      'issuer_mismatch',
      'it has no iss, which this server says that it always sends (RFC 9207 §2.4)',
    )
  }
  if (iss !== null && iss !== issuer) {
    throw refused('issuer_mismatch', 'its iss names another server, as in a mix-up attack (RFC 9207 §2.4)')
  }
}

/** All but the query, which is the answer, and the fragment; what the redirect URI has in its own query is there as well. */
function isSamePlace(url: URL, redirectUri: URL): boolean {
  const [came, registered] = [url, redirectUri].map(({ href }) => href.replace(/[?#].*/s, ''))
  const own = [...redirectUri.searchParams.keys()].every((name) => {
    const [given, wanted] = [url, redirectUri].map(({ searchParams }) =>
      JSON.stringify(searchParams.getAll(name)),
    )
    return given === wanted
  })
  return came === registered && own
}

/** Takes the same time wherever two texts differ. */
function isSameText(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let index = 0; index < other.length; index += 1)
    difference |= one.charCodeAt(index) ^ other.charCodeAt(index)
  return difference === 0
}

/** By now it is known that the server itself said so. */
function refusalOf(error: string, description: string | null, issuer: string): AuthorizationError {
  const errorDescription = description === null ? undefined : printable(description)
  if (error === 'access_denied') return accessDenied(issuer, errorDescription)
  const said = [error, description].flatMap((each) => (each === null ? [] : quoteForeign(each)))
  const [recovery, advice] = /^(?:temporarily_unavailable|server_error)$/.test(error)
    ? (['transient', 'Try again later.'] as const)
    : /^(?:login|consent|interaction|account_selection)_required$/.test(error)
      ? (['interaction', 'Sign in again, with a person there.'] as const)
      : (['terminal', adviceOn(error)] as const)
  const message = `The authorization server ${issuer} refused the sign-in with ${said.join(', ')} (RFC 6749 §4.1.2.1). ${advice}`
  const details = { issuer, error: printable(error), errorDescription, recovery }
  return new AuthorizationError('authorization_refused', message, details)
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '').slice(0, 200)
}
