/**
 * The one door to an authorization server: an authenticated form goes in, and what the server makes of it comes out.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import {
  type Answer,
  displayUrl,
  type Emit,
  type Fail,
  type HttpOptions,
  parseJsonObject,
  systemClock,
  untilAborted,
  withHttp,
} from '@x/oauth-discovery/http'
import type { Binding } from './binding.ts'
import type { Client, ClientAuthentication } from './client-authentication.ts'
import { TokenError } from './errors.ts'
import type { GrantEvent } from './events.ts'
import type { Token } from './token.ts'
import { type Asked, readRefusal, readToken, secretsIn } from './token-response.ts'

/** Members that are undefined or empty are left out; an array repeats its name. */
type Form = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Sends one token request.
 *
 * @param asked what an answer that leaves it out is taken to mean; default: what the form says
 */
export type TokenEndpoint = (form: Form, signal?: AbortSignal, asked?: Asked) => Promise<Token>

/** Posts a form, with the client's credentials in it, to an endpoint of the server. */
export type Post = (
  purpose: string,
  url: string,
  form: Form,
  signal?: AbortSignal,
  proof?: { readonly dpop: string },
) => Promise<Reply>

export interface Reply {
  readonly answer: Answer
  readonly json: Record<string, unknown> | undefined
  /** What was sent. */
  readonly form: URLSearchParams
  /** ms since the epoch. */
  readonly sentAt: number
  /** What the answer means where it is not what was hoped for. */
  readonly refusal: () => TokenError
}

export interface EndpointOptions extends HttpOptions<GrantEvent> {
  readonly server: AuthorizationServerMetadata
  readonly client: Client
  readonly authentication: ClientAuthentication
  /** Of the tokens, where they are to be bound at this server. */
  readonly binding?: Binding | undefined
}

/** @param hold waited for right before a request leaves: it throws where it must not */
export function createPost(
  options: EndpointOptions,
  emit: Emit<GrantEvent>,
  hold: () => Promise<void> = async () => {},
): Post {
  const { server, client, authentication, clock = systemClock } = options
  const { issuer } = server
  return (purpose, url, parameters, closing, proof) => {
    const endpoint = displayUrl(url)
    const fail: Fail = (code, message, { recovery, cause }) =>
      new TokenError(code, `${message} The issuer is ${issuer}.`, {
        endpoint,
        issuer,
        recovery,
        cause,
      })
    const late = `POST ${endpoint} (${purpose}): not sent: clientAuthentication (${authentication.method}) took longer than timeoutMs.`
    return withHttp(
      { ...options, signal: closing },
      { callerUrl: issuer, fail, emit },
      async (http, signal) => {
        const form = encodeForm(parameters)
        const headers = new Headers({ accept: 'application/json', ...proof })
        // What signs may be on another machine, which may not answer.
        const authenticated = Promise.resolve(authentication(client, form, headers, server))
        await untilAborted(authenticated, signal).catch((error: unknown) => {
          if (!signal.aborted || closing?.aborted === true) throw error
          throw fail('timeout', late, { url: endpoint, recovery: 'transient' })
        })
        await hold()
        const sentAt = clock.now()
        const answer = await http({ purpose, url, body: form, headers })
        const json = parseJsonObject(answer)
        const secrets = secretsIn(form, headers, client)
        const refusal = () => readRefusal(answer, json, { purpose, endpoint, issuer, clock, secrets })
        return { answer, json, form, sentAt, refusal }
      },
    )
  }
}

export function createTokenEndpoint(
  { server: { issuer }, binding }: Pick<EndpointOptions, 'server' | 'binding'>,
  url: string,
  post: Post,
): TokenEndpoint {
  const request = { method: 'POST', url }
  return async (parameters, signal, asked) => {
    for (let tries = 0; ; tries += 1) {
      const proof = binding && { dpop: await binding.proof(request) }
      const { answer, json, form, sentAt, refusal } = await post(
        'token request',
        url,
        parameters,
        signal,
        proof,
      )
      const isForProof = binding?.observe(request, answer.headers, json?.['error'])
      if (isForProof && tries === 0 && (answer.status === 400 || answer.status === 401)) continue
      if (answer.status !== 200 || json === undefined || 'error' in json) throw refusal()
      return readToken(json, { endpoint: displayUrl(url), issuer, sentAt, form, asked, binding })
    }
  }
}

function encodeForm(parameters: Form): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value ?? []].flat()) if (each !== '') form.append(name, each)
  }
  return form
}
