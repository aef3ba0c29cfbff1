import type {
  OAuthHelpers,
  OAuthProviderOptions,
  OAuthResourceAuth,
} from '@cloudflare/workers-oauth-provider'
import { type Answer, authorizationPage, type Environment } from './authorization-page.ts'
import { type Library, loadLibrary } from './cloudflare-library.ts'
import { createKeyValueStore } from './key-value-store.ts'
import { type Handler, listen, type RunningServer } from './listening.ts'

export interface CloudflareProviderOptions {
  /** What the user answers at the authorization page; default: `approve`. */
  answer?: Answer
  /** Default 3600; the library refuses less than 60. */
  accessTokenSeconds?: number
}

interface Facts {
  readonly issuer: string
  /** The protected address and resource identifier; it answers whom a token is for, as `{ user, client, scope }`. */
  readonly resource: string
  /** PKCE; authorization_code and refresh_token. */
  readonly publicClient: { readonly clientId: string }
  /** client_secret_basic and nothing else; authorization_code, refresh_token and token exchange. */
  readonly confidentialClient: { readonly clientId: string; readonly clientSecret: string }
}

/** An authorization server and the one resource it protects, on one origin. */
export interface CloudflareProvider extends RunningServer, Facts {}

/** Starts Cloudflare's provider outside of Cloudflare, with a store of its own. */
export async function startCloudflareProvider(
  options: CloudflareProviderOptions = {},
): Promise<CloudflareProvider> {
  const library = await loadLibrary()
  return listen(async (origin) => {
    const resource = `${origin}/api`
    const configuration = configure(library, resource, options)
    const environment: Environment = { OAUTH_KV: createKeyValueStore() }
    const clients = await registerClients(library.getOAuthApi(configuration, environment))
    const provider = new library.OAuthProvider(configuration)
    const handler: Handler = (request) => provider.fetch(request, environment, {})
    return { handler, facts: { issuer: origin, resource, ...clients } }
  })
}

function configure(
  library: Library,
  resource: string,
  { answer = 'approve', accessTokenSeconds = 3600 }: CloudflareProviderOptions,
): OAuthProviderOptions<Environment> {
  return {
    authorizeEndpoint: '/authorize',
    tokenEndpoint: '/token',
    apiRoute: '/api',
    apiHandler: { fetch: answerBearer },
    defaultHandler: { fetch: authorizationPage(library, answer) },
    resourceMetadata: { resource },
    scopesSupported: ['api:read', 'api:write'],
    requiredScopes: ['api:read'],
    accessTokenTTL: accessTokenSeconds,
    allowTokenExchangeGrant: true,
    // Otherwise a client may exchange only what it obtained itself.
    tokenExchangeCallback: () => ({ allowCrossClientExchange: true }),
    // The default prints every refusal.
    onError: () => undefined,
  }
}

async function answerBearer(
  _request: Request,
  _environment: Environment,
  { auth }: { auth: OAuthResourceAuth },
): Promise<Response> {
  return Response.json({ user: auth.userId, client: auth.clientId, scope: auth.scope })
}

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'

async function registerClients(
  helpers: OAuthHelpers,
): Promise<Pick<Facts, 'publicClient' | 'confidentialClient'>> {
  const common = {
    // With a loopback address on both sides any port is taken; host, path and query must be the same.
    redirectUris: ['http://127.0.0.1/callback'],
    grantTypes: ['authorization_code', 'refresh_token'],
  }
  const { clientId } = await helpers.createClient({ ...common, tokenEndpointAuthMethod: 'none' })
  const confidential = await helpers.createClient({
    ...common,
    grantTypes: [...common.grantTypes, tokenExchange],
    tokenEndpointAuthMethod: 'client_secret_basic',
  })
  const { clientSecret = '' } = confidential
  return {
    publicClient: { clientId },
    confidentialClient: { clientId: confidential.clientId, clientSecret },
  }
}
