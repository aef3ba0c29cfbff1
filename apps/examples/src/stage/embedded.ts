import { AuthorizationCodeAuth } from '@x/oauth-grants'
import {
  agree,
  startAuthorizationServer,
  startMcpServer,
  startTestbed,
  type Testbed,
  testClients,
} from '@x/testbed'
import type { Part } from './course.ts'
import type { Servers } from './servers.ts'
import { createSigner } from './signer.ts'

/** Real servers in this process, which know a client of each kind. */
export async function startEmbedded({ part, as }: Part): Promise<Servers> {
  const provider = await startAuthorizationServer()
  const signer = createSigner()
  const testbed = await startTestbed({ identityProvider: provider.issuer, clients: [signer.registered] })
  const { issuer, tokenEndpoint, platform } = testbed.authorizationServer
  const running: AsyncDisposable[] = [testbed, provider]
  const clients = { ...testClients, workload: { clientId: '' }, signer: { clientId: signer.clientId } }
  const me: { clientId: string; clientSecret?: string } = clients[as]
  return {
    url: testbed[part].url,
    clientId: me.clientId,
    clientSecret: me.clientSecret,
    // Whoever presents what others have signed has to know to whom.
    expectedIssuer: as === 'workload' || as === 'app' ? issuer : undefined,
    scope: undefined,
    serverMetadata: async () => ({ issuer, token_endpoint: tokenEndpoint }),
    async otherUrl() {
      const other = await startMcpServer({ issuer })
      running.push(other)
      return other.url
    },
    service: () => testClients.worker,
    key: async () => signer.key,
    tool: process.env['TOOL'],
    refuse: async (auth) => testbed[part].refuse((await auth.getToken()).accessToken),
    person: async (address) => {
      const end = await agree(address)
      // Where the pages lead back to the program, a browser would go there.
      if (new URL(end).origin !== new URL(address).origin) await (await fetch(end)).text()
    },
    testbed,
    isEmbedded: true,
    userToken: () => signUserIn(testbed),
    workload: ({ issuer: audience }) => platform.sign({ subject: 'the-workload', audience }),
    employer: async () => ({
      serverMetadata: { issuer: provider.issuer, token_endpoint: provider.tokenEndpoint },
      ...testClients.app,
      identityToken: await signEmployeeIn(provider),
    }),
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

/** A user who has signed in at the API, and comes to it with this token. */
export async function signUserIn({ api }: Pick<Testbed, 'api'>): Promise<string> {
  await using auth = await AuthorizationCodeAuth.fromResource({
    ...testClients.cli,
    resourceUrl: api.url,
    scope: 'api:read mcp:tools',
    redirectUri: 'http://127.0.0.1/callback',
    authorize: (url) => agree(url),
  })
  return (await auth.getToken()).accessToken
}

/** A user who has signed in at the identity provider of an employer. */
export async function signEmployeeIn({ issuer }: { issuer: string }): Promise<string> {
  await using auth = await AuthorizationCodeAuth.fromIssuer({
    ...testClients.app,
    issuer,
    scope: 'openid',
    redirectUri: 'http://127.0.0.1/callback',
    authorize: (url) => agree(url),
  })
  return (await auth.getToken()).idToken ?? ''
}
