import type { Token } from '@x/oauth-grants'

export type Print = (line: string) => void

/** Says what happened, or stops the example: what it prints has to be true. */
export function claim(print: Print, what: string, holds: boolean): void {
  if (!holds) throw new Error(`This did not happen: ${what}`)
  print(`  ✓ ${what}`)
}

export function printHeading(print: Print, title: string): void {
  print(`\n${title}\n`)
}

/** Names and values in two columns. */
export function printFacts(print: Print, facts: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(facts)) print(`  ${name.padEnd(11)}${value}`)
}

/** All that may be shown of a token, which is all but itself. */
export function tokenFacts({ tokenType, scope, expiresAt, obtainedAt, issuer, resource }: Token): string {
  const life = expiresAt === undefined ? 'an unknown time' : `${(expiresAt - obtainedAt) / 1000} s`
  const range = scope.length === 0 ? 'no scope' : `scope ${scope.join(' ')}`
  return `${tokenType}, ${range}, good for ${life} at ${resource ?? 'any resource'}, from ${issuer}`
}
