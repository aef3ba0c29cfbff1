/**
 * Whom an example talks to, and as whom: servers that it brings with it, or real ones.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import type { Assertion, IdentityAssertionOptions, PrivateKeyJwtOptions, TokenSource } from '@x/oauth-grants'
import type { Testbed } from '@x/testbed'
import type { Lesson } from './course.ts'

export interface Servers extends AsyncDisposable {
  /** The MCP server, or the API. */
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** The authorization server, where it is known beforehand; else it is found from the URL. */
  readonly expectedIssuer: string | undefined
  /** Default: what the resource asks for. */
  readonly scope: string | undefined
  /** The authorization server as a configuration would have it, for whoever does not want to look for it. */
  readonly serverMetadata: () => Promise<AuthorizationServerMetadata>
  /** Another MCP server, whose tokens are of the same authorization server. */
  readonly otherUrl: () => Promise<string>
  /** Another client, which has a secret and acts for itself. */
  readonly service: () => { clientId: string; clientSecret: string }
  /** The key of a client that has no secret. */
  readonly key: () => Promise<PrivateKeyJwtOptions>
  /** The tool to call, where one is named. */
  readonly tool: string | undefined
  /** Puts an end to a token that is still good: at the server here, and in words only where the server is not ours. */
  readonly refuse: (auth: TokenSource) => Promise<void>
  /** Brings a person to a URL: in the browser of this machine, or one who is made up and agrees with everything. */
  readonly person: (url: string) => Promise<unknown>
  /** All that is embedded, to be broken; undefined where the servers are real. */
  readonly testbed: Testbed | undefined
  /** Whether the person and the servers are made up. */
  readonly isEmbedded: boolean
  /** The token of a user who has come to us, where an example acts for one. */
  readonly userToken: () => Promise<string>
  /** What the platform that a workload runs on says of it, to a server that asks who it is. */
  readonly workload: Assertion
  /** The identity provider where a user is employed, as whom an example comes there, and the user's ID token. */
  readonly employer: () => Promise<IdentityAssertionOptions>
}

/**
 * Those that `url` or the environment name, or else embedded ones.
 *
 * @throws {Error} what is missing in the environment, all of it
 */
export async function chooseServers(lesson: Lesson, real: string | undefined): Promise<Servers> {
  const { MCP_URL, API_URL } = process.env
  const url = real ?? (lesson.part === 'mcp' ? MCP_URL : API_URL)
  // Those that are not needed are not loaded.
  if (url === undefined || url === '') return (await import('./embedded.ts')).startEmbedded(lesson)
  return (await import('./real.ts')).findReal(lesson, url)
}
