import type { AuthorizationServer } from '../src/index.ts'
import { Browser } from './browser.ts'
import { type Client, jsonOf, postAs, type TokenAnswer } from './requests.ts'

const resource = 'https://resource.example/mcp'
export const redirectUri = 'http://127.0.0.1:54321/callback'
const code_verifier = 'v'.repeat(43)

/** Where a browser is sent to begin with (RFC 6749 §4.1.1). */
export async function authorizationUrl(
  { issuer }: AuthorizationServer,
  { clientId }: Client,
  more: Record<string, string> = {},
): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code_verifier))
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    resource,
    scope: 'mcp:tools',
    code_challenge: Buffer.from(digest).toString('base64url'),
    code_challenge_method: 'S256',
    ...more,
  })
  return `${issuer}/auth?${query}`
}

/** Trades the code of a callback for tokens. */
export async function redeem(
  { tokenEndpoint }: AuthorizationServer,
  client: Client,
  callback: string,
): Promise<TokenAnswer> {
  const code = new URL(callback).searchParams.get('code') ?? ''
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier }
  return jsonOf(await postAs(client, tokenEndpoint, form))
}

/** The whole code flow, at a server that approves by itself. */
export async function signIn(
  server: AuthorizationServer,
  client: Client,
  more: Record<string, string> = {},
): Promise<TokenAnswer> {
  const { url } = await new Browser().open(await authorizationUrl(server, client, more), {}, redirectUri)
  return redeem(server, client, url)
}

interface DeviceAnswer {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly expires_in: number
  readonly interval: number
}

export async function startDevice(
  { issuer }: AuthorizationServer,
  client: Client,
  scope = 'mcp:tools',
): Promise<DeviceAnswer> {
  return jsonOf(await postAs(client, `${issuer}/device/auth`, { resource, scope }))
}

export async function poll(
  { tokenEndpoint }: AuthorizationServer,
  client: Client,
  { device_code }: DeviceAnswer,
): Promise<TokenAnswer & { error?: string }> {
  const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
  return jsonOf(await postAs(client, tokenEndpoint, { grant_type, device_code }))
}

/** Types the code and goes on, to the page that asks for a confirmation. */
export async function enterCode(browser: Browser, { verification_uri, user_code }: DeviceAnswer) {
  const { page } = await browser.open(verification_uri)
  return browser.submit(page, { user_code })
}
