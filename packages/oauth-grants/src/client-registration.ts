/**
 * Becoming a client of a server that does not know us yet: Client ID Metadata Documents, and RFC 7591.
 *
 * @module
 */
import type { AuthorizationServerMetadata } from '@x/oauth-discovery'
import {
  createEmit,
  displayUrl,
  type Fail,
  parseJsonObject,
  quoteForeign,
  systemClock,
  untilAborted,
  withHttp,
  withoutSecrets,
} from '@x/oauth-discovery/http'
import type { GrantOptions } from './auth.ts'
import {
  type Client,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretPost,
  publicClient,
} from './client-authentication.ts'
import { TokenError, unusable } from './errors.ts'
import type { TokenStore } from './store.ts'
import { readRefusal } from './token-response.ts'
import { inTurn, ownTurn, type Turn } from './turn.ts'
import { vetEndpoint } from './vetting.ts'

/** A client as a server knows it, and no other server does. */
export interface RegisteredClient extends Client {
  readonly clientAuthentication: ClientAuthentication
}

/** What a client is needed for. */
export interface RegistrationRequest {
  readonly serverMetadata: AuthorizationServerMetadata
  readonly grantType: string
  /** Where the browser comes back to, for grants that have one. */
  readonly redirectUri: string | undefined
  /** An earlier registration that the server has forgotten. */
  readonly refusedClient?: string | undefined
  readonly options: Pick<
    GrantOptions,
    'fetch' | 'timeoutMs' | 'maxBytes' | 'allowAddress' | 'clock' | 'onEvent' | 'binding' | 'boundTokensOnly'
  > & {
    readonly signal?: AbortSignal | undefined
  }
}

/** One way to become a client; gives undefined where a server does not have it. */
export type ClientRegistration = (request: RegistrationRequest) => Promise<RegisteredClient | undefined>

/**
 * The client describes itself by a document at a URL, which is its id wherever servers say that they read such documents.
 *
 * The document has to be there, as JSON, without a redirect: `client_id` (this very URL), `client_name`, `redirect_uris`,
 * and `token_endpoint_auth_method: 'none'`.
 *
 * @throws {AuthConfigError} `client_id_missing` at once, where the URL cannot be an id
 * @see https://www.ietf.org/archive/id/draft-ietf-oauth-client-id-metadata-document-00.html
 */
