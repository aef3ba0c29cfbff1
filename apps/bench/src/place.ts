/**
 * Where every client gets its tokens and makes its calls, the same for all of them.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { agree, startTestbed, type Testbed } from '@x/testbed'

/** As much of `fetch` as all clients agree upon. */
export type Send = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Tokens of a person who has signed in. */
export interface Login {
  readonly accessToken: string
  /** Good once: using it again ends all that came from it. */
  readonly refreshToken: string
  /** In seconds, as the server says it. */
  readonly expiresIn: number
}

/** The most that a program was told of the server beforehand. */
export type Given = 'resource' | 'issuer' | 'endpoint'

export interface Place {
  readonly resourceUrl: string
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string
  readonly fetch: Send
  /** How much of this the client is to make use of. */
  readonly given: Given
  /** With it the client acts for a person, without it for itself. */
  readonly login: Login | undefined
}

/** How long an access token lives, in seconds. */
export const tokenSeconds = 3600

const redirectUri = 'http://127.0.0.1/callback'

/** Without characters that the one form-encodes in Basic credentials and the other does not. */
const client = { clientId: 'bench', clientSecret: 'bench-secret-made-up-only' }

const clientMetadata = {
  client_id: client.clientId,
  client_secret: client.clientSecret,
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
  redirect_uris: [redirectUri],
  application_type: 'native',
}

export function startServers(): Promise<Testbed> {
  return startTestbed({ accessTokenSeconds: tokenSeconds, clients: [clientMetadata] })
}

export interface Wanted {
  readonly part: 'api' | 'mcp'
  readonly fetch: Send
  readonly given?: Given
  readonly isPerson?: boolean
}

/** What a client is told of these servers; a person has signed in where one is wanted. */
export async function placeAt(
  { authorizationServer, ...resources }: Testbed,
  { part, fetch, given = 'issuer', isPerson = false }: Wanted,
): Promise<Place> {
  const { issuer, tokenEndpoint } = authorizationServer
  const resourceUrl = resources[part].url
  const scope = part === 'api' ? 'api:read' : 'mcp:tools'
  const place = { resourceUrl, issuer, tokenEndpoint, scope, fetch, given, login: undefined, ...client }
  return isPerson ? { ...place, login: await signIn(place) } : place
}

async function signIn({ issuer, tokenEndpoint, resourceUrl, scope }: Place): Promise<Login> {
  const verifier = randomBytes(32).toString('base64url')
  const question = new URLSearchParams({
    response_type: 'code',
    client_id: client.clientId,
    redirect_uri: redirectUri,
    resource: resourceUrl,
    scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const callback = new URL(await agree(`${issuer}/auth?${question}`))
  const answer = await requestToken(tokenEndpoint, {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
  })
  const { access_token: accessToken, refresh_token: refreshToken = '', expires_in: expiresIn } = answer
  return { accessToken, refreshToken, expiresIn }
}

interface TokenAnswer {
  readonly access_token: string
  readonly expires_in: number
  readonly refresh_token?: string
}

/** A token request as one writes it by hand. */
export async function requestToken(
  tokenEndpoint: string,
  form: Readonly<Record<string, string>>,
  send: Send = fetch,
): Promise<TokenAnswer> {
  const { clientId, clientSecret } = client
  const response = await send(tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams(form),
  })
  if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`)
  // The servers are ours, and this is what they answer.
  return (await response.json()) as TokenAnswer
}
