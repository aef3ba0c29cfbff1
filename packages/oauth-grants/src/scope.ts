/**
 * Scope, as a set of words: RFC 6749 §3.3.
 *
 * @module
 */
import type { Challenge } from '@x/oauth-discovery'
import type { Token } from './token.ts'

/** Empty, or scope tokens with one space between. */
export function isScope(scope: string): boolean {
  return /^(?:[!#-[\]-~]+(?: (?=.)|$))*$/.test(scope)
}

/** The words of a text that are scope tokens: what is none would only be refused. */
export function scopeTokens(scope: string | undefined): readonly string[] {
  return (scope ?? '').split(' ').filter((each) => each !== '' && isScope(each))
}

/** Each once, in the order in which they came; undefined where there are none, so that the server chooses. */
export function unionOf(...scopes: readonly (readonly string[])[]): string | undefined {
  return [...new Set(scopes.flat())].join(' ') || undefined
}

function covers(held: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every((each) => held.includes(each))
}

/** To ask for all of it again would bring nothing new: that was done, or it is there. */
export function isAskedFor(
  { requestedScope, scope }: Pick<Token, 'requestedScope' | 'scope'>,
  wanted: readonly string[] = [],
): boolean {
  return covers([...requestedScope, ...scope], wanted)
}

/** What a resource demands beyond the token that it was shown; undefined where that is not what it says (RFC 6750 §3.1). */
export function demandedScope(challenge: Challenge | undefined): readonly string[] | undefined {
  const { error, scope } = challenge?.parameters ?? {}
  // Whether to stay signed in is not for a resource to say.
  return error === 'insufficient_scope'
    ? scopeTokens(scope).filter((each) => each !== 'offline_access')
    : undefined
}

/** What more is asked for on top of: what was asked for before, or where nothing was, what was given. */
export function baseScope(token: Token | undefined): readonly string[] {
  return token?.requestedScope.length ? token.requestedScope : (token?.scope ?? [])
}

/** How what was granted differs from what was asked for: where that was nothing, it cannot (RFC 6749 §3.3). */
export function differenceOf({ scope, requestedScope, refreshToken }: Token): { granted?: 'less' | 'more' } {
  if (requestedScope.length === 0) return {}
  // Servers that give a refresh token seldom name what it was asked for by (OpenID Connect Core §11).
  const held = refreshToken === undefined ? scope : [...scope, 'offline_access']
  if (!covers(held, requestedScope)) return { granted: 'less' }
  return covers(requestedScope, scope) ? {} : { granted: 'more' }
}
