/**
 * A fetch that carries a token: RFC 6750 §2.1.
 *
 * @module
 */
import { type Fetch, type HttpOptions, parseWwwAuthenticate } from '@x/oauth-discovery'
import { displayUrl, isSecure, untilAborted, withoutSecrets } from '@x/oauth-discovery/http'
import { AuthConfigError, unusable } from './errors.ts'
import { demandedScope } from './scope.ts'
import type { GetTokenOptions, TokenSource } from './session.ts'
import { requireToken, type Token } from './token.ts'

export interface AuthorizedFetchOptions extends Pick<HttpOptions, 'fetch' | 'allowAddress'> {
  /** The only origins that are ever sent the token, such as `https://api.example.com`. */
  origins: readonly string[]
}

/**
 * Makes a `fetch` that puts a token of `source` on each request.
 *
 * When the resource answers 401, the token is renewed; when it answers that the scope does not reach that far
 * (`insufficient_scope`), more is asked for. Either is done once, and the request is sent again if its body can be: a
 * stream is gone. Any other answer, the second of a kind, and any network failure are the caller's: what might have run
 * is never run again. A person is never waited for.
 *
 * With a bound token each try carries a proof of its own, one more is made where the resource has a nonce for it, and a
 * redirect is the answer: it is not followed.
 *
 * @throws {AuthConfigError} `invalid_origin` at once, when an origin is not one to send a token to; and from each
 *   call `origin_refused`, when the request is for another origin: nothing was sent
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
    if (init instanceof Request) return authorize(new Request(input, init))
    // A URL can be changed while a token is waited for: what was looked at is what is sent.
    const target = input instanceof URL ? input.href : input
    const url = typeof target === 'string' ? target : target.url
    requireOrigin(url, origins)
    const send = options.fetch ?? globalThis.fetch
    const signal = init?.signal === undefined && target instanceof Request ? target.signal : init?.signal
    const asked = { signal, interactive: false }
    const held = source.current?.()
    if (held === undefined && source.probe && !isStream(init?.body)) {
      const copy = () => (target instanceof Request ? target.clone() : target)
      // Whoever passes on a request of somebody else has a header in it that is not for this resource.
      const bare = () => send(...withAuthorization(copy(), init, undefined))
      const answer = await source.probe(url, bare, signal)
      if (answer !== undefined) return answer
    }
    let token = held ?? (await source.getToken(asked))
    let spare = target
    let [renewals, stepUps] = [0, 0]
    for (;;) {
      // A Request gives its body away when it is sent; the copy for another try has to be made before.
      const request = spare
      if (request instanceof Request && request.body !== null) spare = request.clone()
      const { binding, accessToken } = token
      const prove = binding?.proving(send, accessToken) ?? send
      const response = await prove(...withAuthorization(request, init, authorizationOf(token)))
      const refusal = refusalOf(response, token, source.isWithin?.(url))
      if (refusal === undefined || !wasShown(response, url)) return response
      const earlier = refusal.rejected === undefined ? stepUps++ : renewals++
      if (earlier > 0) return response
      const renewed = await source.getToken({ ...asked, ...refusal }).catch((error: unknown) => {
        dropBody(response)
        throw error
      })
      if (renewed.accessToken === token.accessToken || !canRepeat(response, target, init)) return response
      dropBody(response)
      token = renewed
    }
  }
  return authorize
}

/** What to ask for in place of a token that was refused; undefined where it was not. */
function refusalOf({ status, headers }: Response, token: Token, isOwn = true): GetTokenOptions | undefined {
  if (status !== 401 && status !== 403) return undefined
  const challenges = parseWwwAuthenticate(headers.get('www-authenticate'))
  const challenge = challenges.find((each) => demandedScope(each) !== undefined)
  if (challenge !== undefined) return { challenge }
  // Its proof was refused, and not the token.
  const isForProof = challenges.some(({ parameters }) => parameters.error === 'use_dpop_nonce')
  if (status !== 401 || isForProof) return undefined
  const told = challenges.find(({ parameters }) => parameters.resource_metadata !== undefined)
  return { rejected: token, challenge: isOwn ? (told ?? challenges[0]) : undefined }
}

/** Where a redirect left the origin, the token was not shown: it was not refused either. */
export function wasShown({ redirected, url }: Response, asked: string): boolean {
  return !redirected || new URL(url).origin === new URL(asked).origin
}

/** Whether the same request can go out again: its body is still there, and a redirect does not hide that it ran. */
function canRepeat(
  { redirected }: Response,
  target: string | Request,
  init: RequestInit | undefined,
): boolean {
  const method = init?.method ?? (typeof target === 'string' ? 'GET' : target.method)
  return !isStream(init?.body) && (!redirected || /^(?:GET|HEAD)$/i.test(method))
}

export function dropBody({ body }: Response): void {
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
  return origins.some((origin) => url.startsWith(origin) && /^(?:[/?#]|$)/.test(url.slice(origin.length)))
}

/** What can be read once; Node takes any async iterable for a body, and not every browser's stream is one. */
export function isStream(body: unknown): boolean {
  if (body instanceof ReadableStream) return true
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** @throws {AuthConfigError} `invalid_token`: what it is must not be put on a request */
function authorizationOf({ tokenType, accessToken }: Token): string {
  if (tokenType !== 'N_A') return `${tokenType} ${accessToken}`
  throw unusable('invalid_token', 'token', 'its type N_A says that it is no access token (RFC 8693 §2.2.1)')
}

/** The same request with this Authorization header, or none, in place of any that it had. */
function withAuthorization(
  input: string | Request,
  init: RequestInit | undefined,
  authorization: string | undefined,
): [input: string | Request, init: RequestInit] {
  const own = init?.headers ?? (input instanceof Request ? input.headers : {})
  if (Symbol.iterator in own) {
    const headers = new Headers(own)
    if (authorization === undefined) headers.delete('authorization')
    else headers.set('authorization', authorization)
    return [input, { ...init, headers }]
  }
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (name.toLowerCase() !== 'authorization') headers[name] = value
  }
  if (authorization !== undefined) headers['authorization'] = authorization
  return [input, { ...init, headers }]
}
