import { expect, it } from 'vitest'
import * as cache from '../src/cache.ts'
import * as http from '../src/http.ts'
import * as root from '../src/index.ts'
import * as node from '../src/node.ts'

it('exports these names and no others', () => {
  expect(Object.keys(root).toSorted()).toEqual([
    'DiscoveryError',
    'OAuthError',
    'buildAuthorizationServerMetadataUrls',
    'buildResourceMetadataUrl',
    'createLimits',
    'discoverAuthorizationServer',
    'fetchAuthorizationServerMetadata',
    'fetchResourceMetadata',
    'inspectResource',
    'isOAuthError',
    'originAsServer',
    'parseWwwAuthenticate',
    'primaryAuthorizationServer',
    'supportsGrantType',
  ])
  expect(Object.keys(http).toSorted()).toEqual([
    'createEmit',
    'displayUrl',
    'isSecure',
    'parseJsonObject',
    'quoteForeign',
    'readRetryAfter',
    'systemClock',
    'untilAborted',
    'withHttp',
    'withoutSecrets',
  ])
  expect(Object.keys(cache)).toEqual(['memoryCache'])
  expect(Object.keys(node)).toEqual(['egressFetch'])
})

it('has these error codes and no others', () => {
  const codes: Record<root.DiscoveryErrorCode, true> = {
    address_refused: true,
    body_too_large: true,
    insecure_url: true,
    invalid_option: true,
    invalid_url: true,
    issuer_mismatch: true,
    not_protected: true,
    redirect_refused: true,
    resource_metadata_invalid: true,
    resource_metadata_not_found: true,
    resource_mismatch: true,
    server_metadata_invalid: true,
    server_metadata_not_found: true,
    timeout: true,
    unavailable: true,
    unreachable: true,
  }
  expect(Object.keys(codes)).toHaveLength(16) // the compiler holds the list, in both directions
})
