/**
 * As much of a host as a module needs that has none here: a Worker or a route handler is served, a function is called.
 *
 * The argument is the file of the module.
 *
 * @module
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'

interface Hosted {
  /** A Worker. */
  readonly default?: {
    fetch(
      request: Request,
      env: NodeJS.ProcessEnv,
      context: { waitUntil(work: Promise<unknown>): void },
    ): Promise<Response>
  }
  /** A route handler of Next.js, in a folder with the name `[step]`. */
  readonly GET?: (request: Request, context: { params: Promise<{ step: string }> }) => Promise<Response>
  /** A function of AWS Lambda. */
  readonly handler?: (event: object) => Promise<unknown>
}

const {
  default: worker,
  GET,
  handler,
}: Hosted = await import(pathToFileURL(resolve(process.argv[2] ?? '')).href)

if (handler) console.log(JSON.stringify(await handler({})))
if (worker) host((request) => worker.fetch(request, process.env, { waitUntil: () => {} }))
if (GET) {
  host((request) =>
    GET(request, { params: Promise.resolve({ step: new URL(request.url).pathname.slice(1) }) }),
  )
}

function host(fetch: (request: Request) => Promise<Response>): void {
  const server = serve({ fetch, hostname: '127.0.0.1', port: Number(process.env['PORT']) }, () =>
    console.log('served'),
  )
  process.once('SIGTERM', () => server.close())
}
