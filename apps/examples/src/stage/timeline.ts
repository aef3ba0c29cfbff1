import type { Fetch } from '@x/oauth-grants'

/** One HTTP exchange, as much of it as may be shown. */
export interface Exchange {
  readonly method: string
  /** Host and path; a query may be private. */
  readonly target: string
  /** Undefined when no answer came. */
  readonly status: number | undefined
  readonly ms: number
  /** What was asked, where the body says so: a grant type, or a method of MCP. */
  readonly asked: string
}

/** What a request carried, secrets and all: to be looked at, and never printed. */
export interface Sent {
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

export interface Timeline {
  /** A fetch that notes what passes through it; every package here takes one. */
  readonly fetch: Fetch
  readonly exchanges: readonly Exchange[]
  readonly sent: readonly Sent[]
}

export function createTimeline(print: (line: string) => void): Timeline {
  const exchanges: Exchange[] = []
  const sent: Sent[] = []
  const note = (exchange: Exchange): void => {
    exchanges.push(exchange)
    print(formatExchange(exchange, exchanges.length))
  }
  return {
    exchanges,
    sent,
    async fetch(input, init) {
      const request = new Request(input, init)
      const { host, pathname, search } = new URL(request.url)
      const target = `${host}${pathname}${search && '?…'}`
      const body = await request.clone().text()
      sent.push({ url: request.url, headers: request.headers, body })
      const asked = describeBody(body)
      const started = performance.now()
      const end = (status: number | undefined) =>
        note({ method: request.method, target, status, ms: performance.now() - started, asked })
      try {
        const response = await fetch(request)
        end(response.status)
        return response
      } catch (error) {
        end(undefined)
        throw error
      }
    },
  }
}

function formatExchange({ method, target, status, ms, asked }: Exchange, number: number): string {
  const time = `${Math.round(ms)} ms`.padStart(7)
  const columns = [
    `${number}`.padStart(4),
    method.padEnd(4),
    target.padEnd(58),
    status ?? '---',
    time,
    ` ${asked}`,
  ]
  return columns.join(' ').trimEnd()
}

/** Only words that are no secret: the grant type of a form, the method and tool of a JSON-RPC message. */
function describeBody(body: string): string {
  const grantType = new URLSearchParams(body).get('grant_type')
  if (grantType !== null) return grantType
  try {
    const { method = '', params } = JSON.parse(body) as { method?: string; params?: { name?: string } }
    return [method, params?.name ?? ''].join(' ').trim()
  } catch {
    return ''
  }
}
