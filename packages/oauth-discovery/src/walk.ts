/**
 * One public call on its way: the guarded client, and a note of every document asked for.
 *
 * @module
 */
import * as v from 'valibot'
import { type Attempt, DiscoveryError, type DiscoveryErrorCode, type OAuthErrorOptions } from './errors.ts'
import { createEmit, type Emit } from './events.ts'
import { displayUrl, quoteForeign } from './foreign.ts'
import { type Answer, type Http, type HttpOptions, readRetryAfter, systemClock, withHttp } from './http.ts'
import { parseJsonObject } from './json.ts'

/** Options of every public call that uses the network. */
export interface DiscoveryOptions extends HttpOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /**
   * Takes `https://as.example` and `https://as.example/` for the same issuer, which RFC 8414 §3.3 does not; the document's
   * own spelling counts from there on. Default: no.
   */
  tolerateIssuerSlash?: boolean | undefined
}

export interface Walk {
  readonly options: DiscoveryOptions
  readonly http: Http
  /** Aborted at the deadline of the call, or when its caller ends it. */
  readonly signal: AbortSignal
  /** What was asked for before it is known to be needed, by URL. */
  readonly ahead: Map<string, Promise<Answer>>
  readonly emit: Emit
  readonly attempts: Attempt[]
  readonly fail: (code: DiscoveryErrorCode, message: string, more: FailDetails) => DiscoveryError
  /** What the policy refused last. */
  refusal?: DiscoveryError
}

type FailDetails = OAuthErrorOptions & { readonly url: string }

export function walkFrom<T>(
  callerUrl: string | URL,
  options: DiscoveryOptions,
  work: (walk: Walk) => Promise<T>,
): Promise<T> {
  const attempts: Attempt[] = []
  const emit = createEmit(options)
  const fail: Walk['fail'] = (code, message, more) => new DiscoveryError(code, message, { ...more, attempts })
  return withHttp(options, { callerUrl, fail, emit }, (http, signal) =>
    work({ options, http, signal, ahead: new Map(), emit, attempts, fail }),
  )
}

function note(walk: Walk, attempt: Attempt): void {
  walk.attempts.push(attempt)
  const { url, outcome, code } = attempt
  walk.emit({ type: 'candidate', url, outcome, code })
}

/** Notes an answer of a server that is down or overloaded. @returns whether it is one */
export function noteOutage(
  walk: Walk,
  url: string,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
): boolean {
  if (status !== 429 && status < 500) return false
  const retryAfterMs = readRetryAfter(headers, walk.options.clock ?? systemClock)
  note(walk, { url, outcome: 'refused', status, code: 'unavailable', retryAfterMs })
  return true
}

export const text: v.GenericSchema<unknown, string> = /* @__PURE__ */ v.custom<string>(isText)
/** `v.array` tells which of them is wrong, which nobody here asks. */
export const list: v.GenericSchema<unknown, string[]> = /* @__PURE__ */ v.custom<string[]>(
  (value) => Array.isArray(value) && value.every(isText),
)

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

/** One kind of metadata document: how it reads, and what is said where there is none. */
export interface DocumentKind {
  readonly purpose: string
  /** As in the codes of errors. */
  readonly name: 'resource' | 'server'
  /** The member that says whom the document is about: without it there is no document. */
  readonly about: 'resource' | 'issuer'
  /** What the members that are used have to be; one that is not is as good as absent. */
  readonly members: Readonly<Record<string, v.GenericSchema>>
  readonly advice: string
}

function ask(walk: Walk, url: string, purpose: string, extra?: HeadersInit): Promise<Answer> {
  const headers = new Headers(extra)
  headers.set('accept', 'application/json')
  return walk.http({ purpose, url, headers })
}

/** Asks for a document that is likely to be needed; a failure tells something only if it is. */
export function askAhead(walk: Walk, url: string | undefined, { purpose }: DocumentKind): void {
  if (url === undefined) return
  const answer = ask(walk, url, purpose)
  answer.catch(() => {})
  walk.ahead.set(url, answer)
}

