import type { oauthProvider } from '@better-auth/oauth-provider'
import { type Auth, createAuth, issuerPath, scopes } from './better-auth-configuration.ts'
import { consent, decideOnDevice, signUp } from './better-auth-user.ts'
import { listen, type RunningServer } from './listening.ts'

export interface BetterAuthOptions {
  /** The least time between two polls, and the `interval` that a client is told; default 1. */
  intervalSeconds?: number
  /** Starts what is protected by this server, and gives its resource identifier. Default: nothing, at `/mcp`. */
  startResource?: (issuer: string) => Promise<string>
}

interface Facts {
  /** Has a path. */
  readonly issuer: string
  /** The one that may be asked for; a token for it is a JWT, and one for none is opaque. */
  readonly resource: string
  /** Public; device_code and refresh_token, the latter with the scope `offline_access`. */
  readonly deviceClient: { readonly clientId: string }
  /** Public; authorization_code and refresh_token; comes back to `http://127.0.0.1/callback`, on any port. */
  readonly codeClient: { readonly clientId: string }
  /** client_secret_basic and nothing else; client_credentials. */
  readonly machineClient: { readonly clientId: string; readonly clientSecret: string }
  /** Says yes to an authorization request as the one user there is, and gives where the browser is sent then. */
  readonly consent: (url: URL) => Promise<URL>
  /** Says yes to a device as the one user there is; over HTTP, so the journal has it too. */
  readonly approve: (userCode: string) => Promise<void>
  /** Says no. */
  readonly deny: (userCode: string) => Promise<void>
}

/** An authorization server without pages: what a person would do there goes over its HTTP API. */
export interface BetterAuthServer extends RunningServer, Facts {}

/** Starts better-auth with a store, a key and a user of its own. */
export async function startBetterAuth(options: BetterAuthOptions = {}): Promise<BetterAuthServer> {
  const { intervalSeconds = 1, startResource } = options
  return listen(async (origin) => {
    const issuer = origin + issuerPath
    const resource = (await startResource?.(issuer)) ?? `${origin}/mcp`
    const auth = createAuth({ origin, resource, intervalSeconds })
    const headers = await signUp(auth, origin)
    const facts: Facts = {
      issuer,
      resource,
      ...(await registerClients(auth, headers)),
      consent: (url) => consent(issuer, headers, url),
      approve: (userCode) => decideOnDevice(issuer, headers, { userCode, decision: 'approve' }),
      deny: (userCode) => decideOnDevice(issuer, headers, { userCode, decision: 'deny' }),
    }
    return { handler: auth.handler, facts }
  })
}

async function registerClients(
  { api }: Auth,
  headers: Headers,
): Promise<Pick<Facts, 'deviceClient' | 'codeClient' | 'machineClient'>> {
  // The plugin adds it, but its type was lost when it became a plugin like any other.
  const { adminCreateOAuthClient: create } = api as unknown as ReturnType<typeof oauthProvider>['endpoints']
  const native = {
    token_endpoint_auth_method: 'none',
    application_type: 'native' as const,
    scope: scopes.join(' '),
  }
  const device = await create({
    headers,
    body: {
      ...native,
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
    },
  })
  const code = await create({
    headers,
    body: {
      ...native,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
    },
  })
  const machine = await create({
    headers,
    body: {
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      client_credentials_scopes: ['api:read', 'api:write'],
    },
  })
  const { client_id: clientId, client_secret: clientSecret = '' } = machine
  return {
    deviceClient: { clientId: device.client_id },
    codeClient: { clientId: code.client_id },
    machineClient: { clientId, clientSecret },
  }
}
