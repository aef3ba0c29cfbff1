/**
 * JSON from servers.
 *
 * @module
 */
import type { Answer } from './http.ts'

/**
 * The JSON object in an answer, or undefined if there is none: another media type (a login page, an app shell),
 * text that is no JSON or no UTF-8, or JSON of another kind. One byte order mark is tolerated (RFC 8259 §8.1).
 */
export function parseJsonObject({ headers, bytes }: Answer): Record<string, unknown> | undefined {
  const mediaType = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (!/^application\/(?:[\w.+-]+\+)?json$/.test(mediaType)) return undefined
  try {
    const value: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
      withoutPrototypes,
    )
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined // an object's keys are strings
  } catch {
    return undefined
  }
}

/** Whoever copied such a member would get another prototype. */
function withoutPrototypes(name: string, value: unknown): unknown {
  return name === '__proto__' ? undefined : value
}
