import type { ClientMetadata } from 'oidc-provider'

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Whom the provider takes those for who come with an assertion and no name. */
export const workloads = 'testbed-workloads'

interface Credentials {
  clientId: string
  clientSecret: string
}

/** Credentials of the clients that every authorization server here knows. Made up, good nowhere else. */
export const testClients: {
  /** client_secret_basic; client_credentials and token exchange. Its secret must be form-encoded. */
  worker: Credentials
  /** client_secret_post; client_credentials and token exchange. */
  poster: Credentials
  /** A public native app: authorization_code, refresh_token and device_code. */
  cli: { clientId: string }
  /** A native app with a secret: client_secret_basic; the same grants, and both for its users: token exchange and jwt-bearer. Its secret must be form-encoded. */
  app: Credentials
} = {
  worker: { clientId: 'testbed-worker', clientSecret: 'testbed:worker+secret/100%made=up&only' },
  poster: { clientId: 'testbed-poster', clientSecret: 'testbed-poster-secret-made-up-only' },
  cli: { clientId: 'testbed-cli' },
  // Characters of which encodeURIComponent writes some in another way than a form does.
  app: { clientId: 'testbed-app', clientSecret: "testbed app's secret (made up only) ~!" },
}

const { worker, poster, cli, app } = testClients

export const clientMetadata: readonly ClientMetadata[] = [
  machine(worker, 'client_secret_basic'),
  machine(poster, 'client_secret_post'),
  native({ client_id: cli.clientId, token_endpoint_auth_method: 'none' }),
  native(
    {
      client_id: app.clientId,
      client_secret: app.clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    [tokenExchange, jwtBearer],
  ),
  {
    client_id: workloads,
    token_endpoint_auth_method: 'none',
    grant_types: [jwtBearer],
    response_types: [],
    redirect_uris: [],
  },
]

function machine(
  { clientId, clientSecret }: Credentials,
  method: 'client_secret_basic' | 'client_secret_post',
): ClientMetadata {
  return {
    client_id: clientId,
    client_secret: clientSecret,
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials', tokenExchange],
    response_types: [],
    redirect_uris: [],
  }
}

function native(identity: ClientMetadata, moreGrants: readonly string[] = []): ClientMetadata {
  return {
    ...identity,
    application_type: 'native',
    grant_types: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
      ...moreGrants,
    ],
    // The port of a native app's loopback redirect is free (RFC 8252 §7.3), host and path are not.
    redirect_uris: ['127.0.0.1', 'localhost', '[::1]'].flatMap((host) => [
      `http://${host}/callback`,
      `http://${host}/`,
    ]),
  }
}
