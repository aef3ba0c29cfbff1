import { describe, expect, it } from 'vitest'
import {
  AuthorizationCodeAuth,
  ClientCredentialsAuth,
  clientIdMetadataDocument,
  dynamicRegistration,
  startAuthorization,
} from '../src/index.ts'
import { loginMetadata } from './login-bench.ts'
import { metadata } from './token-server.ts'

const given = { serverMetadata: metadata, clientId: 'me', clientSecret: 'other' }
const signIn = { serverMetadata: loginMetadata, clientId: 'me', redirectUri: 'https://app.example/callback' }

async function messageOf(act: () => unknown): Promise<string> {
  try {
    await act()
  } catch (error) {
    if (error instanceof Error) return error.message
  }
  throw new Error('nothing failed')
}

describe('what was configured', () => {
  it.each<[string, () => unknown]>([
    [
      'a method of authentication that is an object',
      () =>
        new ClientCredentialsAuth({
          ...given,
          // As a program without types may.
          clientAuthentication: JSON.parse('{ "method": "post", "secret": "hunter2" }'),
        }),
    ],
    [
      'a resource with a fragment',
      () =>
        new ClientCredentialsAuth({ ...given, resource: 'https://me:hunter2@rs.example/?key=hunter2#top' }),
    ],
    [
      'a redirect URI in clear text',
      () => startAuthorization({ ...signIn, redirectUri: 'http://app.example/callback?key=hunter2' }),
    ],
    [
      'a client id in clear text',
      () => clientIdMetadataDocument('http://me:hunter2@app.example/c?key=hunter2'),
    ],
    [
      'a resource that takes tokens in another way',
      () =>
        ClientCredentialsAuth.fromResource({
          resourceUrl: 'https://rs.example/mcp?key=hunter2',
          clientId: 'me',
          fetch: async (input) =>
            new Request(input).url.startsWith('https://as')
              ? Response.json(metadata)
              : Response.json({
                  resource: 'https://rs.example/mcp?key=hunter2',
                  authorization_servers: ['https://as.example'],
                  bearer_methods_supported: ['query'],
                }),
        }),
    ],
  ])('is not told with its query or a secret: %s', async (_, act) => {
    const message = await messageOf(act)

    expect(message).toContain('cannot be used')
    expect(message).not.toContain('hunter2')
  })
})

it('tells of which scheme a URL is that has no origin', async () => {
  const authorization_endpoint = 'javascript:alert(1)'
  const serverMetadata = { ...loginMetadata, authorization_endpoint }

  const message = await messageOf(() => startAuthorization({ ...signIn, serverMetadata }))

  expect(message).toContain('javascript:')
  expect(message).not.toContain('null')
})

it.each([
  ['client_id is missing', { client_secret: 'hunter2' }],
  ['client_id is missing', { client_id: '', token_endpoint_auth_method: 'private_key_jwt' }],
  [
    'client_secret is missing, or has ended',
    { client_id: 'me', token_endpoint_auth_method: 'client_secret_post' },
  ],
  [
    'client_secret is missing, or has ended',
    { client_id: 'me', client_secret: 'hunter2', client_secret_expires_at: 1 },
  ],
  [
    'token_endpoint_auth_method is "private_key_jwt"',
    { client_id: 'me', token_endpoint_auth_method: 'private_key_jwt' },
  ],
  ['token_endpoint_auth_method is "object"', { client_id: 'me', token_endpoint_auth_method: ['none'] }],
])('says of a registration that %s (RFC 7591 §3.2.1)', async (why, answer) => {
  const registration_endpoint = 'https://as.example/register'
  const auth = new AuthorizationCodeAuth({
    issuer: 'https://as.example',
    redirectUri: signIn.redirectUri,
    registration: dynamicRegistration({}),
    fetch: async (input) =>
      Response.json(
        new Request(input).url === registration_endpoint
          ? answer
          : { ...loginMetadata, registration_endpoint },
      ),
  })

  const message = await messageOf(() => auth.getToken())

  expect(message).toContain(`no usable client: ${why}`)
  expect(message).not.toContain('hunter2')
})
