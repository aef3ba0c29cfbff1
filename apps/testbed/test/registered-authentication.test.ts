import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AuthorizationServer, startAuthorizationServer, testClients } from '../src/index.ts'
import { basic, postForm } from './requests.ts'
import { poll, signIn, startDevice } from './sign-in.ts'

const { worker, poster, cli, app } = testClients

let strict: AuthorizationServer
let signingKey: CryptoKey
beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  signingKey = privateKey
  const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
  const signer = { client_id: 'signer', token_endpoint_auth_method: 'private_key_jwt' }
  strict = await startAuthorizationServer({
    issuerPath: '/tenant1',
    strictClientAuthentication: true,
    clients: [
      { ...machine, client_id: 'a:b c', client_secret: 'x' },
      { ...machine, ...signer, jwks: { keys: [await exportJWK(publicKey)] } },
    ],
  })
})
afterAll(() => strict.close())

const grant = { grant_type: 'client_credentials' }
const inForm = ({ clientId, clientSecret }: typeof worker) => ({
  client_id: clientId,
  client_secret: clientSecret,
})
const signed = async (key: CryptoKey) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer('signer')
    .setSubject('signer')
    .setAudience(strict.issuer)
    .setExpirationTime('1 min')
    .sign(key),
})
const raw = (text: string) => ({ authorization: `Basic ${btoa(text)}` })

describe('lets in', () => {
  it.each([
    ['a secret in the header', {}, { authorization: basic(worker) }],
    ['a secret in the form', inForm(poster), {}],
    ['a client that names no method, by the header (RFC 7591 §2)', {}, raw('a%3Ab+c:x')],
  ])('%s', async (_what, form, headers) => {
    const response = await postForm(strict.tokenEndpoint, { ...grant, ...form }, headers)

    expect(response.status).toBe(200)
  })

  it('a client that signs, as far as its signature is good', async () => {
    const stranger = await generateKeyPair('ES256')
    const forms = await Promise.all([signingKey, stranger.privateKey].map(signed))

    const [good, bad] = await Promise.all(
      forms.map((form) => postForm(strict.tokenEndpoint, { ...grant, ...form })),
    )

    expect([good?.status, bad?.status]).toEqual([200, 401])
  })

  it.each([
    ['without a secret', cli],
    ['with one', app],
  ])('an app %s, in all it does', async (_what, client) => {
    expect(await signIn(strict, client)).toMatchObject({ access_token: expect.any(String) })
    expect(await poll(strict, client, await startDevice(strict, client))).toMatchObject({
      error: 'authorization_pending',
    })
  })
})

describe('refuses', () => {
  const { clientId: id, clientSecret: secret } = worker
  it.each([
    ['a secret in the form of a client registered for the header', inForm(worker), {}],
    ['a secret in the header of a client registered for the form', {}, { authorization: basic(poster) }],
    ['no secret of a client that has one', { client_id: app.clientId }, {}],
    ['a secret of a client that has none', { client_id: cli.clientId, client_secret: '' }, {}],
    ['two ways at once', inForm(worker), { authorization: basic(worker) }],
    ['a secret and a signature', { ...inForm(poster), client_assertion: 'x.y.z' }, {}],
    ['a client it does not know', { client_id: 'nobody' }, {}],
    ['nobody at all', {}, {}],
    ['credentials that are not Basic', {}, { authorization: 'Bearer x' }],
    ['Basic credentials that are one half', {}, raw('testbed-worker')],
    ['a secret that was not encoded', {}, raw(`${id}:${secret}`)],
    [
      'a secret that was percent-encoded only',
      {},
      raw(`${app.clientId}:${encodeURIComponent(app.clientSecret)}`),
    ],
    ['a percent sign before no number', {}, raw(`${id}:100%zz`)],
    ['bytes that are no UTF-8', {}, raw(`${id}:%FF`)],
  ])('%s (RFC 6749 §2.3.1, §5.2)', async (_what, form, headers) => {
    for (const path of ['/token', '/token/revocation', '/device/auth']) {
      const response = await postForm(strict.issuer + path, { ...grant, token: 'x', ...form }, headers)

      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ error: 'invalid_client' })
      expect(response.headers.has('www-authenticate')).toBe('authorization' in headers)
    }
  })
})

it('is asked for: by default a secret may come either way', async () => {
  await using lax = await startAuthorizationServer()

  const response = await postForm(lax.tokenEndpoint, { ...grant, ...inForm(worker) })

  expect(response.status).toBe(200)
})
