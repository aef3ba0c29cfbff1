/**
 * What the Python module `dedalus_mcp.client.auth` 0.7 has and claims, and where it is here.
 *
 * Each row is a test, and the page of this app shows all of them. What is neither different nor missing is the same
 * but for the spelling.
 *
 * @module
 */

export interface Row {
  readonly here: string
  readonly differs?: string
  /** Why it is not there. */
  readonly missing?: string
}

/** What the module exports, and `MCPClient` with its errors beside it. */
export const names = {
  'ClientCredentialsAuth(server_metadata=, client_id=, client_secret=, scope=, resource=)': {
    here: 'new ClientCredentialsAuth({ serverMetadata, clientId, clientSecret, scope, resource })',
  },
  'TokenExchangeAuth(server_metadata=, client_id=, subject_token=, subject_token_type=, actor_token=, actor_token_type=, scope=, resource=)':
    {
      here: 'new TokenExchangeAuth({ serverMetadata, clientId, clientSecret, subjectToken, subjectTokenType, actorToken, actorTokenType, scope, resource })',
      differs: 'Every client is a public one there. Here that is said: `clientAuthentication: publicClient`.',
    },
  DeviceCodeAuth: { here: 'new DeviceCodeAuth({ … })', differs: 'A stub there.' },
  AuthorizationCodeAuth: { here: 'new AuthorizationCodeAuth({ … })', differs: 'A stub there.' },
  'await X.from_resource(resource_url=, …)': { here: 'await X.fromResource({ resourceUrl, … })' },
  'await auth.get_token()': { here: 'await auth.getToken()' },
  'TokenResponse(access_token, token_type, expires_in, refresh_token, scope)': {
    here: 'Token: accessToken, tokenType, expiresAt, refreshToken, scope',
    differs: '`expiresAt` is in ms since the epoch, and `scope` a list.',
  },
  'auth.client_id, auth.token_endpoint, auth.scope': {
    here: '',
    missing:
      'An auth object keeps what it was given to itself; a token names its issuer, resource and scope.',
  },
  'await discover_authorization_server(http, url) -> DiscoveryResult': {
    here: 'await discoverAuthorizationServer(url): { challenge, resourceMetadata, authorizationServerMetadata }',
  },
  'await fetch_resource_metadata(http, metadata_url)': {
    here: 'await fetchResourceMetadata(resource, { metadataUrl })',
    differs: 'It has to be about the resource that is named (RFC 9728 §3.3).',
  },
  'await fetch_authorization_server_metadata(http, issuer)': {
    here: 'await fetchAuthorizationServerMetadata(issuer)',
  },
  'parse_www_authenticate(header) -> WWWAuthenticateChallenge': {
    here: 'parseWwwAuthenticate(header): Challenge[]',
    differs:
      'All challenges of a header. What belongs to one is in its `parameters`, and its `scheme` in lower case.',
  },
  'build_resource_metadata_url(base_url, path)': {
    here: 'buildResourceMetadataUrl(resource)',
    differs: 'The place that RFC 9728 §3.1 gives it, whatever a challenge says.',
  },
  'build_authorization_server_metadata_url(issuer)': {
    here: 'buildAuthorizationServerMetadataUrls(issuer)',
    differs: 'All places in the order to ask; that of RFC 8414 is the first.',
  },
  'ResourceMetadata.primary_authorization_server': { here: 'primaryAuthorizationServer(metadata)' },
  'AuthorizationServerMetadata.supports_grant_type(grant_type)': {
    here: 'supportsGrantType(metadata, grantType)',
    differs: 'A server that lists no grants is taken to have it: many leave the list out.',
  },
  DiscoveryError: { here: 'DiscoveryError' },
  AuthConfigError: { here: 'AuthConfigError' },
  TokenError: { here: 'TokenError' },
  'await MCPClient.connect(url, auth=auth)': { here: 'await MCPClient.connect(url, { auth })' },
  'list_tools(), call_tool(), list_resources(), read_resource(), list_prompts(), get_prompt(), ping()': {
    here: 'listTools(), callTool(), listResources(), readResource(), listPrompts(), getPrompt(), ping()',
    differs: 'The arguments of a call are one object, as the protocol has them.',
  },
  'async with await MCPClient.connect(…) as client': {
    here: 'await using client = await MCPClient.connect(…), or client.close()',
  },
  'transport="lambda-http"': {
    here: "transport: 'serverless'",
    differs: 'The old name is not taken.',
  },
  'MCPConnectionError, status_code': {
    here: 'MCPConnectionError, status',
    differs: 'Any other status, and no answer at all, is a `TransportError`, which is one of them.',
  },
  'BadRequestError: 400, 422': {
    here: 'BadRequestError: 400',
    differs: '422 is a `TransportError`: no MCP server answers so.',
  },
  'AuthRequiredError: 401': { here: 'AuthRequiredError' },
  'ForbiddenError: 403': { here: 'ForbiddenError' },
  'SessionExpiredError: 404 of a session': {
    here: 'SessionExpiredError',
    differs:
      'There is another session first: it is the error where that one is lost as well. A 400 that speaks of the session is the same.',
  },
  'TransportError: 405, 415': { here: 'TransportError' },
  'ServerError: 5xx': { here: 'ServerError', differs: '429 as well.' },
  'AuthRequiredError.www_authenticate, ServerError.retry_after': {
    here: 'MCPConnectionError: challenge, retryAfterMs',
    differs: 'The challenge is parsed, and not shown with the error; the wait is in ms.',
  },
} as const satisfies Record<string, Row>

