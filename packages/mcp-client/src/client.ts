/**
 * A connection to one MCP server: the official client, connected, with our hook underneath.
 *
 * @module
 */
import {
  type CacheableRequestOptions,
  type CallToolRequest,
  type CallToolRequestOptions,
  type CallToolResult,
  Client,
  type ClientOptions,
  type GetPromptRequest,
  type GetPromptResult,
  type Implementation,
  type ListPromptsRequest,
  type ListPromptsResult,
  type ListResourcesRequest,
  type ListResourcesResult,
  type ListToolsRequest,
  type ListToolsResult,
  type ReadResourceRequest,
  type ReadResourceResult,
  type RequestOptions,
  SdkError,
  SdkErrorCode,
  type StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { isOAuthError } from '@x/oauth-grants'
import { MCPConnectionError, nameConnectionError } from './connection-errors.ts'
import {
  type AuthLike,
  createTransport,
  farewellMs,
  type Given,
  parseServerUrl,
  type TransportOptions,
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
}

/** The longest that timers can count, in ms: some 24 days. */
const longestMs = 2 ** 31 - 1

/** A connection to one MCP server. Made by {@link MCPClient.connect}, ended by `close`. */
export class MCPClient implements AsyncDisposable {
  readonly #client: Client
  readonly #transport: StreamableHTTPClientTransport
  readonly #url: string
  readonly #auth: AuthLike | undefined
  #isClosed = false

  private constructor(
    client: Client,
    transport: StreamableHTTPClientTransport,
    url: URL,
    auth: AuthLike | undefined,
  ) {
    this.#client = client
    this.#transport = transport
    this.#url = url.origin + url.pathname
    this.#auth = auth
  }

  /** The official client, for all that is not here. */
  get client(): Client {
    return this.#client
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
    const { auth, signal } = options
    signal?.throwIfAborted()
    return signedIn(auth, signal, () => MCPClient.#attempt(url, options))
  }

  static async #attempt(url: string | URL, options: ConnectOptions): Promise<MCPClient> {
    const { auth, signal, timeoutMs = 60_000, clientInfo = { name: '@x/mcp-client', version: '0' } } = options
    const transport = createTransport(url, options)
    const client = new Client(clientInfo, {
      versionNegotiation: { mode: 'auto' }, // the default mode cannot reach servers of 2026-07-28
      cachePartition: partitionOf(auth), // what is private to one principal must not be served to another
      ...withoutUndefined(options.clientOptions),
    })
    const connection = new MCPClient(client, transport, parseServerUrl(url), auth)
    const settled = new AbortController()
    try {
      // The official client has a limit for each message, and is deaf to the signal while it negotiates; closing it,
      // below, ends what is under way.
      const timeout = Math.min(timeoutMs, longestMs)
      const limits = [aborted(signal, settled.signal), overdue(timeout, settled.signal)]
      await connection.#named(() => Promise.race([client.connect(transport, { timeout }), ...limits]), signal)
      return connection
    } catch (error) {
      await connection.close().catch(() => {})
      throw error
    } finally {
      settled.abort()
    }
  }

  /** All tools, over all pages; with a `cursor`, one page. */
  listTools(
    params?: ListToolsRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListToolsResult> {
    return this.#asked(() => this.#client.listTools(params, withoutUndefined(options)), options?.signal)
  }

  /** A tool that fails is no error: its result says so in `isError`. */
  callTool(
    params: CallToolRequest['params'],
    options?: Given<CallToolRequestOptions>,
  ): Promise<CallToolResult> {
    return this.#asked(() => this.#client.callTool(params, withoutUndefined(options)), options?.signal)
  }

  /** All resources, over all pages; with a `cursor`, one page. */
  listResources(
    params?: ListResourcesRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListResourcesResult> {
    return this.#asked(() => this.#client.listResources(params, withoutUndefined(options)), options?.signal)
  }

  /** What a resource holds. */
  readResource(
    params: ReadResourceRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ReadResourceResult> {
    return this.#asked(() => this.#client.readResource(params, withoutUndefined(options)), options?.signal)
  }

  /** All prompts, over all pages; with a `cursor`, one page. */
  listPrompts(
    params?: ListPromptsRequest['params'],
    options?: Given<CacheableRequestOptions>,
  ): Promise<ListPromptsResult> {
    return this.#asked(() => this.#client.listPrompts(params, withoutUndefined(options)), options?.signal)
  }

  /** A prompt with its arguments filled in. */
  getPrompt(params: GetPromptRequest['params'], options?: Given<RequestOptions>): Promise<GetPromptResult> {
    return this.#asked(() => this.#client.getPrompt(params, withoutUndefined(options)), options?.signal)
  }

  /** Whether the server answers; from 2026-07-28 on, where there is no ping, it is asked to describe itself. */
  async ping(options?: Given<RequestOptions>): Promise<void> {
    await this.#asked<unknown>(() => {
      const isModern = this.#client.getProtocolEra() === 'modern'
      return isModern
        ? this.#client.discover(withoutUndefined(options))
        : this.#client.ping(withoutUndefined(options))
    }, options?.signal)
  }

  /** Ends the session at the server, where there is one, and everything under way. Never throws for a server that is gone. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#transport.sessionId !== undefined) {
      const farewell = this.#transport.terminateSession().catch(() => {})
      await Promise.race([farewell, elapsed(farewellMs)])
    }
    await this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #asked<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return signedIn(this.#auth, signal, () => this.#named(work, signal))
  }

  async #named<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    // The official client would take some calls all the same, and answer them with an empty list.
    if (this.#isClosed) throw closed(this.#url)
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      if (this.#isClosed) throw closed(this.#url)
      const hasSession = this.#transport.sessionId !== undefined
      throw nameConnectionError(error, { url: this.#url, hasSession, hasAuth: this.#auth !== undefined })
    }
  }
}

/** A person is asked here, and never within a request, whose time would run out meanwhile. */
async function signedIn<T>(
  auth: AuthLike | undefined,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const canAsk = typeof auth === 'object' && 'getToken' in auth
    if (!canAsk || !isOAuthError(error, 'interaction_required')) throw error
    await auth.getToken({ challenge: error.challenge, signal })
    // What was refused did not run: it can be sent again.
    return work()
  }
}

function partitionOf(auth: AuthLike | undefined): string {
  return typeof auth === 'object' && 'partition' in auth ? auth.partition : crypto.randomUUID()
}

function closed(url: string): MCPConnectionError {
  return new MCPConnectionError(`This connection to ${url} was closed; connect again.`, {
    code: 'closed',
    url,
  })
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
function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    AbortSignal.timeout(ms).addEventListener('abort', () => resolve(), { once: true })
  })
}
