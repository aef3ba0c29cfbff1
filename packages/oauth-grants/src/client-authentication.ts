/**
 * Saying who we are to a token endpoint: RFC 6749 §2.3.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import { quoteForeign } from '@x/oauth-discovery/http'
import { AuthConfigError } from './errors.ts'

/** A client as the authorization server knows it. */
export interface Client {
  readonly clientId: string
  readonly clientSecret?: string | undefined
}

/** Puts a client's credentials into a request: into its headers, or into its form. */
export type ClientAuthentication = {
  /** As servers list it in `token_endpoint_auth_methods_supported`. */
  readonly method: string
} & ((
  client: Client,
  form: URLSearchParams,
  headers: Headers,
  server: AuthorizationServerMetadata,
) => void | Promise<void>)

/** The secret in the Authorization header, id and secret form-encoded each (RFC 6749 §2.3.1, appendix B). */
export const clientSecretBasic: ClientAuthentication = /* @__PURE__ */ Object.assign(
  (client: Client, _form: URLSearchParams, headers: Headers) => {
    const pair = `${formEncode(client.clientId)}:${formEncode(requireSecret(client))}`
    headers.set('authorization', `Basic ${btoa(pair)}`)
  },
  { method: 'client_secret_basic' },
)

/**
 * The same without the encoding, which RFC 6749 §2.3.1 asks for and some servers do not undo. Only for those: others take
 * `%` and `+` in a secret for what they stand for.
 *
 * @throws {AuthConfigError} `client_id_missing` with the first request, for an id with a colon, which would end it
 */
export const rawClientSecretBasic: ClientAuthentication = /* @__PURE__ */ Object.assign(
  (client: Client, _form: URLSearchParams, headers: Headers) => {
    if (client.clientId.includes(':')) {
      const message =
        'The option clientId has a colon in it, which rawClientSecretBasic cannot send. Use clientSecretBasic.'
      throw new AuthConfigError('client_id_missing', message)
    }
    const pair = new TextEncoder().encode(`${client.clientId}:${requireSecret(client)}`)
    headers.set('authorization', `Basic ${btoa(String.fromCharCode(...pair))}`)
  },
  { method: 'client_secret_basic' },
)

/** The secret in the form, for servers that take no header. */
export const clientSecretPost: ClientAuthentication = /* @__PURE__ */ Object.assign(
  (client: Client, form: URLSearchParams) => {
    form.set('client_id', client.clientId)
    form.set('client_secret', requireSecret(client))
  },
  { method: 'client_secret_post' },
)

/** No secret: a public client only says its name, or something beneath (a TLS certificate) says who it is. */
export const publicClient: ClientAuthentication = /* @__PURE__ */ Object.assign(
  (client: Client, form: URLSearchParams) => form.set('client_id', client.clientId),
  { method: 'none' },
)

/**
 * The method to use where the caller chose none: the first of ours that the server lists, header before form.
 *
 * @throws {AuthConfigError} `client_secret_missing`, `auth_method_not_supported`
 */
export function chooseClientAuthentication(
  client: Client,
  server: AuthorizationServerMetadata,
  allowsPublicClients: boolean,
): ClientAuthentication {
  // Many servers have public clients and do not list `none`.
  if (allowsPublicClients && client.clientSecret === undefined) return publicClient
  requireSecret(client)
  // "If omitted, the default is client_secret_basic" (RFC 8414 §2).
  const listed = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const method = [clientSecretBasic, clientSecretPost].find((each) => listed.includes(each.method))
  if (method !== undefined) return method
  const message = `The metadata of ${server.issuer} lists the client authentication ${quoteForeign(String(listed))}, not client_secret_basic or client_secret_post. Name one in the option clientAuthentication.`
  throw new AuthConfigError('auth_method_not_supported', message)
}

export function requireSecret({ clientId, clientSecret }: Client): string {
  if (typeof clientSecret === 'string' && clientSecret !== '') return clientSecret
  const message = `The option clientSecret is missing, of the client ${JSON.stringify(clientId)}. Pass it, or another clientAuthentication.`
  throw new AuthConfigError('client_secret_missing', message)
}

/** `application/x-www-form-urlencoded`, one value of it (RFC 6749 appendix B). */
export function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
