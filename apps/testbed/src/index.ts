export { agree } from './agree.ts'
export { startApi } from './api.ts'
export {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from './authorization-server.ts'
export { testClients } from './clients.ts'
export type { Fault, Faults } from './fault.ts'
export type { Arrival, Journal } from './journal.ts'
export { listen, type RunningServer } from './listening.ts'
export { type McpServerOptions, startMcpServer } from './mcp-server.ts'
export type { ResourceServer, ResourceServerOptions } from './resource-server.ts'
export { startTestbed, type Testbed } from './testbed.ts'
export { spawnTestbed, type TestbedProcess } from './testbed-process.ts'
