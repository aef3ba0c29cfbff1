import type { ServerResponse } from 'node:http'
import type { ClientMetadata } from 'oidc-provider'
import { pathnameOf } from './journal.ts'
import { sendJson } from './json.ts'
import { type Handler, readAgain } from './listening.ts'

/**
 * Answers `invalid_client` where a client authenticates in another way than it is registered for.
 *
 * The provider takes a secret in the header and a secret in the form for each other.
 */
export function requireRegisteredAuthentication(
  clients: readonly ClientMetadata[],
  endpoints: readonly string[],
  handler: Handler,
): Handler {
  const registered = new Map(clients.map((client) => [client.client_id, methodOf(client)]))
  return async (request, response) => {
    const isGuarded = request.method === 'POST' && endpoints.includes(pathnameOf(request.url ?? ''))
    if (!isGuarded) return handler(request, response)
    const body = Buffer.concat(await request.toArray())
    const { authorization } = request.headers
    const mistake = mistakeIn(authorization, new URLSearchParams(body.toString()), registered)
    if (mistake === undefined) return handler(readAgain(request, body), response)
    return refuse(response, mistake, authorization !== undefined)
  }
}

// "If unspecified or omitted, the default is "client_secret_basic"" (RFC 7591 §2)
function methodOf({ token_endpoint_auth_method = 'client_secret_basic' }: ClientMetadata): string {
  return token_endpoint_auth_method
}

function mistakeIn(
  authorization: string | undefined,
  form: URLSearchParams,
  registered: ReadonlyMap<string, string>,
): string | undefined {
  const [method = 'none', ...more] = methodsUsed(authorization, form)
  if (more.length > 0) return 'the client authenticated in more than one way'
  // The provider itself tells a signed assertion from a secret.
  if (method === 'assertion') return undefined
  const clientId = authorization === undefined ? form.get('client_id') : clientIdOf(authorization)
  if (clientId === undefined) return 'the Basic credentials are not two form-encoded halves'
  const expected = registered.get(clientId ?? '')
  if (expected === undefined) return 'the client is not known'
  return expected === method ? undefined : `the client used ${method} and is registered for ${expected}`
}

function methodsUsed(authorization: string | undefined, form: URLSearchParams): string[] {
  const used = []
  if (authorization !== undefined) used.push('client_secret_basic')
  if (form.has('client_secret')) used.push('client_secret_post')
  if (form.has('client_assertion')) used.push('assertion')
  return used
}

/** Gives `undefined` for a header that is not Basic, or whose halves are not form-encoded (RFC 6749 §2.3.1). */
function clientIdOf(authorization: string): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const [clientId, secret] = Buffer.from(encoded, 'base64').toString().split(/:(.*)/s, 2).map(formDecode)
  return secret === undefined ? undefined : clientId
}

/** Gives `undefined` unless encoding the text again gives the same. */
function formDecode(text: string): string | undefined {
  const decoded = new URLSearchParams(`=${text}`).get('') ?? ''
  return new URLSearchParams({ '': decoded }).toString() === `=${text}` ? decoded : undefined
}

function refuse(response: ServerResponse, error_description: string, usedHeader: boolean): void {
  // "If the client attempted to authenticate via the "Authorization" request header field, the
  // authorization server MUST respond with ... the "WWW-Authenticate" response header field" (RFC 6749 §5.2)
  if (usedHeader) response.setHeader('www-authenticate', 'Basic realm="testbed"')
  response.setHeader('cache-control', 'no-store')
  sendJson(response, 401, { error: 'invalid_client', error_description })
}
