import { expect, it } from 'vitest'
import * as http from '../src/http.ts'
import * as root from '../src/index.ts'

it('exports these names and no others', () => {
  expect(Object.keys(root).toSorted()).toEqual([
    'DiscoveryError',
    'OAuthError',
    'buildAuthorizationServerMetadataUrls',
    'buildResourceMetadataUrl',
    'discoverAuthorizationServer',
    'fetchAuthorizationServerMetadata',
    'fetchResourceMetadata',
    'isOAuthError',
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
    'systemClock',
    'untilAborted',
    'withHttp',
    'withoutSecrets',
  ])
})

it('has these error codes and no others', () => {
  const codes: Record<root.DiscoveryErrorCode, true> = {
    address_refused: true,
    body_too_large: true,
    insecure_url: true,
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
  expect(Object.keys(codes)).toHaveLength(15) // the compiler holds the list, in both directions
})
