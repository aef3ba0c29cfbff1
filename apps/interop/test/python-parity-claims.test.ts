import {
  buildAuthorizationServerMetadataUrls,
  discoverAuthorizationServer,
  type Fetch,
  fetchAuthorizationServerMetadata,
  fetchResourceMetadata,
  parseWwwAuthenticate,
} from '@x/oauth-discovery'
import { ClientCredentialsAuth, publicClient, TokenExchangeAuth } from '@x/oauth-grants'
import { expect, vi } from 'vitest'
import { claims } from '../src/parity.ts'
import { rowsOf } from './rows.ts'

const resourceUrl = 'https://mcp.example.com/mcp'
const resourceMetadataUrl = 'https://mcp.example.com/.well-known/oauth-protected-resource'
const issuer = 'https://as.example.com'
const serverMetadataUrl = 'https://as.example.com/.well-known/oauth-authorization-server'
const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const tokenType = 'urn:ietf:params:oauth:token-type:'

const resourceMetadata = { resource: 'https://mcp.example.com', authorization_servers: [issuer] }
const serverMetadata = {
  issuer,
  token_endpoint: `${issuer}/oauth2/token`,
  grant_types_supported: ['client_credentials', tokenExchange],
}
const client = { serverMetadata, clientId: 'm2m', clientSecret: 'secret123' }
const answer = { access_token: 'the-token', token_type: 'Bearer', expires_in: 3600 }
const { shows, isWhole } = rowsOf(claims)

shows('construction needs the metadata of the server, and no request', () => {
  const fetch = vi.fn<Fetch>()

  expect(() => new ClientCredentialsAuth({ ...client, fetch })).not.toThrow()
  expect(() => new TokenExchangeAuth({ ...client, subjectToken: 'any', fetch })).not.toThrow()

  expect(fetch).not.toHaveBeenCalled()
})

shows('a server that does not list the grant is refused at construction', () => {
  const without = { ...client, serverMetadata: { ...serverMetadata, grant_types_supported: ['implicit'] } }

  const refusal = expect.objectContaining({ name: 'AuthConfigError', code: 'grant_not_supported' })
  expect(() => new ClientCredentialsAuth(without)).toThrow(refusal)
  expect(() => new TokenExchangeAuth({ ...without, subjectToken: 'any' })).toThrow(refusal)
})

shows('the scope is sent', async () => {
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: answer })

  await new ClientCredentialsAuth({ ...client, scope: 'openid mcp:read', fetch }).getToken()

  expect(requests[0]?.form).toEqual({ grant_type: 'client_credentials', scope: 'openid mcp:read' })
})

shows('from_resource goes the whole way, from the 401 to the token endpoint', async () => {
  const challenge = `Bearer resource_metadata="${resourceMetadataUrl}"`
  const { fetch, requests } = network({ ...published(challenge), [serverMetadata.token_endpoint]: answer })

  const auth = await ClientCredentialsAuth.fromResource({
    resourceUrl,
    clientId: 'm2m',
    clientSecret: 's',
    fetch,
  })
  await auth.getToken()

  const beside = `${resourceMetadataUrl}/mcp` // what would be asked first without a challenge
  const places = [resourceUrl, beside, resourceMetadataUrl, serverMetadataUrl, serverMetadata.token_endpoint]
  expect(requests.map(({ url }) => url)).toEqual(places)
})

shows('a resource without protection is told apart', async () => {
  const { fetch } = network({ [resourceUrl]: { tools: [] } })

  const attempt = ClientCredentialsAuth.fromResource({
    resourceUrl,
    clientId: 'm2m',
    clientSecret: 's',
    fetch,
  })

  await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'not_protected' })
})

shows('a 401 without a usable challenge', async () => {
  for (const challenge of ['', 'Bearer error="invalid_token"']) {
    const found = await discoverAuthorizationServer(resourceUrl, network(published(challenge)))
    expect(found.authorizationServerMetadata.issuer).toBe(issuer)

    const nothing = network({ [resourceUrl]: unauthorized(challenge) })
    const attempt = discoverAuthorizationServer(resourceUrl, nothing)
    await expect(attempt).rejects.toMatchObject({ code: 'resource_metadata_not_found' })
  }
})

