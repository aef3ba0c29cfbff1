/**
 * A token for what somebody else has signed of us: RFC 7523 §2.1.
 *
 * @module
 */
import { type AuthOptions, createSession, GrantAuth, type GrantKind, ownCopy } from './auth.ts'
import { type Credential, reveal } from './credential.ts'
import { type FromIssuer, type FromResource, locateByIssuer, locateByResource } from './locate.ts'
import { TokenExchangeAuth, type TokenExchangeOptions } from './token-exchange.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Where an assertion is to be presented. */
export interface AssertionRequest {
  /** Its audience: the authorization server. */
  readonly issuer: string
  readonly resource: string | undefined
  readonly scope: string | undefined
  /** Aborted when nobody waits for the token any longer. */
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
    const { assertion, resource, parameters, serverMetadata } = options
    const { issuer } = serverMetadata
    // Files end with a line of their own.
    const ask = async () => (await assertion({ issuer, resource, scope, signal }))?.trim()
    const { text } = await reveal(ask, 'assertion', { signal })
    return endpoint({ ...parameters, grant_type: grantType, assertion: text, resource, scope }, signal)
  },
}

/** A client without a name, told apart in no store. */
const nobody: Pick<AuthOptions, 'clientId' | 'clientAuthentication'> = {
  clientId: '(none)',
  clientAuthentication: Object.assign(() => {}, { method: 'none' }),
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
  /** @throws {AuthConfigError} as `ClientCredentialsAuth`; `invalid_token` from `getToken` where the assertion is empty */
  constructor(given: JwtBearerOptions) {
    const { clientId = '', clientSecret, clientAuthentication } = given
    const isNobody = !clientId && clientSecret === undefined && clientAuthentication === undefined
    const options = ownCopy({ ...given, clientId, ...(isNobody && nobody) })
    super(options, createSession(options, kind))
  }

  /**
   * Finds the server by asking the resource, and what to ask it for.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(options: FromResource<JwtBearerOptions>): Promise<JwtBearerAuth> {
    return new this({ ...options, ...(await locateByResource(options, grantType)) })
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(options: FromIssuer<JwtBearerOptions>): Promise<JwtBearerAuth> {
    return new this({ ...options, ...(await locateByIssuer(options)) })
  }
}

export interface IdentityAssertionOptions
  extends Omit<
    TokenExchangeOptions,
    'subjectToken' | 'requestedTokenType' | 'audience' | 'resource' | 'actorToken' | 'actorTokenType'
  > {
  /** What the user's sign-in at the identity provider gave; it is asked for with each assertion. */
  identityToken: Credential
  /** Default: `urn:ietf:params:oauth:token-type:id_token`. */
  subjectTokenType?: string | undefined
}

/**
 * Assertions of an employer's identity provider that a user may use a resource: enterprise-managed authorization.
 *
 * The options are those of a client of the identity provider, and its metadata. For each token it is asked for one
 * assertion (an ID-JAG), which is for the authorization server and the resource that discovery has found, and no others.
 *
 * @throws {TokenError} from `getToken`: what the identity provider answers, whose `issuer` it names
 * @see https://github.com/modelcontextprotocol/ext-auth/blob/main/specification/stable/enterprise-managed-authorization.mdx
 */
export function identityAssertion({ identityToken, ...provider }: IdentityAssertionOptions): Assertion {
  return async ({ issuer, resource, scope, signal }) => {
    const exchange = new TokenExchangeAuth({
      subjectTokenType: 'urn:ietf:params:oauth:token-type:id_token',
      scope,
      ...provider,
      subjectToken: identityToken,
      requestedTokenType: 'urn:ietf:params:oauth:token-type:id-jag',
      audience: issuer,
      resource,
    })
    try {
      return (await exchange.getToken({ signal })).accessToken
    } finally {
      await exchange.close()
    }
  }
}
