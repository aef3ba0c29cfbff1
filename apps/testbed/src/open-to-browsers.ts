import type { ServerResponse } from 'node:http'

/** Lets the scripts of any page read an answer (CORS), and in it what a client has to know. */
export function openToBrowsers(response: ServerResponse): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

const headers = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
  // The asterisk alone leaves out this one name.
  'access-control-allow-headers': '*, authorization',
  'access-control-expose-headers': 'WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Retry-After, Date',
}
