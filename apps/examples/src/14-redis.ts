import { AuthorizationCodeAuth } from '@x/oauth-grants'
import { loopbackReceiver } from '@x/oauth-grants/node'
import { tokenFacts } from './stage/facts.ts'
import { startFleet } from './stage/redis-fleet.ts'
import type { Tokens } from './stage/redis-process.ts'
import { redisPath, startRedis } from './stage/redis-server.ts'
import { connectRedis, redisStore } from './stage/redis-store.ts'
import type { Stage } from './stage/stage.ts'

const prefix = 'client-auth-example'

/** Three processes, as on three machines: they share a service's token and a person's login, and one renewal of each. */
export async function run({ url, clientId, clientSecret, options, ...stage }: Stage): Promise<void> {
  const { REDIS_URL } = process.env
  if (REDIS_URL === undefined && redisPath === undefined) return stage.print(noRedis)
  await using server = REDIS_URL === undefined ? await startRedis() : undefined
  const redisUrl = REDIS_URL ?? server?.url ?? ''
  let timesAsked = 0
  const open = (address: string) => {
    timesAsked += 1
    stage.say(`a browser opens ${new URL(address).host}, and a person signs in there`)
    return stage.person(address)
  }

  /** The page at which people come: it asks them to sign in, and keeps what came of it where all will find it. */
  const signIn = async () => {
    const redis = await connectRedis(redisUrl)
    try {
      const store = redisStore(redis, { prefix })
      const authorize = loopbackReceiver({ open })
      await using auth = await AuthorizationCodeAuth.fromResource({
        resourceUrl: url,
        clientId,
        clientSecret,
        authorize,
        store,
        ...options,
      })
      return await auth.getToken()
    } finally {
      redis.destroy()
    }
  }
  const login = await signIn()

  stage.say('three processes start, and are told twice that their tokens are good no longer')
  const { expectedIssuer, scope } = options
  const at = { resourceUrl: url, expectedIssuer }
  const person = { clientId, clientSecret, scope }
  await using fleet = startFleet({ redisUrl, prefix, at, service: stage.service(), person }) // see stage/redis-process.ts
  const lives = [await fleet.getTokens(), await fleet.getTokens(), await fleet.getTokens()]

  const asked = lives.at(-1)?.flatMap((each) => each.asked) ?? []
  const count = (grantType: string) => asked.filter((each) => each === grantType).length
  stage.report({
    service: lives[0]?.[0]?.facts ?? '',
    login: tokenFacts(login),
    asked: asked.toSorted().join(', '),
  })
  stage.claim(
    'all calls were answered',
    lives.flat().every(({ isAnswered }) => isAnswered),
  )
  const areShared = lives.every((life) => differing(life) === 2) && differing(lives.flat()) === 6
  stage.claim('each time all three had the same token of the service, and the same of the person', areShared)
  // In a Redis of your own the tokens may be there from an earlier run.
  stage.claim('each of which one of them had asked for', count('client_credentials') <= 3)
  stage.claim('and the refresh token was presented once for each', count('refresh_token') === 2)
  stage.claim('somebody signed in once, or not at all', timesAsked <= 1)
}

const noRedis =
  'There is no Redis on this machine. On Debian: apt-get install redis-server. Or name one in REDIS_URL.'

function differing(tokens: readonly Tokens[]): number {
  return new Set(tokens.flatMap(({ service, login }) => [service, login])).size
}
