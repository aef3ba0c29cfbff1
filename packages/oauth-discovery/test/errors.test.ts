import { describe, expect, it } from 'vitest'
import { DiscoveryError, isOAuthError, OAuthError } from '../src/index.ts'

const error = new DiscoveryError('issuer_mismatch', 'no', { url: 'https://as.example/' })

describe('isOAuthError', () => {
  it('knows ours, and ours of one code', () => {
    expect(isOAuthError(error)).toBe(true)
    expect(isOAuthError(error, 'issuer_mismatch')).toBe(true)
    expect(isOAuthError(error, 'unavailable')).toBe(false)
    expect(isOAuthError(new Error('no'))).toBe(false)
    expect(isOAuthError(undefined)).toBe(false)
  })

  it('knows an error of another copy of the package', () => {
    const foreign = Object.assign(new Error('no'), { [Symbol.for('@x/oauth-error')]: true, code: 'timeout' })

    expect(isOAuthError(foreign, 'timeout')).toBe(true)
  })
})

describe('DiscoveryError', () => {
  it('passes through the official MCP client unchanged, by a mark that it looks for', () => {
    expect(Symbol.for('mcp.authSeamEscape') in error).toBe(true)
    expect(error).toBeInstanceOf(OAuthError)
    expect(error.recovery).toBe('terminal')
  })
})
