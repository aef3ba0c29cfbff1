/**
 * A person who signs in on another device: RFC 8628.
 *
 * @module
 */
import type { Clock } from '@x/oauth-discovery'
import { displayUrl, systemClock } from '@x/oauth-discovery/http'
import type { AuthOptions, Grant, GrantRequest } from './auth.ts'
import { TokenError } from './errors.ts'
import type { FromIssuer, FromResource, Hint } from './locate.ts'
import { type Searching, sourceFor } from './located-source.ts'
import {
  accessDenied,
  becomeClient,
  createLogin,
  interactionRequired,
  isForPerson,
  LoginAuth,
  type LoginOptions,
  loginExpired,
  type Registering,
} from './login.ts'
import type { Token } from './token.ts'
import type { Reply } from './token-endpoint.ts'
import { vetEndpoint } from './vetting.ts'

const grantType = 'urn:ietf:params:oauth:grant-type:device_code'

/** What a person has to see. The text is a server's, without control characters. */
export interface DeviceVerification {
  /** What to type there. Show it in any case: it is how a person knows that this is their own sign-in (RFC 8628 §5.4). */
  readonly userCode: string
  /** Where to type it: short, fit to be read out. */
  readonly verificationUri: string
  /** The same with the code in it, for a link or a QR code, where the server has one. */
  readonly verificationUriComplete: string | undefined
  /** ms since the epoch. */
  readonly expiresAt: number
  /** Aborted as soon as there is nothing left to do for the person. */
  readonly signal: AbortSignal
}

export interface DeviceCodeOptions extends LoginOptions {
  /** Shows a person where to sign in. Nobody waits for it to return; if it throws, the sign-in ends with that error. */
  prompt: (verification: DeviceVerification) => void | Promise<void>
}

/**
 * Tokens of a person who signs in on another device, for programs without a browser.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8628
 */
export class DeviceCodeAuth extends LoginAuth {
  /**
   * The server is given, or found as by `ClientCredentialsAuth`.
   *
   * @throws {AuthConfigError} as `ClientCredentialsAuth`, but for `client_secret_missing`: a client without a secret is a
   *   public one
   */
  constructor(given: DeviceCodeOptions | Searching<Registering<DeviceCodeOptions>>) {
    const keep = (options: DeviceCodeOptions) => {
      const login = createLogin(options, { grantType, grant: deviceCode })
      vetEndpoint(options, 'device_authorization_endpoint')
      return login
    }
    super(
      given,
      sourceFor(given, { grantType, isLogin: true, register: given.clientId ? undefined : register, keep }),
    )
  }

  /**
   * Finds the server by asking the resource, and what to ask it for. Name the `expectedIssuer` that the client is registered at,
   * and nobody is sent to another.
   *
   * @throws {DiscoveryError} as `discoverAuthorizationServer`; {AuthConfigError} as the constructor,
   *   `resource_not_supported`
   */
  static async fromResource(options: FromResource<Registering<DeviceCodeOptions>>): Promise<DeviceCodeAuth> {
    return new this(options).located(options.signal)
  }

  /**
   * Reads the server's own metadata; `resource` and `scope` are yours to say.
   *
   * @throws {DiscoveryError} as `fetchAuthorizationServerMetadata`; {AuthConfigError} as the constructor
   */
  static async fromIssuer(options: FromIssuer<Registering<DeviceCodeOptions>>): Promise<DeviceCodeAuth> {
    return new this(options).located(options.signal)
  }
}

async function register(options: Registering<DeviceCodeOptions>, hint: Hint): Promise<DeviceCodeOptions> {
  const { clientId = '', registration } = options
  // A server where nobody can sign in is not made to remember us.
  if (clientId === '' && registration !== undefined) {
    vetEndpoint({ ...options, clientId }, 'device_authorization_endpoint')
  }
  return becomeClient(options, { grantType }, hint)
}

const deviceCode: Grant<DeviceCodeOptions> = async (options, request) => {
  const { serverMetadata: server, parameters, resource, clock = systemClock, prompt } = options
  if (!request.interactive) throw interactionRequired(server.issuer, request)
  const { scope } = request
  const url = vetEndpoint(options, 'device_authorization_endpoint')
  const form = { ...parameters, scope, resource }
  const reply = await request.post('device authorization request', url, form, request.signal)
  const authorization = readDeviceAuthorization(reply, url, options)
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, request.signal])
  try {
    const shown = Promise.resolve({ ...authorization.verification, signal }).then(prompt)
    const polled = poll(authorization, options, { ...request, signal }, clock)
    polled.catch(() => {})
    return await Promise.race([polled, shown.then(() => polled)])
  } finally {
    done.abort()
  }
}

