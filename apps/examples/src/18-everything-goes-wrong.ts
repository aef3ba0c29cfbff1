import { AuthorizationCodeAuth, ClientCredentialsAuth, isOAuthError } from '@x/oauth-grants'
import { agree, testClients } from '@x/testbed'
import { createOrdeal, outage, type Ways } from './stage/ordeal.ts'
import type { Stage } from './stage/stage.ts'

/** All that a program has to know of failures: what helps against one is its `recovery`. */
async function persist<T>(work: () => Promise<T>, { wait, ask }: Ways): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isOAuthError(error) || attempt === 3) throw error
      if (error.recovery === 'terminal') throw error //    nothing helps but a change: somebody has to be told
      if (error.recovery === 'interaction') await ask() // a person helps
      else await wait(error.retryAfterMs ?? 1_000) //      time helps
    }
  }
}

/** One failure after another, each as the program is told of it, and what it does by the lines above. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const { clock, face, breakIt, refuseAt, tally } = createOrdeal({ url, ...stage }, persist)
  const known = { resourceUrl: url, clock, fetch: options.fetch }
  const service = (more = {}) => new ClientCredentialsAuth({ ...known, clientId, clientSecret, ...more })
  const login = (authorize = agree) =>
    new AuthorizationCodeAuth({ ...known, ...testClients.cli, authorize, redirectUri: 'http://127.0.0.1/callback' })
  const nearEnd = () => clock.pass(3_300_000)
  const afterEnd = () => clock.pass(3_600_000)

  await face('The token is near its end, and the server down', service(), {
    cause: (auth) => auth.getToken().then(nearEnd).then(() => breakIt('/token', outage)),
    ends: 'answered', // by the token in hand, to its end
  })
  await face('The token has ended, and the server is down', service(), {
    cause: (auth) => auth.getToken().then(afterEnd).then(() => breakIt('/token', outage)),
    ends: 'unavailable, wait, answered',
  })
  await face('The server answers with a page', service(), {
    cause: () => breakIt('/token', { kind: 'html' }),
    ends: 'invalid_response, wait, answered',
  })
  await face('The server answers without an end', service(), {
    cause: () => breakIt('/token', { kind: 'oversized', bytes: 2 ** 30 }),
    ends: 'body_too_large, stopped',
  })
  await face('The server does not answer', service({ timeoutMs: 200, clock: undefined }), {
    cause: () => breakIt('/token', { kind: 'hang' }),
    ends: 'timeout, wait, answered',
  })
  await face('The document of the server names another one', service(), {
    cause: () => breakIt('/.well-known/oauth-authorization-server', { kind: 'changed-members', members: { issuer: 'https://elsewhere.example' } }),
    ends: 'issuer_mismatch, stopped', // nobody is shown the secret
  })
  await face('The client is not known by this secret', service({ clientSecret: 'one of another client' }), {
    ends: 'refused, stopped',
  })
  await face('A token is revoked', service(), {
    cause: refuseAt,
    ends: 'answered', // with another token, which the program does not even notice
  })
  await face('Every token is refused, however new', service(), {
    cause: () => breakIt('/api', { kind: 'status', status: 401 }),
    work: async (auth) => {
      for (let calls = 0; calls < 20; calls += 1) await auth.fetch(url)
      return auth.fetch(url)
    },
    ends: 'renewal_loop, wait, answered',
  })
  await face('A login has ended', login(), {
    cause: (auth) => auth.getToken().then(afterEnd).then(() => breakIt('/token', { kind: 'body', status: 400, body: '{"error":"invalid_grant"}' }, 1)),
    ends: 'interaction_required, ask, answered',
  })
  const meddled = async (address: URL | string) =>
    (await agree(address)).replace(/state=[^&]*/, 'state=of-somebody-else')
  await face("The browser comes back with somebody else's answer", login(meddled), {
    work: (auth) => auth.getToken().then(() => auth.fetch(url)),
    ends: 'state_mismatch, stopped', // whoever wants to signs in anew; this answer is not used
  })

  const { answered, stopped, wait, ask } = tally
  stage.print('')
  stage.claim(`of ${answered + stopped} failures the program got over ${answered}`, answered === 7 && stopped === 4)
  stage.claim(`time helped ${wait} times, and a person ${ask === 1 ? 'once' : `${ask} times`}`, wait === 4 && ask === 1)
  stage.claim('the others it did not notice at all', answered - wait - ask === 2)
}
