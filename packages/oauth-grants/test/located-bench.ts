import type { Fetch } from '@x/oauth-discovery'
import { untilAborted } from '@x/oauth-discovery/http'
import type { RunningServer } from '@x/testbed'
import { loginMetadata } from './login-bench.ts'

/** What a client asked of these servers, as `method path` without a query, with how often: resources fetch keys themselves. */
export function arrived(...servers: Pick<RunningServer, 'journal'>[]): Record<string, number> {
  return countOf(
    servers
      .flatMap(({ journal }) => [...journal.arrivals])
      .filter(({ path }) => path !== '/jwks')
      .map(({ method, path }) => `${method} ${path.split('?', 1)[0]}`),
  )
}

export const resourceUrl = 'https://api.example.com/v1'

export const places = {
  resource: resourceUrl,
  resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource/v1',
  serverMetadata: 'https://as.example/.well-known/oauth-authorization-server',
  token: 'https://as.example/token',
}

type Answering = (request: Request) => Response | Promise<Response>

/** What a resource says to whom has no token. */
export const demand = (): Response => Response.json({}, { status: 401 })

/** A resource and its server, made of answers by their place; each may be replaced. `sent` has what was asked for. */
export function fakeServers(answers: Partial<Record<keyof typeof places, Answering>> = {}) {
  let tokens = 0
  const all: Record<keyof typeof places, Answering> = {
    resource: ({ headers }) => (headers.has('authorization') ? Response.json({ ok: true }) : demand()),
    resourceMetadata: () =>
      Response.json({ resource: resourceUrl, authorization_servers: [loginMetadata.issuer] }),
    serverMetadata: () => Response.json(loginMetadata),
    token() {
      tokens += 1
      return Response.json({ access_token: `t${tokens}`, token_type: 'Bearer', expires_in: 3600 })
    },
    ...answers,
  }
  const sent: string[] = []
  const fetch: Fetch = async (input, init) => {
    const request = new Request(input, init)
    request.signal.throwIfAborted()
    const [name] = Object.entries(places).find(([, url]) => url === request.url) ?? []
    sent.push(name ?? request.url)
    const answer = all[name as keyof typeof places] // undefined where the place is none of them
    const answered = async () => answer?.(request) ?? new Response(null, { status: 404 })
    return untilAborted(answered(), request.signal)
  }
  return { fetch, sent, counts: () => countOf(sent) }
}

function countOf(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1
  return counts
}