/**
 * Asks one place for a metadata document, which is "a JSON object" answered with 200 (RFC 8414 §3.2, 9728 §3.2), and
 * takes it if it is about what was asked for. Of any other nothing is used, and nothing else is asked, for whoever gives
 * out such a document could give out more.
 *
 * @typeParam T has the members of the kind
 * @param faultOf says what is wrong with a document, undefined if nothing is
 * @returns undefined when there is none there, which is then noted; only the deadline ends the walk.
 */
export async function readDocument<T>(
  walk: Walk,
  url: string,
  kind: DocumentKind,
  faultOf: (document: T) => string | undefined,
  headers?: HeadersInit,
): Promise<T | undefined> {
  const { purpose, name, about } = kind
  const shown = displayUrl(url)
  const tell = (outcome: Attempt['outcome'], more: Partial<Attempt>) =>
    note(walk, { url: shown, outcome, ...more })
  const answer = await (walk.ahead.get(url) ?? ask(walk, url, purpose, headers)).catch((error: unknown) => {
    if (!(error instanceof DiscoveryError) || error.code === 'timeout') throw error
    // Its cause is ours: a name and, from the system, a code.
    const { code: reason } = (error.cause ?? {}) as { code?: string }
    if (error.code !== 'unreachable') walk.refusal = error
    tell('refused', error.code === 'unreachable' ? { code: 'unavailable', reason } : { code: error.code })
  })
  if (answer === undefined) return undefined
  const { status } = answer
  const json = status === 200 ? parseJsonObject(answer) : undefined
  if (json === undefined) {
    if (!noteOutage(walk, shown, answer)) tell('absent', { status })
    return undefined
  }
  const document = readMembers(walk, shown, json, kind) as T | undefined // the members that T names have been looked at
  const fault = document && faultOf(document)
  if (document !== undefined && fault === undefined) {
    tell('used', { status })
    return document
  }
  walk.options.cache?.drop(url)
  tell('refused', { status, code: fault === undefined ? `${name}_metadata_invalid` : `${about}_mismatch` })
  if (fault === undefined) return undefined
  const message = `${shown} ${fault}: not used. If you trust it, use that instead.`
  throw walk.fail(`${about}_mismatch`, message, { url: shown })
}

/** Takes away what is of no use. @returns undefined when it does not say whom it is about */
function readMembers(
  { emit }: Walk,
  url: string,
  document: Record<string, unknown>,
  { about, members }: DocumentKind,
): Record<string, unknown> | undefined {
  for (const [member, schema] of Object.entries(members)) {
    if (!(member in document) || v.is(schema, document[member])) continue
    delete document[member]
    emit({ type: 'ignored', url, member })
  }
  return about in document ? document : undefined
}

/**
 * Why a walk over candidates found nothing. A server that is down says nothing about what it would publish,
 * so that comes first: whoever takes it for absence can be pushed into a weaker mode by knocking it over.
 */
export function nothingFound(
  walk: Walk,
  about: string,
  since: number,
  { purpose, name, advice }: DocumentKind,
): DiscoveryError {
  const attempts = walk.attempts.slice(since)
  const refusal = walk.refusal
  if (refusal !== undefined && attempts.every(({ code }) => code === refusal.code)) return refusal
  const busy = attempts.find(({ code }) => code === 'unavailable')
  const isInvalid = attempts.some(({ code }) => code === `${name}_metadata_invalid`)
  const tried = attempts
    .map(({ url, status, code, reason }) => `${url} (${[status, reason ?? code].join(' ').trim()})`)
    .join(', ')
  const what = busy ? 'Check that the address is right and the server up.' : advice
  return walk.fail(
    busy ? 'unavailable' : `${name}_metadata_${isInvalid ? 'invalid' : 'not_found'}`,
    `No usable ${purpose} for ${quoteForeign(about)}: ${tried}. ${what}`,
    {
      url: attempts.at(-1)?.url ?? '',
      recovery: busy ? 'transient' : 'terminal',
      retryAfterMs: busy?.retryAfterMs,
    },
  )
}
