import { type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { pipeline } from 'node:stream'
import { listen, type RunningServer } from '@x/testbed'
import { bearerToken, createTokenVerifier } from './token-verifier.ts'

export interface GateOptions {
  /** Whose tokens let through. */
  issuer: string
  /** The origin of the server behind the gate, which is told nothing of tokens. */
  target: string
}

export interface Gate extends RunningServer {
  /** The MCP server, as it is seen from before the gate: the resource identifier, and the audience of tokens for it. */
  readonly url: string
  /** The body of each request that the server behind the gate has taken. */
  readonly taken: readonly string[]
}

const path = '/mcp'
const metadataPath = `/.well-known/oauth-protected-resource${path}`

/** Puts a gate before an MCP server that has none: it publishes metadata (RFC 9728) and wants tokens (RFC 6750). */
export async function startBearerGate({ issuer, target }: GateOptions): Promise<Gate> {
  const taken: string[] = []
  const running = await listen(0, async (origin) => {
    const resource = origin + path
    const challenge = `Bearer resource_metadata="${origin + metadataPath}"`
    const metadata = JSON.stringify({ resource, authorization_servers: [issuer] })
    const isGood = createTokenVerifier(issuer, resource)
    return async (request, response) => {
      if (request.url === metadataPath) {
        return response.writeHead(200, { 'content-type': 'application/json' }).end(metadata)
      }
      if (await isGood(bearerToken(request.headers.authorization))) {
        return pass(request, response, { target, taken })
      }
      return response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
  })
  return { ...running, url: running.origin + path, taken }
}

/** The token is for the gate: it goes no further. */
async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  { target, taken }: { target: string; taken: string[] },
): Promise<void> {
  const { authorization: _, host: __, ...headers } = request.headers
  const body = Buffer.concat(await request.toArray())
  const onward = send(target + request.url, { method: request.method, headers }, (answer) => {
    const { statusCode: status = 502 } = answer
    if (status < 300) taken.push(body.toString())
    response.writeHead(status, answer.headers)
    // It may have nothing to say yet; and where it breaks off, so does this.
    response.flushHeaders()
    pipeline(answer, response, () => {})
  })
  onward.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => onward.destroy())
  onward.end(body)
}
