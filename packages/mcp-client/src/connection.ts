/**
 * One official client on one transport: as long as the server remembers it.
 *
 * @module
 */
import {
  Client,
  type ClientCapabilities,
  type ClientOptions,
  type Implementation,
  type ConnectOptions as OfficialConnectOptions,
  SdkError,
  SdkErrorCode,
  type StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { systemClock } from '@x/oauth-discovery/http'
import { type Clock, type Fetch, isOAuthError, type TokenStore } from '@x/oauth-grants'
import { readRefusal } from './connection-errors.ts'
import type { MCPEvent } from './events.ts'
import { growingPause } from './growing-pause.ts'
import {
  type AuthLike,
  asksForStream,
  chooseFetch,
  farewellMs,
  type Given,
  type TransportOptions,
  transportOver,
  withoutUndefined,
} from './transport.ts'

/** How to connect, and as whom. */
export interface ConnectOptions extends TransportOptions {
  /** Ends the attempt to connect. */
  signal?: AbortSignal | undefined
  /** For the attempt to connect, in ms. Default: 60,000. */
  timeoutMs?: number | undefined
  /** How this program calls itself to the server. Default: the name of this package. */
  clientInfo?: Implementation | undefined
  /** The official client's own options, such as capabilities. */
  clientOptions?: Given<ClientOptions> | undefined
  /**
   * Called with each official client before it connects. What handles requests and notifications is set here: where the
   * server loses the session there is a new client, and what was set on the old one by other ways is gone.
   */
  prepare?: ((client: Client) => void) | undefined
  /**
   * Keeps what the server says of itself, for a day, so that a later connect does not ask. The key is the `partition` of
   * `auth`: name one there, or nothing is found again. With `listChanged` among the client's options the server is asked
   * all the same.
   */
  store?: TokenStore | undefined
  clock?: Clock | undefined
  /** Told of sessions, subscriptions and streams; of tokens `auth` tells. What it throws is swallowed. */
  onEvent?: ((event: MCPEvent) => void) | undefined
}

export type Prior = NonNullable<OfficialConnectOptions['prior']>

/** What happens on a connection that nobody waits for. */
export interface ConnectionObserver {
  /** A stream of the server's own ended, or could not be opened. */
  onStream(code: string): void
  /** The server has forgotten the session. */
  onLost(): void
  onClosed(): void
}

/** The longest that timers can count, in ms: some 24 days. */
const longestMs = 2 ** 31 - 1

export class Connection {
  readonly client: Client
  /** The server was not asked who it is, and has not answered anything yet: it may have changed. */
  isGuess = false
  readonly #transport: StreamableHTTPClientTransport
  readonly #options: ConnectOptions
  readonly #observer: ConnectionObserver
  readonly #closing = new AbortController()
  #calls = 0
  #isRetired = false
  #isClosed = false
  /** The server has a stream of its own: many answer 404 for a method that they do not have. */
  #hasStreamed = false

  constructor(url: URL, options: ConnectOptions, observer: ConnectionObserver) {
    const { clientInfo = { name: '@x/mcp-client', version: '0' }, clientOptions, auth } = options
    this.#options = options
    this.#observer = observer
    this.client = new Client(clientInfo, {
      versionNegotiation: { mode: 'auto' }, // the default mode cannot reach servers of 2026-07-28
      cachePartition: partitionOf(auth) ?? crypto.randomUUID(), // what is private to one must not be served to another
      ...withoutUndefined(clientOptions),
      ...(auth !== undefined && { capabilities: withExtensions(clientOptions?.capabilities) }),
    })
    options.prepare?.(this.client)
    const send = chooseFetch(url, options)
    const fetch: Fetch = (input, init) => {
      const ask = () => (send ?? globalThis.fetch)(input, init)
      if (init?.method === 'POST') return ask().then((response) => this.#accepted(response, url))
      return asksForStream(init) ? this.#opened(ask, init?.signal) : ask()
    }
    this.#transport = transportOver(fetch, url, options)
  }

  get hasSession(): boolean {
    return this.#transport.sessionId !== undefined
  }

  /** Aborted when this connection is of no use any longer. */
  get ended(): AbortSignal {
    return this.#closing.signal
  }

  /** @param prior what is known of the server: it is not asked then */
  async open(prior: Prior | undefined): Promise<void> {
    const timeout = Math.min(this.#options.timeoutMs ?? 60_000, longestMs)
    const settled = new AbortController()
    this.isGuess = prior !== undefined
    try {
      // The official client has a limit for each message, and is deaf to all else while it negotiates; closing it ends
      // what is under way.
      const connected = this.client.connect(this.#transport, { timeout, ...(prior && { prior }) })
      await Promise.race([connected, overdue(timeout, settled.signal), aborted(this.ended, settled.signal)])
    } catch (error) {
      await this.close(true)
      throw error
    } finally {
      settled.abort()
    }
  }

  /** What the server has said of itself, for `open` of another one. */
  get prior(): Prior {
    const discover = this.client.getDiscoverResult()
    return discover === undefined ? { kind: 'legacy' } : { kind: 'modern', discover }
  }

  /** A call begins. */
  enter(): void {
    this.#calls += 1
  }

  /** A call has ended. */
  leave(): void {
    this.#calls -= 1
    if (this.#isRetired && this.#calls === 0) void this.close()
  }

  /** Closes it when what runs on it has ended: a tool may still be at work, whatever became of the session. */
  retire(): void {
    this.#isRetired = true
    this.#closing.abort()
    if (this.#calls === 0) void this.close()
  }

  /** @param isFarewell ends the session at the server, where there is one */
  async close(isFarewell = false): Promise<void> {
    const isFirst = !this.#isClosed
    this.#isClosed = true
    this.#closing.abort()
    this.#observer.onClosed()
    if (isFirst && isFarewell && !this.#isRetired && this.hasSession) {
      const farewell = this.#transport.terminateSession().catch(() => {})
      await Promise.race([farewell, elapsed(farewellMs)])
    }
    await this.client.close().catch(() => {})
  }

  #accepted(response: Response, { origin, pathname }: URL): Response {
    if (response.ok) return response
    const about = {
      url: origin + pathname,
      hasSession: this.hasSession,
      hasAuth: this.#options.auth !== undefined,
    }
    const refusal = readRefusal(response, about)
    if (refusal === undefined) return response
    void response.body?.cancel().catch(() => {})
    throw refusal
  }

  /** A stream of the server's own: nobody waits for it, and what stands in its way may pass. */
  async #opened(ask: () => Promise<Response>, requested: AbortSignal | null | undefined): Promise<Response> {
    const { clock = systemClock } = this.#options
    const signal = AbortSignal.any([this.ended, requested ?? this.ended])
    for (const pause = growingPause(clock, signal); ; await pause()) {
      try {
        signal.throwIfAborted()
        const response = await ask()
        const { ok, status } = response
        if (ok) this.#hasStreamed = true
        if (ok || status === 405) return response
        this.#observer.onStream(`${status}`)
        if (status === 404 && this.hasSession && this.#hasStreamed) this.#observer.onLost()
        if (status !== 429 && status < 500) return response
        void response.body?.cancel().catch(() => {})
      } catch (error) {
        signal.throwIfAborted()
        this.#observer.onStream(codeOf(error))
        if (isOAuthError(error) && error.recovery === 'terminal') throw error
      }
    }
  }
}

/** The ways to authorize, beside those of the specification itself, that auth objects have. */
function withExtensions(capabilities: ClientCapabilities = {}): ClientCapabilities {
  const names = ['oauth-client-credentials', 'enterprise-managed-authorization', 'auth/dpop', 'auth/wif']
  const extensions = Object.fromEntries(names.map((name) => [`io.modelcontextprotocol/${name}`, {}]))
  return { ...capabilities, extensions: { ...extensions, ...capabilities.extensions } }
}

/** Whose results are whose; undefined where that is not known. */
export function partitionOf(auth: AuthLike | undefined): string | undefined {
  return typeof auth === 'object' && 'partition' in auth ? auth.partition : undefined
}

export function codeOf(error: unknown): string {
  const { code: own, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } }
  // Where no answer came, the system's word is in the cause.
  const code = own ?? cause?.code
  return typeof code === 'string' && /^\w{1,64}$/.test(code) ? code : 'failed'
}

/** Rejects when the signal is aborted, and never otherwise; listens no longer than needed. */
function aborted(signal: AbortSignal | undefined, settled: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { signal: settled })
  })
}

/** Rejects when the time is over, as the official client does for one message; waits no longer than needed. */
function overdue(ms: number, settled: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const error = () => new SdkError(SdkErrorCode.RequestTimeout, `not connected within ${ms} ms`)
    const timer = setTimeout(() => reject(error()), ms)
    settled.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}

/** A wait that keeps no process alive. */
export function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    AbortSignal.timeout(ms).addEventListener('abort', () => resolve(), { once: true })
  })
}
