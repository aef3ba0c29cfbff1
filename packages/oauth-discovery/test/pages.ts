/** A web made of a table: URL -> answer. What is not in it answers 404. Notes what was asked, in order. */
export interface Pages {
  readonly fetch: typeof globalThis.fetch
  readonly asked: string[]
  readonly requests: Request[]
}

export type Page = object | (() => Response | Promise<Response>)

export function pages(table: Record<string, Page>): Pages {
  const asked: string[] = []
  const requests: Request[] = []
  return {
    asked,
    requests,
    async fetch(input, init) {
      const request = new Request(input, init)
      requests.push(request)
      asked.push(`${request.method} ${request.url}`)
      const page = table[request.url]
      if (page === undefined) return new Response('nothing here', { status: 404 })
      return typeof page === 'function' ? page() : Response.json(page)
    },
  }
}

export const unauthorized = (challenge?: string) => () =>
  new Response(null, {
    status: 401,
    headers: challenge === undefined ? {} : { 'www-authenticate': challenge },
  })
