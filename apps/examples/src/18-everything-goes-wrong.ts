import { AuthorizationCodeAuth, ClientCredentialsAuth, isOAuthError } from '@x/oauth-grants'
import { agree, testClients } from '@x/testbed'
import { createOrdeal, type Ways } from './stage/ordeal.ts'
import type { Stage } from './stage/stage.ts'

/** All that a program has to know of failures: what helps against one is its `recovery`. */
async function persist<T>(work: () => Promise<T>, { wait, ask }: Ways): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isOAuthError(error) || attempt === 3) throw error
      if (error.recovery === 'terminal') throw error //    nothing helps but a change: somebody has to be told
      if (error.recovery === 'interaction')
        await ask() // a person helps
      else await wait(error.retryAfterMs ?? 1_000) //      time helps
    }
  }
}

/** One failure after another: what the program is told of it, and what it does about it by the lines above. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const { clock, causes, face, tally } = createOrdeal({ url, ...stage }, persist)
  const known = { resourceUrl: url, clock, fetch: options.fetch }
  const service = (more = {}) => new ClientCredentialsAuth({ ...known, clientId, clientSecret, ...more })
  const redirectUri = 'http://127.0.0.1/callback'
  const login = (authorize = agree) =>
    new AuthorizationCodeAuth({ ...known, ...testClients.cli, authorize, redirectUri })

  // What is broken, and how it ends:
  await face('The token is near its end, and the server is down', service(), causes.downNearEnd, 'answered')
  const isDown = 'The token has ended, and the server is down'
  await face(isDown, service(), causes.downAfterEnd, 'unavailable, wait, answered')
  await face('The server answers with a page', service(), causes.page, 'invalid_response, wait, answered')
  await face('The server answers without an end', service(), causes.endless, 'body_too_large, stopped')
  await face('The server does not answer', service(), causes.silence, 'timeout, wait, answered')
  const isOther = 'The document of the server names another one' // so that nobody is shown the secret
  await face(isOther, service(), causes.otherIssuer, 'issuer_mismatch, stopped')
  const mistaken = service({ clientSecret: 'of another client' })
  await face('The secret is wrong', mistaken, causes.none, 'refused, stopped')
  await face('A token is revoked', service(), causes.revocation, 'answered') // with another one
  const isRefused = 'Every token is refused, however new'
  await face(isRefused, service(), causes.refusals, 'renewal_loop, wait, answered')
  await face('A login has ended', login(), causes.loginEnd, 'interaction_required, ask, answered')
  const meddled = async (address: URL | string) =>
    (await agree(address)).replace(/state=[^&]*/, 'state=of-somebody-else')
  const isForeign = "The browser comes back with somebody else's answer" // which is not used
  await face(isForeign, login(meddled), causes.none, 'interaction_required, ask, state_mismatch, stopped')

  const { answered, stopped, wait, ask } = tally
  stage.print('')
  stage.claim(`of ${answered + stopped} failures the program got over ${answered}`, answered === 7)
  stage.claim(`waiting helped against ${wait}, and two it did not notice at all`, wait === 4)
  stage.claim(`a person was asked ${ask} times, and helped once`, ask === 2)
}
