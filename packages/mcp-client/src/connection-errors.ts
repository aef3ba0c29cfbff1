/**
 * What can go wrong between this client and its server, by name.
 *
 *     MCPConnectionError        any of these; a URL that cannot be used, a closed connection, an `auth` that throws
 *     ├── BadRequestError       400: the server did not understand the request
 *     ├── AuthRequiredError     401: there is no token, or a fresh one was refused
 *     ├── ForbiddenError        403: the token is good, but not for this
 *     ├── SessionExpiredError   404 in a session (protocol revisions before 2026-07-28)
 *     ├── ServerError           429 and 5xx: the server is down or overloaded
 *     └── TransportError        no answer, or none that an MCP server gives
 *
 * What the token endpoint or discovery said stays what it is (`TokenError`, `DiscoveryError`, `AuthConfigError`), as
 * does an error that the MCP server answered with (`ProtocolError` of the official client).
 *
 * @module
 */
import {
  ProtocolError,
  ProtocolErrorCode,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client'
import {
  type Challenge,
  isOAuthError,
  OAuthError,
  parseWwwAuthenticate,
  type Recovery,
} from '@x/oauth-discovery'
import { quoteForeign, readRetryAfter, systemClock } from '@x/oauth-discovery/http'

export type MCPConnectionErrorCode =
  | 'invalid_url'
  | 'closed'
  | 'auth_failed'
  | 'bad_request'
  | 'auth_required'
  | 'forbidden'
  | 'session_expired'
  | 'server_error'
  | 'transport_error'

export interface MCPConnectionErrorOptions {
  readonly code: MCPConnectionErrorCode
  readonly url: string
  readonly status?: number | undefined
  readonly challenge?: Challenge | undefined
  readonly recovery?: Recovery | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

/**
 * The MCP server refused, failed, or was not reached. No member holds a token or a body; `cause` is a name and a code where
 * the platform or the official client failed, and for `auth_failed` what the caller's own code threw.
 */
export class MCPConnectionError extends OAuthError {
  override readonly name: string = 'MCPConnectionError'
  override readonly code: MCPConnectionErrorCode
  /** The server, without its query. */
  readonly url: string
  /** HTTP status of the answer, if one came. */
  readonly status: number | undefined
  readonly #challenge: Challenge | undefined

  constructor(message: string, options: MCPConnectionErrorOptions) {
    super(message, options)
    this.code = options.code
    this.url = options.url
    this.status = options.status
    this.#challenge = options.challenge
  }

  /** What a 401 or a 403 demanded: a stranger's text, which is not shown with the error. */
  get challenge(): Challenge | undefined {
    return this.#challenge
  }
}

/** 400: the server did not understand the request. */
export class BadRequestError extends MCPConnectionError {
  override readonly name = 'BadRequestError'
}

/** 401: there is no token, or the token was refused, a renewed one as well. */
export class AuthRequiredError extends MCPConnectionError {
  override readonly name = 'AuthRequiredError'
}

/** 403: the token is good, but not for this; the message names the scope that is needed, where the server does. */
export class ForbiddenError extends MCPConnectionError {
  override readonly name = 'ForbiddenError'
}

/** 404 within a session of the 2025 revisions: the server has forgotten it. */
export class SessionExpiredError extends MCPConnectionError {
  override readonly name = 'SessionExpiredError'
}

/** 429 and 5xx: the server is down or overloaded; time helps. */
export class ServerError extends MCPConnectionError {
  override readonly name = 'ServerError'
}

/** No answer, or none that an MCP server gives. */
export class TransportError extends MCPConnectionError {
  override readonly name = 'TransportError'
}

interface Circumstances {
  readonly url: string
  readonly hasSession: boolean
  readonly hasAuth: boolean
}

/**
 * What an answer means that is a refusal whatever was asked, and has more to say than the official client passes on.
 * Any other is for that one to understand: some tell it which revision the server speaks.
 */
export function readRefusal(
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  about: Circumstances,
): MCPConnectionError | undefined {
  const isRefusal = status === 401 || status === 403 || status === 429 || status >= 500
  if (!isRefusal) return undefined
  const challenges = parseWwwAuthenticate(headers.get('www-authenticate'))
  const challenge = challenges.find(({ parameters }) => parameters.error !== undefined) ?? challenges[0]
  const retryAfterMs = readRetryAfter(headers, systemClock)
  return nameStatus(status, { ...about, challenge, retryAfterMs })
}

/** What the official client threw, with a name of ours where it is about the connection; else as it is. */
export function nameConnectionError(error: unknown, about: Circumstances): unknown {
  if (isOAuthError(error) || error instanceof ProtocolError) return error
  if (error instanceof SdkError && !aboutTheConnection.has(error.code)) return error
  const { url } = about
  // Names and codes: messages and data of the official errors may hold the body of an answer, which may hold anything.
  const [cause, ...deeper] = [...causesOf(error)]
  if (error instanceof SdkHttpError) {
    const text = String(error.data['text'])
    // Servers of 2026-07-28 answer 404 to a method that they do not have, and some older ones within a session as well.
    const isMethodMissing = error.status === 404 && /"code":\s*-32601\b/.test(text)
    if (isMethodMissing) return new ProtocolError(ProtocolErrorCode.MethodNotFound, 'Method not found')
    // Servers are to answer 404 for a session that they have forgotten, and many say so with 400.
    const isForgotten = error.status === 400 && /session/i.test(text)
    return nameStatus(isForgotten && about.hasSession ? 404 : error.status, { ...about, cause })
  }
  if ([cause, ...deeper].some((each) => each?.code === SdkErrorCode.ClientHttpUnexpectedContent)) {
    const message = `${url} answered what no MCP server does. Check that the address is right.`
    return new TransportError(message, { url, cause, code: 'transport_error' })
  }
  const innermost = deeper.at(-1) ?? cause
  if (innermost?.code === SdkErrorCode.RequestTimeout) {
    const message = `${url}: no answer in time. Check that the server is up. The options timeoutMs of connect and timeout of a call set the limit.`
    return new TransportError(message, { url, cause, code: 'transport_error', recovery: 'transient' })
  }
  if (innermost?.code === SdkErrorCode.ConnectionClosed) {
    const message = `${url}: the connection broke off before the answer. What was asked for may have been done.`
    return new TransportError(message, { url, cause, code: 'transport_error', recovery: 'transient' })
  }
  const message = `${url}: no usable answer (${innermost?.code ?? innermost?.name}). Check that the address is right and the server up.`
  const details = { url, cause: innermost, code: 'transport_error', recovery: 'transient' } as const
  return new TransportError(message, details)
}

const aboutTheConnection: ReadonlySet<SdkErrorCode> = /* @__PURE__ */ new Set([
  SdkErrorCode.ClientHttpNotImplemented,
  SdkErrorCode.ClientHttpAuthentication,
  SdkErrorCode.ClientHttpForbidden,
  SdkErrorCode.ClientHttpFailedToOpenStream,
  SdkErrorCode.NotConnected,
  SdkErrorCode.RequestTimeout,
  SdkErrorCode.ConnectionClosed,
  SdkErrorCode.SendFailed,
  SdkErrorCode.EraNegotiationFailed,
  SdkErrorCode.ClientHttpUnexpectedContent,
])

function nameStatus(
  status: number,
  {
    hasSession,
    hasAuth,
    ...about
  }: Circumstances & Pick<MCPConnectionErrorOptions, 'cause' | 'challenge' | 'retryAfterMs'>,
): MCPConnectionError {
  const what = `${about.url} answered ${status}`
  const details = { ...about, status }
  if (status === 400) {
    const message = `${what}: it did not understand the request. Check that it speaks MCP over streamable HTTP.`
    return new BadRequestError(message, { ...details, code: 'bad_request' })
  }
  if (status === 401) {
    const why = hasAuth
      ? 'it refuses the token. Check its audience and scope, and the clocks of both machines.'
      : 'it wants a token. Pass the option auth.'
    return new AuthRequiredError(`${what}: ${why}`, { ...details, code: 'auth_required' })
  }
  if (status === 403) {
    const { error, scope } = about.challenge?.parameters ?? {}
    const needs = scope ? ` Pass scope: ${quoteForeign(scope)} where you make the auth object.` : ''
    const why =
      error === 'insufficient_scope'
        ? `the scope of the token does not allow this.${needs}`
        : 'this is not allowed, whatever the token. Ask its operator.'
    return new ForbiddenError(`${what}: ${why}`, { ...details, code: 'forbidden' })
  }
  if (status === 404 && hasSession) {
    const message = `${what}: it has forgotten this session. Connect again.`
    return new SessionExpiredError(message, { ...details, code: 'session_expired', recovery: 'transient' })
  }
  if (status === 429 || status >= 500) {
    const { retryAfterMs } = about
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`
    const message = `${what}: it is down or overloaded. Try again ${when}.`
    return new ServerError(message, { ...details, code: 'server_error', recovery: 'transient' })
  }
  const message = `${what}, which no MCP server does. Check that the address is right.`
  return new TransportError(message, { ...details, code: 'transport_error' })
}

/** An error and what caused it, from the outside in; not for ever, for causes may go in a circle. */
function* causesOf(error: unknown): Generator<{ name: string; code?: string }> {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth += 1) {
    const { code } = each as { code?: unknown }
    // Words only: what others throw may hold anything in either place.
    const name = /^\w{1,64}$/.test(each.name) ? each.name : 'Error'
    yield { name, ...(typeof code === 'string' && /^[A-Z0-9_]{2,64}$/.test(code) && { code }) }
  }
}