shows('a token is obtained', async () => {
  const before = Date.now()
  const { fetch } = network({ [serverMetadata.token_endpoint]: answer })

  const token = await new ClientCredentialsAuth({ ...client, fetch }).getToken()

  expect(token).toMatchObject({ accessToken: 'the-token', tokenType: 'Bearer' })
  expect(Math.round(((token.expiresAt ?? 0) - before) / 1000)).toBe(3600)
})

shows('the client authenticates by HTTP Basic', async () => {
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: answer })

  await new ClientCredentialsAuth({ ...client, fetch }).getToken()
  await new ClientCredentialsAuth({ ...client, clientSecret: 'a:b/c', fetch }).getToken()

  const pairs = requests.map(({ headers }) => atob(headers.get('authorization')?.replace('Basic ', '') ?? ''))
  expect(pairs).toEqual(['m2m:secret123', 'm2m:a%3Ab%2Fc'])
})

shows('an error of the token endpoint is raised with its name', async () => {
  const refusal = () => Response.json({ error: 'invalid_client' }, { status: 400 })
  const { fetch } = network({ [serverMetadata.token_endpoint]: refusal })

  const attempts = [
    new ClientCredentialsAuth({ ...client, fetch }).getToken(),
    new TokenExchangeAuth({ ...client, subjectToken: 'expired', fetch }).getToken(),
  ]

  const expected = {
    name: 'TokenError',
    error: 'invalid_client',
    message: expect.stringMatching('invalid_client'),
  }
  for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(expected)
})

shows('the resource is sent (RFC 8707)', async () => {
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: answer })

  await new ClientCredentialsAuth({ ...client, resource: 'https://mcp.example.com', fetch }).getToken()

  expect(requests[0]?.form).toMatchObject({ resource: 'https://mcp.example.com' })
})

shows('a token is kept for the next call', async () => {
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: answer })
  const auth = new ClientCredentialsAuth({ ...client, fetch })

  const [first, second] = [await auth.getToken(), await auth.getToken()]

  expect(second).toBe(first)
  expect(requests).toHaveLength(1)
})

shows('the token is put on a request', async () => {
  const issued = { ...answer, issued_token_type: `${tokenType}access_token` }
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: issued, [resourceUrl]: {} })
  const resource = 'https://mcp.example.com'

  await new ClientCredentialsAuth({ ...client, resource, fetch }).fetch(resourceUrl)
  await new TokenExchangeAuth({ ...client, subjectToken: 'any', resource, fetch }).fetch(resourceUrl)

  const shown = requests.filter(({ url }) => url === resourceUrl)
  expect(shown.map(({ headers }) => headers.get('authorization'))).toEqual([
    'Bearer the-token',
    'Bearer the-token',
  ])
})

shows('subject and actor token are sent, each with its type', async () => {
  const issued = { ...answer, issued_token_type: `${tokenType}access_token` }
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: issued })
  const options = {
    serverMetadata,
    clientId: 'sdk',
    clientAuthentication: publicClient,
    subjectToken: 'the-subject',
    subjectTokenType: `${tokenType}id_token`,
    actorToken: 'the-actor',
    actorTokenType: `${tokenType}access_token`,
  }

  await new TokenExchangeAuth({ ...options, fetch }).getToken()

  expect(requests[0]?.form).toEqual({
    grant_type: tokenExchange,
    client_id: 'sdk',
    subject_token: 'the-subject',
    subject_token_type: `${tokenType}id_token`,
    actor_token: 'the-actor',
    actor_token_type: `${tokenType}access_token`,
  })
  const silent = network({ [serverMetadata.token_endpoint]: answer })
  const attempt = new TokenExchangeAuth({ ...options, fetch: silent.fetch }).getToken()
  await expect(attempt).rejects.toMatchObject({ code: 'invalid_response' })
})

shows('the subject is an access token, unless said otherwise', async () => {
  const issued = { ...answer, issued_token_type: `${tokenType}access_token` }
  const { fetch, requests } = network({ [serverMetadata.token_endpoint]: issued })

  await new TokenExchangeAuth({ ...client, subjectToken: 'any', fetch }).getToken()

  expect(requests[0]?.form).toMatchObject({ subject_token_type: `${tokenType}access_token` })
})

