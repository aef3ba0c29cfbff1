import {
  at,
  basic,
  bearer,
  cleansNothing,
  givesUp,
  of,
  padded,
  takesTheLast,
  type Vector,
} from './vectors.ts'

const everyTenant = '00000001-0000-0000-c000-000000000000@*'
const authorizeUrl = 'https://login.microsoftonline.com/common/oauth2/authorize'
const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'
const opaque = 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS'

/** What servers send, and the examples of the specifications of schemes. */
export const serverVectors: readonly Vector[] = [
  // MCP servers

  {
    claim: "the official SDK's refusal of a missing token (CH-01)",
    header: `Bearer error="invalid_token", error_description="Missing Authorization header", scope="mcp:tools", resource_metadata="${at}"`,
    challenges: [
      bearer({
        error: 'invalid_token',
        error_description: 'Missing Authorization header',
        scope: 'mcp:tools',
        resource_metadata: at,
      }),
    ],
  },
  {
    claim: "the official SDK's demand for more scope (CH-01, RFC 6750 §3.1)",
    header: `Bearer error="insufficient_scope", error_description="Insufficient scope", scope="mcp:tools mcp:write", resource_metadata="${at}"`,
    challenges: [
      bearer({
        error: 'insufficient_scope',
        error_description: 'Insufficient scope',
        scope: 'mcp:tools mcp:write',
        resource_metadata: at,
      }),
    ],
  },
  {
    claim: "Python FastMCP's sentences, commas and a colon in them (CH-01)",
    header: `Bearer error="invalid_token", error_description="Authentication failed. The provided bearer token is invalid, expired, or no longer recognized by the server. To resolve: reconnect.", resource_metadata="${at}"`,
    challenges: [
      bearer({
        error: 'invalid_token',
        error_description:
          'Authentication failed. The provided bearer token is invalid, expired, or no longer recognized by the server. To resolve: reconnect.',
        resource_metadata: at,
      }),
    ],
  },
  {
    claim: "TypeScript FastMCP's message, the quotes in it left out (CH-01, CH-12, RFC 6750 §3)",
    header: `Bearer error="invalid_token", error_description="No \\"Bearer\\" token", resource_metadata="${at}"`,
    challenges: [
      bearer({ error: 'invalid_token', error_description: 'No Bearer token', resource_metadata: at }),
    ],
    peer: cleansNothing(
      bearer({ error: 'invalid_token', error_description: 'No "Bearer" token', resource_metadata: at }),
    ),
  },
  {
    claim: "a Cloudflare worker's refusal (CH-01)",
    header: `Bearer realm="OAuth", resource_metadata="${at}", error="invalid_token", scope="api:read"`,
    challenges: [
      bearer({ realm: 'OAuth', resource_metadata: at, error: 'invalid_token', scope: 'api:read' }),
    ],
  },
  {
    claim: "a worker's refusal with the metadata named twice as no challenge (CH-05, RFC 9110 §11.2)",
    header: `Bearer realm="OAuth", resource_metadata="https://rs.example/.well-known/oauth-protected-resource", error="invalid_token", resource_metadata="${at}"`,
    challenges: [],
    peer: takesTheLast(bearer({ realm: 'OAuth', resource_metadata: at, error: 'invalid_token' })),
  },
  {
    claim: "GitHub's MCP server (CH-01)",
    header:
      'Bearer error="invalid_request", error_description="No access token was provided in this request", resource_metadata="https://api.githubcopilot.com/.well-known/oauth-protected-resource/mcp/"',
    challenges: [
      bearer({
        error: 'invalid_request',
        error_description: 'No access token was provided in this request',
        resource_metadata: 'https://api.githubcopilot.com/.well-known/oauth-protected-resource/mcp/',
      }),
    ],
  },
  {
    claim: "Bedrock AgentCore's metadata, its query and percents as sent (CH-01, CH-04)",
    header:
      'Bearer resource_metadata="https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fserver/invocations/.well-known/oauth-protected-resource?qualifier=DEFAULT"',
    challenges: [
      bearer({
        resource_metadata:
          'https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fserver/invocations/.well-known/oauth-protected-resource?qualifier=DEFAULT',
      }),
    ],
  },
  {
    claim: 'a server that quotes nothing (CH-03)',
    header: 'Bearer resource_metadata=http://localhost:7777/.well-known/oauth-protected-resource/mcp',
    challenges: [
      bearer({ resource_metadata: 'http://localhost:7777/.well-known/oauth-protected-resource/mcp' }),
    ],
    peer: givesUp,
  },

  // Authorization servers and APIs

  {
    claim: "oidc-provider's two field lines, joined (CH-02, RFC 9110 §5.3)",
    header:
      'Bearer realm="https://op.example", scope="api:read", DPoP realm="https://op.example", scope="api:read", algs="ES256 EdDSA"',
    challenges: [
      bearer({ realm: 'https://op.example', scope: 'api:read' }),
      of('dpop', { realm: 'https://op.example', scope: 'api:read', algs: 'ES256 EdDSA' }),
    ],
  },
  {
    claim: "Keycloak's refusal (CH-03)",
    header: 'Bearer realm="master", error="invalid_token", error_description="Token verification failed"',
    challenges: [
      bearer({
        realm: 'master',
        error: 'invalid_token',
        error_description: 'Token verification failed',
      }),
    ],
  },
  {
    claim: "Spring Security's refusal, with an error_uri (CH-12, RFC 6750 §3)",
    header:
      'Bearer error="invalid_token", error_description="Jwt expired at 2026-01-01T07:00:00Z", error_uri="https://tools.ietf.org/html/rfc6750#section-3.1"',
    challenges: [
      bearer({
        error: 'invalid_token',
        error_description: 'Jwt expired at 2026-01-01T07:00:00Z',
        error_uri: 'https://tools.ietf.org/html/rfc6750#section-3.1',
      }),
    ],
  },
  {
    claim: 'an API that writes a comma after the scheme (CH-02)',
    header: 'Bearer, error="invalid_token", error_description="Invalid or expired access token"',
    challenges: [bearer({ error: 'invalid_token', error_description: 'Invalid or expired access token' })],
    peer: givesUp,
  },
  {
    claim: 'an API that does not quote its sentence as no challenge (CH-03, RFC 9110 §11.2)',
    header: 'Bearer, error=invalid_token, error_description=Access token is missing, invalid or expired',
    challenges: [],
  },
  {
    claim: "a container registry's commas inside quotes (CH-03)",
    header:
      'Bearer realm="https://auth.example/token",service="images.example",scope="repository:someone/my-app:pull,push"',
    challenges: [
      bearer({
        realm: 'https://auth.example/token',
        service: 'images.example',
        scope: 'repository:someone/my-app:pull,push',
      }),
    ],
  },
  {
    claim: "GitHub's git server (CH-03)",
    header: 'Basic realm="GitHub"',
    challenges: [of('basic', { realm: 'GitHub' })],
  },

  // Microsoft

  {
    claim: "Entra's claims challenge, padding inside quotes (CH-03)",
    header: `Bearer realm="", authorization_uri="${authorizeUrl}", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="`,
    challenges: [
      bearer({
        realm: '',
        authorization_uri: authorizeUrl,
        error: 'insufficient_claims',
        claims: 'eyJhY2Nlc3NfdG9rZW4iOnt9fQ==',
      }),
    ],
  },
  {
    claim: "Exchange's three challenges, no space after some commas (CH-02, CH-04)",
    header: `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="${everyTenant}", token_types="app_asserted_user_v1 service_asserted_app_v1", authorization_uri="${authorizeUrl}", error="invalid_token",Basic Realm="",Basic Realm=""`,
    challenges: [
      bearer({
        client_id: '00000002-0000-0ff1-ce00-000000000000',
        trusted_issuers: everyTenant,
        token_types: 'app_asserted_user_v1 service_asserted_app_v1',
        authorization_uri: authorizeUrl,
        error: 'invalid_token',
      }),
      of('basic', { realm: '' }),
      of('basic', { realm: '' }),
    ],
  },
  {
    claim: "SharePoint's list of issuers inside quotes (CH-03)",
    header: `Bearer realm="0be1f1ba",client_id="00000003",trusted_issuers="${everyTenant},https://sts.windows.net/*/,00000003@90140122",authorization_uri="${authorizeUrl}",NTLM`,
    challenges: [
      bearer({
        realm: '0be1f1ba',
        client_id: '00000003',
        trusted_issuers: `${everyTenant},https://sts.windows.net/*/,00000003@90140122`,
        authorization_uri: authorizeUrl,
      }),
      of('ntlm'),
    ],
  },
  {
    claim: "Entra's spaces after commas and a comma at the end (CH-02, RFC 9110 §5.6.1.2)",
    header: `Bearer authorization_uri="${authorizeUrl}",  error="invalid_token",  error_description="The access token is missing.",`,
    challenges: [
      bearer({
        authorization_uri: authorizeUrl,
        error: 'invalid_token',
        error_description: 'The access token is missing.',
      }),
    ],
  },
  {
    claim: "Azure Storage's bare URLs without a comma as no challenge (CH-03, RFC 9110 §11.2)",
    header: `Bearer authorization_uri=${authorizeUrl} resource_id=https://storage.azure.com`,
    challenges: [],
  },
  {
    claim: "IIS's schemes without parameters (CH-02, RFC 9110 §11.3)",
    header: 'Negotiate, NTLM, Basic realm="x"',
    challenges: [of('negotiate'), of('ntlm'), basic],
  },
  {
    claim: "NTLM's and Negotiate's messages (CH-03, RFC 4559 §4.1)",
    header: 'NTLM TlRMTVNTUAACAAAAAAAAADgAAAACAgAC, Negotiate oYG2MIGzoAMKAQGigasEgag=',
    challenges: [
      padded('ntlm', 'TlRMTVNTUAACAAAAAAAAADgAAAACAgAC'),
      padded('negotiate', 'oYG2MIGzoAMKAQGigasEgag='),
    ],
  },

  // Specifications of schemes

  {
    claim: 'Digest twice, its list of qop inside quotes (CH-02, RFC 7616 §3.9.1)',
    header: `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="${nonce}", opaque="${opaque}", Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="${nonce}", opaque="${opaque}"`,
    challenges: ['SHA-256', 'MD5'].map((algorithm) =>
      of('digest', { realm: 'http-auth@example.org', qop: 'auth, auth-int', algorithm, nonce, opaque }),
    ),
  },
  {
    claim: 'Basic with its charset (CH-03, RFC 7617 §2.1)',
    header: 'Basic realm="foo", charset="UTF-8"',
    challenges: [of('basic', { realm: 'foo', charset: 'UTF-8' })],
  },
  {
    claim: 'DPoP beside Bearer (CH-02, RFC 9449 §7.2)',
    header: 'Bearer, DPoP algs="ES256 PS256"',
    challenges: [bearer(), of('dpop', { algs: 'ES256 PS256' })],
  },
  {
    claim: 'DPoP with an error and its algorithms (CH-03, RFC 9449 §7.1)',
    header: 'DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"',
    challenges: [
      of('dpop', {
        error: 'invalid_token',
        error_description: 'Invalid DPoP key binding',
        algs: 'ES256',
      }),
    ],
  },
  {
    claim: 'DPoP that asks for a nonce (CH-03, RFC 9449 §9)',
    header: 'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"',
    challenges: [
      of('dpop', {
        error: 'use_dpop_nonce',
        error_description: 'Resource server requires nonce in DPoP proof',
      }),
    ],
  },
  {
    claim: 'a demand for a stronger sign-in (CH-03, RFC 9470 §3)',
    header:
      'Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR", max_age=5',
    challenges: [
      bearer({
        error: 'insufficient_user_authentication',
        error_description: 'A different authentication level is required',
        acr_values: 'myACR',
        max_age: '5',
      }),
    ],
  },
  {
    claim: 'Mutual, some values as tokens (CH-03, RFC 8120 §3)',
    header:
      'Mutual version=1, algorithm=iso-kam3-dl-2048-sha256, validation=host, realm="Protected", reason=initial',
    challenges: [
      of('mutual', {
        version: '1',
        algorithm: 'iso-kam3-dl-2048-sha256',
        validation: 'host',
        realm: 'Protected',
        reason: 'initial',
      }),
    ],
  },
  {
    claim: 'HOBA, padding inside quotes (CH-03, RFC 7486 §3)',
    header: 'HOBA max-age="180", challenge="16:MTEyMzEyMzEyMw=="',
    challenges: [of('hoba', { 'max-age': '180', challenge: '16:MTEyMzEyMzEyMw==' })],
  },
  {
    claim: 'GNAP, which has a grammar of its own, as a fault after Basic (CH-03, RFC 9635 §9.1)',
    header:
      'Basic realm=x, GNAP as_uri=https://as.example/tx;access=FWWIKYBQ6U56NL1;referrer=https://rs.example',
    challenges: [basic],
    peer: givesUp,
  },
]
