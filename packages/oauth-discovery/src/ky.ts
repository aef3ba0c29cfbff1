/**
 * What sends a request, above the guards. A module of its own, so that a bundler leaves out what of ky is not used here.
 *
 * @module
 */
import ky from 'ky'
import type { Send } from './guards.ts'
import type { HttpRequest } from './http.ts'

export function sendByKy(
  { url, form, headers = new Headers() }: HttpRequest,
  send: Send,
  signal: AbortSignal,
): Promise<Response> {
  return ky(url, {
    method: form === undefined ? 'GET' : 'POST',
    body: form ?? null,
    headers,
    signal,
    fetch: (input) => send(input as Request), // ky's type allows more than the Request that it sends
    redirect: 'manual',
    credentials: 'omit', // no cookie of a browser belongs here
    throwHttpErrors: false,
    retry: 0, // codes and rotating refresh tokens are good for one use
    timeout: false, // there is one deadline, over all of it
  })
}
