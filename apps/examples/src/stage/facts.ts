import type { Token } from '@x/oauth-grants'

/** All that may be shown of a token, which is all but itself. */
export function tokenFacts({ tokenType, scope, expiresAt, obtainedAt, issuer, resource }: Token): string {
  const life = expiresAt === undefined ? 'an unknown time' : `${(expiresAt - obtainedAt) / 1000} s`
  const range = scope.length === 0 ? 'no scope' : `scope ${scope.join(' ')}`
  return `${tokenType}, ${range}, good for ${life} at ${resource ?? 'any resource'}, from ${issuer}`
}

/** The beginning of an answer, on one line. */
export async function bodyOf(response: Response): Promise<string> {
  return (await response.text()).replaceAll(/\s+/g, ' ').slice(0, 200)
}

interface Jwt {
  readonly alg: string
  readonly kid?: string
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly iat: number
  readonly exp: number
}

/** The header and the claims, which anybody can read; the server checks the signature as well. */
export function readJwt(jwt = ''): Jwt {
  const [header, claims] = jwt.split('.').map((part) => Buffer.from(part, 'base64url').toString())
  return { ...JSON.parse(header ?? ''), ...JSON.parse(claims ?? '') }
}

/** Lines of at most 104 characters. */
export function wrap(text: string): string[] {
  return text.match(/.{1,104}(?= |$)/g)?.map((line) => line.trim()) ?? []
}
