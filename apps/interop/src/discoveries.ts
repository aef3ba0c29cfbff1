/**
 * What discovery finds at servers of others, in how many requests.
 *
 * Each row is a test on the real server, held against it, and the page of this app shows all of them.
 *
 * @module
 */

export interface Discovery {
  /**
   * `found`: what was looked for. Else what `inspectResource` says that an address is, or the code of the error.
   */
  readonly outcome: string
  /** All that arrive, at the resource and at the authorization server. */
  readonly requests: number
  /** What a reader has to know of the server. */
  readonly note?: string
}

export const discoveries = {
  '`oidc-provider`': {
    'its issuer': { outcome: 'found', requests: 1 },
    'a resource that names it': { outcome: 'found', requests: 3 },
    'its issuer, with a slash more': {
      outcome: 'issuer_mismatch',
      requests: 1,
      note: 'The document is there, and spells it without.',
    },
  },
  '`oidc-provider`, its issuer with a path': {
    'its issuer': {
      outcome: 'found',
      requests: 1,
      note: 'It is the testbed that puts the document where RFC 8414 wants it.',
    },
    'its issuer, as the provider alone has it': {
      outcome: 'found',
      requests: 3,
      note: 'By OpenID Connect Discovery, behind the path.',
    },
    'a resource that names it': { outcome: 'found', requests: 3 },
    'its issuer, without the path': { outcome: 'server_metadata_not_found', requests: 2 },
  },
  '`@cloudflare/workers-oauth-provider`': {
    'its issuer': { outcome: 'found', requests: 1 },
    'its own resource': { outcome: 'found', requests: 3 },
    'an address below its resource': {
      outcome: 'found',
      requests: 4,
      note: 'The challenge points at the metadata of the resource; at the well-known place of the address there is none.',
    },
    'its origin, taken for the resource': { outcome: 'resource_metadata_not_found', requests: 2 },
  },
  '`better-auth`': {
    'its issuer': { outcome: 'found', requests: 1, note: 'It has a path, `/api/auth`.' },
    'a resource that names it': { outcome: 'found', requests: 3 },
    'its issuer, without the path': { outcome: 'server_metadata_not_found', requests: 2 },
  },
  '`oauth2-mock-server`': {
    'its issuer': {
      outcome: 'found',
      requests: 2,
      note: 'It has no RFC 8414, only OpenID Connect Discovery.',
    },
    'a resource that names it': { outcome: 'found', requests: 4 },
    'its issuer, as 127.0.0.1': {
      outcome: 'issuer_mismatch',
      requests: 2,
      note: 'It calls itself `localhost`, wherever it listens.',
    },
    'a resource that names it as 127.0.0.1': { outcome: 'issuer_mismatch', requests: 4 },
  },
  '`@modelcontextprotocol/server`': {
    'the MCP server': { outcome: 'protected', requests: 3, note: 'The gate is of the testbed.' },
    'the MCP server, its own gate': {
      outcome: 'protected',
      requests: 3,
      note: 'Its challenge says `invalid_token`, although no token was sent.',
    },
    'the MCP server, open': {
      outcome: 'resource_metadata_not_found',
      requests: 3,
      note: 'It answers a bare GET with 405.',
    },
    'the MCP server, as localhost': {
      outcome: 'resource_mismatch',
      requests: 3,
      note: 'Its metadata says 127.0.0.1.',
    },
  },
  '`fastmcp`': {
    'the MCP server, open': {
      outcome: 'resource_metadata_not_found',
      requests: 3,
      note: 'It answers a bare GET with 400, which says nothing of tokens.',
    },
    'its SSE address, open': {
      outcome: 'open',
      requests: 3,
      note: 'It answers a bare GET with 200 and a stream.',
    },
    'the MCP server': {
      outcome: 'protected',
      requests: 3,
      note: 'The challenge to a GET is of FastMCP, whatever `authenticate` throws.',
    },
    'the MCP server, its metadata about the origin': {
      outcome: 'protected',
      requests: 4,
      note: 'FastMCP gives the one document at both places; the challenge points at the right one.',
    },
    'its SSE address': {
      outcome: 'protected',
      requests: 4,
      note: 'Here the 401 is what `authenticate` throws, with a challenge.',
    },
    'its SSE address, without a challenge': {
      outcome: 'protected',
      requests: 4,
      note: 'From the well-known place at the root.',
    },
    'the MCP server, a refused POST in hand': {
      outcome: 'found',
      requests: 3,
      note: 'What `authenticate` throws, with a challenge, is given as `response`. The POST is counted, too.',
    },
    'the MCP server, a refused POST in hand, without a challenge': { outcome: 'found', requests: 3 },
  },
  '`fastmcp`, without sessions': {
    'the MCP server, open': {
      outcome: 'resource_metadata_not_found',
      requests: 3,
      note: 'It answers a bare GET with 405.',
    },
    'the MCP server': {
      outcome: 'protected',
      requests: 3,
      note: 'It answers a bare GET with 405 here, too, and never calls `authenticate`. The well-known place is enough.',
    },
    'the MCP server, its metadata about the origin': {
      outcome: 'resource_mismatch',
      requests: 2,
      note: 'Without a challenge the document at the place of the path counts, and is about another resource.',
    },
  },
  '`fastmcp`, publishing its authorization server only': {
    'the MCP server': { outcome: 'resource_metadata_not_found', requests: 3 },
    'the MCP server, by the rule of 2025-03-26': { outcome: 'legacy', requests: 4 },
    'the MCP server, by that rule, another issuer named': {
      outcome: 'issuer_mismatch',
      requests: 4,
      note: 'That of another origin, as it is where its document is handed on.',
    },
  },
  '`@modelcontextprotocol/server-everything`': {
    'the MCP server, open': {
      outcome: 'resource_metadata_not_found',
      requests: 3,
      note: 'It answers a bare GET with 400.',
    },
    'the MCP server': { outcome: 'protected', requests: 3, note: 'The gate before it is ours.' },
    'the MCP server, after its end': { outcome: 'unreachable', requests: 2 },
    'the MCP server, after its end, the gate still there': {
      outcome: 'protected',
      requests: 3,
      note: 'Whoever calls it then is told of a 502.',
    },
  },
} as const satisfies Record<string, Record<string, Discovery>>

export type DiscoveredServer = keyof typeof discoveries
