import { testClients } from '../src/index.ts'

export interface TokenAnswer {
  readonly access_token: string
  readonly refresh_token?: string
  readonly id_token?: string
  readonly issued_token_type?: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope?: string
}

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** Basic credentials, each half form-encoded first (RFC 6749 §2.3.1). */
export function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${btoa(`${encode(clientId)}:${encode(clientSecret)}`)}`
}

export function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
}

export interface Client {
  readonly clientId: string
  readonly clientSecret?: string
}

/** Posts as a public client, or as one that authenticates by Basic. */
export function postAs(client: Client, url: string, form: Record<string, string>): Promise<Response> {
  const { clientId, clientSecret } = client
  return clientSecret === undefined
    ? postForm(url, { ...form, client_id: clientId })
    : postForm(url, form, { authorization: basic({ clientId, clientSecret }) })
}

/** Posts to a token endpoint as the `worker`. */
export async function askForToken(url: string, form: Record<string, string>): Promise<TokenAnswer> {
  const response = await postForm(url, form, { authorization: basic(testClients.worker) })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return jsonOf(response)
}

export async function clientCredentials(url: string, resource: string, scope: string): Promise<string> {
  const answer = await askForToken(url, { grant_type: 'client_credentials', resource, scope })
  return answer.access_token
}

/** The claims, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

/** One request of the 2026-07-28 revision, which says with each request what it is. */
export function callTool(url: string, token: string, name: string, args: object = {}): Promise<Response> {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name }
  return rpc(url, token, 'tools/call', { name, arguments: args, _meta: meta }, headers)
}

export function rpc(
  url: string,
  token: string,
  method: string,
  params: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      ...bearer(token),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
}

// A test says what it expects of a document; a wrong guess fails there.
export async function jsonOf<Shape>(response: Response): Promise<Shape> {
  return JSON.parse(await response.text())
}
