/**
 * What a token endpoint answers: a token (RFC 6749 §5.1), or why there is none (§5.2).
 *
 * @module
 */
import { type Answer, type Clock, quoteForeign } from '@x/oauth-discovery/http'
import { type Client, formEncode } from './client-authentication.ts'
import { TokenError } from './errors.ts'
import { createToken, isHeaderSafe, type Token } from './token.ts'

interface Asked {
  /** For messages: without a query. */
  readonly endpoint: string
  readonly issuer: string
}

/**
 * Reads a token answer.
 *
 * A missing or odd `expires_in` leaves the end unknown; 0 and less mean that it is good for the request at hand.
 */
export function readToken(
  json: Record<string, unknown>,
  request: Asked & {
    readonly sentAt: number
    readonly resource: string | null
    readonly scope: string | null
  },
): Token {
  const { access_token: accessToken, token_type: tokenType, scope } = json
  if (typeof accessToken !== 'string') throw unusable('access_token is missing (RFC 6749 §5.1)', request)
  if (!isHeaderSafe(accessToken)) {
    throw unusable('access_token holds characters that no header may carry (RFC 6750 §2.1)', request)
  }
  if (typeof tokenType !== 'string') throw unusable('token_type is missing (RFC 6749 §5.1)', request)
  if (tokenType.toLowerCase() !== 'bearer') {
    // Only a known word is repeated: a server that mixes up its members puts the token here.
    const type = /^(?:mac|N_A|PoP|DPoP)$/i.test(tokenType) ? tokenType : 'not known here'
    const why = `token_type is ${type}, and only Bearer is understood (RFC 6749 §7.1)`
    throw unusable(why, request, 'token_type_not_supported')
  }
  const lifetime = readLifetime(json['expires_in'])
  // Some servers send a list.
  const said = Array.isArray(scope) ? scope.join(' ') : scope
  const granted = typeof said === 'string' && said !== '' ? said : (request.scope ?? '')
  return createToken({
    accessToken,
    expiresAt: lifetime === undefined ? undefined : request.sentAt + lifetime * 1000,
    obtainedAt: request.sentAt,
    issuer: request.issuer,
    resource: request.resource ?? undefined,
    scope: granted.split(' ').filter(Boolean),
  })
}

function unusable(
  why: string,
  { endpoint, issuer }: Asked,
  code: 'invalid_response' | 'token_type_not_supported' = 'invalid_response',
): TokenError {
  const message = `POST ${endpoint} (token request) answered 200 with what is no usable token: ${why}. The authorization server ${issuer} is at fault.`
  return new TokenError(code, message, { endpoint, issuer, status: 200 })
}

const tenYears = 315_360_000

/** Seconds, from a number or, as some servers send it, from digits. */
function readLifetime(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined
  return Math.min(Math.max(Math.floor(seconds), 0), tenYears)
}

/** What an answer that is no token means: the server's own error, an outage, or nonsense. */
export function readRefusal(
  { status, headers }: Answer,
  json: Record<string, unknown> | undefined,
  request: Asked & { readonly clock: Clock; readonly secrets: readonly string[] },
): TokenError {
  const { endpoint, issuer, clock, secrets } = request
  const tell = (value: unknown) =>
    typeof value === 'string' && value !== '' ? redacted(value, secrets).slice(0, 200) : undefined
  const error = tell(json?.['error'])
  const errorDescription = tell(json?.['error_description'])
  const what = `POST ${endpoint} (token request to ${issuer})`
  const retryAfterMs = readRetryAfter(headers, clock)
  const details = { endpoint, issuer, status, error, errorDescription, retryAfterMs }
  const passing = error === 'temporarily_unavailable' || error === 'server_error'
  if (passing || status === 429 || status >= 500) {
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    const message = `${what}: the server is down or overloaded (status ${status}). Try again ${when}.`
    return new TokenError('unavailable', message, { ...details, recovery: 'transient' })
  }
  if (error === undefined) {
    const message = `${what}: status ${status} without a token or an OAuth error. Is this the token endpoint of ${issuer}?`
    return new TokenError('invalid_response', message, details)
  }
  const said = [error, errorDescription].flatMap((each) => (each === undefined ? [] : quoteForeign(each)))
  const message = `${what}: refused with ${said.join(', ')} (status ${status}). ${advice[error] ?? 'The server documents what it means.'}`
  return new TokenError('refused', message, details)
}

// No prototype: the server chooses the word that is looked up.
const advice: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  invalid_client: 'Check clientId and clientSecret, and whether the client may authenticate in this way.',
  invalid_grant: 'What was presented is no longer good.',
  invalid_request: 'The server says that a parameter is missing or wrong.',
  invalid_scope: 'Ask for less, or have the client registered for this scope.',
  invalid_target: 'Check the resource, and that the server knows it (RFC 8707).',
  unauthorized_client: 'The client is not registered for this grant.',
  unsupported_grant_type: 'The server does not have this grant.',
})

/** Some servers echo the request: what was secret in it must not come back through an error. */
function redacted(text: string, secrets: readonly string[]): string {
  // After the cleaning, which may put together what stood apart.
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), cleaned(text))
}

function cleaned(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '')
}

/** All that was secret in a request, in each form that a cleaned echo may have, longest first. */
export function secretsIn(
  form: URLSearchParams,
  headers: Headers,
  { clientSecret = '' }: Client,
): readonly string[] {
  const open = new Set(['grant_type', 'scope', 'resource', 'client_id', 'client_assertion_type'])
  const values = [...form].filter(([name]) => !open.has(name)).map(([, value]) => value)
  const credential = headers.get('authorization')?.replace(/^\S+ /, '') ?? ''
  return [clientSecret, credential, ...values]
    .flatMap((each) => [cleaned(each), encodeURIComponent(each), formEncode(each)])
    .flatMap((each) => [each, each.replace(/%../g, (hex) => hex.toLowerCase())])
    .filter((each) => each !== '')
    .toSorted((one, other) => other.length - one.length)
}

/** `Retry-After` in ms, of seconds or of a date, and at most an hour: a server must not silence us for good. */
function readRetryAfter(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - clock.now()
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined
}
