import { startApi } from './api.ts'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from './authorization-server.ts'
import { startMcpServer } from './mcp-server.ts'
import type { ResourceServer, ResourceServerOptions } from './resource-server.ts'

/** An authorization server, and an MCP server and an API that trust it. */
export interface Testbed extends AsyncDisposable {
  readonly authorizationServer: AuthorizationServer
  readonly mcp: ResourceServer
  readonly api: ResourceServer
  close(): Promise<void>
}

export interface TestbedOptions
  extends Omit<AuthorizationServerOptions, 'port'>,
    Pick<ResourceServerOptions, 'boundTokensOnly' | 'requiresNonces' | 'clockToleranceSeconds'> {}

export async function startTestbed(options: TestbedOptions = {}): Promise<Testbed> {
  const authorizationServer = await startAuthorizationServer(options)
  const { issuer, journal } = authorizationServer
  const { boundTokensOnly, requiresNonces, clockToleranceSeconds } = options
  const resource = { issuer, boundTokensOnly, requiresNonces, clockToleranceSeconds }
  const [mcp, api] = await Promise.all([startMcpServer(resource), startApi(resource)])
  // The two have fetched the keys; the journal is for what the client under test does.
  journal.clear()
  const close = async (): Promise<void> => {
    await Promise.all([authorizationServer, mcp, api].map((server) => server.close()))
  }
  return { authorizationServer, mcp, api, close, [Symbol.asyncDispose]: close }
}
