/**
 * The one door to a token endpoint: an authenticated form goes in, a token or a TokenError comes out.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import {
  displayUrl,
  type Emit,
  type Fail,
  type HttpOptions,
  parseJsonObject,
  systemClock,
  untilAborted,
  withHttp,
} from '@x/oauth-discovery/http'
import type { Client, ClientAuthentication } from './client-authentication.ts'
import { TokenError } from './errors.ts'
import type { GrantEvent } from './events.ts'
import type { Token } from './token.ts'
import { readRefusal, readToken, secretsIn } from './token-response.ts'

/** Sends one token request. Members that are undefined or empty are left out; an array repeats its name. */
export type TokenEndpoint = (
  form: Readonly<Record<string, string | readonly string[] | undefined>>,
  signal: AbortSignal,
) => Promise<Token>

export interface TokenEndpointOptions extends HttpOptions<GrantEvent> {
  readonly url: string
  readonly server: AuthorizationServerMetadata
  readonly client: Client
  readonly authentication: ClientAuthentication
}

export function createTokenEndpoint(options: TokenEndpointOptions, emit: Emit<GrantEvent>): TokenEndpoint {
  const { url, server, client, authentication, clock = systemClock } = options
  const about = { endpoint: displayUrl(url), issuer: server.issuer }
  const fail: Fail = (code, message, { recovery, cause }) =>
    new TokenError(code, `${message} It belongs to the authorization server ${server.issuer}.`, {
      ...about,
      recovery,
      cause,
    })
  const late = `POST ${about.endpoint} (token request): not sent, for ${authentication.method} gave no credentials in time.`
  return (parameters, closing) =>
    withHttp(
      { ...options, signal: closing },
      { callerUrl: server.issuer, fail, emit },
      async (http, signal) => {
        const form = encodeForm(parameters)
        const headers = new Headers({ accept: 'application/json' })
        // What signs may be on another machine, which may not answer.
        const authenticated = Promise.resolve(authentication(client, form, headers, server))
        await untilAborted(authenticated, signal).catch((error: unknown) => {
          if (!signal.aborted || closing.aborted) throw error
          throw fail('timeout', late, { url: about.endpoint, recovery: 'transient' })
        })
        const sentAt = clock.now()
        const answer = await http({ purpose: 'token request', url, form, headers })
        const json = parseJsonObject(answer)
        if (answer.status === 200 && json !== undefined && !('error' in json)) {
          const asked = { resource: form.get('resource'), scope: form.get('scope') }
          return readToken(json, { ...about, ...asked, sentAt })
        }
        throw readRefusal(answer, json, { ...about, clock, secrets: secretsIn(form, headers, client) })
      },
    )
}

function encodeForm(parameters: Parameters<TokenEndpoint>[0]): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value ?? []].flat()) if (each !== '') form.append(name, each)
  }
  return form
}
