import {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  ClientCredentialsAuth,
  DeviceCodeAuth,
  type FromIssuer,
} from '@x/oauth-grants'
import { dpop } from '@x/oauth-grants/dpop'
import { describe, expect, it } from 'vitest'
import { playedFetch, surroundings } from '../src/played-providers.ts'

// The programs of PROVIDERS.md are run beside the READMEs. Here is what that page says happens without what they say.

const { AUTH0_DOMAIN, OKTA_ISSUER, ENTRA_TENANT, COGNITO_ISSUER, AUTHKIT_DOMAIN } = surroundings
const client = { clientId: 'c', clientSecret: 's', fetch: playedFetch } as const
const entra = `https://login.microsoftonline.com/${ENTRA_TENANT}/v2.0`
const graph = 'https://graph.microsoft.com/.default'

describe('a service', () => {
  const serviceAt = (issuer: string, more: object = {}) =>
    ClientCredentialsAuth.fromIssuer({ issuer, ...client, ...more })

  it('at Auth0 has to spell the issuer with its slash, or to tolerate that', async () => {
    const issuer = `https://${AUTH0_DOMAIN}`
    const parameters = { audience: 'a' }

    await expect(serviceAt(issuer)).rejects.toMatchObject({ code: 'issuer_mismatch' })
    const auth = await serviceAt(issuer, { tolerateIssuerSlash: true, parameters })
    await expect(auth.getToken()).resolves.toMatchObject({ issuer: `${issuer}/` })
  })

  it('at Auth0 is refused without an audience, whatever resource it names', async () => {
    const auth = await serviceAt(`https://${AUTH0_DOMAIN}/`, { resource: 'https://api.example.com/' })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'refused', error: 'access_denied' })
  })

  it('at Okta is refused without a proof where that is required, and without a scope', async () => {
    const [bare, proven] = await Promise.all([
      serviceAt(OKTA_ISSUER, { scope: 'orders.read' }),
      serviceAt(OKTA_ISSUER, { binding: await dpop() }),
    ])

    await expect(bare.getToken()).rejects.toMatchObject({ error: 'invalid_dpop_proof' })
    await expect(proven.getToken()).rejects.toMatchObject({ error: 'invalid_scope' })
  })

  it('at Entra ID is refused a scope without /.default, and a resource beside it', async () => {
    const [scoped, bound] = await Promise.all([
      serviceAt(entra, { scope: 'User.Read' }),
      serviceAt(entra, { scope: graph, resource: 'https://mcp.example.com/mcp' }),
    ])

    await expect(scoped.getToken()).rejects.toMatchObject({ error: 'invalid_scope' })
    await expect(bound.getToken()).rejects.toMatchObject({
      error: 'invalid_target',
      errorDescription: expect.stringContaining('AADSTS9010010'),
    })
  })

  it.each(['common', 'organizations'])(
    'at Entra ID finds no issuer under %s, and names endpoints',
    async (name) => {
      const place = `https://login.microsoftonline.com/${name}`
      const serverMetadata = { issuer: `${place}/v2.0`, token_endpoint: `${place}/oauth2/v2.0/token` }

      await expect(serviceAt(`${place}/v2.0`)).rejects.toMatchObject({
        code: 'issuer_mismatch',
        message: expect.stringContaining('{tenantid}'),
      })
      const auth = new ClientCredentialsAuth({ serverMetadata, ...client, scope: graph })
      await expect(auth.getToken()).resolves.toMatchObject({ scope: [graph] })
    },
  )

  it('at WorkOS finds no client_credentials in the list of grants', async () => {
    await expect(serviceAt(`https://${AUTHKIT_DOMAIN}`)).rejects.toMatchObject({
      code: 'grant_not_supported',
    })
  })
})

describe('somebody who signs in', () => {
  const personAt = (issuer: string, more: Partial<FromIssuer<AuthorizationCodeOptions>> = {}) =>
    AuthorizationCodeAuth.fromIssuer({
      issuer,
      clientId: 'c',
      redirectUri: 'http://localhost:8765/callback',
      authorize: async (url) =>
        (await playedFetch(url, { redirect: 'manual' })).headers.get('location') ?? '',
      fetch: playedFetch,
      ...more,
    })

  it.each([entra, COGNITO_ISSUER])(
    'at %s is not sent there until it is said that it knows PKCE',
    async (issuer) => {
      await expect(personAt(issuer)).rejects.toMatchObject({ code: 'pkce_not_supported' })

      const auth = await personAt(issuer, { allowMissingPkceMetadata: true })

      await expect(auth.getToken()).resolves.toMatchObject({ issuer })
    },
  )

  it('at Google gets a refresh token for access_type and prompt, and the secret is wanted', async () => {
    const issuer = 'https://accounts.google.com'
    const parameters = { access_type: 'offline', prompt: 'consent' }
    const [stays, goes, bare] = await Promise.all([
      personAt(issuer, { clientSecret: 's', parameters }),
      personAt(issuer, { clientSecret: 's' }),
      personAt(issuer),
    ])

    await expect(stays.getToken()).resolves.toMatchObject({ refreshToken: 'played-refresh' })
    await expect(goes.getToken()).resolves.toMatchObject({ refreshToken: undefined })
    await expect(bare.getToken()).rejects.toMatchObject({ error: 'invalid_request' })
  })
})

describe('at GitHub', () => {
  const server = 'https://github.com/login'
  const given = {
    serverMetadata: {
      issuer: `${server}/oauth`,
      device_authorization_endpoint: `${server}/device/code`,
      authorization_endpoint: `${server}/oauth/authorize`,
      token_endpoint: `${server}/oauth/access_token`,
    },
    clientId: 'c',
    fetch: playedFetch,
  } as const

  it('a token does not end, and its scope comes with commas', async () => {
    const auth = new DeviceCodeAuth({ ...given, scope: 'repo gist', prompt: () => {} })

    const token = await auth.getToken()

    expect(token).toMatchObject({ scope: ['repo,gist'], expiresAt: undefined, refreshToken: undefined })
  })

  it('an error that is answered with 200 is one', async () => {
    const auth = new AuthorizationCodeAuth({
      ...given,
      allowMissingPkceMetadata: true,
      refreshToken: 'ended',
    })

    await expect(auth.getToken()).rejects.toMatchObject({ code: 'interaction_required' })
  })
})
