import { type AuthorizationServer, startAuthorizationServer } from '@x/testbed'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AuthOptions, ClientCredentialsAuth, DeviceCodeAuth, TokenExchangeAuth } from '../src/index.ts'
import { decide } from './person.ts'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const methods = ['client_secret_basic', 'client_secret_post'] as const
type Method = (typeof methods)[number]

/** In a form each stands as the third says (RFC 6749 appendix B). */
const accepted = [
  ['a colon', ':', '%3A'],
  ['a percent sign', '%', '%25'],
  ['a slash', '/', '%2F'],
  ['a plus', '+', '%2B'],
  ['a space', 'a b', 'a+b'],
  ['spaces at the ends', ' a ', '+a+'],
  ['what parts a form and a URL', '&=?#', '%26%3D%3F%23'],
  ['quotes', `"'\``, '%22%27%60'],
  ['a backslash', '\\', '%5C'],
  ['what is encoded in a form only', '!~()', '%21%7E%28%29'],
  ['what is encoded nowhere', '*-._', '*-._'],
  ['a percent sequence', '%41', '%2541'],
  ['a percent sequence of a plus', '%2B', '%252B'],
  ['half a percent sequence', '%e', '%25e'],
  ['a URL', 'https://c.example/a?b=c', 'https%3A%2F%2Fc.example%2Fa%3Fb%3Dc'],
  ['300 characters', 'x'.repeat(300), 'x'.repeat(300)],
] as const

// "VSCHAR = %x20-7E" (RFC 6749 appendix A): the server refuses others, in what it was registered with and in a header.
const unregistrable = [
  ['é', 'é', '%C3%A9'],
  ['an emoji', '🔑', '%F0%9F%94%91'],
  ['a line end', '\n', '%0A'],
] as const

/** A client for each text and method: odd both in its id and in its secret. */
function clientOf(text: string, method: string) {
  return { clientId: `${method.slice(-4)}${text}`, clientSecret: `${text}secret` }
}

const everything = `:%/+ &=?#"'\\!~()*-._%41https://c.example/`

function registered(text: string, method: string, more: object = {}) {
  const { clientId, clientSecret } = clientOf(text, method)
  return {
    client_id: clientId,
    ...(method !== 'none' && { client_secret: clientSecret }),
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials', exchangeGrant],
    response_types: [],
    redirect_uris: [],
    ...more,
  }
}

let server: AuthorizationServer
beforeAll(async () => {
  const machines = methods.flatMap((method) => [
    ...[...accepted, ...unregistrable].map(([, text]) => registered(text, method)),
    registered(everything, method, { grant_types: ['client_credentials', exchangeGrant, deviceGrant] }),
  ])
  const native = registered(everything, 'none', { grant_types: [deviceGrant] })
  server = await startAuthorizationServer({
    strictClientAuthentication: true,
    clients: [...machines, native],
    deviceIntervalSeconds: 1,
  })
})
afterAll(() => server.close())
beforeEach(() => server.journal.clear())

const resource = 'https://rs.example/mcp'

function optionsFor(text: string, method: string): AuthOptions {
  const serverMetadata = {
    issuer: server.issuer,
    token_endpoint: server.tokenEndpoint,
    device_authorization_endpoint: `${server.issuer}/device/auth`,
    token_endpoint_auth_methods_supported: [method],
  }
  return { serverMetadata, ...clientOf(text, method), resource, scope: 'mcp:tools' }
}

/** How the client said who it is, in each request. */
function credentialsSent() {
  return server.journal.arrivals
    .filter(({ path }) => /^\/(?:token|device\/auth)$/.test(path))
    .map(({ path, headers, body }) => {
      const form = new URLSearchParams(body)
      const inForm = ['client_id', 'client_secret'].map((name) => form.get(name))
      return { path, header: headers['authorization'], inForm }
    })
}

function expectedOf(text: string, encoded: string, method: Method) {
  const { clientId, clientSecret } = clientOf(text, method)
  return method === 'client_secret_basic'
    ? { header: `Basic ${btoa(`asic${encoded}:${encoded}secret`)}`, inForm: [null, null] }
    : { header: undefined, inForm: [clientId, clientSecret] }
}

describe.each(methods)('by %s', (method) => {
  it.each(accepted)(
    'a client with %s in id and secret is known (TE-02, TE-03, TE-04, RFC 6749 §2.3.1)',
    async (_, text, encoded) => {
      const token = await new ClientCredentialsAuth(optionsFor(text, method)).getToken()

      expect(token.resource).toBe(resource)
      expect(credentialsSent()).toEqual([{ path: '/token', ...expectedOf(text, encoded, method) }])
    },
  )

  it.each(unregistrable)(
    'a client with %s is sent right, though this server takes no such one (TE-03, RFC 6749 appendix A)',
    async (_, text, encoded) => {
      const attempt = new ClientCredentialsAuth(optionsFor(text, method)).getToken()

      // The server says so of the header, or of what the client was registered with.
      const error = method === 'client_secret_basic' ? 'invalid_request' : 'invalid_client_metadata'
      await expect(attempt).rejects.toMatchObject({ code: 'refused', error })
      const sent = expectedOf(text, encoded, method)
      expect(credentialsSent()).toEqual([{ path: '/token', ...sent }])
    },
  )

  it('a secret that is one character off is refused (TE-03)', async () => {
    const options = optionsFor(everything, method)

    const attempt = new ClientCredentialsAuth({
      ...options,
      clientSecret: `${options.clientSecret} `,
    }).getToken()

    await expect(attempt).rejects.toMatchObject({ code: 'refused', error: 'invalid_client', status: 401 })
  })

  it('a client with all of them trades a token (TE-03, TX-05)', async () => {
    const options = optionsFor(everything, method)
    const subjectToken = new ClientCredentialsAuth(options)

    const token = await new TokenExchangeAuth({ ...options, subjectToken }).getToken()

    expect(token).toMatchObject({ scope: ['mcp:tools'], resource })
    const inHeader = credentialsSent().map(({ header }) => header !== undefined)
    expect(inHeader).toEqual(Array(2).fill(method === 'client_secret_basic'))
  })

  it('a device with all of them signs in (TE-03, DV-01, DV-11)', async () => {
    const pages: string[] = []
    const prompt = async (verification: Parameters<typeof decide>[0]) => {
      pages.push(await decide(verification))
    }

    const token = await new DeviceCodeAuth({ ...optionsFor(everything, method), prompt }).getToken()

    expect(token).toMatchObject({ scope: ['mcp:tools'], resource })
    expect(pages).toEqual([expect.stringContaining('Device connected')])
    const inHeader = credentialsSent().map(({ header }) => header !== undefined)
    expect(new Set(inHeader)).toEqual(new Set([method === 'client_secret_basic']))
  })
})

describe('without a secret', () => {
  it('a device with all of them in its id signs in, and names it in each form (TE-05, DV-11, RFC 6749 §3.2.1)', async () => {
    const { clientSecret: _, ...options } = optionsFor(everything, 'none')
    const prompt = async (verification: Parameters<typeof decide>[0]) => void (await decide(verification))

    const token = await new DeviceCodeAuth({ ...options, prompt }).getToken()

    expect(token).toMatchObject({ scope: ['mcp:tools'], resource })
    const [first, ...polls] = credentialsSent()
    const named = { header: undefined, inForm: [`none${everything}`, null] }
    expect(first).toEqual({ path: '/device/auth', ...named })
    expect(polls.length).toBeGreaterThanOrEqual(1)
    for (const poll of polls) expect(poll).toEqual({ path: '/token', ...named })
  })
})
