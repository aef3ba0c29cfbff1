/**
 * A fetch that proves of each request that its token is ours to use: RFC 9449 §7.
 *
 * @module
 */
import type { Fetch } from '@x/oauth-discovery'
import { dropBody, isStream } from './authorized-fetch.ts'
import type { Binding } from './binding.ts'

/** Tries once more where the proof alone was refused, and follows no redirect: a proof must not be seen at another URL. */
export function provenFetch(
  binding: Pick<Binding, 'proof' | 'observe'>,
  fetch: Fetch,
  accessToken: string,
): Fetch {
  return async (input, init = {}) => {
    // A URL can be changed meanwhile: what is proven is what is sent.
    const target = input instanceof URL ? input.href : input
    const given: Partial<Request> & { url: string } = target instanceof Request ? target : { url: target }
    const { method = given.method ?? 'GET', headers = given.headers, redirect = given.redirect } = init
    const proven = { method, url: given.url, accessToken }
    const send = async (to: string | Request): Promise<[Response, boolean]> => {
      const all = new Headers(headers)
      all.set('dpop', await binding.proof(proven))
      const followed = redirect === 'error' ? redirect : 'manual'
      const response = await fetch(to, { ...init, headers: all, redirect: followed })
      const isForProof = binding.observe(proven, response.headers)
      return [response, isForProof && response.status === 401]
    }
    // A Request gives its body away when it is sent; the copy for another try has to be made before.
    const spare = target instanceof Request ? target.clone() : target
    const [first, isForProof] = await send(target)
    if (!isForProof || isStream(init.body)) return first
    dropBody(first)
    const [second] = await send(spare)
    return second
  }
}
