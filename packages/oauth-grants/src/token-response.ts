/**
 * What a token endpoint answers: a token (RFC 6749 §5.1), or why there is none (§5.2).
 *
 * @module
 */
import { type Answer, type Clock, quoteForeign, readRetryAfter } from '@x/oauth-discovery/http'
import type { Binding } from './binding.ts'
import { type Client, formEncode } from './client-authentication.ts'
import { TokenError } from './errors.ts'
import { createToken, isHeaderSafe, type Token } from './token.ts'

interface Place {
  /** For messages: without a query. */
  readonly endpoint: string
  readonly issuer: string
}

/** What was asked for, where the form does not say it. */
export interface Asked {
  readonly scope?: string | undefined
  /** Of a refreshed token: what it takes over where the answer has nothing new. */
  readonly previous?: (Pick<Token, 'scope' | 'requestedScope'> & Partial<Token>) | undefined
}

/**
 * Reads a token answer.
 *
 * A missing or odd `expires_in` leaves the end unknown; 0 and less mean that it is good for the request at hand.
 */
export function readToken(
  json: Record<string, unknown>,
  request: Place & {
    readonly sentAt: number
    readonly form: URLSearchParams
    readonly asked?: Asked | undefined
    readonly binding?: Binding | undefined
  },
): Token {
  const { binding, form, asked: { previous, scope: asked = form.get('scope') ?? '' } = {} } = request
  const { access_token: accessToken, token_type: tokenType, expires_in, scope, ...others } = json
  const { refresh_token, id_token, issued_token_type, ...extra } = others
  if (!isHeaderSafe(accessToken)) {
    throw noToken('access_token is missing, or no header may carry it (RFC 6750 §2.1)', request)
  }
  if (typeof tokenType !== 'string') throw noToken('token_type is missing (RFC 6749 §5.1)', request)
  // Whoever asks for a certain type of token may want what is no access token.
  const wanted = binding ? 'DPoP' : 'Bearer'
  const isUnderstood = RegExp(`^(?:${wanted}${form.has('requested_token_type') ? '|N_A' : ''})$`, 'i')
  if (!isUnderstood.test(tokenType)) {
    // Only a known word is repeated: a server that mixes up its members puts the token here.
    const type = /^(?:mac|N_A|PoP|DPoP|Bearer)$/i.test(tokenType) ? tokenType : 'not known here'
    throw noToken(
      `token_type is ${type}, not ${wanted}${binding ? ': a downgrade' : ''} (RFC 6749 §7.1)`,
      request,
      'token_type_not_supported',
    )
  }
  const lifetime = readLifetime(expires_in)
  const [resource, ...more] = form.getAll('resource')
  // Some servers send a list.
  const said = textOf(Array.isArray(scope) ? scope.join(' ') : scope)
  return createToken({
    accessToken,
    // What is good for another exchange, or says who somebody is, is no access token, whatever else is said of it.
    tokenType: isOfOtherUse.test(String(issued_token_type)) ? 'N_A' : tokenType,
    expiresAt: lifetime === undefined ? undefined : request.sentAt + lifetime * 1000,
    obtainedAt: request.sentAt,
    issuer: request.issuer,
    resource: more.length > 0 ? undefined : (resource ?? previous?.resource),
    scope: said === undefined && previous ? previous.scope : listOf(said ?? asked),
    requestedScope: previous?.requestedScope ?? listOf(asked),
    // A program that acts for itself has no use for one (RFC 6749 §4.4.3).
    refreshToken:
      form.get('grant_type') === 'client_credentials'
        ? undefined
        : (textOf(refresh_token) ?? previous?.refreshToken),
    idToken: textOf(id_token) ?? previous?.idToken,
    issuedTokenType: textOf(issued_token_type),
    binding,
    extra,
  })
}

const isOfOtherUse = /^urn:ietf:params:oauth:token-type:(?:refresh_token|id_token|saml[12]|id-jag)$/