/** What the tests of the module claim. */
export const claims = {
  'construction needs the metadata of the server, and no request': { here: 'the same' },
  'a server that does not list the grant is refused at construction': { here: '`grant_not_supported`' },
  'the scope is sent': { here: 'the same' },
  'from_resource goes the whole way, from the 401 to the token endpoint': { here: 'the same' },
  'a resource without protection is told apart': { here: '`not_protected`' },
  'a 401 without a usable challenge': {
    here: 'the well-known places',
    differs: 'An error there. Here it is one only if nothing is published there either.',
  },
  'a token is obtained': { here: 'the same' },
  'the client authenticates by HTTP Basic': {
    here: 'the same',
    differs: 'Form-encoded, as RFC 6749 §2.3.1 has it.',
  },
  'an error of the token endpoint is raised with its name': { here: '`TokenError.error`' },
  'the resource is sent (RFC 8707)': { here: 'the same' },
  'a token is kept for the next call': { here: 'the same', differs: 'Until it ends, and no longer.' },
  'the token is put on a request': {
    here: '`auth.fetch`',
    differs: 'It fetches the token itself, and goes to named origins only.',
  },
  'subject and actor token are sent, each with its type': {
    here: 'the same',
    differs: 'An answer that does not say what it issued is refused (RFC 8693 §2.2.1).',
  },
  'the subject is an access token, unless said otherwise': { here: 'the same' },
  'metadata: as little as there may be': { here: 'the same' },
  'metadata: as much as there is': { here: 'the same' },
  'metadata: unknown fields are ignored': {
    here: 'the same',
    differs: 'They are kept, for whoever knows them.',
  },
  'metadata: a required field is missing': {
    here: '`DiscoveryError`',
    differs: 'A `token_endpoint` is missed by what needs it: `AuthConfigError`, `endpoint_missing`.',
  },
  'challenge: with resource_metadata': { here: 'the same' },
  'challenge: the scheme DPoP': { here: 'the same' },
  'challenge: with error_description': { here: 'the same' },
  'challenge: without resource_metadata': { here: '`undefined`' },
  'challenge: the scheme in any case': { here: 'the same' },
  'challenge: empty': {
    here: '`[]`',
    differs: '`ValueError` there. Here nothing is thrown for what a server sends.',
  },
  'challenge: malformed': {
    here: 'what was complete before the fault',
    differs: '`ValueError` there.',
  },
  'metadata URL: a full one in the challenge': { here: 'the same' },
  'metadata URL: a path in the challenge, absolute or relative': {
    here: 'the well-known places',
    differs:
      'RFC 9728 §5.1 wants a URL. What is none is passed over, and the document found where it has to be.',
  },
  'metadata URL: of an issuer, with a path, with a trailing slash': { here: 'the same' },
  'metadata URL: of an issuer that is spelled with a slash more': {
    here: '`issuer_mismatch`',
    differs: 'It is not compared there. Here the document has to spell it so, too (RFC 8414 §3.3).',
  },
  'metadata: not found': { here: '`DiscoveryError`' },
  'metadata: no JSON': { here: '`DiscoveryError`' },
} as const satisfies Record<string, Row>
