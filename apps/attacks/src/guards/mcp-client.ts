import { guardsOf } from './guard.ts'

/** What the MCP client keeps apart, and to itself. */
export const mcpClientGuards = guardsOf('mcp-client', [
  [
    'cache-partition',
    'results that are private to one are shown to another',
    'connection.ts',
    'cachePartition: partitionOf(auth) ?? crypto.randomUUID()',
    "cachePartition: ''",
  ],
  [
    'prior-partition',
    'what a server says of itself to one is believed by another',
    'prior.ts',
    "JSON.stringify(['mcp', href, partition,",
    "JSON.stringify(['mcp', href,",
  ],
  [
    'mcp-cause',
    'an error shows the body of an answer',
    'connection-errors.ts',
    'const [cause, ...deeper] = [...causesOf(error)]',
    'const [cause, ...deeper]: any[] = [error, ...causesOf(error)]',
  ],
  [
    'mcp-hidden-challenge',
    'an error shows the token that a server has repeated',
    'connection-errors.ts',
    'this.#challenge = options.challenge',
    'Object.assign(this, { shown: (this.#challenge = options.challenge) })',
  ],
  [
    'mcp-quoted-scope',
    'a server writes what it likes into an error',
    'connection-errors.ts',
    'quoteForeign(scope)',
    'scope',
  ],
])
