import { describe, expect, it } from 'vitest'
import { buildAuthorizationServerMetadataUrls, buildResourceMetadataUrl } from '../src/index.ts'

describe('buildResourceMetadataUrl', () => {
  it.each([
    ['https://rs.example', 'https://rs.example/.well-known/oauth-protected-resource'],
    ['https://rs.example/', 'https://rs.example/.well-known/oauth-protected-resource'],
    ['https://rs.example/mcp', 'https://rs.example/.well-known/oauth-protected-resource/mcp'],
    ['https://rs.example/mcp/', 'https://rs.example/.well-known/oauth-protected-resource/mcp/'],
    [
      'https://rs.example/mcp?tenant=1',
      'https://rs.example/.well-known/oauth-protected-resource/mcp?tenant=1',
    ],
    ['https://rs.example:8443/a/b#here', 'https://rs.example:8443/.well-known/oauth-protected-resource/a/b'],
  ])('puts the path of %s behind the well-known name (PR-03, RFC 9728 §3.1)', (resource, expected) => {
    expect(buildResourceMetadataUrl(resource)).toBe(expected)
  })
})

describe('buildAuthorizationServerMetadataUrls', () => {
  it('asks RFC 8414 and then OpenID for an issuer without a path (AS-01, AS-02)', () => {
    const urls = [
      'https://as.example/.well-known/oauth-authorization-server',
      'https://as.example/.well-known/openid-configuration',
    ]
    expect(buildAuthorizationServerMetadataUrls('https://as.example')).toEqual(urls)
    expect(buildAuthorizationServerMetadataUrls('https://as.example/')).toEqual(urls)
  })

  it.each(['https://as.example/t/1', 'https://as.example/t/1/'])(
    'inserts, inserts and appends for %s, its last slash removed (AS-02, AS-03, AS-04, RFC 8414 §3.1)',
    (issuer) => {
      expect(buildAuthorizationServerMetadataUrls(issuer)).toEqual([
        'https://as.example/.well-known/oauth-authorization-server/t/1',
        'https://as.example/.well-known/openid-configuration/t/1',
        'https://as.example/t/1/.well-known/openid-configuration',
      ])
    },
  )

  it.each([
    'https://as.example?x=1',
    'https://as.example#x',
    'https://as.example/#',
    'https://user:pass@as.example',
    'https://as.example\\@evil.example',
    'https://as.example/\tx',
    ' https://as.example',
    'https://as.example/\u202egro.live',
    'https://as.example/\u200b',
    'https://as.example/\u009b31m',
    'https://as.example/\u2028',
    'as.example',
    'javascript:alert(1)',
    '',
  ])('refuses %j as an issuer (AS-07, RFC 8414 §2)', (issuer) => {
    expect(() => buildAuthorizationServerMetadataUrls(issuer)).toThrow(
      expect.objectContaining({ name: 'DiscoveryError', code: 'invalid_url' }),
    )
  })

  it.each([
    ['https://user:hunter2@rs.example/mcp?key=hunter3', 'https://rs.example/mcp'],
    ['https://user:hunter2?hunter3@rs.example/mcp', 'https://rs.example/mcp'],
    ['s3://user:hunter2@rs.example', 's3://rs.example'],
  ])('keeps a password in a refused URL out of the message: %s (NS-09)', (url, shown) => {
    const attempt = () => buildResourceMetadataUrl(url)

    expect(attempt).toThrow(JSON.stringify(shown))
    expect(attempt).not.toThrow(/hunter/)
  })
})
