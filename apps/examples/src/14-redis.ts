import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { startFleet } from './redis-fleet.ts'
import type { Task, Tokens } from './redis-process.ts'
import { redisPath, startRedis } from './redis-server.ts'
import { connectRedis, redisStore } from './redis-store.ts'
import { claim, type Print, printFacts, printHeading, tokenFacts } from './report.ts'
import { chooseServers, type Servers } from './servers.ts'

const prefix = 'client-auth-example'

/** Three processes, as on three machines: they share a service's token and a person's login, and one renewal of each. */
export async function runRedis(args: string[], print: Print): Promise<void> {
  const { REDIS_URL } = process.env
  if (REDIS_URL === undefined && redisPath === undefined) {
    return print(
      'There is no Redis on this machine. On Debian: apt-get install redis-server. Or name one in REDIS_URL.',
    )
  }
  await using server = REDIS_URL === undefined ? await startRedis() : undefined
  await using servers = await chooseServers(args, { part: 'api', as: 'cli' })
  const redisUrl = REDIS_URL ?? server?.url ?? ''
  const at = { resourceUrl: servers.url, expectedIssuer: servers.expectedIssuer }

  printHeading(print, 'Who comes')
  const { login, timesAsked } = await signIn({ redisUrl, at, ...servers }, print)
  print('  three processes start, and are told twice that their tokens are good no longer')
  await using fleet = startFleet({ redisUrl, prefix, at, service: servers.service(), person: servers.client })
  const [first, second, third] = [await fleet.getTokens(), await fleet.getTokens(), await fleet.getTokens()]

  const lives = [first, second, third]
  const asked = third.flatMap((each) => each.asked)
  const count = (grantType: string) => asked.filter((each) => each === grantType).length
  printHeading(print, 'What came out')
  printFacts(print, {
    service: first[0]?.facts ?? '',
    login: tokenFacts(login),
    asked: asked.toSorted().join(', '),
  })
  print('')
  const areAnswered = lives.flat().every(({ isAnswered }) => isAnswered)
  claim(print, 'all calls were answered', areAnswered)
  const areShared = lives.every((life) => differing(life) === 2) && differing(lives.flat()) === 6
  claim(print, 'each time all three had the same token of the service, and the same of the person', areShared)
  // In a Redis of your own the tokens may be there from an earlier run.
  claim(print, 'each of which one of them had asked for', count('client_credentials') <= 3)
  claim(print, 'and the refresh token was presented once for each', count('refresh_token') === 2)
  claim(print, 'somebody signed in once, or not at all', timesAsked <= 1)
}

interface Place extends Pick<Task, 'redisUrl' | 'at'>, Pick<Servers, 'client' | 'person'> {}

/** As the page does at which people come. */
async function signIn({ redisUrl, at, client, person }: Place, print: Print) {
  const redis = await connectRedis(redisUrl)
  let timesAsked = 0
  try {
    await using auth = await AuthorizationCodeAuth.fromResource({
      ...at,
      ...client,
      store: redisStore(redis, { prefix }),
      authorize: loopbackReceiver({
        open(address) {
          timesAsked += 1
          print(`  a browser opens ${new URL(address).host}, and a person signs in there`)
          return person(address)
        },
      }),
    })
    return { login: await auth.getToken(), timesAsked }
  } finally {
    redis.destroy()
  }
}

function differing(tokens: readonly Tokens[]): number {
  return new Set(tokens.flatMap(({ service, login }) => [service, login])).size
}
