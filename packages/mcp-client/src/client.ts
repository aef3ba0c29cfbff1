/**
 * A connection to one MCP server that lasts: the official client, connected, with our hook underneath, and made anew where
 * the server has forgotten it.
 *
 * @module
 */
import {
  type CacheableRequestOptions,
  type CallToolRequest,
  type CallToolRequestOptions,
  type CallToolResult,
  type Client,
  type GetPromptRequest,
  type GetPromptResult,
  type ListPromptsRequest,
  type ListPromptsResult,
  type ListResourcesRequest,
  type ListResourcesResult,
  type ListToolsRequest,
  type ListToolsResult,
  type McpSubscription,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceRequest,
  type ReadResourceResult,
  type RequestOptions,
  SdkError,
  SdkErrorCode,
  type SubscriptionFilter,
} from '@modelcontextprotocol/client'
import { createEmit, type Emit, systemClock, untilAborted } from '@x/oauth-discovery/http'
import { isOAuthError } from '@x/oauth-grants'
import { Connection, type ConnectOptions, elapsed, type Prior } from './connection.ts'
import { MCPConnectionError, nameConnectionError } from './connection-errors.ts'
import type { MCPEvent } from './events.ts'
import { recallPrior, rememberPrior } from './prior.ts'
import { type Listening, Subscription } from './subscription.ts'
import { type Given, parseServerUrl, withoutUndefined } from './transport.ts'

/** A store that does not answer in that time, in ms, is as good as none. */
const storeMs = 3_000

/** How often a person is asked for one call: to sign in, and for more scope. */
const maxSignIns = 2

interface Asking {
  readonly signal?: AbortSignal | undefined
  /** Whether a person may be asked. */
  readonly isInteractive?: boolean
  /** Says nothing of the server when it succeeds. */
  readonly sendsNothing?: boolean
  /** What the server says may come from a tool, which may have done something. */
  readonly isTool?: boolean
}

/** A connection to one MCP server. Made by {@link MCPClient.connect}, ended by `close`. */
export class MCPClient implements AsyncDisposable {
  readonly #url: URL
  readonly #options: ConnectOptions
  readonly #emit: Emit<MCPEvent>
  readonly #closing = new AbortController()
  /** Those that are open, or about to be. */
  readonly #connections = new Set<Connection>()
  #current: Connection | undefined
  /** The same, or one that was lost. */
  #latest: Connection | undefined
  #opening: Promise<Connection> | undefined
  /** What nobody asked for but by the option `listChanged`. */
  #kept: { readonly subscription: Subscription; readonly era: string | undefined } | undefined

  private constructor(url: URL, options: ConnectOptions) {
    this.#url = url
    this.#options = options
    this.#emit = createEmit(options)
  }

