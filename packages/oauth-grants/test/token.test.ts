import { describe, expect, it, vi } from 'vitest'
import { createToken, type Token } from '../src/index.ts'
import { decodeToken, encodeToken, isFresh } from '../src/token.ts'

/** Every member of a token. The secrets are none that `toEqual` would see. */
function members(token: Token = expect.fail('there is no token')) {
  const { accessToken, refreshToken, idToken, extra } = token
  return { ...token, accessToken, refreshToken, idToken, extra }
}

const full = {
  accessToken: 'a.b-c_d~e+f/g==',
  tokenType: 'Bearer',
  expiresAt: 1_800_000_000_000,
  obtainedAt: 1_799_996_400_000,
  issuer: 'https://as.example',
  resource: 'https://RS.example/mcp?x=1',
  scope: ['read', 'write'],
  requestedScope: ['read', 'write', 'admin'],
  refreshToken: 'r.1',
  idToken: 'e30.e30.',
  issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  extra: { session_state: 'x', ext_list: [1, { deep: null }] },
}

describe('createToken', () => {
  it('needs the secret only, and fills in the rest', () => {
    vi.spyOn(Date, 'now').mockReturnValue(1234)

    const token = createToken({ accessToken: 't' })

    expect(members(token)).toEqual({
      accessToken: 't',
      tokenType: 'Bearer',
      expiresAt: undefined,
      obtainedAt: 1234,
      issuer: '',
      resource: undefined,
      scope: [],
      requestedScope: [],
      refreshToken: undefined,
      idToken: undefined,
      issuedTokenType: undefined,
      extra: {},
    })
    vi.restoreAllMocks()
  })

  it('takes every member as it is given', () => {
    expect(members(createToken(full))).toEqual(full)
  })

  it.each([
    ['nothing', ''],
    ['a space', 'hun ter2'],
    ['a line end', 'hunter2\r\nX-Admin: 1'],
    ['a line feed at the end', 'hunter2\n'],
    ['a tab', 'hun\tter2'],
    ['a NUL', 'hun\0ter2'],
    ['a DEL', 'hun\x7fter2'],
    ['what is no ASCII', 'hünter2'],
  ])('refuses %s, and does not repeat it (TE-09, RFC 6750 §2.1)', (_, accessToken) => {
    const make = () => createToken({ accessToken })

    expect(make).toThrow(
      expect.objectContaining({
        name: 'AuthConfigError',
        code: 'invalid_token',
        message: expect.not.stringMatching(/ter2/),
      }),
    )
  })

  it.each(['mac', 'DPoP', '', 'N_A ', 'Bearer\r\nX-Admin: 1'])(
    'refuses the type %j, which would be attached as if it were Bearer (TE-07, TX-09, RFC 6749 §7.1)',
    (tokenType) => {
      expect(() => createToken({ accessToken: 't', tokenType })).toThrow(
        expect.objectContaining({ name: 'AuthConfigError', code: 'invalid_token' }),
      )
    },
  )

  it.each<unknown>([undefined, null, 42, {}])(
    'takes no %j for the secret, as an empty environment gives it: "undefined" would pass for a token',
    (nothing) => {
      // Programs without types get here.
      const accessToken = nothing as string

      expect(() => createToken({ accessToken })).toThrow(expect.objectContaining({ code: 'invalid_token' }))
    },
  )

  it.each([
    ['bEARER', 'Bearer'],
    ['N_A', 'N_A'],
    ['n_a', 'N_A'],
  ])('spells the type %s in the one way, %s (RFC 6749 §5.1, RFC 8693 §2.2.1)', (tokenType, spelled) => {
    expect(createToken({ accessToken: 't', tokenType }).tokenType).toBe(spelled)
  })

  it('gives a value that nobody can change', () => {
    const [scope, requestedScope, extra] = [['read'], ['read'], { a: 1 }]
    const token = createToken({ ...full, scope, requestedScope, extra })
    scope.push('admin')
    requestedScope.push('admin')
    Object.assign(extra, { b: 2 })

    expect(token).toMatchObject({ scope: ['read'], requestedScope: ['read'] })
    expect(token.extra).toEqual({ a: 1 })
    for (const each of [token, token.scope, token.requestedScope, token.extra]) {
      expect(Object.isFrozen(each)).toBe(true)
    }
    expect(() => Object.assign(token, { accessToken: 'other' })).toThrow(TypeError)
    expect(token.accessToken).toBe(full.accessToken)
  })
})

describe('in a store', () => {
  it.each([
    ['full', full],
    ['small', { accessToken: 't', obtainedAt: 5 }],
    ['without an end', { ...full, expiresAt: undefined }],
    ['no access token, of the type N_A,', { ...full, tokenType: 'N_A' }],
  ])('a %s token comes back as it was', (_, init) => {
    const token = createToken(init)

    const back = decodeToken(encodeToken(token))

    expect(members(back)).toEqual(members(token))
    expect(Object.isFrozen(back)).toBe(true)
  })

  it('its text holds the refresh token: who reads the store can take it (NS-08)', () => {
    expect(JSON.parse(encodeToken(createToken(full)))).toEqual({ ...full, version: 1 })
  })

  const stored = (change: object) => JSON.stringify({ ...full, version: 1, ...change })

  it('its text may hold members that a later version adds', () => {
    expect(members(decodeToken(stored({ future: { a: 1 } })))).toEqual(full)
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{"version":1'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a text', '"token"'],
    ['no version', stored({ version: undefined })],
    ['a version that never was', stored({ version: 0 })],
    ['a version of another type', stored({ version: '1' })],
    ['no token', stored({ accessToken: undefined })],
    ['a token that no header can carry', stored({ accessToken: 'a\r\nb' })],
    ['an empty token', stored({ accessToken: '' })],
    ['a token of another type', stored({ tokenType: 'DPoP' })],
    ['a time as text', stored({ expiresAt: '2030-01-01' })],
    ['a time that was no number', stored({ expiresAt: Number.NaN })],
    ['a scope that is no list', stored({ scope: 'read' })],
    ['a scope of numbers', stored({ scope: [1] })],
    ['no list of what was asked for', stored({ requestedScope: undefined })],
    ['a refresh token that is no text', stored({ refreshToken: 1 })],
    ['an ID token that is no text', stored({ idToken: {} })],
    ['other members that are none', stored({ extra: 'x' })],
    ['no issuer', stored({ issuer: undefined })],
  ])('%s is as good as none', (_, text) => {
    expect(decodeToken(text)).toBeUndefined()
  })

  it('a version of the future is refused, and says what to do', () => {
    const read = () => decodeToken(stored({ version: 2, accessToken: undefined }))

    expect(read).toThrow(expect.objectContaining({ name: 'StoreError', code: 'store_unreadable' }))
    expect(read).toThrow(/later version .* Update this program/)
  })

  it('a prototype in its text changes none', () => {
    const text = stored({}).replace('{', '{"__proto__":{"resource":"https://evil.example","polluted":1},')

    const token = decodeToken(text)

    expect(token?.resource).toBe(full.resource)
    expect(token).not.toHaveProperty('polluted')
    expect({}).not.toHaveProperty('polluted')
  })
})

describe('isFresh', () => {
  it.each([
    [1000, 999, true],
    [1000, 1000, false],
    [1000, 1001, false],
    [undefined, Number.MAX_SAFE_INTEGER, true],
  ])('for an end at %s and the time %s is %s', (expiresAt, now, fresh) => {
    expect(isFresh(createToken({ accessToken: 't', expiresAt }), now)).toBe(fresh)
  })
})
