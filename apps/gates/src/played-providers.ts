/**
 * What the providers of PROVIDERS.md answer, by their own documentation, and an API that takes their tokens.
 *
 * Each refuses what it is documented to refuse, in its own words, so that a program has to get it right.
 *
 * @module
 */

/** A request as a provider sees it. */
interface Asked {
  /** Method, host and path, such as `POST github.com/login/oauth/access_token`. */
  readonly what: string
  readonly url: URL
  readonly form: URLSearchParams
  readonly headers: Headers
}

type Answer = Response | undefined

/** Gives undefined where the provider has no such place. */
type Provider = (asked: Asked) => Answer

const seconds = { expires_in: 3600 } as const

/** What a browser that agrees is sent back with. What the request said is in the code. */
function sendBack({ url }: Asked): Response {
  const { searchParams: given } = url
  if (given.get('code_challenge_method') !== 'S256') return Response.json({ error: 'no PKCE' })
  const back = new URL(given.get('redirect_uri') ?? '')
  back.searchParams.set('code', String(given))
  back.searchParams.set('state', given.get('state') ?? '')
  return Response.redirect(back, 302)
}

/** What was said in the authorization request, when its code comes back. */
function requestOf({ form }: Asked): URLSearchParams {
  return new URLSearchParams(form.get('code') ?? '')
}

function refuse(status: number, error: string, error_description: string): Response {
  return Response.json({ error, error_description }, { status })
}

function secretOf({ form, headers }: Asked): string {
  const [, basic = ''] = /^Basic (.+)/.exec(headers.get('authorization') ?? '') ?? []
  return form.get('client_secret') ?? atob(basic).split(':')[1] ?? ''
}

/** As Keycloak 26.7 was seen to answer: OAuth and OpenID documents, `iss` in the redirect, no `resource`. */
const keycloak: Provider = (asked) => {
  const issuer = 'https://sso.example.com/realms/demo'
  const endpoint = `${issuer}/protocol/openid-connect`
  if (asked.what === 'GET sso.example.com/.well-known/oauth-authorization-server/realms/demo') {
    return Response.json({
      issuer,
      authorization_endpoint: `${endpoint}/auth`,
      token_endpoint: `${endpoint}/token`,
      device_authorization_endpoint: `${endpoint}/auth/device`,
      code_challenge_methods_supported: ['plain', 'S256'],
      token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic', 'client_secret_post'],
      scopes_supported: ['openid', 'offline_access', 'profile', 'email'],
    })
  }
  if (asked.what !== 'POST sso.example.com/realms/demo/protocol/openid-connect/token') return undefined
  if (secretOf(asked) === '') return refuse(401, 'unauthorized_client', 'Invalid client credentials')
  return Response.json({
    access_token: 'played-keycloak',
    token_type: 'Bearer',
    expires_in: 300,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'profile email',
  })
}

