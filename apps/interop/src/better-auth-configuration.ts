import { randomBytes } from 'node:crypto'
import { oauthDeviceAuthorization, oauthProvider } from '@better-auth/oauth-provider'
import { type BetterAuthPlugin, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getAuthTables } from 'better-auth/db'
import { jwt } from 'better-auth/plugins'

export const scopes = ['api:read', 'api:write', 'offline_access']
export const issuerPath = '/api/auth'

export type Auth = ReturnType<typeof createAuth>

interface AuthOptions {
  readonly origin: string
  readonly resource: string
  readonly intervalSeconds: number
}

export function createAuth({ origin, resource, intervalSeconds }: AuthOptions) {
  const plugins = createPlugins(resource, intervalSeconds)
  return betterAuth({
    baseURL: origin,
    basePath: issuerPath,
    secret: randomBytes(32).toString('hex'),
    database: memoryAdapter(emptyTables(plugins)),
    emailAndPassword: { enabled: true },
    plugins,
    logger: { disabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
  })
}

function createPlugins(resource: string, intervalSeconds: number): BetterAuthPlugin[] {
  const plugins: unknown[] = [
    jwt(),
    oauthProvider({
      // Pages of an application, which is not here: nobody opens them.
      loginPage: '/login',
      consentPage: '/consent',
      scopes,
      resources: [resource],
      enforcePerClientResources: false,
      // Lets whoever is signed in register clients, and give them the scopes of client_credentials.
      clientPrivileges: () => true,
    }),
    oauthDeviceAuthorization({ interval: `${intervalSeconds}s`, verificationUri: `${issuerPath}/device` }),
  ]
  // They are plugins, if not to the letter of exactOptionalPropertyTypes, without which they were compiled.
  return plugins as BetterAuthPlugin[]
}

/** The adapter makes no table by itself. */
function emptyTables(plugins: BetterAuthPlugin[]): Record<string, Record<string, unknown>[]> {
  return Object.fromEntries(Object.keys(getAuthTables({ plugins })).map((name) => [name, []]))
}
