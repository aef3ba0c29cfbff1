import type { CloudflareProvider } from '../src/cloudflare.ts'
import { createPkce, jsonOf, postForm, redirectOf, type TokenAnswer } from './requests.ts'

/** Not the port that is registered, which is none. */
export const redirectUri = 'http://127.0.0.1:4711/callback'

type Server = Pick<CloudflareProvider, 'issuer' | 'publicClient'>

/** Gives the address the browser is sent back to. */
export function authorize({ issuer, publicClient }: Server, challenge: string): Promise<URL> {
  return redirectOf(`${issuer}/authorize`, {
    response_type: 'code',
    client_id: publicClient.clientId,
    redirect_uri: redirectUri,
    scope: 'api:read api:write',
    state: 'a-state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  })
}

export function redeem({ issuer, publicClient }: Server, callback: URL, verifier: string): Promise<Response> {
  return postForm(`${issuer}/token`, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: redirectUri,
    client_id: publicClient.clientId,
  })
}

export async function obtainToken(server: Server): Promise<TokenAnswer> {
  const { verifier, challenge } = createPkce()
  return jsonOf(await redeem(server, await authorize(server, challenge), verifier))
}
