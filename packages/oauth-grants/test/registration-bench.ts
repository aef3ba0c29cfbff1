import {
  type AuthorizationServerMetadata,
  type ClientRegistration,
  dynamicRegistration,
  type RegisteredClient,
  type RegistrationRequest,
} from '../src/index.ts'
import { loginServer } from './sign-in.ts'
import { type Arrival, type Reply, tokenServer } from './token-server.ts'

/** What a server publishes where anybody may register. */
export const openServer = { ...loginServer, registration_endpoint: 'https://as.example/register' }

export const loopback = 'http://127.0.0.1/callback'

/** What a server answers that has registered a client without a secret. */
export const publicAnswer = { client_id: 'c1', token_endpoint_auth_method: 'none' }

/** The same, of one with a secret, in the method that is the default. */
export const secretAnswer = { client_id: 'c1', client_secret: 'issued-secret' }

export const refusing =
  (error: string, error_description?: string): Reply =>
  () =>
    Response.json({ error, error_description }, { status: 400 })

export interface Bench {
  /** Asks once more. */
  readonly ask: () => Promise<RegisteredClient | undefined>
  readonly arrivals: readonly Arrival[]
  /** The JSON of each request. */
  readonly sent: () => readonly Record<string, unknown>[]
}

export interface BenchOptions extends Partial<Omit<RegistrationRequest, 'serverMetadata' | 'options'>> {
  register?: ClientRegistration
  server?: Partial<AuthorizationServerMetadata>
  options?: RegistrationRequest['options']
}

/** One way to register, at a server made of replies. */
export function bench(
  { register = dynamicRegistration({ client_name: 'Agent' }), server, options, ...request }: BenchOptions,
  ...replies: Reply[]
): Bench {
  const { fetch, arrivals } = tokenServer(...(replies.length === 0 ? [publicAnswer] : replies))
  return {
    arrivals,
    sent: () => arrivals.map(({ body }) => JSON.parse(body)),
    ask: () =>
      register({
        serverMetadata: { ...openServer, ...server },
        grantType: 'authorization_code',
        redirectUri: loopback,
        ...request,
        options: { fetch, ...options },
      }),
  }
}
