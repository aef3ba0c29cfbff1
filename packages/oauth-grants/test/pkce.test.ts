import { describe, expect, it } from 'vitest'
import { AuthorizationCodeAuth, type AuthorizationServerMetadata, isOAuthError } from '../src/index.ts'
import { begin, callbackOf, end, loginServer, redirectUri } from './sign-in.ts'
import { tokenServer } from './token-server.ts'

const methodsOf = (listed: unknown): AuthorizationServerMetadata => ({
  ...loginServer,
  // What a program without types may pass.
  code_challenge_methods_supported: listed as string[],
})

/** The challenge that belongs to a verifier, made in another way than the product does. */
async function s256(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(verifier, 'ascii'))
  return Buffer.from(digest).toString('base64url')
}

describe('each sign-in', () => {
  it('is under PKCE by S256, which is said (AC-01, AC-03, RFC 7636 §4.3)', async () => {
    const { url } = await begin()

    expect(url.searchParams.getAll('code_challenge_method')).toEqual(['S256'])
    expect(url.searchParams.getAll('code_challenge')).toEqual([expect.stringMatching(/^[\w-]{43}$/)])
  })

  it('redeems the code by the verifier of its challenge (AC-01, RFC 7636 §4.6)', async () => {
    const begun = await begin()

    const { forms } = await end(begun)

    const verifier = forms[0]?.['code_verifier'] ?? ''
    expect(begun.url.searchParams.get('code_challenge')).toBe(await s256(verifier))
  })

  it('has a verifier of 43 unreserved characters, which are 256 bits (AC-05, RFC 7636 §4.1)', async () => {
    const { forms } = await end(await begin())

    expect(forms[0]?.['code_verifier']).toMatch(/^[A-Za-z0-9._~-]{43}$/)
  })

  it('has a verifier and a state of its own, a thousand times (AC-05, AC-06)', async () => {
    const drawn = new Set<unknown>()

    for (let count = 0; count < 1000; count += 1) {
      const { pending } = await begin()
      const { state, codeVerifier } = JSON.parse(pending)
      drawn.add(state).add(codeVerifier)
    }

    expect(drawn.size).toBe(2000)
  })

  it('shows its verifier to nobody on the way to the browser (AC-01, RFC 7636 §7.1)', async () => {
    const { url, pending } = await begin()

    expect(url.href).not.toContain(JSON.parse(pending).codeVerifier)
  })

  it.each([
    ['the person says no', { error: 'access_denied' }],
    ['the server says that it wants plain', { error: 'invalid_request', error_description: 'use plain' }],
  ])('is under S256 by a new verifier after an error as well: %s (AC-04, AC-05)', async (_, answer) => {
    const challenges: URLSearchParams[] = []
    const { fetch, arrivals } = tokenServer()
    const auth = new AuthorizationCodeAuth({
      serverMetadata: loginServer,
      clientId: 'me',
      redirectUri,
      fetch,
      authorize(url) {
        challenges.push(url.searchParams)
        return callbackOf(url, challenges.length === 1 ? answer : { code: 'c1' })
      },
    })

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthorizationError' })
    await auth.getToken()

    expect(challenges.map((each) => each.get('code_challenge_method'))).toEqual(['S256', 'S256'])
    expect(new Set(challenges.map((each) => each.get('code_challenge'))).size).toBe(2)
    expect(arrivals).toHaveLength(1)
  })

  it('is not tried again in a weaker way when the token endpoint refuses the verifier (AC-04)', async () => {
    const refusal = () => Response.json({ error: 'invalid_grant' }, { status: 400 })

    const { error, forms } = await end(await begin(), undefined, refusal)

    expect(isOAuthError(error, 'refused')).toBe(true)
    expect(forms).toEqual([expect.objectContaining({ code_verifier: expect.any(String) })])
  })
})

describe('a server whose metadata', () => {
  const refused = { name: 'AuthConfigError', code: 'pkce_not_supported', recovery: 'terminal' }
  const silent: readonly [string, unknown][] = [
    ['does not mention PKCE', undefined],
    ['has null for its methods', null],
    ['has a text for its methods', 'S256'],
    ['has an object for its methods', { S256: true }],
    ['has a number for its methods', 256],
  ]
  const without: readonly [string, unknown][] = [
    ['lists no methods', []],
    ['lists plain only', ['plain']],
    ['spells it otherwise', ['s256']],
  ]

  it.each([...silent, ...without])(
    '%s is refused before anybody is sent there (AC-02, AC-03)',
    async (_, listed) => {
      const serverMetadata = methodsOf(listed)
      let timesAsked = 0
      const authorize = (url: URL) => {
        timesAsked += 1
        return callbackOf(url)
      }

      await expect(begin({ serverMetadata })).rejects.toMatchObject(refused)
      expect(
        () => new AuthorizationCodeAuth({ serverMetadata, clientId: 'me', redirectUri, authorize }),
      ).toThrow(expect.objectContaining(refused))
      expect(timesAsked).toBe(0)
    },
  )

  it.each(silent)(
    '%s is used where the caller says so by name, under S256 (AC-02, AC-04)',
    async (_, listed) => {
      const serverMetadata = methodsOf(listed)

      const { url } = await begin({ serverMetadata, allowMissingPkceMetadata: true })

      expect(url.searchParams.get('code_challenge_method')).toBe('S256')
    },
  )

  it.each(without)(
    '%s is refused whatever the caller allows: it says that it has none (AC-03)',
    async (_, listed) => {
      const begun = begin({ serverMetadata: methodsOf(listed), allowMissingPkceMetadata: true })

      await expect(begun).rejects.toMatchObject(refused)
    },
  )

  it('lists plain beside S256 is asked by S256 (AC-03, RFC 7636 §7.2)', async () => {
    const { url } = await begin({ serverMetadata: methodsOf(['plain', 'S256']) })

    expect(url.searchParams.get('code_challenge_method')).toBe('S256')
  })
})