interface DeviceAuthorization {
  readonly deviceCode: string
  readonly intervalMs: number
  readonly lifetimeMs: number
  readonly verification: Omit<DeviceVerification, 'signal'>
}

/** RFC 8628 §3.2; the default of `interval` is 5 s, and of no use is less than one. */
function readDeviceAuthorization(
  { answer, json, sentAt, refusal }: Reply,
  url: string,
  { serverMetadata: { issuer }, allowAddress }: AuthOptions,
): DeviceAuthorization {
  if (answer.status !== 200 || json === undefined || 'error' in json) throw refusal()
  const { device_code, user_code, verification_uri_complete, expires_in, interval } = json
  // As drafts of the RFC called it, and Google does to this day.
  const { verification_url, verification_uri = verification_url } = json
  const unusable = (why: string) => {
    const endpoint = displayUrl(url)
    const message = `POST ${endpoint} (device authorization request to ${issuer}): status 200 with no usable answer: ${why} (RFC 8628 §3.2). Tell its operator.`
    return new TokenError('invalid_response', message, { endpoint, issuer, status: 200 })
  }
  // Some servers send digits.
  const lifetime = typeof expires_in === 'string' ? Number(expires_in) : expires_in
  if (typeof device_code !== 'string' || device_code === '') throw unusable('device_code is missing')
  if (!isShowable(user_code)) throw unusable('user_code is missing')
  if (!isForPerson(verification_uri, issuer, allowAddress)) throw unusable('verification_uri is no https URL')
  if (typeof lifetime !== 'number' || !(lifetime > 0)) throw unusable('expires_in is missing')
  const seconds = typeof interval === 'number' && interval > 0 ? Math.max(interval, 1) : 5
  return {
    deviceCode: device_code,
    intervalMs: seconds * 1000,
    lifetimeMs: lifetime * 1000,
    verification: {
      userCode: printable(user_code),
      verificationUri: verification_uri,
      // A link that cannot be trusted is as good as none: there is the other way.
      verificationUriComplete: isForPerson(verification_uri_complete, issuer, allowAddress)
        ? verification_uri_complete
        : undefined,
      expiresAt: sentAt + lifetime * 1000,
    },
  }
}

function isShowable(text: unknown): text is string {
  return typeof text === 'string' && printable(text) !== ''
}

/** What a terminal does not take for anything but text. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, 100)
}

/**
 * Asks until there is an answer, at first after the interval. The interval only ever grows: by 5 s where the server says
 * `slow_down`, to the double where it does not answer (§3.5), and to what `Retry-After` asks for.
 */
async function poll(
  { deviceCode: device_code, intervalMs, lifetimeMs, verification: { expiresAt } }: DeviceAuthorization,
  { serverMetadata: { issuer }, resource }: AuthOptions,
  { endpoint, scope, signal }: GrantRequest,
  clock: Clock,
): Promise<Token> {
  let interval = intervalMs
  // Counted in both ways, for a clock may be set back.
  let left = Math.min(lifetimeMs, expiresAt - clock.now())
  for (;;) {
    const wait = Math.min(interval, left)
    await clock.sleep(wait, signal)
    signal.throwIfAborted()
    left = Math.min(left - wait, expiresAt - clock.now())
    if (left <= 0) throw loginExpired(issuer)
    try {
      return await endpoint({ grant_type: grantType, device_code, resource }, signal, { scope: scope ?? '' })
    } catch (error) {
      interval = nextInterval(error, interval) ?? ended(error, issuer)
    }
  }
}

/** In ms; undefined where it is of no use to ask again. */
function nextInterval(error: unknown, ms: number): number | undefined {
  if (!(error instanceof TokenError)) return undefined
  const asked = error.retryAfterMs ?? 0
  if (error.error === 'authorization_pending') return Math.max(ms, asked)
  if (error.error === 'slow_down') return Math.max(ms + 5_000, asked)
  return error.recovery === 'transient' ? Math.max(ms * 2, asked) : undefined
}

function ended(error: unknown, issuer: string): never {
  if (!(error instanceof TokenError)) throw error
  if (error.error === 'expired_token') throw loginExpired(issuer)
  if (error.error === 'access_denied') throw accessDenied(issuer, error.errorDescription)
  throw error
}
