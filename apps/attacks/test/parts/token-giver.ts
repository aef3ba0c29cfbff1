import { randomUUID } from 'node:crypto'
import type { RunningServer } from '@x/testbed'
import { type Answer, serve } from './serving.ts'

/** An authorization server that says yes to everybody, and knows whom it gave which token. */
export interface TokenGiver extends RunningServer {
  readonly serverMetadata: {
    readonly issuer: string
    readonly token_endpoint: string
    readonly authorization_endpoint: string
    readonly revocation_endpoint: string
    readonly code_challenge_methods_supported: readonly string[]
  }
  /** What an access token was given for. */
  formOf(accessToken: string): URLSearchParams
  /** The forms that arrived at the token endpoint, in order. */
  readonly forms: readonly URLSearchParams[]
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** @param more members of each answer beside the usual ones; in their place, where they have the same name */
export async function startTokenGiver(
  more: (form: URLSearchParams) => object | Promise<object> = () => ({}),
): Promise<TokenGiver> {
  const given = new Map<string, URLSearchParams>()
  const forms: URLSearchParams[] = []
  const answer: Answer = async ({ url, form }) => {
    if (url.pathname !== '/token') return new Response(null, { status: 200 })
    forms.push(form)
    const token = `given-${randomUUID()}`
    given.set(token, form)
    return Response.json({
      access_token: token,
      token_type: 'Bearer',
      expires_in: 3600,
      ...(form.get('grant_type')?.endsWith('token-exchange') && { issued_token_type: accessTokenType }),
      ...(await more(form)),
    })
  }
  const running = await serve(() => answer)
  const { origin } = running
  return {
    ...running,
    serverMetadata: {
      issuer: origin,
      token_endpoint: `${origin}/token`,
      authorization_endpoint: `${origin}/authorize`,
      revocation_endpoint: `${origin}/revoke`,
      code_challenge_methods_supported: ['S256'],
    },
    formOf: (accessToken) => given.get(accessToken) ?? new URLSearchParams(),
    forms,
  }
}
