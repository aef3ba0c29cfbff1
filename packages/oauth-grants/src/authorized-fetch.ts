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
  return async (input, init) => {
    const send = options.fetch ?? globalThis.fetch
    // A Request will do for an init; what it holds would be lost where it is copied member by member.
    const isWhole = init !== undefined && 'clone' in init
    const tries = isWhole
      ? new Tries(new Request(input, init), undefined, send)
      : new Tries(input, init, send)
    requireOrigin(tries.url, origins)
    try {
      const first = source.current?.() ?? (await firstOf(tries, source))
      if ('status' in first) return first
      let token = first
      for (let earlier = ''; ; ) {
        const response = await tries.next(token)
        const refusal = refusalOf(response, token, tries.url, source)
        if (refusal === undefined) return response
        const another = await answerTo(refusal, { response, token, earlier, tries, source, options })
        if (another === undefined) return response
        earlier += refusal.of
        token = another
      }
    } finally {
      tries.end()
    }
  }
}

/** The first token, or the answer where none is needed. */
async function firstOf(tries: Tries, source: OwnSource): Promise<Token | Response> {
  const { url, signal } = tries
  if (source.probe && !tries.isStream) {
    // Whoever passes on a request of somebody else has a header in it that is not for this resource.
    const answer = await source.probe(url, () => tries.next(undefined), signal)
    if (answer !== undefined) return answer
  }
  return source.getToken({ signal, interactive: false })
}

interface Refused {
  readonly response: Response
  readonly token: Token
  /** What was refused before, and has been answered. */
  readonly earlier: string
  readonly tries: Tries
  readonly source: OwnSource
  readonly options: AuthorizedFetchOptions
}

/** Another token to try, where there is one and the request can go out again. */
async function answerTo({ of, demand }: Refusal, refused: Refused): Promise<Token | undefined> {
  const { response, token, earlier, tries, source, options } = refused
  const { url, signal } = tries
  let why = obstacleTo(of, earlier, response, url)
  let another: Token | undefined
  if (why === undefined) {
    another = await source.getToken({ signal, interactive: false, ...demand }).catch((error: unknown) => {
      dropBody(response)
      throw error
    })
    why = another.accessToken === token.accessToken ? 'same_token' : tries.obstacleAfter(response)
  }
  const outcome = why === undefined ? 'repeated' : 'passed_on'
  const { status } = response
  createEmit(options)({ type: 'refusal', url: displayUrl(url), status, outcome, ...(why && { why }) })
  if (why !== undefined) return undefined
  dropBody(response)
  return another
}

/** Why another token is no answer to a refusal. */
function obstacleTo(
  of: Refusal['of'],
  earlier: string,
  response: Response,
  url: string,
): RefusalReason | undefined {
  if (of === 'proof') return of
  if (!wasShown(response, url)) return 'elsewhere'
  return earlier.includes(of) ? 'again' : undefined
}

/** One request of the caller, as often as it has to be sent. */
class Tries {
  readonly url: string
  readonly #request: Request | undefined
  readonly #init: RequestInit | undefined
  readonly #send: Fetch
  /** For the next try. */
  #spare: Request | undefined
  /** Of the last try, for an iterator of the caller can be read once. */
  #headers: RequestInit['headers']

  constructor(input: string | URL | Request, init: RequestInit | undefined, send: Fetch) {
    const request = isRequest(input) ? input : undefined
    // A URL can be changed while a token is waited for: what was looked at is what is sent.
    this.url = isRequest(input) ? input.url : String(input)
    this.#request = this.#spare = request
    this.#init = init
    this.#send = send
    this.#headers = init?.headers ?? request?.headers
  }

  get signal(): AbortSignal | null | undefined {
    return this.#init?.signal === undefined ? this.#request?.signal : this.#init.signal
  }

  get isStream(): boolean {
    return isStream(this.#init?.body)
  }

  /** Sends it with this token, or with none, in place of any that it had. */
  next(token: Token | undefined): Promise<Response> {
    const send = token?.binding?.proving(this.#send, token.accessToken) ?? this.#send
    this.#headers = withAuthorization(this.#headers, token && authorizationOf(token))
    const now = this.#spare
    if (now !== undefined) this.#spare = copyOf(now, this.#init)
    return send(now ?? this.url, { ...this.#init, headers: this.#headers })
  }

  /** Why it cannot be sent once more: a stream is gone, and a redirect does not hide that it ran. */
  obstacleAfter({ redirected }: Response): RefusalReason | undefined {
    if (this.isStream) return 'stream'
    const method = this.#init?.method ?? this.#request?.method ?? 'GET'
    return redirected && !/^(?:GET|HEAD)$/i.test(method) ? 'redirected' : undefined
  }

  /** Nobody else reads the last copy, and a stream ends only when all its copies do. */
  end(): void {
    if (this.#spare !== undefined && this.#spare !== this.#request) dropBody(this.#spare)
  }
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
    throw unusable('invalid_origin', what, 'it is not https. If you trust it, pass allowAddress')
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
  const message = `Nothing was sent to ${shown}: ${why}the token is for ${named}. Name it in the option origins, if it may see that token.`
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
