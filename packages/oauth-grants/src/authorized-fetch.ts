/**
 * A fetch that carries a token: RFC 6750 §2.1.
 *
 * @module
 */
import type { Fetch, HttpOptions } from '@x/oauth-discovery'
import { displayUrl, isSecure, withoutSecrets } from '@x/oauth-discovery/http'
import { AuthConfigError } from './errors.ts'
import { type GetTokenOptions, TokenSession, type TokenSource } from './session.ts'
import { requireToken, type Token } from './token.ts'

export interface AuthorizedFetchOptions extends Pick<HttpOptions, 'fetch' | 'allowAddress'> {
  /** The only origins that are ever sent the token, such as `https://api.example.com`. */
  origins: readonly string[]
}

/**
 * Makes a `fetch` that puts a token of `source` on each request.
 *
 * When the resource answers 401, the token is renewed and the request is sent once more, if its body can be:
 * a stream is gone. A second 401 is the caller's, as is any other answer and any network failure: what might
 * have run is never run again.
 *
 * @throws {AuthConfigError} `invalid_origin` at once, when an origin is not one to send a token to; and from each
 *   call `origin_refused`, when the request is for another origin: nothing was sent
 * @throws what `source.getToken` throws
 */
export function authorizedFetch(source: TokenSource, options: AuthorizedFetchOptions): Fetch {
  const origins = vetOrigins(options.origins, options.allowAddress)
  const authorize: Fetch = async (input, init) => {
    // A Request will do for an init; what it holds would be lost where it is copied member by member.
    if (init instanceof Request) return authorize(new Request(input, init))
    // A URL can be changed while a token is waited for: what was looked at is what is sent.
    const target = input instanceof URL ? input.href : input
    requireOrigin(target, origins)
    const send = options.fetch ?? globalThis.fetch
    const signal = init?.signal === undefined && target instanceof Request ? target.signal : init?.signal
    // A session can tell without waiting what it holds.
    const held = source instanceof TokenSession ? source.current() : undefined
    const token = held ?? (await tokenOf(source, { signal }))
    // A Request gives its body away when it is sent; the copy for a second try has to be made before.
    const second = target instanceof Request && target.body !== null ? target.clone() : target
    const response = await send(...authorized(target, init, token))
    if (response.status !== 401 || !wasShown(response, target)) return response

    const renewed = await tokenOf(source, { signal, rejected: token }).catch((error: unknown) => {
      dropBody(response)
      throw error
    })
    if (renewed.accessToken === token.accessToken || !canRepeat(response, target, init)) return response
    dropBody(response)
    return send(...authorized(second, init, renewed))
  }
  return authorize
}

async function tokenOf(source: TokenSource, asked: GetTokenOptions): Promise<Token> {
  const token = await source.getToken(asked)
  // A session has looked at its tokens already.
  if (!(source instanceof TokenSession)) requireToken(token)
  return token
}

/** Where a redirect left the origin, the token was not shown: it was not refused either. */
function wasShown({ redirected, url }: Response, target: string | Request): boolean {
  return (
    !redirected || new URL(url).origin === new URL(typeof target === 'string' ? target : target.url).origin
  )
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

function dropBody({ body }: Response): void {
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
    throw new AuthConfigError(
      'invalid_origin',
      `A token is not sent to ${JSON.stringify(withoutSecrets(each))}: in clear text it is everybody's. Use https; plain http is for this machine, or for what the option allowAddress allows.`,
    )
  })
}

function requireOrigin(target: string | Request, origins: readonly string[]): void {
  const url = typeof target === 'string' ? target : target.url
  if (isWithin(url, origins)) return
  // What parsers repair, each in its own way, goes nowhere: `https://api.example.com\@evil.example/`.
  const isClear = /^https?:\/\/[^/?#\\\s]*(?:[/?#]|$)/i.test(url)
  if (isClear && URL.canParse(url) && origins.includes(new URL(url).origin)) return
  const shown = URL.canParse(url) ? displayUrl(url) : JSON.stringify(withoutSecrets(url))
  const why = URL.canParse(url) ? 'the token is not for it' : 'it is no absolute URL'
  const allowed =
    origins.length === 0
      ? 'No origin was named: pass the resource or the option origins.'
      : `The token is meant for ${origins.join(', ')}; the option origins can name more.`
  throw new AuthConfigError('origin_refused', `Nothing was sent to ${shown}: ${why}. ${allowed}`)
}

/** Compared by prefix, for URLs in the one spelling that URLs have: parsing one costs more than all the rest. */
function isWithin(url: string, origins: readonly string[]): boolean {
  return origins.some((origin) => url.startsWith(origin) && /^(?:[/?#]|$)/.test(url.slice(origin.length)))
}

/** What can be read once; Node takes any async iterable for a body, and not every browser's stream is one. */
function isStream(body: unknown): boolean {
  return (
    typeof body === 'object' &&
    body !== null &&
    (body instanceof ReadableStream || Symbol.asyncIterator in body)
  )
}

/** The same request with the token, in place of any Authorization header that it had. */
function authorized(
  input: string | Request,
  init: RequestInit | undefined,
  { tokenType, accessToken }: Token,
): [input: string | Request, init: RequestInit] {
  const authorization = `${tokenType} ${accessToken}`
  const own = init?.headers ?? (input instanceof Request ? input.headers : undefined)
  if (own === undefined) return [input, { ...init, headers: { authorization } }]
  if (Symbol.iterator in own) {
    const headers = new Headers(own)
    headers.set('authorization', authorization)
    return [input, { ...init, headers }]
  }
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (name.toLowerCase() !== 'authorization') headers[name] = value
  }
  headers['authorization'] = authorization
  return [input, { ...init, headers }]
}
