import { discoverAuthorizationServer, fetchAuthorizationServerMetadata } from '@x/oauth-discovery'
import { startApi, startTestbed, type Testbed } from '@x/testbed'
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest'
import { type BetterAuthServer, startBetterAuth } from '../src/better-auth.ts'
import { type CloudflareProvider, startCloudflareProvider } from '../src/cloudflare.ts'
import { type MockServer, startMockServer } from '../src/oauth2-mock-server.ts'
import { discoveriesOf, failureOf, sideBySide } from './discoveries.ts'
import { expectQuiet } from './quiet.ts'

type Api = Awaited<ReturnType<typeof startApi>>

/** What arrives at a resource that is asked without a token. */
const atApi = ['GET /.well-known/oauth-protected-resource/api', 'GET /api']

expectQuiet()

describe('oidc-provider', () => {
  const { shows, isWhole } = discoveriesOf('`oidc-provider`')
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())

  shows('its issuer', 'by RFC 8414, and nothing else is asked (AS-01, RFC 8414 §3.1)', async (arrivals) => {
    const { issuer, tokenEndpoint } = testbed.authorizationServer

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(metadata).toMatchObject({ issuer, token_endpoint: tokenEndpoint })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server'])
    return metadata
  })

  shows('a resource that names it', 'each document is asked for once (CH-01, PR-01)', async (arrivals) => {
    const { issuer, tokenEndpoint } = testbed.authorizationServer
    const { url } = testbed.api

    const found = await discoverAuthorizationServer(url)

    expect(found).toMatchObject({
      challenge: { scheme: 'bearer', parameters: { scope: 'api:read' } },
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: tokenEndpoint },
    })
    expect(arrivals.at(url)).toEqual(atApi)
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server'])
    return found
  })

  shows('its issuer, with a slash more', 'is another issuer (AS-05, RFC 8414 §3.3)', async (arrivals) => {
    const { issuer } = testbed.authorizationServer

    const error = await failureOf(fetchAuthorizationServerMetadata(`${issuer}/`))

    const url = `${issuer}/.well-known/oauth-authorization-server`
    expect(error).toMatchObject({
      url,
      attempts: [{ url, outcome: 'refused', status: 200, code: 'issuer_mismatch' }],
      message: expect.stringContaining(`names the issuer "${issuer}", not "${issuer}/"`),
    })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server'])
    return error
  })

  isWhole()
})

describe('oidc-provider, its issuer with a path', () => {
  const { shows, isWhole } = discoveriesOf('`oidc-provider`, its issuer with a path')
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed({ issuerPath: '/tenant1' })
  })
  afterAll(() => testbed.close())

  shows('its issuer', 'the path is inserted (AS-02, RFC 8414 §3.1)', async (arrivals) => {
    const { issuer, origin } = testbed.authorizationServer

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(metadata).toMatchObject({
      issuer: `${origin}/tenant1`,
      token_endpoint: `${origin}/tenant1/token`,
    })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server/tenant1'])
    return metadata
  })

  shows('its issuer, as the provider alone has it', 'the last place is its own (AS-02)', async (arrivals) => {
    const { issuer, faults } = testbed.authorizationServer
    faults.add({ kind: 'status', status: 404 }, { path: '/.well-known/oauth-authorization-server/tenant1' })
    onTestFinished(() => faults.heal())

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(metadata).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
    expect(arrivals.at(issuer)).toEqual([
      'GET /.well-known/oauth-authorization-server/tenant1',
      'GET /.well-known/openid-configuration/tenant1',
      'GET /tenant1/.well-known/openid-configuration',
    ])
    return metadata
  })

  shows('a resource that names it', 'by the name that it has there (PR-01, AS-05)', async (arrivals) => {
    const { issuer } = testbed.authorizationServer
    const { url } = testbed.api

    const found = await discoverAuthorizationServer(url)

    expect(found).toMatchObject({
      resourceMetadata: { resource: url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(url)).toEqual(atApi)
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server/tenant1'])
    return found
  })

  shows('its issuer, without the path', 'no place of the tenant is guessed (AS-04)', async (arrivals) => {
    const { origin } = testbed.authorizationServer

    const error = await failureOf(fetchAuthorizationServerMetadata(origin))

    expect(error).toMatchObject({
      attempts: [
        { url: `${origin}/.well-known/oauth-authorization-server`, outcome: 'absent', status: 404 },
        { url: `${origin}/.well-known/openid-configuration`, outcome: 'absent', status: 404 },
      ],
    })
    expect(arrivals.at(origin)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'GET /.well-known/openid-configuration',
    ])
    return error
  })

  isWhole()
})