/** An issuer with a slash, OpenID Connect Discovery, `audience`, and no token for a service that does not say it. */
const auth0: Provider = (asked) => {
  const issuer = 'https://tenant.eu.auth0.com/'
  if (asked.what === 'GET tenant.eu.auth0.com/.well-known/openid-configuration') {
    return Response.json({
      issuer,
      authorization_endpoint: `${issuer}authorize`,
      token_endpoint: `${issuer}oauth/token`,
      device_authorization_endpoint: `${issuer}oauth/device/code`,
      code_challenge_methods_supported: ['S256', 'plain'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      scopes_supported: ['openid', 'profile', 'offline_access', 'email'],
    })
  }
  if (asked.what !== 'POST tenant.eu.auth0.com/oauth/token') return undefined
  return asked.form.has('audience')
    ? Response.json({ access_token: 'played-auth0', token_type: 'Bearer', expires_in: 86_400 })
    : refuse(
        403,
        'access_denied',
        'No audience parameter was provided, and no default audience is configured',
      )
}

const nonce = 'played-nonce'

/** Documents below the issuer's path, a scope that has to be said, and proofs with the nonce of the server. */
const okta: Provider = ({ what, form, headers }) => {
  const issuer = 'https://org.okta.com/oauth2/default'
  if (what === 'GET org.okta.com/oauth2/default/.well-known/openid-configuration') {
    return Response.json({
      issuer,
      authorization_endpoint: `${issuer}/v1/authorize`,
      token_endpoint: `${issuer}/v1/token`,
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      dpop_signing_alg_values_supported: ['RS256', 'ES256', 'ES384', 'ES512'],
    })
  }
  if (what !== 'POST org.okta.com/oauth2/default/v1/token') return undefined
  const [, payload = ''] = headers.get('dpop')?.split('.') ?? []
  if (payload === '') return refuse(400, 'invalid_dpop_proof', 'The DPoP proof JWT header is missing.')
  if (!atob(payload.replaceAll('-', '+').replaceAll('_', '/')).includes(nonce)) {
    const error_description = 'Authorization server requires nonce in DPoP proof.'
    return Response.json(
      { error: 'use_dpop_nonce', error_description },
      { status: 400, headers: { 'dpop-nonce': nonce } },
    )
  }
  if (!form.has('scope')) return refuse(400, 'invalid_scope', "'scope' must be provided.")
  return Response.json({
    access_token: 'played-okta',
    token_type: 'DPoP',
    ...seconds,
    scope: form.get('scope'),
  })
}

/** One document, below the issuer; no word of PKCE or of grants; scopes of one resource, and no `resource` beside them. */
const entra: Provider = (asked) => {
  const [host, tenant] = ['https://login.microsoftonline.com', '/9188040d-6c67-4c5b-b112-36a304b66dad']
  const { what, url, form } = asked
  const documents: Readonly<Record<string, string>> = {
    [tenant]: `${host}${tenant}/v2.0`,
    // Whoever asks for no tenant is answered with a place for its name.
    '/common': `${host}/{tenantid}/v2.0`,
    '/organizations': `${host}/{tenantid}/v2.0`,
  }
  const [, named = '', rest] = /^(\/[^/]+)(\/.*)$/.exec(url.pathname) ?? []
  const issuer = documents[named]
  if (!url.href.startsWith(host) || issuer === undefined) return undefined
  if (rest === '/v2.0/.well-known/openid-configuration') {
    return Response.json({
      issuer,
      authorization_endpoint: `${host}${named}/oauth2/v2.0/authorize`,
      token_endpoint: `${host}${named}/oauth2/v2.0/token`,
      device_authorization_endpoint: `${host}${named}/oauth2/v2.0/devicecode`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    })
  }
  const mismatch = "AADSTS9010010: The resource parameter provided doesn't match with the requested scopes."
  if ([url.searchParams, form].some((each) => each.has('resource')))
    return refuse(400, 'invalid_target', mismatch)
  if (rest === '/oauth2/v2.0/authorize') return sendBack(asked)
  if (what !== `POST login.microsoftonline.com${named}/oauth2/v2.0/token`) return undefined
  const isForItself = form.get('grant_type') === 'client_credentials'
  if (isForItself && !(form.get('scope') ?? '').endsWith('/.default')) {
    return refuse(400, 'invalid_scope', 'AADSTS1002012: The provided value for scope is not valid.')
  }
  const scope = form.get('scope') ?? requestOf(asked).get('scope') ?? ''
  return Response.json({
    access_token: 'played-entra',
    token_type: 'Bearer',
    ...seconds,
    scope,
    ...(scope.includes('offline_access') && { refresh_token: 'played-refresh' }),
  })
}

let polls = 0

/** Nobody has typed the code when it is asked for the first time. */
function isTyped(): boolean {
  polls += 1
  return polls > 1
}

/** A secret also of programs, `verification_url`, and a refresh token only for who says so. */
const google: Provider = (asked) => {
  const { what, form } = asked
  const issuer = 'https://accounts.google.com'
  if (/^GET accounts\.google\.com\/\.well-known\/(?:openid-configuration|oauth-a\S+)$/.test(what)) {
    return Response.json({
      issuer,
      authorization_endpoint: `${issuer}/o/oauth2/v2/auth`,
      device_authorization_endpoint: 'https://oauth2.googleapis.com/device/code',
      token_endpoint: 'https://oauth2.googleapis.com/token',
      revocation_endpoint: 'https://oauth2.googleapis.com/revoke',
      scopes_supported: ['openid', 'email', 'profile'],
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      code_challenge_methods_supported: ['plain', 'S256'],
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        'urn:ietf:params:oauth:grant-type:device_code',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ],
    })
  }
  if (what === 'GET accounts.google.com/o/oauth2/v2/auth') return sendBack(asked)
  if (what === 'POST oauth2.googleapis.com/device/code') {
    polls = 0
    const verification_url = 'https://www.google.com/device'
    return Response.json({
      device_code: 'd',
      user_code: 'GQVQ-JKEC',
      verification_url,
      expires_in: 1800,
      interval: 1,
    })
  }
  if (what !== 'POST oauth2.googleapis.com/token') return undefined
  if (secretOf(asked) === '') return refuse(400, 'invalid_request', 'client_secret is missing.')
  const isDevice = form.has('device_code')
  if (isDevice && !isTyped()) return refuse(428, 'authorization_pending', 'Precondition Required')
  const before = requestOf(asked)
  const stays = isDevice || (before.get('access_type') === 'offline' && before.get('prompt') === 'consent')
  return Response.json({
    access_token: 'played-google',
    token_type: 'Bearer',
    ...seconds,
    scope: before.get('scope') ?? 'https://www.googleapis.com/auth/drive.file',
    ...(stays && { refresh_token: 'played-refresh' }),
  })
}

