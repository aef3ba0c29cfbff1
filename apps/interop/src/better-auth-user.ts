import type { Auth } from './better-auth-configuration.ts'

/** Signs the one user up, and gives what the browser of this user sends from then on. */
export async function signUp(auth: Auth, origin: string): Promise<Headers> {
  const body = { name: 'The user', email: 'the-user@example.com', password: 'made up, good nowhere else' }
  const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true })
  const cookie = headers.getSetCookie().map((line) => line.split(';', 1).join(''))
  // Who sends cookies must say from where.
  return new Headers({ cookie: cookie.join('; '), origin, 'content-type': 'application/json' })
}

/** What the pages of an application would do; the library has none. */
export async function decideOnDevice(
  issuer: string,
  headers: Headers,
  { userCode, decision }: { userCode: string; decision: 'approve' | 'deny' },
): Promise<void> {
  // A code belongs to whoever looks at it first, signed in; nobody else may decide.
  const claim = new URLSearchParams({ user_code: userCode })
  await expectSuccess(await fetch(`${issuer}/device?${claim}`, { headers }))
  const body = JSON.stringify({ userCode })
  await expectSuccess(await fetch(`${issuer}/device/${decision}`, { method: 'POST', headers, body }))
}

/** Goes where an authorization request leads, says yes where consent is asked for, and gives where it ends. */
export async function consent(issuer: string, headers: Headers, url: URL): Promise<URL> {
  const asked = await follow(url, { headers })
  if (asked.pathname !== '/consent') return asked
  // The page would hand back the query that it was opened with, which the server has signed.
  const body = JSON.stringify({ accept: true, oauth_query: asked.search.slice(1) })
  return follow(new URL(`${issuer}/oauth2/consent`), { method: 'POST', headers, body })
}

/** To whoever is no browser the library says in JSON where it would send one. */
async function follow(url: URL, init: RequestInit): Promise<URL> {
  const response = await fetch(url, init)
  await expectSuccess(response.clone())
  const { url: next }: { url: string } = JSON.parse(await response.text())
  return new URL(next, url)
}

async function expectSuccess(response: Response): Promise<void> {
  if (response.ok) return
  throw new Error(`${response.url} answered ${response.status} ${await response.text()}`)
}