describe('@cloudflare/workers-oauth-provider', () => {
  const { shows, isWhole } = discoveriesOf('`@cloudflare/workers-oauth-provider`')
  let server: CloudflareProvider
  beforeAll(async () => {
    server = await startCloudflareProvider()
  })
  afterAll(() => server.close())

  shows('its issuer', 'by RFC 8414 (AS-01, RFC 8414 §3.1)', async (arrivals) => {
    const { issuer } = server

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(metadata).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server'])
    return metadata
  })

  shows('its own resource', 'from its own challenge on (CH-01, RFC 9728 §5.1)', async (arrivals) => {
    const { issuer, resource } = server

    const found = await discoverAuthorizationServer(resource)

    expect(found).toMatchObject({
      challenge: { scheme: 'bearer', parameters: { realm: 'OAuth', scope: 'api:read' } },
      resourceMetadata: { resource, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server', ...atApi])
    return found
  })

  shows('an address below its resource', 'is covered by it (PR-07, RFC 9728 §3.3)', async (arrivals) => {
    const { issuer, resource } = server
    const fetch = sideBySide(arrivals, issuer)

    const found = await discoverAuthorizationServer(`${resource}/orders`, { fetch })

    expect(found).toMatchObject({
      challenge: {
        parameters: { resource_metadata: `${issuer}/.well-known/oauth-protected-resource/api` },
      },
      resourceMetadata: { resource },
      authorizationServerMetadata: { issuer },
    })
    expect(arrivals.at(issuer)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'GET /.well-known/oauth-protected-resource/api',
      'GET /.well-known/oauth-protected-resource/api/orders',
      'GET /api/orders',
    ])
    return found
  })

  shows('its origin, taken for the resource', 'has no metadata of its own (PR-02)', async (arrivals) => {
    const { origin } = server

    const error = await failureOf(discoverAuthorizationServer(origin))

    const url = `${origin}/.well-known/oauth-protected-resource`
    expect(error).toMatchObject({ attempts: [{ url, outcome: 'absent', status: 404 }] })
    expect(arrivals.at(origin)).toEqual(['GET /', 'GET /.well-known/oauth-protected-resource'])
    return error
  })

  isWhole()
})

describe('better-auth', () => {
  const { shows, isWhole } = discoveriesOf('`better-auth`')
  let server: BetterAuthServer
  let api: Api
  beforeAll(async () => {
    server = await startBetterAuth({
      async startResource(issuer) {
        api = await startApi({ issuer })
        return api.url
      },
    })
  })
  afterAll(() => Promise.all([server.close(), api.close()]))

  shows('its issuer', 'the path is inserted (AS-02, RFC 8414 §3.1)', async (arrivals) => {
    const { issuer, origin } = server

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(metadata).toMatchObject({
      issuer: `${origin}/api/auth`,
      token_endpoint: `${origin}/api/auth/oauth2/token`,
    })
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server/api/auth'])
    return metadata
  })

  shows('a resource that names it', 'by its name with the path (PR-01, AS-05)', async (arrivals) => {
    const { issuer } = server

    const found = await discoverAuthorizationServer(api.url)

    expect(found).toMatchObject({
      resourceMetadata: { resource: api.url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/oauth2/token` },
    })
    expect(arrivals.at(api.url)).toEqual(atApi)
    expect(arrivals.at(issuer)).toEqual(['GET /.well-known/oauth-authorization-server/api/auth'])
    return found
  })

  shows('its issuer, without the path', 'no path is guessed (AS-04)', async (arrivals) => {
    const { origin } = server

    const error = await failureOf(fetchAuthorizationServerMetadata(origin))

    expect(error).toMatchObject({ attempts: [{ status: 404 }, { status: 404 }] })
    expect(arrivals.at(origin)).toEqual([
      'GET /.well-known/oauth-authorization-server',
      'GET /.well-known/openid-configuration',
    ])
    return error
  })

  isWhole()
})

describe('oauth2-mock-server', () => {
  const { shows, isWhole } = discoveriesOf('`oauth2-mock-server`')
  let server: MockServer
  let right: Api
  let wrong: Api
  beforeAll(async () => {
    server = await startMockServer()
    const { issuer, origin } = server
    ;[right, wrong] = await Promise.all([startApi({ issuer }), startApi({ issuer: origin })])
  })
  afterAll(() => Promise.all([server, right, wrong].map((each) => each.close())))

  const both = ['GET /.well-known/oauth-authorization-server', 'GET /.well-known/openid-configuration']

  shows('its issuer', 'by OpenID Connect Discovery (AS-01, AS-02)', async (arrivals) => {
    const { issuer } = server

    const metadata = await fetchAuthorizationServerMetadata(issuer)

    expect(issuer).toMatch(/^http:\/\/localhost:\d+$/)
    expect(metadata).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
    expect(arrivals.at(issuer)).toEqual(both)
    return metadata
  })

  shows('a resource that names it', 'from another name of the machine (PR-01, NS-02)', async (arrivals) => {
    const { issuer } = server

    const found = await discoverAuthorizationServer(right.url)

    expect(found).toMatchObject({
      resourceMetadata: { resource: right.url, authorization_servers: [issuer] },
      authorizationServerMetadata: { issuer, token_endpoint: `${issuer}/token` },
    })
    expect(arrivals.at(right.url)).toEqual(atApi)
    expect(arrivals.at(issuer)).toEqual(both)
    return found
  })

  shows('its issuer, as 127.0.0.1', 'the same machine is another issuer (AS-05, AS-06)', async (arrivals) => {
    const { issuer, origin } = server

    const error = await failureOf(fetchAuthorizationServerMetadata(origin))

    expect(error).toMatchObject({
      url: `${origin}/.well-known/openid-configuration`,
      message: expect.stringContaining(`names the issuer "${issuer}", not "${origin}"`),
    })
    expect(arrivals.at(origin)).toEqual(both)
    return error
  })

  shows('a resource that names it as 127.0.0.1', 'is not followed (AS-05, AS-06)', async (arrivals) => {
    const error = await failureOf(discoverAuthorizationServer(wrong.url))

    expect(error).toMatchObject({
      attempts: [
        { outcome: 'used' },
        { outcome: 'absent', status: 404 },
        { outcome: 'refused', status: 200, code: 'issuer_mismatch' },
      ],
    })
    expect(arrivals.at(wrong.url)).toEqual(atApi)
    expect(arrivals.at(server.origin)).toEqual(both)
    return error
  })

  isWhole()
})