/** Absent, empty and of the wrong type are the same. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function listOf(scope: string): readonly string[] {
  return scope.split(' ').filter(Boolean)
}

export function noToken(
  why: string,
  { endpoint, issuer }: Place,
  code: 'invalid_response' | 'token_type_not_supported' = 'invalid_response',
): TokenError {
  const message = `POST ${endpoint} (token request to ${issuer}): status 200 with no usable token: ${why}. Tell its operator.`
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
  request: Place & { readonly purpose: string; readonly clock: Clock; readonly secrets: readonly string[] },
): TokenError {
  const { endpoint, issuer, clock, secrets } = request
  const tell = (value: unknown) => {
    const text = textOf(value)
    return text === undefined ? undefined : redacted(text, secrets).slice(0, 200)
  }
  // A word that stands in the specifications tells nothing, even if it is part of a secret.
  const word = textOf(json?.['error'])
  const error = word !== undefined && knownErrors.has(word) ? word : tell(word)
  const errorDescription = tell(json?.['error_description'])
  const what = `POST ${endpoint} (${request.purpose} to ${issuer}): status ${status}`
  const retryAfterMs = readRetryAfter(headers, clock)
  const details = { endpoint, issuer, status, error, errorDescription, retryAfterMs }
  const passing = error === 'temporarily_unavailable' || error === 'server_error'
  if (passing || status === 429 || status >= 500) {
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    const message = `${what}, the server is down or overloaded. Try again ${when}.`
    return new TokenError('unavailable', message, { ...details, recovery: 'transient' })
  }
  if (error === undefined) {
    const message = `${what} with no OAuth answer. Check that the address is right.`
    // A page in the place of a token is one of a proxy, and half of one was cut off: that passes.
    const isPassing = status === 200 && /html|json/i.test(headers.get('content-type') ?? '')
    const recovery = isPassing ? 'transient' : 'terminal'
    return new TokenError('invalid_response', message, { ...details, recovery })
  }
  const said = [error, errorDescription].flatMap((each) => (each === undefined ? [] : quoteForeign(each)))
  const message = `${what}, refused with ${said.join(', ')}. ${adviceOn(error)}`
  // Only whoever gave what was presented can give it again.
  const recovery = error === 'invalid_grant' ? 'interaction' : 'terminal'
  return new TokenError('refused', message, { ...details, recovery })
}

// No prototype: the server chooses the word that is looked up.
const advice: Readonly<Record<string, string | undefined>> = Object.assign(Object.create(null), {
  invalid_client: 'Check clientId, clientSecret and clientAuthentication.',
  invalid_grant: 'The code, refresh token or assertion is no good: get a new one.',
  invalid_request: 'Check the parameters, and the tokens to be exchanged (RFC 8693 §2.2.2).',
  invalid_scope: 'Check that the client is registered for the scope.',
  invalid_target: 'Check that the server knows the resource.',
  unauthorized_client: 'Check that the client is registered for the grant.',
  unsupported_grant_type: 'Check that the server knows the grant.',
})

/** What to do where a server refuses with this word. */
export function adviceOn(error: string): string {
  return advice[error] ?? 'The log of the server may say why.'
}

const knownErrors: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'access_denied',
  'authorization_pending',
  'expired_token',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
  'unsupported_token_type',
  ...Object.keys(advice),
])

/** Some servers echo the request: what was secret in it must not come back through an error. */
function redacted(text: string, secrets: readonly string[]): string {
  const patterns = secrets.map((each) => each.replace(/[^\w ]/g, '\\$&'))
  // After the cleaning, which may put together what stood apart; and at once, or one would be sought in the mark of another.
  return patterns.length === 0
    ? cleaned(text)
    : cleaned(text).replace(RegExp(patterns.join('|'), 'g'), '[redacted]')
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
  const isOpen = /^(?:scope|resource|audience|client_id|redirect_uri|\w+_type(?:_hint)?)$/
  const values = [...form].filter(([name]) => !isOpen.test(name)).map(([, value]) => value)
  const credential = headers.get('authorization')?.replace(/^\S+ /, '') ?? ''
  return [clientSecret, credential, ...values]
    .flatMap((each) => [cleaned(each), encodeURIComponent(each), formEncode(each)])
    .flatMap((each) => [each, each.replace(/%../g, (hex) => hex.toLowerCase())])
    .filter((each) => each !== '')
    .toSorted((one, other) => other.length - one.length)
}