  /**
   * The official client, for all that is not here. Where the server has forgotten a session there is another one; the
   * option `prepare` is called for each.
   */
  get client(): Client {
    if (this.#latest === undefined) throw this.#closed()
    return this.#latest.client
  }

  /**
   * Connects to an MCP server at a URL, by whichever protocol revision both speak.
   *
   * Where somebody has to sign in, now or for a later call, `auth` is asked for it outside of all limits of time of the
   * protocol, and what was refused is sent once more. The auth object stays yours: closing the connection leaves it as
   * it is.
   *
   * @throws {MCPConnectionError} one of its kinds; `TokenError`, `DiscoveryError` or `AuthConfigError` from `auth`;
   *   or the reason of the signal
   */
  static async connect(url: string | URL, options: ConnectOptions = {}): Promise<MCPClient> {
    const { signal } = options
    signal?.throwIfAborted()
    const client = new MCPClient(parseServerUrl(url), options)
    try {
      await client.#asked(async () => {}, { signal, sendsNothing: true })
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }

  /** All tools, over all pages; with a `cursor`, one page. */
  listTools(
    params?: ListToolsRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListToolsResult> {
    return this.#asked((client) => client.listTools(params, withoutUndefined(options)), {
      signal: options?.signal,
    })
  }

  /** A tool that fails is no error: its result says so in `isError`. */
  callTool(
    params: CallToolRequest['params'],
    options?: Given<CallToolRequestOptions>,
  ): Promise<CallToolResult> {
    return this.#asked((client) => client.callTool(params, withoutUndefined(options)), {
      signal: options?.signal,
      isTool: true,
    })
  }

  /** All resources, over all pages; with a `cursor`, one page. */
  listResources(
    params?: ListResourcesRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListResourcesResult> {
    return this.#asked((client) => client.listResources(params, withoutUndefined(options)), {
      signal: options?.signal,
    })
  }

  /** What a resource holds. */
  readResource(
    params: ReadResourceRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ReadResourceResult> {
    return this.#asked((client) => client.readResource(params, withoutUndefined(options)), {
      signal: options?.signal,
    })
  }

  /** All prompts, over all pages; with a `cursor`, one page. */
  listPrompts(
    params?: ListPromptsRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListPromptsResult> {
    return this.#asked((client) => client.listPrompts(params, withoutUndefined(options)), {
      signal: options?.signal,
    })
  }

  /** A prompt with its arguments filled in. */
  getPrompt(params: GetPromptRequest['params'], options?: Given<RequestOptions>): Promise<GetPromptResult> {
    return this.#asked((client) => client.getPrompt(params, withoutUndefined(options)), {
      signal: options?.signal,
    })
  }

  /** Whether the server answers; from 2026-07-28 on, where there is no ping, it is asked to describe itself. */
  async ping(options?: Given<RequestOptions>): Promise<void> {
    await this.#asked<unknown>(
      (client) => {
        const isModern = client.getProtocolEra() === 'modern'
        return isModern ? client.discover(withoutUndefined(options)) : client.ping(withoutUndefined(options))
      },
      { signal: options?.signal },
    )
  }

  /**
   * Has the server tell of changes, until the subscription or the client is closed, or the signal aborted. Where a stream
   * ends, and where a session was lost, it is begun again, with a pause that grows from 1 s to a minute; what changed in
   * between is not told.
   *
   * What is told arrives at the handlers of notifications that `prepare` has set.
   */
  async listen(filter: SubscriptionFilter, options?: Given<RequestOptions>): Promise<Subscription> {
    const { signal } = options ?? {}
    signal?.throwIfAborted()
    const given = withoutUndefined(options)
    const listen = (isInteractive: boolean) =>
      this.#asked((_, connection) => listenOn(connection, filter, given), { signal, isInteractive })
    const subscription = this.#renewed(await listen(true), () => listen(false))
    if (signal?.aborted) await subscription.close()
    signal?.throwIfAborted()
    signal?.addEventListener('abort', () => void subscription.close(), { once: true })
    return subscription
  }

  /** Ends the session at the server, where there is one, and everything under way. Never throws for a server that is gone. */
  async close(): Promise<void> {
    this.#closing.abort(this.#closed())
    this.#current = undefined
    await Promise.all([...this.#connections].map((each) => each.close(true)))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Runs `work`, and once more after what it was refused for is mended: what was refused has not run. */
  async #asked<T>(
    work: (client: Client, connection: Connection) => Promise<T>,
    { signal, isInteractive = true, sendsNothing = false, isTool = false }: Asking = {},
  ): Promise<T> {
    const { auth } = this.#options
    const closing = this.#closing.signal
    let hasReopened = false
    for (let signIns = 0; ; ) {
      // The official client would take some calls all the same, and answer them with an empty list.
      closing.throwIfAborted()
      let connection: Connection | undefined
      try {
        connection = this.#current ?? (await untilAborted(this.#connected(), signal))
        connection.enter()
        const result = await work(connection.client, connection)
        if (!sendsNothing) connection.isGuess = false
        connection.leave()
        return result
      } catch (thrown) {
        connection?.leave()
        signal?.throwIfAborted()
        closing.throwIfAborted()
        const error = this.#named(thrown, connection)
        const canAsk = isInteractive && typeof auth === 'object' && 'getToken' in auth && signIns < maxSignIns
        if (canAsk && isOAuthError(error, 'interaction_required')) {
          signIns += 1
          // Here, and never within a request, whose time would run out meanwhile.
          await auth.getToken({
            challenge: error.challenge,
            signal: AbortSignal.any([signal ?? closing, closing]),
          })
        } else if (connection !== undefined && !hasReopened && isOver(connection, error)) {
          hasReopened = true
          this.#lose(connection)
          // What a tool has done, it has done: only the next call finds out whether it was the connection.
          if (isTool && error instanceof ProtocolError) throw error
        } else throw error
      }
    }
  }

  #named(error: unknown, connection: Connection | undefined): unknown {
    const { origin, pathname } = this.#url
    return nameConnectionError(error, {
      url: origin + pathname,
      hasSession: connection?.hasSession === true,
      hasAuth: this.#options.auth !== undefined,
    })
  }

  #connected(): Promise<Connection> {
    this.#opening ??= untilAborted(this.#open(), this.#closing.signal).finally(() => {
      this.#opening = undefined
    })
    const opening = this.#opening
    return opening.catch((error: unknown) => {
      // One that can still be joined was cut off with the request of which it was a part (Cloudflare Workers).
      if (this.#opening === undefined) throw error
      if (this.#opening === opening) this.#opening = undefined
      return this.#connected()
    })
  }

  async #open(): Promise<Connection> {
    const recalled = this.#latest?.isGuess ? undefined : recallPrior(this.#options, this.#url)
    const prior = (await Promise.race([recalled?.catch(() => undefined), elapsed(storeMs)])) ?? undefined
    const connection = await this.#attempt(prior).catch((error: unknown) => {
      const isOfNoUse = error instanceof SdkError && error.code === SdkErrorCode.EraNegotiationFailed
      if (prior === undefined || !(isOfNoUse || isPuzzled(this.#named(error, undefined)))) throw error
      return this.#attempt(undefined)
    })
    this.#current = this.#latest = connection
    this.#emit({ type: 'session', outcome: 'opened', era: connection.client.getProtocolEra() })
    this.#keepListening(connection)
    // Nobody waits for this, and where it fails only the next connection is dearer.
    if (!connection.isGuess) void rememberPrior(this.#options, this.#url, connection.prior).catch(() => {})
    return connection
  }

  async #attempt(prior: Prior | undefined): Promise<Connection> {
    this.#closing.signal.throwIfAborted()
    const { transportOptions } = this.#options
    // A session that was lost is not to be taken up again.
    const another = this.#latest && { transportOptions: { ...transportOptions, sessionId: undefined } }
    const connection: Connection = new Connection(
      this.#url,
      { ...this.#options, ...another },
      {
        onStream: (code) => this.#emit({ type: 'stream', outcome: 'failed', code }),
        onLost: () => this.#lose(connection),
        onClosed: () => this.#connections.delete(connection),
      },
    )
    this.#connections.add(connection)
    await connection.open(prior)
    return connection
  }

  #lose(connection: Connection): void {
    if (this.#current !== connection) return
    this.#current = undefined
    this.#emit({ type: 'session', outcome: 'lost' })
    connection.retire()
  }

  /** Renews what is there for the option `listChanged`: by 2026-07-28 a subscription, else the session itself. */
  #keepListening(connection: Connection): void {
    const { client } = connection
    const era = client.getProtocolEra()
    // It goes on with each connection, and remembers how long to wait.
    if (era === 'legacy' && this.#kept?.era === era) return
    // Of the connection before; this client has subscribed by itself.
    void this.#kept?.subscription.close()
    this.#kept = undefined
    const auto = client.autoOpenedSubscription
    if (auto !== undefined) {
      const listen = async () => listeningOf(await client.listen(auto.honoredFilter))
      this.#kept = { era, subscription: this.#renewed(listeningOf(auto), listen) }
    } else if (this.#options.clientOptions?.listChanged && era === 'legacy') {
      const asking = { isInteractive: false, sendsNothing: true }
      const open = () => this.#asked(async (_, another) => untilEnded(another), asking)
      this.#kept = { era, subscription: this.#renewed(untilEnded(connection), open) }
    }
  }

  #renewed(first: Listening, listen: () => Promise<Listening>): Subscription {
    const { clock = systemClock } = this.#options
    return new Subscription(first, listen, {
      clock,
      signal: this.#closing.signal,
      tell: (event) => this.#emit({ type: 'subscription', ...event }),
    })
  }

  #closed(): MCPConnectionError {
    const url = this.#url.origin + this.#url.pathname
    return new MCPConnectionError(
      `This connection to ${url} was closed by this program. Await its calls before, or connect again.`,
      {
        code: 'closed',
        url,
      },
    )
  }
}

