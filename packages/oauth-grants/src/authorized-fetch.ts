/**
 * A fetch that carries a token: RFC 6750 §2.1.
 *
 * @module
 */
import { type Fetch, type HttpOptions, parseWwwAuthenticate } from '@x/oauth-discovery'
import { createEmit, displayUrl, isSecure, untilAborted, withoutSecrets } from '@x/oauth-discovery/http'
import { AuthConfigError, unusable } from './errors.ts'
import type { GrantEvent, RefusalReason } from './events.ts'
import { demandedScope } from './scope.ts'
import type { GetTokenOptions, TokenSource } from './session.ts'
import { requireToken, type Token } from './token.ts'

export interface AuthorizedFetchOptions
  extends Pick<HttpOptions<GrantEvent>, 'fetch' | 'allowAddress' | 'clock' | 'onEvent'> {
  /** The only origins that are ever sent the token, such as `https://api.example.com`. */
  origins: readonly string[]
}

/**
 * Makes a `fetch` that puts a token of `source` on each request.
 *
 * When the resource answers 401, the token is renewed; when it answers that the scope does not reach that far
 * (`insufficient_scope`), more is asked for. Either is done once, and the request is sent again if its body can be: a
 * stream is gone. Any other answer, the second of a kind, and any network failure are the caller's: what might have run
 * is never run again. A person is never waited for. The event `refusal` says what became of each refusal.
 *
 * A Request can always be sent again, for a copy of it is kept until the answer is there: of one with a long body that is
 * as much memory. A stream as the `body` of an init is not copied.
 *
 * With a bound token each try carries a proof of its own, one more is made where the resource has a nonce for it, and a
 * redirect is the answer: it is not followed.
 *
 * @throws {AuthConfigError} `invalid_origin` at once, when an origin is not one to send a token to; and from each
 *   call `origin_refused`, when the request is for another origin, or `invalid_token`: nothing was sent
 * @throws what `source.getToken` throws; {AuthorizationError} `interaction_required` where only a person can help
 */
export function authorizedFetch(source: TokenSource, options: AuthorizedFetchOptions): Fetch {
  // What others wrote may not heed the signal, and may give anything.
  const getToken = async (asked: GetTokenOptions) => {
    const token = await untilAborted(source.getToken(asked), asked.signal)
    requireToken(token)
    return token
  }
  const current = () => {
    const token = source.current?.()
    if (token !== undefined) requireToken(token)
    return token
  }
  return fetchWith({ getToken, current }, options)
}

/** What is ours can do more. */
interface OwnSource extends TokenSource {
  /** Whether what is said there is about the resource that the tokens are for. */
  isWithin?(url: string): boolean
  probe?(
    url: string,
    send: () => Promise<Response>,
    signal: GetTokenOptions['signal'],
  ): Promise<Response | undefined>
}

export function fetchWith(source: OwnSource, options: AuthorizedFetchOptions): Fetch {
  const origins = vetOrigins(options.origins, options.allowAddress)
  const authorize: Fetch = async (input, init) => {
    // A Request will do for an init; what it holds would be lost where it is copied member by member.
    if (init && 'clone' in init) return authorize(new Request(input, init))
    const request = isRequest(input) ? input : undefined
    // A URL can be changed while a token is waited for: what was looked at is what is sent.
    const url = isRequest(input) ? input.url : String(input)
    requireOrigin(url, origins)
    const send = options.fetch ?? globalThis.fetch
    const signal = init?.signal === undefined ? request?.signal : init.signal
    let spare = request
    let headers = init?.headers ?? request?.headers
    const sendWith = (authorization: string | undefined, fetch = send) => {
      const now = spare
      if (now !== undefined) spare = copyOf(now, init)
      // Of the last try, for an iterator of the caller can be read once.
      headers = withAuthorization(headers, authorization)
      return fetch(now ?? url, { ...init, headers })
    }
    try {
      let token = source.current?.()
      if (token === undefined && source.probe && !isStream(init?.body)) {
        // Whoever passes on a request of somebody else has a header in it that is not for this resource.
        const answer = await source.probe(url, () => sendWith(undefined), signal)
        if (answer !== undefined) return answer
      }
      token ??= await source.getToken({ signal, interactive: false })
      let earlier = ''
      for (;;) {
        const { binding, accessToken } = token
        const response = await sendWith(authorizationOf(token), binding?.proving(send, accessToken))
        const refusal = refusalOf(response, token, url, source)
        if (refusal === undefined) return response
        const { of, demand } = refusal
        let why: RefusalReason | undefined
        if (of === 'proof') why = of
        else if (!wasShown(response, url)) why = 'elsewhere'
        else if (earlier.includes(of)) why = 'again'
        else {
          earlier += of
          try {
            token = await source.getToken({ signal, interactive: false, ...demand })
          } catch (error) {
            dropBody(response)
            throw error
          }
          if (token.accessToken === accessToken) why = 'same_token'
          else if (isStream(init?.body)) why = 'stream'
          else if (response.redirected && !/^(?:GET|HEAD)$/i.test(init?.method ?? request?.method ?? 'GET'))
            why = 'redirected'
        }
        const outcome = why === undefined ? 'repeated' : 'passed_on'
        const { status } = response
        createEmit(options)({ type: 'refusal', url: displayUrl(url), status, outcome, ...(why && { why }) })
        if (why !== undefined) return response
        dropBody(response)
      }
    } finally {
      // Nobody else reads it, and a stream ends only when all its copies do.
      if (spare !== undefined && spare !== request) dropBody(spare)
    }
  }
  return authorize
}

