/**
 * The errors of `@x/oauth-discovery`.
 *
 * @module
 */
import {
  createLimits,
  type DiscoveryErrorCode,
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  fetchResourceMetadata,
} from '@x/oauth-discovery'
import { egressFetch } from '@x/oauth-discovery/node'
import { handClock } from '@x/testbed/hand-clock'
import { always, answers, never, redirect, refuseConnection, status } from './answers.ts'
import { type Entries, type ErrorPage, secrets } from './entries.ts'

const resource = 'https://rs.example/mcp'
const resourceMetadataUrl = 'https://rs.example/.well-known/oauth-protected-resource/mcp'
const issuer = 'https://as.example'
const serverMetadataUrl = 'https://as.example/.well-known/oauth-authorization-server'

/** A resource that names these servers. */
const naming = (...authorization_servers: string[]) =>
  answers({ [resource]: status(401), [resourceMetadataUrl]: { resource, authorization_servers } })

const discovery: Entries<DiscoveryErrorCode> = {
  not_protected: {
    when: 'The URL answers without a token, and publishes no metadata.',
    what: 'Use it without a token. If it should be protected, ask its operator.',
    examples: [() => discoverAuthorizationServer(resource, { fetch: answers({ [resource]: status(200) }) })],
  },
  resource_metadata_not_found: {
    when: 'The resource publishes no metadata (RFC 9728) at any of the places that were asked, which the message lists.',
    what: 'Pass the issuer of its authorization server, if you know it. For an MCP server of 2025-03-26: `legacy: originAsServer`.',
    examples: [() => fetchResourceMetadata(resource, { fetch: answers({}) })],
  },
  resource_metadata_invalid: {
    when: 'The metadata of the resource has no `resource`, or names no authorization server.',
    what: 'Tell the operator of the resource; until then pass the issuer yourself.',
    examples: [
      () => fetchResourceMetadata(resource, { fetch: answers({ [resourceMetadataUrl]: {} }) }),
      () => discoverAuthorizationServer(resource, { fetch: naming() }),
    ],
  },
  resource_mismatch: {
    when: 'The metadata is about another resource than the one that was asked (RFC 9728 §3.3): misspelled, misconfigured, or an attack.',
    what: 'If the one that it names is the one you mean, use that spelling. Else tell the operator of the resource.',
    examples: [
      () =>
        fetchResourceMetadata(resource, {
          fetch: answers({ [resourceMetadataUrl]: { resource: 'https://other.example/mcp' } }),
        }),
    ],
  },
  server_metadata_not_found: {
    when: 'The authorization server publishes no metadata (RFC 8414, OpenID Connect) at any of the places that were asked.',
    what: 'Check the issuer. If it publishes none, pass `serverMetadata: { issuer, token_endpoint }` to the auth object.',
    examples: [() => fetchAuthorizationServerMetadata(issuer, { fetch: answers({}) })],
  },
  server_metadata_invalid: {
    when: 'The metadata of the authorization server has no `issuer`.',
    what: 'Tell its operator; until then pass `serverMetadata: { issuer, token_endpoint }` to the auth object.',
    examples: [
      () => fetchAuthorizationServerMetadata(issuer, { fetch: answers({ [serverMetadataUrl]: {} }) }),
    ],
  },
  issuer_mismatch: {
    when: 'The metadata names another issuer than the one that was asked (RFC 8414 §3.3), or the resource names others than `expectedIssuer`.',
    what: 'If you trust the issuer that it names, use that, letter by letter. Else tell the operator: it may be an attack.',
    examples: [
      () =>
        fetchAuthorizationServerMetadata(issuer, {
          fetch: answers({ [serverMetadataUrl]: { issuer: 'https://as.example/' } }),
        }),
      () =>
        discoverAuthorizationServer(resource, {
          fetch: naming('https://other.example'),
          expectedIssuer: issuer,
        }),
    ],
  },
  unavailable: {
    when: 'Metadata could not be read, for its server is down or overloaded (429, 5xx, no answer).',
    what: 'Try again, after `retryAfterMs` where there is one.',
    examples: [
      () => fetchAuthorizationServerMetadata(issuer, { fetch: always(status(503)) }),
      () => fetchResourceMetadata(resource, { fetch: refuseConnection }),
    ],
  },
  unreachable: {
    when: 'The resource gave no answer; the word in brackets is of the system.',
    what: 'Check the address, DNS, the certificate and the network; then try again.',
    examples: [() => discoverAuthorizationServer(resource, { fetch: refuseConnection })],
  },
  timeout: {
    when: 'There was no complete answer in time.',
    what: 'Try again; if that server is always as slow, raise `timeoutMs`, or `totalMs` of the limits.',
    examples: [
      () => {
        const clock = handClock()
        const fetch = () => {
          clock.pass(10_000)
          return never()
        }
        return fetchAuthorizationServerMetadata(issuer, { fetch, clock })
      },
      () => {
        const clock = handClock()
        const limits = createLimits({ concurrency: 1, totalMs: 60_000, clock })
        clock.pass(60_000)
        return fetchAuthorizationServerMetadata(issuer, { limits })
      },
    ],
  },
  invalid_url: {
    when: 'A resource, an issuer or a URL of a server is no https URL, or has a user name, a password, or (an issuer) a query in it.',
    what: 'Correct the URL; where a server has published it, tell its operator.',
    examples: [
      () => fetchAuthorizationServerMetadata('https://as.example?tenant=1'),
      () => fetchResourceMetadata('rs.example/mcp'),
      () =>
        discoverAuthorizationServer(resource, {
          fetch: redirected(`https://me:${secrets.password}@rs.example/`),
        }),
    ],
  },
  insecure_url: {
    when: 'A URL is plain http, on another machine.',
    what: 'Use https. Within a network that you trust, pass the `allowAddress` that the message shows.',
    examples: [() => fetchAuthorizationServerMetadata('http://as.example')],
  },
  address_refused: {
    when: 'A server outside has led to an address that is not public, such as one of your own network.',
    what: 'If that address is right, pass the option that the message shows. Else tell the operator of that server: it may be an attack.',
    examples: [
      () => discoverAuthorizationServer(resource, { fetch: naming('https://10.0.0.5') }),
      async () => {
        await using fetch = egressFetch()
        await discoverAuthorizationServer('https://10.0.0.5/mcp', { fetch })
      },
    ],
  },
  redirect_refused: {
    when: 'A server redirects to another origin, or too often.',
    what: 'If you trust where it leads, name that URL instead.',
    examples: [() => discoverAuthorizationServer(resource, { fetch: redirected('https://www.example/mcp') })],
  },
  body_too_large: {
    when: 'An answer was larger than `maxBytes`.',
    what: 'Check that the URL is right; if the document is that large, raise `maxBytes`.',
    examples: [
      () =>
        fetchAuthorizationServerMetadata(issuer, {
          fetch: always(() => new Response('x'.repeat(101))),
          maxBytes: 100,
        }),
    ],
  },
  invalid_option: {
    when: 'An option of `createLimits` or `egressFetch` has a value that it cannot have.',
    what: 'Correct the option that the message names.',
    examples: [
      () => createLimits({ concurrency: 0 }),
      () => createLimits({ concurrency: 1, totalMs: Number.NaN }),
      () => egressFetch({ allow: ['10/8'] }),
      () => egressFetch({ proxy: 'socks://proxy.example' }),
    ],
  },
}

function redirected(location: string) {
  return answers({ [resource]: redirect(location), [resourceMetadataUrl]: { resource } })
}

export const discoveryErrors: ErrorPage = {
  folder: 'packages/oauth-discovery',
  classes: { DiscoveryError: discovery },
}