/** Whether another connection may help. */
function isOver({ isGuess }: Connection, error: unknown): boolean {
  return isOAuthError(error, 'session_expired') || (isGuess && isPuzzled(error))
}

/** How a server answers that does not speak the protocol which it was taken to speak: it has run nothing. */
function isPuzzled(error: unknown): boolean {
  if (error instanceof ProtocolError) return puzzled.has(error.code)
  const isRefusal = isOAuthError(error, 'bad_request') || isOAuthError(error, 'transport_error')
  return isRefusal && 'status' in error && error.status !== undefined
}

const puzzled: ReadonlySet<number> = /* @__PURE__ */ new Set([
  ProtocolErrorCode.MethodNotFound,
  ProtocolErrorCode.UnsupportedProtocolVersion,
])

async function listenOn(
  connection: Connection,
  filter: SubscriptionFilter,
  options: RequestOptions | undefined,
): Promise<Listening> {
  const { client } = connection
  if (client.getProtocolEra() === 'modern') return listeningOf(await client.listen(filter, options))
  // By the older revisions changes of lists are told in any case, and those of resources one by one.
  const { resourceSubscriptions: uris = [] } = filter
  for (const uri of uris) await client.subscribeResource({ uri }, options)
  return untilEnded(connection, async () => {
    for (const uri of uris) await client.unsubscribeResource({ uri })
  })
}

function untilEnded({ ended }: Connection, close = async (): Promise<void> => {}): Listening {
  const end = new Promise((resolve) => {
    if (ended.aborted) resolve(undefined)
    ended.addEventListener('abort', resolve, { once: true })
  })
  return { ended: end, close }
}

function listeningOf(subscription: McpSubscription): Listening {
  return { ended: subscription.closed, close: () => subscription.close() }
}
