/**
 * Connect to that MCP server, with a token.
 *
 * @module
 */
export { type ConnectOptions, MCPClient } from './client.ts'
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
export { type AuthLike, createTransport, type Given, type TransportOptions } from './transport.ts'
