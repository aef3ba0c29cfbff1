import { vi } from 'vitest'
import {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  type Authorize,
  finishAuthorization,
  type StartAuthorizationOptions,
  startAuthorization,
} from '../src/index.ts'
import { metadata, type Reply, tokenServer } from './token-server.ts'

/** What a server publishes that people sign in at. */
export const loginServer = {
  ...metadata,
  authorization_endpoint: 'https://as.example/authorize',
  code_challenge_methods_supported: ['S256'],
}

export const redirectUri = 'https://app.example/callback'

export interface Begun {
  readonly url: URL
  readonly pending: string
}

/** The first half of a sign-in at that server. */
export function begin(options: Partial<StartAuthorizationOptions> = {}): Promise<Begun> {
  return startAuthorization({ serverMetadata: loginServer, clientId: 'me', redirectUri, ...options })
}

/** Where the browser comes to in the end, with this answer; the state is the right one unless it is said. */
export function callbackOf(url: URL, answer: Record<string, string> = { code: 'c1' }): string {
  const callback = new URL(url.searchParams.get('redirect_uri') ?? '')
  const state = url.searchParams.get('state') ?? ''
  for (const [name, value] of Object.entries({ state, ...answer })) callback.searchParams.append(name, value)
  return callback.href
}

/** The second half, at a token endpoint made of replies: what came of it, and what was sent. */
export async function end(
  { url, pending }: Begun,
  callback: string | URL = callbackOf(url),
  ...replies: Reply[]
) {
  const { fetch, arrivals } = tokenServer(...replies)
  const result = await finishAuthorization(callback, pending, { fetch }).then(
    (token) => ({ token, error: undefined }),
    (error: unknown) => ({ token: undefined, error }),
  )
  const forms = arrivals.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  return { ...result, arrivals, forms }
}

/** What a token endpoint says of a code or a refresh token that is no longer good. */
export const refusal = (): Response => Response.json({ error: 'invalid_grant' }, { status: 400 })

/** Somebody who never comes back. */
export const gone: Authorize = () => new Promise(() => {})

/** An auth object at a server made of replies, with a person who signs in at once; and what was sent. */
export function bench(options: Partial<AuthorizationCodeOptions> = {}, ...replies: Reply[]) {
  const { fetch, arrivals } = tokenServer(...replies)
  const authorize = vi.fn<Authorize>((url) => callbackOf(url))
  const auth = new AuthorizationCodeAuth({
    serverMetadata: loginServer,
    clientId: 'me',
    redirectUri,
    authorize,
    fetch,
    ...options,
  })
  const forms = () => arrivals.map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
  return { auth, authorize, arrivals, forms }
}

/** A person without a face: follows redirects, with cookies, until the redirect URI. */
export async function browse(address: URL | string): Promise<string> {
  const stopAt = new URL(address).searchParams.get('redirect_uri') ?? ''
  const cookies = new Map<string, string>()
  let url = String(address)
  while (!url.startsWith(stopAt)) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=', 2)
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) throw new Error(`${url} leads nowhere: ${response.status}`)
    url = new URL(location, url).href
  }
  return url
}
