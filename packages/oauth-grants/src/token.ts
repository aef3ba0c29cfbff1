/**
 * A token, as a value: what was granted, until when, and by whom.
 *
 * @module
 */
import type { Binding } from './binding.ts'
import { StoreError, unusable } from './errors.ts'

/** A token and what is known of it. Made by `createToken`, it does not show its secrets when printed. */
export interface Token {
  readonly accessToken: string
  /** `Bearer`; `DPoP`, with a binding; or `N_A`, for what is no access token and is put on no request (RFC 8693 §2.2.1). */
  readonly tokenType: string
  /** ms since the epoch; undefined where the server did not say. */
  readonly expiresAt: number | undefined
  /** ms since the epoch, when it was asked for. */
  readonly obtainedAt: number
  /** The authorization server that issued it; empty where nobody knows. */
  readonly issuer: string
  /** What it was asked for, byte for byte (RFC 8707). */
  readonly resource: string | undefined
  /** What was granted; what was asked for, where the server did not say (RFC 6749 §5.1). */
  readonly scope: readonly string[]
  /** What was asked for: more is asked for on top of it. */
  readonly requestedScope: readonly string[]
  readonly refreshToken: string | undefined
  /** As the server sent it. Nobody has verified it: believe nothing in it before you have. */
  readonly idToken: string | undefined
  /** Of a token exchange: what kind of token it is (RFC 8693 §3). */
  readonly issuedTokenType: string | undefined
  /** What it is bound to: without it the token is of no use (RFC 9449). */
  readonly binding: Binding | undefined
  /** The other members of the server's answer, by its own names. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** What a token is made of: its secret, and as much of the rest as is known. */
export type TokenInit = Pick<Token, 'accessToken'> & { [K in keyof Token]?: Token[K] | undefined }

type Secrets = Pick<Token, 'accessToken' | 'refreshToken' | 'idToken' | 'binding' | 'extra'>

/** The secrets are private with getters on the prototype, so that printing or serializing a token shows the rest. */
class IssuedToken implements Token {
  readonly #secrets: Secrets
  readonly tokenType: string
  readonly expiresAt: number | undefined
  readonly obtainedAt: number
  readonly issuer: string
  readonly resource: string | undefined
  readonly scope: readonly string[]
  readonly requestedScope: readonly string[]
  readonly issuedTokenType: string | undefined

  constructor(init: TokenInit) {
    const { accessToken, refreshToken, idToken, binding, extra = {} } = init
    this.#secrets = { accessToken, refreshToken, idToken, binding, extra: Object.freeze({ ...extra }) }
    this.tokenType = /^N_A$/i.test(init.tokenType ?? '') ? 'N_A' : typeOf(init)
    this.expiresAt = init.expiresAt
    this.obtainedAt = init.obtainedAt ?? Date.now()
    this.issuer = init.issuer ?? ''
    this.resource = init.resource
    this.scope = Object.freeze([...(init.scope ?? [])])
    this.requestedScope = Object.freeze([...(init.requestedScope ?? [])])
    this.issuedTokenType = init.issuedTokenType
    Object.freeze(this)
  }

  get accessToken(): string {
    return this.#secrets.accessToken
  }

  get refreshToken(): string | undefined {
    return this.#secrets.refreshToken
  }

  get idToken(): string | undefined {
    return this.#secrets.idToken
  }

  get binding(): Binding | undefined {
    return this.#secrets.binding
  }

  get extra(): Readonly<Record<string, unknown>> {
    return this.#secrets.extra
  }
}

/**
 * Makes a token of what is known about it, for a `TokenSource` or a `TokenSession` of your own.
 *
 * @throws {AuthConfigError} `invalid_token`: no header can carry it (RFC 6750 §2.1), or it is not of the type Bearer, nor
 *   DPoP with a binding
 */
export function createToken(init: TokenInit): Token {
  requireToken(init)
  // "The client MUST NOT use an access token if it does not understand the token type" (RFC 6749 §7.1).
  const type = typeOf(init)
  if (!RegExp(`^(?:${type}|N_A)$`, 'i').test(init.tokenType ?? type)) {
    const why = 'its type is not Bearer, or DPoP with a binding (RFC 6749 §7.1)'
    throw unusable('invalid_token', 'access token', why)
  }
  return new IssuedToken(init)
}

function typeOf({ binding }: TokenInit): string {
  return binding ? 'DPoP' : 'Bearer'
}

/** For what the caller gave, or a function of the caller: its types may be missing. */
export function requireToken(token: TokenInit | undefined): void {
  if (token instanceof IssuedToken || isHeaderSafe(token?.accessToken)) return
  const why = 'it is missing, or no header may carry it (RFC 6750 §2.1). Check where it was read from'
  throw unusable('invalid_token', 'access token', why)
}

/** What is put in a header must hold nothing that ends one. */
export function isHeaderSafe(accessToken: unknown): accessToken is string {
  return typeof accessToken === 'string' && /^[\x21-\x7e]+$/.test(accessToken)
}

export function isFresh({ expiresAt }: Token, now: number): boolean {
  return expiresAt === undefined || now < expiresAt
}

/** What each member of a stored token has to be. */
const checks: Readonly<Record<Exclude<keyof Token, 'binding'>, (value: unknown) => boolean>> =
  /* @__PURE__ */ (() => {
    const text = (value: unknown) => typeof value === 'string'
    const list = (value: unknown) => Array.isArray(value) && value.every(text)
    const optional = (check: (value: unknown) => boolean) => (value: unknown) =>
      value === undefined || check(value)
    return {
      accessToken: text,
      tokenType: text,
      expiresAt: optional(Number.isFinite),
      obtainedAt: Number.isFinite,
      issuer: text,
      resource: optional(text),
      scope: list,
      requestedScope: list,
      refreshToken: optional(text),
      idToken: optional(text),
      issuedTokenType: optional(text),
      extra: optional((value) => typeof value === 'object' && value !== null),
    }
  })()

const version = 1

/** For a store: text, with the secrets in it, but for the key that it is bound to. */
export function encodeToken(token: Token): string {
  const { accessToken, refreshToken, idToken, extra } = token
  return JSON.stringify({ ...token, version, accessToken, refreshToken, idToken, extra })
}

/**
 * The token in a store's text; undefined if it holds none that can be read, which costs a renewal.
 *
 * @param binding that of a bound token; without it such a one cannot be read, and with it no other
 * @throws {StoreError} `store_unreadable`: it is of a later version, which must not be overwritten
 */
export function decodeToken(text: string, binding?: Binding): Token | undefined {
  const stored = parse(text)
  if (stored?.['version'] !== version) {
    if (!(Number(stored?.['version']) > version)) return undefined
    const message =
      'The token in the store is of a later version of @x/oauth-grants, and was left as it is. Update this program, or give it a partition of its own.'
    throw new StoreError('store_unreadable', message)
  }
  try {
    const isToken = Object.entries(checks).every(([name, check]) => check(stored[name]))
    // What was checked are the members of a token, but for the binding.
    return isToken ? createToken({ ...(stored as unknown as Token), binding }) : undefined
  } catch {
    return undefined
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(text))
  } catch {
    return undefined
  }
}
