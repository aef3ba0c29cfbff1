/**
 * What a resource says when it says no: the `WWW-Authenticate` header.
 *
 * @module
 */

/** One challenge. Names are lower case (they compare so); values are untrusted, and as sent but for errors. */
export interface Challenge {
  readonly scheme: string
  readonly token68?: string | undefined
  readonly parameters: {
    readonly resource_metadata?: string | undefined
    readonly scope?: string | undefined
    readonly error?: string | undefined
    readonly error_description?: string | undefined
    readonly [name: string]: string | undefined
  }
}

const maxLength = 16_384
const maxChallenges = 32
const maxParameters = 32

// All sticky, each one character class repeated: no input makes them look twice at more than one item.
const separators = /[ \t,]*/y
const whitespace = /[ \t]*/y
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const paddedToken = /[0-9A-Za-z\-._~+/]+=*/y
const quotedString = /"(?:[^"\\]|\\.)*"/sy
const bareUrl = /[^ \t,"]+/y

/**
 * Reads a `WWW-Authenticate` value into its challenges, in order.
 *
 * Takes what `Headers.get` gives, where several field lines are joined by a comma. The two readings that make
 * the grammar awkward are `Negotiate abc=` (a token68) against `Bearer a=b` (a parameter), and `, name=` (one
 * more parameter) against `, Name` (one more challenge).
 *
 * Never throws: from the first fault on nothing is read, and challenges that were complete before it stand.
 * A challenge that repeats a parameter is left out, for who reads which value would be anybody's guess.
 * What RFC 6750 §3 keeps out of `error`, `error_description` and `error_uri`, such as escapes for a terminal, is
 * dropped from them. Servers are lax in three ways that are let pass: `resource_metadata` without quotes, a comma
 * right after the scheme, a tab in place of a space.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
 */
export function parseWwwAuthenticate(header: string | null | undefined): Challenge[] {
  const text = header ?? ''
  if (text.length > maxLength) return []
  let at = 0

  function take(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at = pattern.lastIndex
    return found
  }

  function takeToken68(): string | undefined {
    const start = at
    const found = take(paddedToken)
    take(whitespace)
    if (found !== undefined && atItemEnd()) return found
    at = start
    return undefined
  }

  /** The value after `=`; undefined is a fault. */
  function takeValue(name: string): string | undefined {
    take(whitespace)
    const quoted = take(quotedString)
    if (quoted === undefined) return take(name === 'resource_metadata' ? bareUrl : token)
    const value = quoted.slice(1, -1).replace(/\\(.)/gs, '$1')
    return name.startsWith('error') ? value.replace(/[^ !#-[\]-~]/g, '') : value
  }

  function atItemEnd(): boolean {
    return at === text.length || text[at] === ','
  }

  const challenges: Draft[] = []
  const ambiguous = new Set<Draft>()
  const clear = (drafts: readonly Draft[]) =>
    drafts.filter((each) => !ambiguous.has(each)).slice(0, maxChallenges)
  for (;;) {
    const separated = take(separators) !== ''
    if (at === text.length) return clear(challenges)
    const name = take(token)?.toLowerCase()
    if (name === undefined) break
    const spaced = take(whitespace) !== ''

    const last = challenges.at(-1)
    if (text[at] === '=' && last !== undefined) {
      at += 1
      const value = takeValue(name)
      take(whitespace)
      if (value === undefined || !atItemEnd()) break
      if (canTake(last, name)) last.parameters[name] = value
      else ambiguous.add(last)
    } else if ((separated || last === undefined) && (atItemEnd() || spaced)) {
      const token68 = atItemEnd() ? undefined : takeToken68()
      // No prototype: a parameter may be called `constructor`.
      const parameters: Draft['parameters'] = Object.create(null)
      challenges.push({ scheme: name, ...(token68 !== undefined && { token68 }), parameters })
    } else break
  }
  return clear(challenges.slice(0, -1))
}

type Draft = Challenge & { readonly parameters: Record<string, string> }

function canTake({ token68, parameters }: Draft, name: string): boolean {
  return token68 === undefined && !(name in parameters) && Object.keys(parameters).length < maxParameters
}

/**
 * The challenge to act on: of the schemes whose tokens we can send the one that says where its metadata is,
 * else any that says so (RFC 9728 §5.1 binds that parameter to no scheme), else a Bearer one without.
 */
export function selectChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  const located = challenges.filter((each) => each.parameters.resource_metadata !== undefined)
  const bearer = (each: Challenge) => each.scheme === 'bearer'
  return located.find(bearer) ?? located[0] ?? challenges.find(bearer)
}
