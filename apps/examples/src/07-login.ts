import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { fileStore, loopbackReceiver } from '@x/oauth-grants/node'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers, type Servers } from './servers.ts'
import { createTimeline } from './timeline.ts'

/** A command-line login that is asked for once: the next run of the program finds it in a file. */
export async function runLogin(args: string[], print: Print): Promise<void> {
  await using servers = await chooseServers(args, { part: 'api', as: 'cli' })
  await using place = await choosePlace(servers)
  printHeading(print, 'What goes over the wire')
  const timeline = createTimeline(print)
  let timesAsked = 0

  /** What each run of the program does. */
  const run = async () => {
    await using auth = await AuthorizationCodeAuth.fromResource({
      ...servers.client,
      resourceUrl: servers.url,
      expectedIssuer: servers.expectedIssuer,
      fetch: timeline.fetch,
      store: fileStore(place.file),
      authorize: loopbackReceiver({
        open(address) {
          timesAsked += 1
          print(`       a browser opens ${new URL(address).host}, and a person signs in there`)
          return servers.person(address)
        },
      }),
    })
    const token = await auth.getToken() // asks somebody only where the file has nothing
    const response = await auth.fetch(servers.url)
    await response.body?.cancel()
    return { token, isAnswered: response.ok }
  }
  const first = await run()
  print('       a second run: another object, and the same file')
  const second = await run()

  printHeading(print, 'What came out')
  printFacts(print, { token: tokenFacts(second.token) })
  print('')
  claim(print, 'both runs were answered', first.isAnswered && second.isAnswered)
  claim(print, 'with the same token', first.token.accessToken === second.token.accessToken)
  // Against a server of your own the login may be there from an earlier run.
  claim(print, 'for which somebody signed in once, or not at all', timesAsked <= 1)
}

/** Where the login is kept: in a file of this user, and where the servers are gone afterwards, in one that goes too. */
async function choosePlace({ isEmbedded }: Servers) {
  if (!isEmbedded) {
    return { file: { name: 'client-auth-example' }, async [Symbol.asyncDispose]() {} }
  }
  const folder = await mkdtemp(join(tmpdir(), 'client-auth-example-'))
  return {
    file: { path: join(folder, 'credentials.json') },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
