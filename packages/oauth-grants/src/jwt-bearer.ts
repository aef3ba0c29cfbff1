/**
 * A token for what somebody else has signed of us: RFC 7523 §2.1.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import { displayUrl, quoteForeign, systemClock } from '@x/oauth-discovery/http'
import { type AuthOptions, createSession, GrantAuth, type GrantKind } from './auth.ts'
import { type Credential, reveal } from './credential.ts'
import { AuthConfigError, TokenError } from './errors.ts'
import type { FromIssuer, FromResource } from './locate.ts'
import { type Searching, sourceFor } from './located-source.ts'
import type { TokenSource } from './session.ts'
import { TokenExchangeAuth, type TokenExchangeOptions } from './token-exchange.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const typePrefix = 'urn:ietf:params:oauth:token-type:'
const profileMember = 'authorization_grant_profiles_supported'
const idJagProfile = 'urn:ietf:params:oauth:grant-profile:id-jag'

/** Where an assertion is to be presented. */
export interface AssertionRequest {
  /** Its audience: the authorization server. */
  readonly issuer: string
  /** What that server publishes. */
  readonly serverMetadata: AuthorizationServerMetadata
  readonly resource: string | undefined
  readonly scope: string | undefined
  /** Aborted when nothing waits for it any longer, and after twice `timeoutMs`. */
  readonly signal: AbortSignal
}

/**
 * Gives the JWT that a token is asked for with. It is asked for each token anew, and what it gave is not kept: read the
 * file of a workload's platform here, which replaces it from time to time, or have one signed.
 */
export type Assertion = (request: AssertionRequest) => string | Promise<string>

export interface JwtBearerOptions extends Omit<AuthOptions, 'clientId'> {
  assertion: Assertion
  /** Default: none is sent, for the assertion says who asks (RFC 7521 §4.2). */
  clientId?: string | undefined
}

const kind: GrantKind<JwtBearerOptions & AuthOptions> = {
  grantType,
  allowsPublicClients: true,
  grant: async (options, { endpoint, scope, signal }) => {
    const { resource, parameters } = options
    const assertion = await askForAssertion(options, scope, signal)
    return endpoint({ ...parameters, grant_type: grantType, assertion, resource, scope }, signal)
  },
}

async function askForAssertion(
  { assertion, resource, serverMetadata, timeoutMs = 10_000, clock = systemClock }: JwtBearerOptions,
  scope: string | undefined,
  closing: AbortSignal,
): Promise<string> {
  const { issuer, token_endpoint = '' } = serverMetadata
  // It may cost an exchange with another server, which has a deadline of its own and says more of what was late.
  const limit = 2 * timeoutMs
  const [late, over] = [new AbortController(), new AbortController()]
  const end = () => {
    if (over.signal.aborted) return
    const endpoint = displayUrl(token_endpoint)
    const message = `POST ${endpoint} (token request to ${issuer}): not sent: the option assertion gave nothing within ${limit} ms, which is twice timeoutMs.`
    late.abort(new TokenError('timeout', message, { endpoint, issuer, recovery: 'transient' }))
  }
  // Some clocks reject when they are woken.
  clock.sleep(limit, over.signal).then(end, () => {})
  const signal = AbortSignal.any([closing, late.signal])
  const ask = async () => {
    const given: unknown = await assertion({ issuer, serverMetadata, resource, scope, signal })
    // Files end with a line of their own.
    return typeof given === 'string' ? given.trim() : ''
  }
  try {
    return (await reveal(ask, 'assertion', { signal })).text
  } finally {
    over.abort()
  }
}

/** A client without a name. */
const nobody: Pick<AuthOptions, 'clientId' | 'clientAuthentication'> = {
  clientId: '(none)',
  clientAuthentication: /* @__PURE__ */ Object.assign(() => {}, { method: 'none' }),
}

