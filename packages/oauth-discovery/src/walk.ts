/**
 * One public call on its way: the guarded client, and a note of every document asked for.
 *
 * @module
 */
import { type Attempt, DiscoveryError, type DiscoveryErrorCode, isOAuthError } from './errors.ts'
import { createEmit, type Emit } from './events.ts'
import { displayUrl } from './foreign.ts'
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

export function note(walk: Walk, attempt: Attempt): void {
  walk.attempts.push(attempt)
  const { url, outcome, code } = attempt
  walk.emit({ type: 'candidate', url, outcome, ...(code !== undefined && { code }) })
}

/**
 * Asks one place for a metadata document, which is "a JSON object" answered with 200 (RFC 8414 §3.2, 9728 §3.2).
 *
 * @returns undefined when there is none there, which is then noted; only the deadline ends the walk.
 */
export async function readDocument(
  walk: Walk,
  url: string,
  purpose: string,
): Promise<Record<string, unknown> | undefined> {
  const shown = displayUrl(url)
  try {
    const answer = await walk.http({ purpose, url, headers: new Headers({ accept: 'application/json' }) })
    const { status } = answer
    const document = status === 200 ? parseJsonObject(answer) : undefined
    if (document !== undefined) return document
    if (status === 429 || status >= 500)
      note(walk, { url: shown, outcome: 'refused', status, code: 'unavailable' })
    else note(walk, { url: shown, outcome: 'absent', status })
  } catch (error) {
    if (!(error instanceof DiscoveryError) || isOAuthError(error, 'timeout')) throw error
    if (error.code !== 'unreachable') walk.refusals.push(error)
    note(walk, {
      url: shown,
      outcome: 'refused',
      code: error.code === 'unreachable' ? 'unavailable' : error.code,
    })
  }
  return undefined
}

/**
 * Why a walk over candidates found nothing. A server that is down says nothing about what it would publish,
 * so that comes first: whoever takes it for absence can be pushed into a weaker mode by knocking it over.
 */
export function nothingFound(
  walk: Walk,
  what: string,
  since: number,
  codes: { absent: DiscoveryErrorCode; invalid: DiscoveryErrorCode; advice: string },
): DiscoveryError {
  const attempts = walk.attempts.slice(since)
  const refusal = walk.refusals[0]
  if (refusal !== undefined && attempts.every(({ code }) => code === refusal.code)) return refusal
  const down = attempts.some(({ code }) => code === 'unavailable')
  const invalid = attempts.some(({ code }) => code === codes.invalid)
  const tried = attempts.map(({ url, status, code }) => `${url} (${code ?? status})`).join(', ')
  const advice = down ? 'The server is down or overloaded: try again later.' : codes.advice
  return new DiscoveryError(
    down ? 'unavailable' : invalid ? codes.invalid : codes.absent,
    `No usable ${what}. Tried ${tried}. ${advice}`,
    {
      url: attempts.at(-1)?.url ?? '',
      attempts: [...walk.attempts],
      recovery: down ? 'transient' : 'terminal',
    },
  )
}
