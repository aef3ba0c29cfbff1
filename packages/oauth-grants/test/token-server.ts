import type { Fetch } from '@x/oauth-discovery'

/** What is answered: JSON with status 200, or any response. */
export type Reply = object | (() => Response | Promise<Response>)

/** One request as it would have gone over the wire. */
export interface Arrival {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

/** A token endpoint made of replies, given in turn; the last one stays. Notes what arrived. */
export interface TokenServer {
  readonly fetch: Fetch
  readonly arrivals: readonly Arrival[]
}

export const metadata: { readonly issuer: string; readonly token_endpoint: string } = {
  issuer: 'https://as.example',
  token_endpoint: 'https://as.example/token',
}

export function tokenServer(...replies: Reply[]): TokenServer {
  const arrivals: Arrival[] = []
  return {
    arrivals,
    async fetch(input, init) {
      const request = new Request(input, init)
      const { method, url, headers } = request
      arrivals.push({ method, url, headers, body: await request.text() })
      const reply = replies[Math.min(arrivals.length, replies.length) - 1] ?? {
        access_token: `t${arrivals.length}`,
        token_type: 'Bearer',
        expires_in: 3600,
      }
      return typeof reply === 'function' ? reply() : Response.json(reply)
    },
  }
}
