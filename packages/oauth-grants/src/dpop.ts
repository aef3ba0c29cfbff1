/**
 * Tokens that are of no use without a key: DPoP, RFC 9449.
 *
 * @module
 */
import { type AuthorizationServerMetadata, type Fetch, parseWwwAuthenticate } from '@x/oauth-discovery'
import { type Clock, quoteForeign, systemClock } from '@x/oauth-discovery/http'
import type { Binding, ProvenRequest } from './binding.ts'
import { challengeOf } from './pkce.ts'
import { createProofKey, type ProofKey, unfitKey } from './proof-key.ts'
import { provenFetch } from './proven-fetch.ts'

export type { Binding, ProvenRequest }

export interface DpopOptions {
  /**
   * A pair of WebCrypto, for who keeps it, such as in IndexedDB; the private key need not be extractable, and better is
   * not. Default: a new one, which ends with the process.
   */
  keyPair?: CryptoKeyPair | undefined
  /** The asymmetric JWS algorithm of the pair. Default: `ES256`, which most servers take. */
  algorithm?: string | undefined
  /**
   * Binds only where the server lists the algorithm in `dpop_signing_alg_values_supported`, or where the resource takes no
   * other tokens; elsewhere whoever has a token can use it. Default: false, and an answer that is not bound is refused.
   */
  whereSupported?: boolean | undefined
  /** Default: the system's. */
  clock?: Clock | undefined
}

/**
 * Makes a key that tokens are bound to: the option `binding` of any number of auth objects.
 *
 * The private key is in no text, and where it was made here nobody can export it. What is bound to it ends with it: after a
 * restart a token in a store is found only with the same `keyPair`, and somebody who has signed in has to do it again.
 *
 * @throws {AuthConfigError} `invalid_key`: an algorithm that is not asymmetric, or a pair that does not fit it
 * @see https://www.rfc-editor.org/rfc/rfc9449
 */
export async function dpop(options: DpopOptions = {}): Promise<Binding> {
  const { keyPair, algorithm = 'ES256', whereSupported = false, clock = systemClock } = options
  return new KeyBinding(await createProofKey(algorithm, keyPair), whereSupported, clock)
}

/** What proofs at one server need, as its answers have told. */
interface Wishes {
  readonly nonce?: string | undefined
  /** How far its clock is ahead of ours. */
  readonly aheadMs?: number | undefined
}

/** Clocks that differ by more may be what a proof was refused for, in ms. */
const toleratedMs = 30_000

class KeyBinding implements Binding {
  readonly thumbprint: string
  readonly #key: ProofKey
  readonly #isOptional: boolean
  readonly #clock: Clock
  readonly #wishes = new Map<string, Wishes>()

  constructor(key: ProofKey, isOptional: boolean, clock: Clock) {
    this.thumbprint = key.thumbprint
    this.#key = key
    this.#isOptional = isOptional
    this.#clock = clock
    Object.freeze(this)
  }

  at(
    { issuer, dpop_signing_alg_values_supported: listed }: AuthorizationServerMetadata,
    isDemanded = false,
  ): Binding | undefined {
    const { algorithm } = this.#key
    // A server that lists nothing may take it all the same: its answer says.
    const isListed = Array.isArray(listed) ? listed.includes(algorithm) : undefined
    if (this.#isOptional && !isDemanded && isListed !== true) return undefined
    if (isListed !== false) return this
    throw unfitKey(
      `the metadata of ${issuer} lists ${quoteForeign(String(listed))} in dpop_signing_alg_values_supported, not ${algorithm}. Name one of these in the option algorithm`,
    )
  }

  async proof(request: ProvenRequest): Promise<string> {
    const { method, url, accessToken } = request
    const { origin, pathname } = new URL(url)
    const { nonce, aheadMs = 0 } = this.#wishes.get(placeOf(request)) ?? {}
    const claims = {
      jti: crypto.randomUUID(),
      // As fetch writes them.
      htm: method.replace(/^(?:delete|get|head|options|post|put)$/i, (name) => name.toUpperCase()),
      htu: origin + pathname,
      ath: accessToken === undefined ? undefined : await challengeOf(accessToken),
      nonce,
    }
    return this.#key.sign(claims, this.#clock.now() + aheadMs)
  }

  observe(request: ProvenRequest, headers: Headers, error: unknown = challengedError(headers)): boolean {
    const place = placeOf(request)
    const known = this.#wishes.get(place) ?? {}
    const sent = headers.get('dpop-nonce') ?? ''
    // RFC 9449 §8.1. Two of them come with a comma and a space between, and nobody knows which is the one.
    const nonce = /^[!#-[\]-~]+$/.test(sent) ? sent : undefined
    const aheadMs = Date.parse(headers.get('date') ?? '') - this.#clock.now()
    const isLate = error === 'invalid_dpop_proof' && Math.abs(aheadMs - (known.aheadMs ?? 0)) > toleratedMs
    this.#wishes.set(place, { nonce: nonce ?? known.nonce, aheadMs: isLate ? aheadMs : known.aheadMs })
    return isLate || (error === 'use_dpop_nonce' && nonce !== undefined)
  }

  proving(fetch: Fetch, accessToken: string): Fetch {
    return provenFetch(this, fetch, accessToken)
  }
}

/** A nonce is good only at the server that gave it, and one origin may be two of them (RFC 9449 §9). */
function placeOf({ url, accessToken }: ProvenRequest): string {
  return `${accessToken === undefined ? 'server' : 'resource'} ${new URL(url).origin}`
}

/** A resource says in its challenge what it has refused (RFC 9449 §7.1). */
function challengedError(headers: Headers): string | undefined {
  const challenges = parseWwwAuthenticate(headers.get('www-authenticate'))
  return challenges.find(({ scheme }) => scheme === 'dpop')?.parameters.error
}