shows('metadata: as little as there may be', async () => {
  const least = { issuer, token_endpoint: serverMetadata.token_endpoint }
  const pages = { [resourceMetadataUrl]: resourceMetadata, [serverMetadataUrl]: least }

  expect(await fetchResourceMetadata(resourceMetadata.resource, network(pages))).toEqual(resourceMetadata)
  expect(await fetchAuthorizationServerMetadata(issuer, network(pages))).toEqual(least)
})

shows('metadata: as much as there is', async () => {
  const much = {
    ...serverMetadata,
    authorization_endpoint: `${issuer}/oauth2/auth`,
    registration_endpoint: `${issuer}/register`,
    jwks_uri: `${issuer}/jwks.json`,
    scopes_supported: ['openid', 'offline_access'],
    response_types_supported: ['code'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    code_challenge_methods_supported: ['S256'],
  }
  const more = {
    ...resourceMetadata,
    authorization_servers: [issuer, 'https://as2.example.com'],
    scopes_supported: ['read', 'write'],
    bearer_methods_supported: ['header'],
    resource_signing_alg_values_supported: ['RS256', 'ES256'],
  }
  const pages = { [resourceMetadataUrl]: more, [serverMetadataUrl]: much }

  expect(await fetchResourceMetadata(resourceMetadata.resource, network(pages))).toEqual(more)
  expect(await fetchAuthorizationServerMetadata(issuer, network(pages))).toEqual(much)
})

shows('metadata: unknown fields are ignored', async () => {
  const pages = { [serverMetadataUrl]: { ...serverMetadata, custom_extension: 'value' } }

  const metadata = await fetchAuthorizationServerMetadata(issuer, network(pages))

  expect(metadata['custom_extension']).toBe('value')
})

shows('metadata: a required field is missing', async () => {
  const { resource, authorization_servers } = resourceMetadata
  const challenge = `Bearer resource_metadata="${resourceMetadataUrl}"`
  const discover = (pages: Pages) =>
    discoverAuthorizationServer(resourceUrl, network({ ...published(challenge), ...pages }))

  const withoutResource = discover({ [resourceMetadataUrl]: { authorization_servers } })
  await expect(withoutResource).rejects.toMatchObject({ code: 'resource_metadata_invalid' })
  const withoutServers = discover({ [resourceMetadataUrl]: { resource } })
  await expect(withoutServers).rejects.toMatchObject({ code: 'resource_metadata_invalid' })
  const withoutIssuer = discover({ [serverMetadataUrl]: { token_endpoint: `${issuer}/token` } })
  await expect(withoutIssuer).rejects.toMatchObject({ code: 'server_metadata_invalid' })
  const missing = expect.objectContaining({ name: 'AuthConfigError', code: 'endpoint_missing' })
  expect(() => new ClientCredentialsAuth({ ...client, serverMetadata: { issuer } })).toThrow(missing)
})

shows('challenge: with resource_metadata', () => {
  const [challenge] = parseWwwAuthenticate('Bearer error="invalid_token", resource_metadata="/prm"')

  expect(challenge?.parameters.resource_metadata).toBe('/prm')
})

shows('challenge: the scheme DPoP', () => {
  const [challenge] = parseWwwAuthenticate('DPoP error="invalid_token", resource_metadata="/prm"')

  expect(challenge).toMatchObject({ scheme: 'dpop', parameters: { resource_metadata: '/prm' } })
})

shows('challenge: with error_description', () => {
  const [challenge] = parseWwwAuthenticate('Bearer error="invalid_token", error_description="Token expired"')

  expect(challenge?.parameters.error_description).toBe('Token expired')
})

shows('challenge: without resource_metadata', () => {
  const [challenge] = parseWwwAuthenticate('Bearer error="invalid_token"')

  expect(challenge?.parameters.resource_metadata).toBeUndefined()
})

shows('challenge: the scheme in any case', () => {
  expect(parseWwwAuthenticate('BEARER error="invalid_token"')[0]?.scheme).toBe('bearer')
})

shows('challenge: empty', () => {
  expect(parseWwwAuthenticate('')).toEqual([])
})

shows('challenge: malformed', () => {
  expect(parseWwwAuthenticate('Bearer error="invalid')).toEqual([])
  expect(parseWwwAuthenticate('Basic realm="x", Bearer error="invalid')).toMatchObject([{ scheme: 'basic' }])
  expect(parseWwwAuthenticate('not-a-valid-header')).toMatchObject([{ scheme: 'not-a-valid-header' }])
})

shows('metadata URL: a full one in the challenge', async () => {
  const elsewhere = 'https://other.example.com/metadata'
  const pages = {
    ...published(`Bearer resource_metadata="${elsewhere}"`),
    [elsewhere]: { resource: resourceUrl },
  }

  const attempt = discoverAuthorizationServer(resourceUrl, network(pages))

  await expect(attempt).rejects.toMatchObject({ attempts: [{ url: elsewhere, outcome: 'used' }] })
})

shows('metadata URL: a path in the challenge, absolute or relative', async () => {
  for (const path of ['/.well-known/oauth-protected-resource', '.well-known/oauth-protected-resource']) {
    const { fetch, requests } = network(published(`Bearer resource_metadata="${path}"`))

    const found = await discoverAuthorizationServer(resourceUrl, { fetch })

    expect(found.resourceMetadata).toEqual(resourceMetadata)
    expect(requests.map(({ url }) => url)).toContain(`${resourceMetadataUrl}/mcp`)
  }
})

shows('metadata URL: of an issuer, with a path, with a trailing slash', () => {
  const first = (text: string) => buildAuthorizationServerMetadataUrls(text)[0]

  expect(first('https://as.example.com')).toBe(serverMetadataUrl)
  expect(first('https://as.example.com/')).toBe(serverMetadataUrl)
  expect(first('https://as.example.com/tenant1')).toBe(`${serverMetadataUrl}/tenant1`)
})

shows('metadata URL: of an issuer that is spelled with a slash more', async () => {
  const { fetch } = network({ [serverMetadataUrl]: serverMetadata })

  const attempt = fetchAuthorizationServerMetadata(`${issuer}/`, { fetch })

  await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'issuer_mismatch' })
})

