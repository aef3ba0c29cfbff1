/**
 * The official transport, with a hook that carries the token.
 *
 * The hook is the transport's `fetch`, and not its `authProvider`: that one does not say which token was refused,
 * so that a thousand refusals of one token would cost a thousand new ones.
 *
 * @module
 */
import {
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
  type StreamableHTTPClientTransportOptions,
} from '@modelcontextprotocol/client'
import {
  type Auth,
  AuthConfigError,
  authorizedFetch,
  createToken,
  type Fetch,
  isOAuthError,
  type TokenSource,
} from '@x/oauth-grants'
import { MCPConnectionError } from './connection-errors.ts'

/** An auth object, any source of tokens, anything with a `fetch` that authorizes, a token, or what gives one. */
export type AuthLike =
  | Auth
  | TokenSource
  | { readonly fetch: Fetch }
  | string
  | (() => string | Promise<string>)

/** What the hook needs, and what is passed on to the transport. */
export interface TransportOptions {
  /** Who we are. Without it the server has to be an open one. */
  auth?: AuthLike | undefined
  /** What sends. Default: that of `auth`, else `globalThis.fetch` at the time of the call. */
  fetch?: Fetch | undefined
  /** Lets a token go over plain http to a server on another machine. */
  allowAddress?: ((url: URL) => boolean) | undefined
  /** `serverless`: nothing is held open between requests, so that a server may sleep. Default: `streamable-http`. */
  transport?: 'streamable-http' | 'serverless' | undefined
  /** The official transport's own options. */
  transportOptions?: Given<Omit<StreamableHTTPClientTransportOptions, 'authProvider' | 'fetch'>> | undefined
}

/** Options of the official client, each of which may be undefined as well as absent, as ours may. */
export type Given<T> = { [K in keyof T]: T[K] | undefined }

