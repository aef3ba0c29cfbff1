import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { dpop } from '../../src/dpop.ts'
import { handClock } from '../hand-clock.ts'
import { claimsOf, verified } from './reading.ts'

const url = 'https://api.example/orders?key=hunter2#part'

describe('a proof', () => {
  it('shows the public key, and says for which request it is, and when (DP-01, RFC 9449 §4.2)', async () => {
    const clock = handClock(1_700_000_000_900)
    const binding = await dpop({ clock })

    const { header, claims } = await verified(await binding.proof({ method: 'POST', url }))

    expect(header).toEqual({
      typ: 'dpop+jwt',
      alg: 'ES256',
      jwk: { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) },
    })
    expect(claims).toEqual({
      jti: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4/),
      htm: 'POST',
      htu: 'https://api.example/orders',
      iat: 1_700_000_000,
    })
    expect(binding.thumbprint).toBe(await calculateJwkThumbprint(header.jwk ?? {}))
  })

  it.each([
    ['https://api.example/a/b?c=d', 'https://api.example/a/b'],
    ['https://api.example/#x', 'https://api.example/'],
    ['https://API.example:443/A%20b', 'https://api.example/A%20b'],
    ['https://api.example:8443', 'https://api.example:8443/'],
  ])('names %s without query and fragment (DP-02, RFC 9449 §4.2)', async (given, htu) => {
    const binding = await dpop()

    expect(claimsOf(await binding.proof({ method: 'GET', url: given })).htu).toBe(htu)
  })

  it.each([
    ['post', 'POST'],
    ['get', 'GET'],
    ['patch', 'patch'],
    ['Query', 'Query'],
  ])('names the method %s as fetch sends it (DP-02)', async (method, htm) => {
    const binding = await dpop()

    expect(claimsOf(await binding.proof({ method, url })).htm).toBe(htm)
  })

  it('holds the hash of the token that goes along, and another of another (DP-03, DP-12, RFC 9449 §4.2)', async () => {
    const binding = await dpop()
    const athOf = async (accessToken: string) =>
      claimsOf(await binding.proof({ method: 'GET', url, accessToken })).ath

    expect(await athOf('t1')).toBe(createHash('sha256').update('t1').digest('base64url'))
    expect(await athOf('t2')).not.toBe(await athOf('t1'))
  })

  it('is another one each time (DP-01, RFC 9449 §4.2)', async () => {
    const binding = await dpop()

    const made = await Promise.all(Array.from({ length: 50 }, () => binding.proof({ method: 'GET', url })))

    expect(new Set(made.map((each) => claimsOf(each).jti)).size).toBe(50)
  })
})

describe('the key', () => {
  it.each(['ES256', 'ES384', 'EdDSA', 'Ed25519', 'RS256', 'PS256'])(
    'is made for %s, where that is asked for (DP-09)',
    async (algorithm) => {
      const binding = await dpop({ algorithm })

      const { header } = await verified(await binding.proof({ method: 'GET', url }))

      expect(header.alg).toBe(algorithm)
    },
  )

  it.each(['none', 'HS256', 'hs256', 'ES256K', 'RSA-OAEP', '', 'ES256 '])(
    'is never one for %j (DP-09, RFC 9449 §5.1)',
    async (algorithm) => {
      await expect(dpop({ algorithm })).rejects.toMatchObject({
        name: 'AuthConfigError',
        code: 'invalid_key',
        recovery: 'terminal',
        message: expect.stringContaining('no asymmetric JWS algorithm'),
      })
    },
  )

  it('may be one that somebody keeps, and then it is the same after a restart (DP-08, DP-10)', async () => {
    const keyPair = await generateKeyPair('ES256', { extractable: false })

    const [before, after] = [await dpop({ keyPair }), await dpop({ keyPair })]

    expect(after.thumbprint).toBe(before.thumbprint)
    expect(before.thumbprint).toBe(await calculateJwkThumbprint(await exportJWK(keyPair.publicKey)))
    expect((await dpop()).thumbprint).not.toBe(before.thumbprint)
  })

  it.each<[string, () => Promise<CryptoKeyPair>, string]>([
    ['of another algorithm', () => generateKeyPair('ES256'), 'EdDSA'],
    [
      'that cannot sign',
      async () => {
        const { publicKey } = await generateKeyPair('ES256')
        return { publicKey, privateKey: publicKey }
      },
      'ES256',
    ],
  ])('%s is told at once (DP-10)', async (_, make, algorithm) => {
    await expect(dpop({ keyPair: await make(), algorithm })).rejects.toMatchObject({ code: 'invalid_key' })
  })

  it('shows no private part, where the private key stands in the place of the public one (DP-01, DP-10)', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const binding = await dpop({ keyPair: { privateKey, publicKey: privateKey } })

    const { header } = await verified(await binding.proof({ method: 'GET', url }))

    expect(Object.keys(header.jwk ?? {}).toSorted()).toEqual(['crv', 'kty', 'x', 'y'])
  })
})

describe('a server', () => {
  const issuer = 'https://as.example'
  const lists = (...listed: unknown[]) => ({ issuer, dpop_signing_alg_values_supported: listed })

  it.each<[string, Parameters<Awaited<ReturnType<typeof dpop>>['at']>[0]]>([
    ['lists the algorithm', lists('RS256', 'ES256')],
    ['lists nothing', { issuer }],
    ['lists what is no list', { issuer, dpop_signing_alg_values_supported: 'ES256' }],
  ])('that %s is one where tokens are bound (DP-09)', async (_, server) => {
    const binding = await dpop()

    expect(binding.at(server)).toBe(binding)
  })

  it.each([['RS256'], ['none'], []])(
    'that lists %j only is refused (DP-09, RFC 9449 §5.1)',
    async (...listed) => {
      const binding = await dpop()

      expect(() => binding.at(lists(...listed))).toThrow(
        expect.objectContaining({ code: 'invalid_key', message: expect.stringContaining(issuer) }),
      )
    },
  )

  it.each<[string, ReturnType<typeof lists> | { issuer: string }, boolean, boolean]>([
    ['lists the algorithm', lists('ES256'), false, true],
    ['lists others', lists('RS256'), false, false],
    ['lists nothing', { issuer }, false, false],
    ['lists nothing, and the resource takes no other tokens', { issuer }, true, true],
  ])('that %s: where tokens are bound if they can be (DP-09)', async (_, server, isDemanded, isBound) => {
    const binding = await dpop({ whereSupported: true })

    expect(binding.at(server, isDemanded)).toBe(isBound ? binding : undefined)
  })

  it('that lists others is refused, if the resource takes no other tokens (DP-09)', async () => {
    const binding = await dpop({ whereSupported: true })

    expect(() => binding.at(lists('RS256'), true)).toThrow(expect.objectContaining({ code: 'invalid_key' }))
  })
})
