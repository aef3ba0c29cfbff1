import {
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  type OAuthTokenVerifier,
  oauthMetadataResponse,
  requireBearerAuth,
} from '@modelcontextprotocol/server'
import { listen, type RunningServer } from './listening.ts'

export interface OfficialMcpServer extends RunningServer {
  /** The MCP server. */
  readonly url: string
}

/** Starts the official MCP server without tools; with an issuer behind its own gate, with its own metadata. No token opens it. */
export async function startOfficialMcpServer(issuer?: string): Promise<OfficialMcpServer> {
  return listen(async (origin) => {
    const url = `${origin}/mcp`
    const mcp = createMcpHandler(() => new McpServer({ name: 'official', version: '0.0.0' }))
    const guard = issuer === undefined ? undefined : createGuard(issuer, new URL(url))
    return {
      handler: async (request) => {
        if (guard === undefined && new URL(request.url).pathname !== '/mcp')
          return new Response(null, { status: 404 })
        return (await guard?.(request)) ?? mcp.fetch(request)
      },
      facts: { url },
    }
  })
}

const verifier: OAuthTokenVerifier = { verifyAccessToken: () => Promise.reject(new Error('unused')) }

function createGuard(issuer: string, resourceServerUrl: URL) {
  const gate = requireBearerAuth({
    verifier,
    requiredScopes: ['mcp:tools'],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
  })
  const oauthMetadata = {
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: ['code'],
  }
  return async (request: Request): Promise<Response | undefined> => {
    const document = oauthMetadataResponse(request, { oauthMetadata, resourceServerUrl })
    if (document !== undefined) return document
    const admitted = await gate(request)
    return admitted instanceof Response ? admitted : undefined
  }
}