export function clientIdMetadataDocument(clientId: string): ClientRegistration {
  const url = URL.canParse(clientId) ? new URL(clientId) : undefined
  // A parser takes dot segments away, and would hide a fragment that is empty.
  const isId =
    url?.protocol === 'https:' && url.pathname !== '/' && url.href === clientId && !/[#@]/.test(clientId)
  if (!isId) {
    const why =
      'it has to be an https URL with a path, written in full, without dot segments, fragment and user name'
    throw unusable('client_id_missing', `client id ${JSON.stringify(withoutSecrets(clientId))}`, why)
  }
  return async ({ serverMetadata }) =>
    serverMetadata['client_id_metadata_document_supported'] === true
      ? { clientId, clientAuthentication: publicClient }
      : undefined
}

/** Of a client, in the words of RFC 7591 §2. What is needed for the grant is added, and may be overridden. */
export interface ClientMetadata {
  readonly client_name?: string | undefined
  readonly client_uri?: string | undefined
  readonly scope?: string | undefined
  readonly [member: string]: unknown
}

export interface DynamicRegistrationOptions {
  /** Keeps the client for the next time, by its issuer: without it each object is a client of its own. */
  store?: TokenStore | undefined
}

/**
 * The client is registered by a request to the server (RFC 7591). What the server has made of it is what is used.
 *
 * @throws from the call that needs it: {TokenError} `refused` (as `invalid_redirect_uri`), `unavailable`,
 *   `invalid_response`, or a code of the HTTP policy; what the store throws
 * @see https://www.rfc-editor.org/rfc/rfc7591
 */
export function dynamicRegistration(
  metadata: ClientMetadata,
  { store }: DynamicRegistrationOptions = {},
): ClientRegistration {
  return async (request) => {
    const { serverMetadata, redirectUri, grantType, refusedClient, options } = request
    if (serverMetadata.registration_endpoint === undefined) return undefined
    // A client is registered for bound tokens, whatever key they will be bound to, or for others.
    const isBound = options.binding?.at(serverMetadata, options.boundTokensOnly) !== undefined
    const key = JSON.stringify(['client', serverMetadata.issuer, grantType, redirectUri, isBound, metadata])
    const { clock = systemClock, signal } = options
    const make = async (stored: { readonly revision: string } | undefined, { hold, fence }: Turn) => {
      await hold()
      const answer = await register(request, describe(metadata, request, isBound))
      const client = readClient(answer, clock.now())
      if (client === undefined) throw unusableAnswer(answer, serverMetadata)
      const keeping = { expect: stored?.revision, fence, keepUntil: endOf(answer) }
      const revision = await store?.save(key, JSON.stringify(answer), keeping)
      // Another object has registered meanwhile: they are one client from now on, and tokens in the store are for both.
      const first = revision === undefined ? await store?.load(key) : undefined
      return readStored(first?.value, clock.now()) ?? client
    }
    if (store === undefined) return make(undefined, ownTurn)
    const look = () => untilAborted(store.load(key), signal)
    const accept = (stored: { readonly value: string } | undefined) => {
      const known = readStored(stored?.value, clock.now())
      return known?.clientId === refusedClient ? undefined : known
    }
    return inTurn({ store, key, clock, signal, look, accept }, make)
  }
}

type Json = Readonly<Record<string, unknown>>

const methods = [publicClient, clientSecretBasic, clientSecretPost]

function describe(
  metadata: ClientMetadata,
  { serverMetadata, grantType, redirectUri }: RegistrationRequest,
  isBound: boolean,
): Json {
  const listed = serverMetadata.token_endpoint_auth_methods_supported
  // A program in the hands of a person keeps no secret, wherever that is allowed; many servers list nothing.
  const method = methods.find((each) => listed?.includes(each.method) ?? true) ?? publicClient
  const isLocal = redirectUri === undefined || !/^https:/i.test(redirectUri)
  return {
    application_type: isLocal ? 'native' : 'web',
    redirect_uris: redirectUri === undefined ? [] : [redirectUri],
    response_types: redirectUri === undefined ? [] : ['code'],
    grant_types: [grantType, 'refresh_token'],
    token_endpoint_auth_method: method.method,
    ...(isBound && { dpop_bound_access_tokens: true }),
    ...metadata,
  }
}

function register(
  { serverMetadata: server, redirectUri, options }: RegistrationRequest,
  metadata: Json,
): Promise<Json> {
  const url = vetEndpoint({ ...options, serverMetadata: server, clientId: '' }, 'registration_endpoint')
  const { issuer } = server
  const endpoint = displayUrl(url)
  const emit = createEmit(options)
  const fail: Fail = (code, message, details) =>
    new TokenError(code, message, { ...details, endpoint, issuer })
  const purpose = 'client registration'
  return withHttp(options, { callerUrl: issuer, fail, emit }, async (http) => {
    const headers = new Headers({ accept: 'application/json', 'content-type': 'application/json' })
    const answer = await http({ purpose, url, body: JSON.stringify(metadata), headers })
    const json = parseJsonObject(answer)
    const isDone =
      (answer.status === 200 || answer.status === 201) && json !== undefined && !('error' in json)
    if (isDone) return json
    const { clock = systemClock } = options
    // Which one was refused is what a person has to know.
    const what = redirectUri === undefined ? purpose : `${purpose} of ${withoutSecrets(redirectUri)}`
    throw readRefusal(answer, json, { purpose: what, endpoint, issuer, clock, secrets: [] })
  })
}

/** What a store gives back may be of another program, or of another time. */
function readStored(value: string | undefined, now: number): RegisteredClient | undefined {
  try {
    return readClient(JSON.parse(value ?? ''), now)
  } catch {
    return undefined
  }
}

/** What the server says counts, whatever was asked for (§3.2.1). Undefined: it cannot be used, or has ended. */
function readClient(answer: Json, now: number): RegisteredClient | undefined {
  const { client_id: clientId, client_secret: secret, token_endpoint_auth_method: method } = answer
  const clientSecret = typeof secret === 'string' && secret !== '' ? secret : undefined
  // "If unspecified or omitted, the default is "client_secret_basic"" (§2).
  const named = method ?? (clientSecret === undefined ? 'none' : 'client_secret_basic')
  const clientAuthentication = methods.find((each) => each.method === named)
  const isWhole = clientAuthentication === publicClient || clientSecret !== undefined
  const end = endOf(answer)
  if (typeof clientId !== 'string' || clientId === '' || !clientAuthentication || !isWhole) return undefined
  if (end !== undefined && end <= now) return undefined
  return { clientId, clientSecret, clientAuthentication }
}

/** When the secret ends, in ms since the epoch; 0 means never (§3.2.1), and without a secret nothing ends. */
function endOf({ client_secret: secret, client_secret_expires_at: seconds }: Json): number | undefined {
  return secret !== undefined && typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined
}

function unusableAnswer(
  { client_id: clientId, token_endpoint_auth_method: method }: Json,
  { issuer, registration_endpoint: url = '' }: AuthorizationServerMetadata,
): TokenError {
  const endpoint = displayUrl(url)
  const isKnown = method === undefined || methods.some((each) => each.method === method)
  const why =
    typeof clientId !== 'string' || clientId === ''
      ? 'client_id is missing (RFC 7591 §3.2.1). Tell its operator'
      : isKnown
        ? 'client_secret is missing, or has ended (RFC 7591 §3.2.1). Tell its operator'
        : `token_endpoint_auth_method is ${quoteForeign(typeof method === 'string' ? method : typeof method)}. Ask for one of ${methods.map((each) => each.method).join(', ')}`
  const message = `POST ${endpoint} (client registration to ${issuer}): no usable client: ${why}.`
  return new TokenError('invalid_response', message, { endpoint, issuer })
}
