/**
 * A token, as a value: what was granted, until when, and by whom.
 *
 * @module
 */
import * as v from 'valibot'
import { AuthConfigError } from './errors.ts'

/** A token and what is known of it. Made by `createToken`, it does not show its secret when printed. */
export interface Token {
  readonly accessToken: string
  /** `Bearer`; a token of another type is not handed out. */
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
}

/** What a token is made of: its secret, and as much of the rest as is known. */
export type TokenInit = Pick<Token, 'accessToken'> & { [K in keyof Token]?: Token[K] | undefined }

/** The secret is private with a getter on the prototype, so that printing or serializing a token shows the rest. */
class IssuedToken implements Token {
  readonly #accessToken: string
  readonly tokenType: string
  readonly expiresAt: number | undefined
  readonly obtainedAt: number
  readonly issuer: string
  readonly resource: string | undefined
  readonly scope: readonly string[]

  constructor(init: TokenInit) {
    this.#accessToken = init.accessToken
    this.tokenType = 'Bearer'
    this.expiresAt = init.expiresAt
    this.obtainedAt = init.obtainedAt ?? Date.now()
    this.issuer = init.issuer ?? ''
    this.resource = init.resource
    this.scope = Object.freeze([...(init.scope ?? [])])
    Object.freeze(this)
  }

  get accessToken(): string {
    return this.#accessToken
  }
}

/**
 * Makes a token of what is known about it, for a `TokenSource` or a `TokenSession` of your own.
 *
 * @throws {AuthConfigError} `invalid_token`: no header can carry it (RFC 6750 §2.1), or it is not of the type Bearer
 */
export function createToken(init: TokenInit): Token {
  if (!isHeaderSafe(init.accessToken)) {
    throw new AuthConfigError(
      'invalid_token',
      'The access token is empty or holds characters that no header may carry, such as a space or a line end (RFC 6750 §2.1): check where it was read from.',
    )
  }
  // "The client MUST NOT use an access token if it does not understand the token type" (RFC 6749 §7.1).
  if (!/^Bearer$/i.test(init.tokenType ?? 'Bearer')) {
    throw new AuthConfigError(
      'invalid_token',
      'The access token is not of the type Bearer, the only one known here.',
    )
  }
  return new IssuedToken(init)
}

/** For what a function of the caller gave: its types may be missing. */
export function requireToken(token: Token | undefined): void {
  if (isHeaderSafe(token?.accessToken)) return
  throw new AuthConfigError(
    'invalid_token',
    'There is no usable token in what was given for one: it has to be a token as createToken makes it.',
  )
}

/** What is put in a header must hold nothing that ends one. */
export function isHeaderSafe(accessToken: unknown): accessToken is string {
  return typeof accessToken === 'string' && /^[\x21-\x7e]+$/.test(accessToken)
}

export function isFresh({ expiresAt }: Token, now: number): boolean {
  return expiresAt === undefined || now < expiresAt
}

const schema: v.GenericSchema<unknown, TokenInit & { version: 1 }> = /* @__PURE__ */ (() =>
  v.object({
    version: v.literal(1),
    accessToken: v.string(),
    tokenType: v.string(),
    expiresAt: v.optional(v.number()),
    obtainedAt: v.number(),
    issuer: v.string(),
    resource: v.optional(v.string()),
    scope: v.array(v.string()),
  }))()

/** For a store: text, with the secret in it. */
export function encodeToken(token: Token): string {
  return JSON.stringify({ ...token, version: 1, accessToken: token.accessToken })
}

/** The token in a store's text; undefined if it holds none that this version can read, which costs a renewal. */
export function decodeToken(text: string): Token | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text))
    return parsed.success ? createToken(parsed.output) : undefined
  } catch {
    return undefined
  }
}
