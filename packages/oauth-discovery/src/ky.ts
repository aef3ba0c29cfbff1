/**
 * What sends a request, beneath the guards. A module of its own, so that a bundler leaves out what of ky is not used here.
 *
 * @module
 */
import ky from 'ky'
import type { Fetch, HttpRequest } from './http.ts'

export function sendByKy(
  { url, body, headers }: HttpRequest,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<Response> {
  return ky(url, {
    method: body === undefined ? 'GET' : 'POST',
    body: body ?? null,
    headers,
    signal,
    fetch: (input) => fetch(input), // ky would add options of its own
    redirect: 'manual',
    credentials: 'omit', // no cookie of a browser belongs here
    throwHttpErrors: false,
    retry: 0, // codes and rotating refresh tokens are good for one use
    timeout: false, // there is one deadline, over all of it
  })
}