/**
 * Tokens for assertions: of a workload, whose platform signs who it is, or of a user, whose employer's identity provider
 * does ({@link identityAssertion}). Each token costs a new assertion; refresh tokens are left alone (RFC 7521 §4.1).
 *
 * Name the `expectedIssuer` that your assertions are for, or whoever the resource names gets one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523
 */
export class JwtBearerAuth extends GrantAuth {
  /**
   * The server is given, or found as by `ClientCredentialsAuth`.
   *
   * @throws {AuthConfigError} as `ClientCredentialsAuth`; `partition_missing`; from `getToken`, `invalid_token` where the
   *   assertion is empty
   */
  constructor(given: JwtBearerOptions | Searching<JwtBearerOptions>) {
    const { clientId = '', clientSecret, clientAuthentication, store, partition } = given
    // Whose token it is stands in the assertion alone, and the store would give that of one to the next.
    if (store !== undefined && !partition) {
      throw new AuthConfigError(
        'partition_missing',
        'The option partition is missing: beside a store, name whom the assertions are about, or the token of one is given to another.',
      )
    }
    const isNobody = !clientId && clientSecret === undefined && clientAuthentication === undefined
    const named = { ...given, clientId, ...(isNobody && nobody) }
    const keep = (options: JwtBearerOptions & AuthOptions) => createSession(options, kind)
    super(given, sourceFor(named, { grantType, keep }))
  }

  /**
   * Finds the server by asking the resource, and what to ask it for.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(options: FromResource<JwtBearerOptions>): Promise<JwtBearerAuth> {
    return new this(options).located(options.signal)
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(options: FromIssuer<JwtBearerOptions>): Promise<JwtBearerAuth> {
    return new this(options).located(options.signal)
  }
}

export interface IdentityAssertionOptions
  extends Omit<
    TokenExchangeOptions,
    | 'subjectToken'
    | 'requestedTokenType'
    | 'audience'
    | 'resource'
    | 'actorToken'
    | 'actorTokenType'
    | 'store'
    | 'partition'
    | 'origins'
  > {
  /** What the user's sign-in at the identity provider gave; it is asked for with each assertion. */
  identityToken: Exclude<Credential, TokenSource>
  /** Default: `urn:ietf:params:oauth:token-type:id_token`. */
  subjectTokenType?: string | undefined
}

/**
 * Assertions of an employer's identity provider that a user may use a resource: enterprise-managed authorization.
 *
 * The options are those of a client of the identity provider, and its metadata. For each token it is asked for one
 * assertion (an ID-JAG), which is for the authorization server and the resource that discovery has found, and no others.
 *
 * @throws {TokenError} from `getToken`: what the identity provider answers, whose `issuer` it names; {AuthConfigError} as
 *   `TokenExchangeAuth`; `grant_not_supported`: the server lists which profiles of assertions it takes, and not this one
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 */
export function identityAssertion({
  identityToken,
  subjectTokenType = `${typePrefix}id_token`,
  ...provider
}: IdentityAssertionOptions): Assertion {
  return async ({ issuer, serverMetadata, resource, scope, signal }) => {
    requireProfile(serverMetadata)
    const exchange = new TokenExchangeAuth({
      ...provider,
      scope: provider.scope ?? scope,
      subjectToken: identityToken,
      subjectTokenType,
      requestedTokenType: `${typePrefix}id-jag`,
      audience: issuer,
      resource,
      // It is good for one use.
      store: undefined,
    })
    try {
      return (await exchange.getToken({ signal })).accessToken
    } finally {
      await exchange.close()
    }
  }
}

/** No assertion is asked for where it is known to be of no use; a server that lists no profiles at all may take it. */
function requireProfile({ issuer, [profileMember]: listed }: AuthorizationServerMetadata): void {
  if (!Array.isArray(listed) || listed.includes(idJagProfile)) return
  const message = `The metadata of ${issuer} lists ${quoteForeign(String(listed))} in ${profileMember}, not ${idJagProfile}, so that no assertion was asked for. Ask its operator for one that takes them.`
  throw new AuthConfigError('grant_not_supported', message)
}