/** A form, unless JSON is asked for; errors with 200; commas in `scope`, and `bearer` in lower case. */
const github: Provider = ({ what, headers, form }) => {
  const speaks = (members: Record<string, string>) =>
    headers.get('accept')?.includes('application/json')
      ? Response.json(members)
      : new Response(new URLSearchParams(members), {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
  if (what === 'POST github.com/login/device/code') {
    polls = 0
    const verification_uri = 'https://github.com/login/device'
    return Response.json({
      device_code: 'd',
      user_code: 'WDJB-MJHT',
      verification_uri,
      expires_in: 900,
      interval: 1,
    })
  }
  if (what !== 'POST github.com/login/oauth/access_token') return undefined
  if (!form.has('client_id')) return speaks({ error: 'incorrect_client_credentials' })
  if (form.has('refresh_token')) return speaks({ error: 'bad_refresh_token' })
  if (!isTyped()) return speaks({ error: 'authorization_pending' })
  return speaks({ access_token: 'played-github', token_type: 'bearer', scope: 'repo,gist' })
}

interface Open {
  readonly host: string
  readonly path: string
  readonly scopes: readonly string[]
  readonly grants?: readonly string[]
  readonly more?: Readonly<Record<string, unknown>>
}

/** An authorization server of 2025: one RFC 8414 document, programs that register themselves, `none`. */
function open({ host, path, scopes, grants, more }: Open): Provider {
  const issuer = `https://${host}`
  return (asked) => {
    if (asked.what === `GET ${host}/.well-known/oauth-authorization-server`) {
      return Response.json({
        issuer,
        authorization_endpoint: `${issuer}${path}/authorize`,
        token_endpoint: `${issuer}${path}/token`,
        registration_endpoint: `${issuer}${path}/register`,
        code_challenge_methods_supported: ['S256'],
        grant_types_supported: grants,
        token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
        scopes_supported: scopes,
        ...more,
      })
    }
    if (asked.what === `POST ${host}${path}/register`) {
      const registered = { client_id: 'registered', token_endpoint_auth_method: 'none' }
      return Response.json(registered, { status: 201 })
    }
    if (asked.what === `GET ${host}${path}/authorize`) return sendBack(asked)
    if (asked.what !== `POST ${host}${path}/token`) return undefined
    const scope = asked.form.get('scope') ?? requestOf(asked).get('scope') ?? ''
    const stays = scope.includes('offline_access') && { refresh_token: 'played-refresh' }
    return Response.json({
      access_token: `played-${host}`,
      token_type: 'bearer',
      ...seconds,
      scope,
      ...stays,
    })
  }
}

const workos: Provider = open({
  host: 'team.authkit.app',
  path: '/oauth2',
  scopes: ['email', 'offline_access', 'openid', 'profile'],
  // As its documentation shows them. The endpoint has the other two as well.
  grants: ['authorization_code', 'refresh_token'],
  more: { client_id_metadata_document_supported: true },
})

const clerk: Provider = open({
  host: 'app.clerk.accounts.dev',
  path: '/oauth',
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  grants: ['authorization_code', 'refresh_token'],
})

/** Its issuer is one host, and its endpoints are on another; no word of PKCE or of grants; a port has to be registered. */
const cognito: Provider = (asked) => {
  const { what, url, form } = asked
  const [issuer, domain] = [
    'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a1B2c3D4e',
    'https://pool.auth.eu-central-1.amazoncognito.com/oauth2',
  ]
  if (url.href === `${issuer}/.well-known/openid-configuration`) {
    return Response.json({
      issuer,
      authorization_endpoint: `${domain}/authorize`,
      token_endpoint: `${domain}/token`,
      revocation_endpoint: `${domain}/revoke`,
      scopes_supported: ['openid', 'email', 'phone', 'profile'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    })
  }
  if (what === 'GET pool.auth.eu-central-1.amazoncognito.com/oauth2/authorize') {
    const isRegistered = /^http:\/\/localhost:\d+\/callback$/.test(url.searchParams.get('redirect_uri') ?? '')
    return isRegistered ? sendBack(asked) : Response.json({ error: 'redirect_mismatch' })
  }
  if (what !== 'POST pool.auth.eu-central-1.amazoncognito.com/oauth2/token') return undefined
  const stays = form.has('code') && { refresh_token: 'played-refresh', id_token: 'played' }
  return Response.json({ access_token: 'played-cognito', token_type: 'Bearer', ...seconds, ...stays })
}

/** The APIs behind them, which take what they give. */
const api: Provider = ({ what, headers }) => {
  if (
    !/^GET (?:api\.example\.com|graph\.microsoft\.com|www\.googleapis\.com|api\.github\.com)\//.test(what)
  ) {
    return undefined
  }
  const isToken = /^(?:Bearer|DPoP) played-/i.test(headers.get('authorization') ?? '')
  return Response.json({}, { status: isToken ? 200 : 401 })
}

const providers = [keycloak, auth0, okta, entra, google, github, workos, clerk, cognito, api]
const hosts =
  /^https:\/\/(?:[\w-]+\.)*(?:example\.com|auth0\.com|okta\.com|microsoftonline\.com|microsoft\.com|google\.com|googleapis\.com|github\.com|authkit\.app|clerk\.accounts\.dev|amazonaws\.com|amazoncognito\.com)\//

/** What the provider answers; undefined for a request that is for none of them. */
async function play(request: Request): Promise<Response | undefined> {
  if (!hosts.test(request.url)) return undefined
  const url = new URL(request.url)
  const form = new URLSearchParams(request.method === 'POST' ? await request.clone().text() : '')
  const asked: Asked = {
    what: `${request.method} ${url.host}${url.pathname}`,
    url,
    form,
    headers: request.headers,
  }
  for (const provider of providers) {
    const answer = provider(asked)
    if (answer !== undefined) return answer
  }
  return Response.json({ message: 'Not Found' }, { status: 404 })
}

const others = globalThis.fetch

/** `fetch` at which the providers answer; everything else goes its way. */
export async function playedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init)
  return (await play(request)) ?? others(request)
}

/** What the programs of the page are told. */
export const surroundings = {
  API_URL: 'https://api.example.com/orders',
  KEYCLOAK_REALM: 'https://sso.example.com/realms/demo',
  AUTH0_DOMAIN: 'tenant.eu.auth0.com',
  OKTA_ISSUER: 'https://org.okta.com/oauth2/default',
  ENTRA_TENANT: '9188040d-6c67-4c5b-b112-36a304b66dad',
  AUTHKIT_DOMAIN: 'team.authkit.app',
  CLERK_DOMAIN: 'app.clerk.accounts.dev',
  COGNITO_ISSUER: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a1B2c3D4e',
  CALLBACK_PORT: '0',
  DOCUMENT_URL: 'https://program.example.com/client.json',
  CLIENT_ID: 'played-client',
  CLIENT_SECRET: 'played-secret',
} as const
