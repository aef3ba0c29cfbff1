import { connectRedis, redisStore } from '@x/examples/redis-store'
import type { TokenStore } from '@x/oauth-grants'

/** The store of the examples, for a process that is told where Redis is. */
export async function openRedisStore({ url }: { readonly url: string }): Promise<TokenStore> {
  return redisStore(await connectRedis(url), { prefix: 'endurance' })
}