/** The same without those that are undefined, which would take the place of a default. */
export function withoutUndefined<T>(options: Given<T> | undefined): T | undefined {
  if (options === undefined) return undefined
  // What is left has the members of T that are there.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

/**
 * Makes a streamable HTTP transport for the official client, which renews the token before it ends, and when the
 * server refuses it: once, for all requests that were refused with it.
 *
 * @throws {MCPConnectionError} `invalid_url`
 * @throws {AuthConfigError} `origin_refused`: `auth` is meant for other origins; `invalid_origin`: a token would
 *   go in clear text
 * @throws {TypeError} for an `auth` that is none
 */
export function createTransport(
  url: string | URL,
  options: TransportOptions = {},
): StreamableHTTPClientTransport {
  const target = parseServerUrl(url)
  return transportOver(chooseFetch(target, options), target, options)
}

export function transportOver(
  fetch: Fetch | undefined,
  target: URL,
  { transport, transportOptions }: TransportOptions,
): StreamableHTTPClientTransport {
  return new EndingTransport(target, {
    reconnectionOptions,
    ...withoutUndefined(transportOptions),
    fetch: (input, init) => {
      // What a server answers that has no stream of its own (MCP 2025-11-25, Listening for Messages from the Server).
      if (transport === 'serverless' && asksForStream(init)) {
        return Promise.resolve(new Response(null, { status: 405 }))
      }
      const send = fetch ?? globalThis.fetch
      // A transport that is closing aborts what it sends: the end of the session has to arrive all the same.
      return send(
        input,
        init?.method === 'DELETE' ? { ...init, signal: AbortSignal.timeout(farewellMs) } : init,
      )
    },
  })
}

/** Whether it asks for the stream of the server's own, and not for the rest of an answer that was broken off. */
export function asksForStream(init: RequestInit | undefined): boolean {
  return init?.method === 'GET' && !new Headers(init.headers).has('last-event-id')
}

/** The official client would wait for an answer until its time is over, where the stream that was to bring it has ended. */
class EndingTransport extends StreamableHTTPClientTransport {
  override send(...[message, options]: Parameters<StreamableHTTPClientTransport['send']>): Promise<void> {
    if (!('id' in message && 'method' in message)) return super.send(message, options)
    // Whoever sends a request waits for its answer, and for this only to learn that there will be none.
    return new Promise((_, reject) => {
      const onRequestStreamEnd = () => reject(new SdkError(SdkErrorCode.ConnectionClosed, 'broken off'))
      super.send(message, { onRequestStreamEnd, ...options }).catch(reject)
    })
  }
}

/** A stream that was cut is taken up again for some minutes: the official client would give up after a few seconds. */
const reconnectionOptions = {
  initialReconnectionDelay: 1_000,
  reconnectionDelayGrowFactor: 2,
  maxReconnectionDelay: 60_000,
  maxRetries: 8,
}

/** How long the server has to hear of the end of a session, in ms. */
export const farewellMs = 3_000

export function parseServerUrl(url: string | URL): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const why =
    parsed === undefined || !/^https?:$/.test(parsed.protocol)
      ? 'it is no https URL'
      : parsed.username + parsed.password !== ''
        ? 'it has a user name or password. Pass the option auth instead'
        : undefined
  if (parsed !== undefined && why === undefined) return parsed
  // Neither a query nor a password is shown, whether or not this is a URL.
  const shown = String(url)
    .replace(/[?#].*$/s, '')
    .replace(/\/\/[^/]*@/, '//')
  throw new MCPConnectionError(`The URL ${JSON.stringify(shown)} of the MCP server cannot be used: ${why}.`, {
    code: 'invalid_url',
    url: shown,
  })
}

export function chooseFetch(url: URL, { auth, fetch, allowAddress }: TransportOptions): Fetch | undefined {
  // A variable that was never filled is null in some programs.
  if (auth === undefined || auth === null) return fetch
  const origins = typeof auth === 'object' && 'origins' in auth ? auth.origins : [url.origin]
  requireOrigin(url, origins)
  if (typeof auth === 'object' && 'fetch' in auth && fetch === undefined) return auth.fetch
  return authorizedFetch(sourceOf(auth, url), { origins, fetch, allowAddress })
}

function requireOrigin({ origin }: URL, origins: readonly string[]): void {
  if (origins.includes(origin)) return
  throw new AuthConfigError(
    'origin_refused',
    `The auth object is meant for ${origins.join(', ') || 'no origin'}, and the MCP server is at ${origin}. Name it in the option origins of the auth object, if it may see that token.`,
  )
}

/** @throws {TypeError} for what the types rule out */
function sourceOf(auth: AuthLike, url: URL): TokenSource {
  if (typeof auth === 'object' && 'getToken' in auth) {
    return {
      getToken: (options) => named(() => auth.getToken(options), url, options?.signal),
      current: () => ('current' in auth ? auth.current?.() : undefined),
    }
  }
  if (typeof auth === 'string') {
    const token = createToken({ accessToken: auth })
    return { getToken: async () => token, current: () => token }
  }
  if (typeof auth === 'function') {
    return {
      getToken: async ({ signal } = {}) => createToken({ accessToken: await named(auth, url, signal) }),
    }
  }
  throw new TypeError(
    typeof auth === 'object' && 'fetch' in auth
      ? 'The option auth has a fetch of its own, and the option fetch names another: pass one of them.'
      : 'The option auth is neither an auth object (a promise of one has to be awaited), nor { getToken }, { fetch }, a token or a function that gives one.',
  )
}

/** What the caller's own code throws is the caller's, and no failure of the connection. */
async function named<T>(
  give: () => T | Promise<T>,
  url: URL,
  signal: AbortSignal | null | undefined,
): Promise<T> {
  try {
    return await give()
  } catch (cause) {
    if (isOAuthError(cause) || signal?.aborted) throw cause
    const shown = url.origin + url.pathname
    const message = `No token for ${shown}: the option auth threw the cause of this error.`
    throw new MCPConnectionError(message, { code: 'auth_failed', url: shown, cause })
  }
}