/** Any of their kinds: a library may bring its own. */
export function isRequest(input: string | URL | Request): input is Request {
  return typeof input !== 'string' && 'clone' in input
}

/** A Request gives its body away when it is sent; the copy for another try has to be made before. */
export function copyOf(request: Request, init: RequestInit | undefined): Request {
  return request.body === null || (init?.body ?? null) !== null ? request : request.clone()
}

interface Refusal {
  readonly of: 'token' | 'scope' | 'proof'
  /** What to ask for in place of the token. */
  readonly demand?: GetTokenOptions
}

function refusalOf(
  { status, headers }: Response,
  token: Token,
  url: string,
  source: OwnSource,
): Refusal | undefined {
  if (status !== 401 && status !== 403) return undefined
  const challenges = parseWwwAuthenticate(headers?.get('www-authenticate'))
  const challenge = challenges.find((each) => demandedScope(each) !== undefined)
  if (challenge !== undefined) return { of: 'scope', demand: { challenge } }
  if (status !== 401) return undefined
  if (challenges.some(({ parameters }) => parameters.error === 'use_dpop_nonce')) return { of: 'proof' }
  const told = challenges.find(({ parameters }) => parameters.resource_metadata !== undefined)
  const isOwn = source.isWithin?.(url) !== false
  return {
    of: 'token',
    demand: { rejected: token, challenge: isOwn ? (told ?? challenges[0]) : undefined },
  }
}

/** Where a redirect left the origin, the token was not shown: it was not refused either. */
export function wasShown({ redirected, url }: Response, asked: string): boolean {
  return !redirected || new URL(url).origin === new URL(asked).origin
}

export function dropBody({ body }: Response | Request): void {
  void body?.cancel().catch(() => {})
}

/** @returns each as an origin, in the one spelling that URLs have. */
export function vetOrigins(
  origins: readonly string[],
  allowAddress: HttpOptions['allowAddress'],
): readonly string[] {
  return origins.map((each) => {
    const url = URL.canParse(each) ? new URL(each) : undefined
    const isPlainAllowed = url?.protocol === 'http:' && allowAddress?.(url) === true
    if (url !== undefined && (isSecure(url) || isPlainAllowed)) return url.origin
    const what = `origin ${JSON.stringify(withoutSecrets(each))}`
    throw unusable('invalid_origin', what, 'it is not https. The option allowAddress can allow it')
  })
}

function requireOrigin(url: string, origins: readonly string[]): void {
  if (isWithin(url, origins)) return
  // What parsers repair, each in its own way, goes nowhere: `https://api.example.com\@evil.example/`.
  const isClear = /^https?:\/\/[^/?#\\\s]*(?:[/?#]|$)/i.test(url)
  if (isClear && URL.canParse(url) && origins.includes(new URL(url).origin)) return
  const shown = URL.canParse(url) ? displayUrl(url) : JSON.stringify(withoutSecrets(url))
  const why = URL.canParse(url) ? '' : 'it is no absolute URL, and '
  const named = origins.join(', ') || 'no origin'
  const message = `Nothing was sent to ${shown}: ${why}the token is for ${named}. The option origins can name more.`
  throw new AuthConfigError('origin_refused', message)
}

/** Compared by prefix, for URLs in the one spelling that URLs have: parsing one costs more than all the rest. */
function isWithin(url: string, origins: readonly string[]): boolean {
  return origins.some((origin) => url.startsWith(origin) && '/?#'.includes(url.charAt(origin.length)))
}

/** What can be read once; Node takes any async iterable for a body, and not every browser's stream is one. */
export function isStream(body: unknown): boolean {
  if (body instanceof ReadableStream) return true
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** @throws {AuthConfigError} `invalid_token`: what it is must not be put on a request */
function authorizationOf({ tokenType, accessToken }: Token): string {
  if (/^(?:Bearer|DPoP)$/i.test(tokenType)) return `${tokenType} ${accessToken}`
  const why = 'its type is not that of an access token, Bearer or DPoP (RFC 6749 §7.1, RFC 8693 §2.2.1)'
  throw unusable('invalid_token', 'token', why)
}

/** The same headers with this Authorization, or none, in place of any that they had. */
function withAuthorization(given: RequestInit['headers'], authorization: string | undefined): HeadersInit {
  if (given && Symbol.iterator in given) {
    const headers = new Headers(given)
    if (authorization === undefined) headers.delete('authorization')
    else headers.set('authorization', authorization)
    return headers
  }
  const headers: Record<string, string> = { ...given }
  for (const name in headers) if (/^authorization$/i.test(name)) delete headers[name]
  if (authorization !== undefined) headers['authorization'] = authorization
  return headers
}
