import { createHash, randomBytes } from 'node:crypto'

export interface TokenAnswer {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
}

export function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
}

/** Good for ids and secrets that form-encoding leaves as they are (RFC 6749 §2.3.1). */
export function basic({ clientId, clientSecret }: { clientId: string; clientSecret: string }) {
  return { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` }
}

export function bearer(accessToken: string) {
  return { authorization: `Bearer ${accessToken}` }
}

/** A verifier and its challenge (RFC 7636 §4.2). */
export function createPkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** Where a browser is sent from here. */
export async function redirectOf(url: string, query: Record<string, string>): Promise<URL> {
  const response = await fetch(`${url}?${new URLSearchParams(query)}`, { redirect: 'manual' })
  return new URL(response.headers.get('location') ?? `nowhere:${response.status}`)
}

/** The document, of whatever shape the test expects; a wrong guess fails there. */
export async function jsonOf<Shape>(response: Response): Promise<Shape> {
  return JSON.parse(await response.text())
}

/** What a JWT says, unverified: for tests that the server which gave it is the one that was asked. */
export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
}
