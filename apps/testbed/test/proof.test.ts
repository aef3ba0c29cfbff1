import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestbed, type Testbed, testClients } from '../src/index.ts'
import { basic, bearer, claimsOf, jsonOf, postForm, type TokenAnswer } from './requests.ts'

let plain: Testbed
let strict: Testbed
let pair: { publicKey: CryptoKey; privateKey: CryptoKey }
beforeAll(async () => {
  ;[plain, strict, pair] = await Promise.all([
    startTestbed(),
    startTestbed({ boundTokensOnly: true, requiresNonces: true }),
    generateKeyPair('ES256'),
  ])
})
afterAll(() => Promise.all([plain.close(), strict.close()]))

/** A proof for a GET, unless the claims say otherwise. */
async function proofFor(
  url: string,
  { token, ...claims }: { token?: string } & Record<string, unknown> = {},
  key: CryptoKey = pair.privateKey,
): Promise<string> {
  const digest = token && (await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))
  const ath = digest && Buffer.from(digest).toString('base64url')
  return new SignJWT({ jti: crypto.randomUUID(), htm: 'GET', htu: url, ath, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(pair.publicKey) })
    .setIssuedAt(claims['iat'] === undefined ? undefined : Number(claims['iat']))
    .sign(key)
}

/** A token for the API of a testbed, bound unless there is no proof. */
async function tokenOf({ authorizationServer, api }: Testbed, isBound = true): Promise<string> {
  const url = authorizationServer.tokenEndpoint
  const form = { grant_type: 'client_credentials', resource: api.url, scope: 'api:read' }
  const ask = async (nonce?: string) => {
    const dpop = isBound ? { dpop: await proofFor(url, { htm: 'POST', nonce }) } : {}
    return postForm(url, form, { authorization: basic(testClients.worker), ...dpop })
  }
  const first = await ask()
  const nonce = first.headers.get('dpop-nonce')
  const answer = nonce === null ? first : await ask(nonce)
  return (await jsonOf<TokenAnswer>(answer)).access_token
}

function call({ api }: Testbed, token: string, dpop: string): Promise<Response> {
  return fetch(api.url, { headers: { authorization: `DPoP ${token}`, dpop } })
}

describe('a resource', () => {
  it('takes a bound token with a proof, once (RFC 9449 §7.1, §11.1)', async () => {
    const token = await tokenOf(plain)
    const proof = await proofFor(plain.api.url, { token })

    const answers = [await call(plain, token, proof), await call(plain, token, proof)]

    const jkt = await calculateJwkThumbprint(await exportJWK(pair.publicKey))
    expect(claimsOf(token)).toMatchObject({ cnf: { jkt } })
    expect(answers.map(({ status }) => status)).toEqual([200, 401])
    expect(answers[1]?.headers.get('www-authenticate')).toMatch(/^DPoP .*error="invalid_dpop_proof"/)
  })

  it.each<[string, (token: string) => Promise<string>]>([
    ['another method', (token) => proofFor(plain.api.url, { token, htm: 'POST' })],
    ['another URL', (token) => proofFor(`${plain.api.url}/orders`, { token })],
    ['another token', () => proofFor(plain.api.url, { token: 'another' })],
    ['no token', () => proofFor(plain.api.url)],
    ['another time', (token) => proofFor(plain.api.url, { token, iat: Math.floor(Date.now() / 1000) - 90 })],
    [
      'another key',
      async (token) => proofFor(plain.api.url, { token }, (await generateKeyPair('ES256')).privateKey),
    ],
  ])('refuses a proof for %s (RFC 9449 §4.3)', async (_, prove) => {
    const token = await tokenOf(plain)

    const answer = await call(plain, token, await prove(token))

    expect(answer.status).toBe(401)
  })

  it('refuses two proofs (RFC 9449 §4.3)', async () => {
    const token = await tokenOf(plain)
    const proofs = await Promise.all([1, 2].map(() => proofFor(plain.api.url, { token })))

    expect((await call(plain, token, proofs.join(', '))).status).toBe(401)
  })

  it('refuses a bound token without a proof, and a proof with a token that is not bound (RFC 9449 §7.1)', async () => {
    const [bound, other] = await Promise.all([tokenOf(plain), tokenOf(plain, false)])

    const asBearer = await fetch(plain.api.url, { headers: bearer(bound) })
    const asBound = await call(plain, other, await proofFor(plain.api.url, { token: other }))

    expect([asBearer.status, asBound.status]).toEqual([401, 401])
  })
})

describe('where only bound tokens with nonces are taken', () => {
  it('says so in the metadata, and in the challenge (RFC 9728 §2, RFC 9449 §7.1)', async () => {
    const { origin, url } = strict.api

    const metadata = await fetch(`${origin}/.well-known/oauth-protected-resource/api`)
    const refusal = await fetch(url)

    expect(await metadata.json()).toMatchObject({ dpop_bound_access_tokens_required: true })
    expect(refusal.headers.get('www-authenticate')).toMatch(/^DPoP .*algs="ES256 /)
  })

  it('refuses a token that is not bound', async () => {
    const token = await tokenOf(strict, false)

    expect((await fetch(strict.api.url, { headers: bearer(token) })).status).toBe(401)
  })

  it('wants a nonce that was given out, until it is forgotten (RFC 9449 §9)', async () => {
    const token = await tokenOf(strict)
    const { url } = strict.api
    const first = await call(strict, token, await proofFor(url, { token }))
    const nonce = first.headers.get('dpop-nonce')

    const second = await call(strict, token, await proofFor(url, { token, nonce }))
    strict.api.forgetNonces()
    const third = await call(strict, token, await proofFor(url, { token, nonce }))

    expect([first.status, second.status, third.status]).toEqual([401, 200, 401])
    expect(third.headers.get('www-authenticate')).toContain('error="use_dpop_nonce"')
  })
})
