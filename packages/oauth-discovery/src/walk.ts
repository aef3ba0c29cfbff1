/**
 * One public call on its way: the guarded client, and a note of every document asked for.
 *
 * @module
 */
import * as v from 'valibot'
import { type Attempt, DiscoveryError, type DiscoveryErrorCode, isOAuthError } from './errors.ts'
import { createEmit, type Emit } from './events.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type Http, type HttpOptions, withHttp } from './http.ts'
import { parseJsonObject } from './json.ts'

/** Options of every public call that uses the network. */
export interface DiscoveryOptions extends HttpOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

export interface Walk {
  readonly http: Http
  readonly emit: Emit
  readonly attempts: Attempt[]
  /** What the policy refused, in order. */
  readonly refusals: DiscoveryError[]
}

export function walkFrom<T>(
  callerUrl: string | URL,
  options: DiscoveryOptions,
  work: (walk: Walk) => Promise<T>,
): Promise<T> {
  const attempts: Attempt[] = []
  const emit = createEmit(options)
  const fail = (code: DiscoveryErrorCode, message: string, details: { url: string }) =>
    new DiscoveryError(code, message, { ...details, attempts: [...attempts] })
  return withHttp(options, { callerUrl, fail, emit }, (http) => work({ http, emit, attempts, refusals: [] }))
}

function note(walk: Walk, attempt: Attempt): void {
  walk.attempts.push(attempt)
  const { url, outcome, code } = attempt
  walk.emit({ type: 'candidate', url, outcome, ...(code !== undefined && { code }) })
}

/** A list of strings; `v.array` tells which of them is wrong, which nobody here asks, and is as large as all the rest. */
export function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** One kind of metadata document: how it reads, and what is said where there is none. */
export interface DocumentKind<T> {
  readonly purpose: string
  readonly schema: v.GenericSchema<unknown, T>
  readonly absent: DiscoveryErrorCode
  readonly invalid: DiscoveryErrorCode
  readonly mismatch: DiscoveryErrorCode
  readonly advice: string
}

/**
 * Asks one place for a metadata document, which is "a JSON object" answered with 200 (RFC 8414 §3.2, 9728 §3.2).
 *
 * @returns undefined when there is none there, which is then noted; only the deadline ends the walk.
 */
export async function readDocument<T>(
  walk: Walk,
  url: string,
  { purpose, schema, invalid }: DocumentKind<T>,
): Promise<T | undefined> {
  const shown = displayUrl(url)
  const refused = (code: DiscoveryErrorCode, status?: number, reason?: string) =>
    note(walk, { url: shown, outcome: 'refused', status, code, reason })
  try {
    const answer = await walk.http({ purpose, url, headers: new Headers({ accept: 'application/json' }) })
    const { status } = answer
    const json = status === 200 ? parseJsonObject(answer) : undefined
    const parsed = json && v.safeParse(schema, json)
    if (parsed?.success) return parsed.output
    if (parsed !== undefined) refused(invalid, status)
    else if (status === 429 || status >= 500) refused('unavailable', status)
    else note(walk, { url: shown, outcome: 'absent', status })
  } catch (error) {
    if (!(error instanceof DiscoveryError) || isOAuthError(error, 'timeout')) throw error
    if (error.code === 'unreachable') {
      // Its cause is ours: a name and, from the system, a code.
      refused('unavailable', undefined, (error.cause as { code?: string }).code)
    } else {
      walk.refusals.push(error)
      refused(error.code)
    }
  }
  return undefined
}

/**
 * Takes a document that is about what was asked for, and refuses any other: none of it is used, and nothing else is
 * asked, for whoever gives out such a document could give out more.
 *
 * @param fault what is wrong with it, undefined if nothing is
 */
export function accept(walk: Walk, url: string, { mismatch }: DocumentKind<unknown>, fault?: string): void {
  const shown = displayUrl(url)
  if (fault === undefined) {
    note(walk, { url: shown, outcome: 'used', status: 200 })
    return
  }
  note(walk, { url: shown, outcome: 'refused', status: 200, code: mismatch })
  const message = `The metadata at ${shown} ${fault}: none of it is used. If that is right, use that spelling.`
  throw new DiscoveryError(mismatch, message, { url: shown, attempts: [...walk.attempts] })
}

/**
 * Why a walk over candidates found nothing. A server that is down says nothing about what it would publish,
 * so that comes first: whoever takes it for absence can be pushed into a weaker mode by knocking it over.
 */
export function nothingFound(
  walk: Walk,
  about: string,
  since: number,
  { purpose, absent, invalid, advice }: DocumentKind<unknown>,
): DiscoveryError {
  const attempts = walk.attempts.slice(since)
  const refusal = walk.refusals.at(-1)
  if (refusal !== undefined && attempts.every(({ code }) => code === refusal.code)) return refusal
  const has = (wanted: DiscoveryErrorCode) => attempts.some(({ code }) => code === wanted)
  const down = has('unavailable')
  const tried = attempts
    .map(({ url, status, code, reason }) => `${url} (${reason ?? code ?? status})`)
    .join(', ')
  return new DiscoveryError(
    down ? 'unavailable' : has(invalid) ? invalid : absent,
    `No usable ${purpose} for ${quoteForeign(about)}. Tried ${tried}. ${down ? 'Check that the address is right and the server up, or try again later.' : advice}`,
    {
      url: attempts.at(-1)?.url ?? '',
      attempts: [...walk.attempts],
      recovery: down ? 'transient' : 'terminal',
    },
  )
}
