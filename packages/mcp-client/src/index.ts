/**
 * Connect to that MCP server, with a token.
 *
 * @module
 */
export { MCPClient } from './client.ts'
export type { ConnectOptions } from './connection.ts'
export {
  AuthRequiredError,
  BadRequestError,
  ForbiddenError,
  MCPConnectionError,
  type MCPConnectionErrorCode,
  type MCPConnectionErrorOptions,
  ServerError,
  SessionExpiredError,
  TransportError,
} from './connection-errors.ts'
export type { MCPEvent } from './events.ts'
export type { Subscription } from './subscription.ts'
export { type AuthLike, createTransport, type Given, type TransportOptions } from './transport.ts'
