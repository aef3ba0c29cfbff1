/**
 * What is tried in each runtime.
 *
 * All files of this folder run in all of them: they know ECMAScript, `fetch` and their context, and no test runner.
 *
 * @module
 */
import type { DiscoveryError, isOAuthError } from '@x/oauth-discovery'

export const runtimeNames = ['Node 22', 'Node 24', 'Node 26', 'Bun', 'Deno', 'workerd', 'Chromium'] as const

export type RuntimeName = (typeof runtimeNames)[number]

export interface Case {
  /** What holds, such as "refuses a document that names another issuer". */
  readonly name: string
  /** @throws {Error} it does not hold; the message says what came instead */
  readonly run: (context: Context) => Promise<void>
  /** Why it cannot hold in a runtime. It is tried there all the same, and has to fail. */
  readonly except?: { readonly [Name in RuntimeName]?: string } | undefined
}

/** What became of a case. */
export interface Result {
  readonly name: string
  readonly ms: number
  /** Why it failed. */
  readonly failure?: string | undefined
}

/** What a case gets. */
export interface Context {
  /** Starts servers for this case alone; they end with it. */
  readonly open: (options?: PlaceOptions) => Promise<Place>
  /** Somebody with a browser who agrees with everything: where it is sent in the end, or where its pages end. */
  readonly agree: (url: string | URL) => Promise<string>
  /**
   * Runs it as part of another request, where the program is a server that is run by requests: what is under way when it
   * returns ends there.
   */
  readonly request: (act: () => Promise<void>) => Promise<void>
  /** A second copy of the package. */
  readonly copy: {
    readonly DiscoveryError: typeof DiscoveryError
    readonly isOAuthError: typeof isOAuthError
  }
  /** For files; empty when the case begins. */
  readonly folder: string
}

/** Those of the testbed, as far as they are text. */
export interface PlaceOptions {
  readonly accessTokenSeconds?: number
  readonly issuerPath?: string
  readonly strictClientAuthentication?: boolean
  readonly registers?: boolean
  readonly boundTokensOnly?: boolean
  readonly requiresNonces?: boolean
  /** Client metadata (RFC 7591). */
  readonly clients?: readonly object[]
}

export type ServerName = 'authorizationServer' | 'mcp' | 'api' | 'sessions'

export interface Place {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly mcpUrl: string
  readonly apiUrl: string
  /** An MCP server of 2025 with sessions, and the tool `hello`. */
  readonly sessionsUrl: string
  /** As `faults.add` of the testbed. NOTE: name the method, or a browser meets it with its preflight. */
  readonly break: (
    server: ServerName,
    fault: object,
    match?: Match & { readonly times?: number },
  ) => Promise<void>
  /** Ends all faults. */
  readonly heal: () => Promise<void>
  /** How many requests came. */
  readonly count: (server: ServerName, match: Match & { readonly status?: number }) => Promise<number>
  /** What came, without preflights. */
  readonly arrivals: (server: ServerName) => Promise<readonly Arrival[]>
  /** Forgets what came so far. */
  readonly clear: () => Promise<void>
  readonly refuse: (server: 'mcp' | 'api', accessToken: string) => Promise<void>
  /** How often a tool ran. */
  readonly runs: (server: ServerName, tool: string) => Promise<number>
  /** What the platform says of the workload `job`, for the issuer. */
  readonly vouch: () => Promise<string>
  /** As after a restart of that server. */
  readonly forgetSessions: () => Promise<void>
}

interface Match {
  readonly method: string
  readonly path?: string
}

export interface Arrival {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly status?: number
}
