/**
 * What happens while an example runs: the requests that it sends, and what the packages tell of them.
 *
 * @module
 */
import type { MCPEvent } from '@x/mcp-client'
import type { Event } from '@x/oauth-discovery'
import type { Fetch, GrantEvent } from '@x/oauth-grants'

/** One HTTP exchange, as much of it as may be shown. `at` is its end, as of the packages' own `exchange`. */
export type Exchange = Event<
  'request',
  {
    readonly method: string
    /** Without its query, which may be private. */
    readonly url: string
    /** Undefined when no answer came. */
    readonly status: number | undefined
    readonly ms: number
    /** What was asked, where the body says so: a grant type, or a method of MCP. */
    readonly asked: string
  }
>

/** What an example says meanwhile. */
type Remark = Event<'remark', { readonly text: string }>

export type Happening = GrantEvent | MCPEvent | Exchange | Remark

/** What a request carried, secrets and all: to be looked at, and never printed. */
export interface Sent {
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

/** A fetch that notes what passes through it; every package here takes one. */
export function createFetch(sent: Sent[], tell: (exchange: Exchange) => void): Fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const { method, headers } = request
    const body = await request.clone().text()
    sent.push({ url: request.url, headers, body })
    const [url = ''] = request.url.split(/[?#]/)
    const started = performance.now()
    const end = (status: number | undefined) => {
      const [at, ms] = [performance.timeOrigin + performance.now(), performance.now() - started]
      const asked = describeBody(body)
      tell({ type: 'request', at, flow: '', method, url, status, ms, asked })
    }
    try {
      const response = await fetch(request)
      end(response.status)
      return response
    } catch (error) {
      end(undefined)
      throw error
    }
  }
}

export function formatExchange({ method, url, status, ms, asked }: Exchange, number: number): string {
  const { host, pathname } = new URL(url)
  const time = `${Math.round(ms)} ms`.padStart(7)
  const columns = [
    `${number}`.padStart(4),
    method.padEnd(4),
    `${host}${pathname}`.padEnd(58),
    status ?? '---',
    time,
    ` ${asked}`,
  ]
  return columns.join(' ').trimEnd()
}

/** Only words that are no secret: the grant type of a form, the method and tool of a JSON-RPC message. */
export function describeBody(body: string): string {
  const grantType = new URLSearchParams(body).get('grant_type')
  // The long names are URNs, of which the end says all.
  if (grantType !== null) return grantType.replace(/^urn:.*:/, '')
  try {
    const { method = '', params } = JSON.parse(body) as { method?: string; params?: { name?: string } }
    return [method, params?.name ?? ''].join(' ').trim()
  } catch {
    return ''
  }
}
