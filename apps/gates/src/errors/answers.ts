import type { Fetch } from '@x/oauth-discovery'

/** A body, which is answered as JSON with 200, or what makes an answer or none. */
type Answer = object | ((request: Request) => Response | Promise<Response>)

/** A `fetch` over a table of URLs; what is not in it answers 404. */
export function answers(table: Readonly<Record<string, Answer>>): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const answer = table[request.url]
    if (answer === undefined) return new Response(null, { status: 404 })
    return typeof answer === 'function' ? answer(request) : Response.json(answer)
  }
}

/** A `fetch` that answers everything alike. */
export function always(answer: Answer): Fetch {
  return async (input, init) =>
    typeof answer === 'function' ? answer(new Request(input, init)) : Response.json(answer)
}

/** What `fetch` of Node rejects with where nobody listens. */
export function refuseConnection(): Promise<Response> {
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  return Promise.reject(new TypeError('fetch failed', { cause }))
}

export const redirect = (location: string) => () => new Response(null, { status: 302, headers: { location } })

export const status =
  (code: number, headers: HeadersInit = {}) =>
  () =>
    new Response(null, { status: code, headers })

export const never = (): Promise<Response> => new Promise(() => {})
