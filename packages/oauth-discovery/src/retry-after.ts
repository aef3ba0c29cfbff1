/**
 * When a server wants to be asked again: RFC 9110 §10.2.3.
 *
 * @module
 */
import type { Clock } from './clock.ts'

/** `Retry-After` in ms, of seconds or of a date, and at most an hour: a server must not silence us for good. */
export function readRetryAfter(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get('retry-after') ?? ''
  // Parsers of dates take nearly everything for one.
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value.endsWith('GMT') ? value : '') - clock.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 3_600_000)
}
