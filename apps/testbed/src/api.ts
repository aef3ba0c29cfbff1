import { pathnameOf } from './journal.ts'
import { readJson, sendJson } from './json.ts'
import { type ResourceServer, type ResourceServerOptions, startResourceServer } from './resource-server.ts'

/** Starts a protected JSON API that knows nothing of MCP: `GET /api`, `GET /api/orders`, `POST /api/echo`. */
export function startApi(options: ResourceServerOptions): Promise<ResourceServer> {
  return startResourceServer(options, {
    path: '/api',
    scope: 'api:read',
    scopes: ['api:read'],
    createService:
      ({ ran }) =>
      async ({ clientId }, request, response) => {
        const pathname = pathnameOf(request.url ?? '')
        const routes: Record<string, () => Promise<unknown>> = {
          'GET /api': async () => ({ orders: '/api/orders', echo: '/api/echo', client: clientId }),
          'GET /api/orders': async () => ({ orders, client: clientId }),
          'POST /api/echo': () => readJson(request),
        }
        const answer = routes[`${request.method} ${pathname}`]
        if (!answer) return sendJson(response, 404, { error: 'not_found' })
        const value = await answer()
        if (value === undefined) return sendJson(response, 400, { error: 'not_json' })
        ran(pathname)
        return sendJson(response, 200, value)
      },
  })
}

const orders = [
  { id: 'A-1001', item: 'tea', quantity: 2 },
  { id: 'A-1002', item: 'oranges', quantity: 12 },
]
