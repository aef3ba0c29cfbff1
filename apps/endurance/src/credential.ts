/** The two kinds of credential that are kept good here, at the API of a testbed. */
import { type Auth, type AuthOptions, AuthorizationCodeAuth, ClientCredentialsAuth } from '@x/oauth-grants'
// Not all of the testbed: its servers take longer to load than all the rest, and a process that only calls needs none.
import { agree } from '@x/testbed/agree'
import { testClients } from '@x/testbed/clients'

/** A program by its own secret; and a person who has signed in, by a refresh token that each use replaces. */
export type Credential = 'client credentials' | 'refresh token'

export const credentials: readonly Credential[] = ['client credentials', 'refresh token']

export interface Place {
  readonly issuer: string
  /** The resource that tokens are for. */
  readonly url: string
  /** Default: `/token` of the issuer. */
  readonly tokenEndpoint?: string | undefined
}

type Options = Pick<AuthOptions, 'clock' | 'fetch' | 'onEvent' | 'store' | 'timeoutMs'>

/** Who signs in in it agrees with everything. Found by nobody: the server is given, so that each request is a token request. */
export function createAuth(credential: Credential, place: Place, options: Options = {}): Auth {
  const { issuer, url: resource, tokenEndpoint: token_endpoint = `${issuer}/token` } = place
  const common = { ...options, resource, scope: resource.endsWith('/mcp') ? 'mcp:tools' : 'api:read' }
  if (credential === 'client credentials') {
    const serverMetadata = { issuer, token_endpoint }
    return new ClientCredentialsAuth({ ...common, ...testClients.worker, serverMetadata })
  }
  return new AuthorizationCodeAuth({
    ...common,
    ...testClients.cli,
    serverMetadata: {
      issuer,
      token_endpoint,
      authorization_endpoint: `${issuer}/auth`,
      code_challenge_methods_supported: ['S256'],
    },
    redirectUri: 'http://127.0.0.1/callback',
    authorize: agree,
  })
}
