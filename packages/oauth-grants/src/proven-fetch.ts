/**
 * A fetch that proves of each request that its token is ours to use: RFC 9449 §7.
 *
 * @module
 */
import type { Fetch } from '@x/oauth-discovery'
import { copyOf, dropBody, isRequest, isStream } from './authorized-fetch.ts'
import type { Binding } from './binding.ts'

/** Tries once more where the proof alone was refused, and follows no redirect: a proof must not be seen at another URL. */
export function provenFetch(
  binding: Pick<Binding, 'proof' | 'observe'>,
  fetch: Fetch,
  accessToken: string,
): Fetch {
  return async (input, init = {}) => {
    const request = isRequest(input) ? input : undefined
    // A URL can be changed meanwhile: what is proven is what is sent.
    const url = isRequest(input) ? input.url : String(input)
    const { method = request?.method ?? 'GET', redirect = request?.redirect } = init
    const proven = { method, url, accessToken }
    const headers = new Headers(init.headers ?? request?.headers)
    const send = async (to: string | Request): Promise<[Response, boolean]> => {
      headers.set('dpop', await binding.proof(proven))
      const followed = redirect === 'error' ? redirect : 'manual'
      const response = await fetch(to, { ...init, headers, redirect: followed })
      const isForProof = binding.observe(proven, response.headers)
      return [response, isForProof && response.status === 401]
    }
    let spare = request && copyOf(request, init)
    try {
      const [first, isForProof] = await send(request ?? url)
      if (!isForProof || isStream(init.body)) return first
      dropBody(first)
      const copy = spare ?? url
      spare = undefined
      const [second] = await send(copy)
      return second
    } finally {
      if (spare !== undefined && spare !== request) dropBody(spare)
    }
  }
}
