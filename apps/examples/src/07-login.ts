import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { fileStore, loopbackReceiver } from '@x/oauth-grants/node'
import { tokenFacts } from './stage/facts.ts'
import { makeFolder } from './stage/folder.ts'
import type { Stage } from './stage/stage.ts'

/** A login that survives: it is asked for once, and the next run of the program finds it in a file of the user. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  await using folder = await makeFolder()
  // Where the servers are gone afterwards, the file goes too.
  const file = stage.isEmbedded
    ? { path: `${folder.path}/credentials.json` }
    : { name: 'client-auth-example' }
  let timesAsked = 0
  const open = (address: string) => {
    timesAsked += 1
    stage.say(`a browser opens ${new URL(address).host}, and a person signs in there`)
    return stage.person(address)
  }

  /** What each run of the program does. */
  const program = async () => {
    await using auth = await AuthorizationCodeAuth.fromResource({
      resourceUrl: url,
      clientId,
      clientSecret,
      authorize: loopbackReceiver({ open }),
      store: fileStore(file), // such as { name: 'my-program' }; nobody else can read it
      ...options,
    })
    const token = await auth.getToken() // asks somebody only where the file has nothing
    const response = await auth.fetch(url)
    await response.body?.cancel()
    return { token, isAnswered: response.ok }
  }

  const first = await program()
  stage.say('a second run: another object, and the same file')
  const second = await program()

  stage.report({ token: tokenFacts(second.token) })
  stage.claim('both runs were answered', first.isAnswered && second.isAnswered)
  stage.claim('with the same token', first.token.accessToken === second.token.accessToken)
  // Against a real server the login may be there from an earlier run.
  stage.claim('for which somebody signed in once, or not at all', timesAsked <= 1)
}