shows('metadata: not found', async () => {
  const failure = { name: 'DiscoveryError', message: expect.stringContaining('404') }

  await expect(fetchResourceMetadata(resourceUrl, network({}))).rejects.toMatchObject(failure)
  await expect(fetchAuthorizationServerMetadata(issuer, network({}))).rejects.toMatchObject(failure)
})

shows('metadata: no JSON', async () => {
  const pages = { [`${resourceMetadataUrl}/mcp`]: () => new Response('not json') }

  const attempt = fetchResourceMetadata(resourceUrl, network(pages))

  await expect(attempt).rejects.toMatchObject({ name: 'DiscoveryError', code: 'resource_metadata_not_found' })
})

isWhole()

type Pages = Readonly<Record<string, object | (() => Response)>>

interface Sent {
  readonly url: string
  readonly headers: Headers
  readonly form: Record<string, string>
}

/** Answers as the pages say, by URL, and notes what was sent; what is not there is 404. */
function network(pages: Pages): { readonly fetch: Fetch; readonly requests: readonly Sent[] } {
  const requests: Sent[] = []
  return {
    requests,
    async fetch(input, init) {
      const request = new Request(input, init)
      const { url, headers } = request
      const form = Object.fromEntries(new URLSearchParams(await request.text()))
      requests.push({ url, headers, form })
      const page = pages[url] ?? (() => new Response(null, { status: 404 }))
      return typeof page === 'function' ? page() : Response.json(page)
    },
  }
}

/** A resource that refuses, its metadata at the root, and that of its server. */
function published(challenge: string): Pages {
  return {
    [resourceUrl]: unauthorized(challenge),
    [resourceMetadataUrl]: resourceMetadata,
    [serverMetadataUrl]: serverMetadata,
  }
}

function unauthorized(challenge: string): () => Response {
  const headers = challenge === '' ? {} : { 'www-authenticate': challenge }
  return () => new Response(null, { status: 401, headers })
}
