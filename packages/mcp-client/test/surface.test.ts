import { expect, it } from 'vitest'
import * as root from '../src/index.ts'

it('exports these names and no others', () => {
  expect(Object.keys(root).toSorted()).toEqual([
    'AuthRequiredError',
    'BadRequestError',
    'ForbiddenError',
    'MCPClient',
    'MCPConnectionError',
    'ServerError',
    'SessionExpiredError',
    'TransportError',
    'createTransport',
  ])
})

it('has these error codes and no others', () => {
  const codes: Record<root.MCPConnectionErrorCode, true> = {
    auth_failed: true,
    auth_required: true,
    bad_request: true,
    closed: true,
    forbidden: true,
    invalid_url: true,
    server_error: true,
    session_expired: true,
    transport_error: true,
  }
  expect(Object.keys(codes)).toHaveLength(9) // the compiler holds the list, in both directions
})

it('has these methods and no others', () => {
  expect(Object.getOwnPropertyNames(root.MCPClient.prototype).toSorted()).toEqual([
    'callTool',
    'client',
    'close',
    'constructor',
    'getPrompt',
    'listPrompts',
    'listResources',
    'listTools',
    'listen',
    'ping',
    'readResource',
  ])
})
