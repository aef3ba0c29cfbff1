import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { type Lease, StoreError, type TokenStore } from '@x/oauth-grants'

/** As much of a client as this needs: one connection, or a cluster. */
export interface Redis {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** For how long after its end a turn can still be extended by who had it. */
const keepTurnMs = 3_600_000

/**
 * Keeps tokens in Redis, for all processes of all machines that come there with the same prefix; one of them renews a
 * token for all. Entries go when they have ended, and turns an hour afterwards; nothing may be evicted.
 *
 * @param options `prefix`: of all names, such as the program's; not empty. `timeoutMs`: how long a call waits; default 3,000
 * @throws {StoreError} `store_unavailable` from each call: Redis cannot be reached, does not answer, or refuses
 */
export function redisStore(
  redis: Redis,
  { prefix, timeoutMs = 3_000 }: { readonly prefix: string; readonly timeoutMs?: number | undefined },
): TokenStore {
  // By what stands in braces a cluster chooses the place: a script can only touch what is in one.
  const named = (kind: string, key = '') => `{${prefix}}:${kind}:${key}`
  // Each is one step in Redis. Also reading is a script, or a cluster might ask a replica, which lags behind.
  const run = async (name: keyof typeof scripts, keys: string[], ...values: (string | number)[]) => {
    try {
      const answer = redis.eval(scripts[name], { keys, arguments: values.map(String) })
      return await Promise.race([answer, late(timeoutMs)])
    } catch (error) {
      throw unavailable(name, error)
    }
  }
  return {
    async load(key) {
      const [value, revision] = (await run('load', [named('entry', key)])) as (string | null)[]
      return value == null || revision == null ? undefined : { value, revision }
    },
    async save(key, value, { expect = '', fence = '', keepUntil }) {
      // Not counted: a Redis that has lost its data would count again from 1, and an old revision would pass for a new one.
      const revision = crypto.randomUUID()
      const end = keepUntil === undefined ? '' : Math.ceil(keepUntil)
      const isKept = await run('save', [named('entry', key)], expect, revision, value, fence, end)
      return isKept === 1 ? revision : undefined
    },
    async clear(key, { expect = '' }) {
      return (await run('clear', [named('entry', key)], expect)) === 1
    },
    async lease(key, ms, now) {
      const turn = [named('turn', key)]
      const keys = [...turn, named('entry', key), named('fences')]
      const fence = await run('lease', keys, now, now + ms, Math.ceil(ms + keepTurnMs))
      if (typeof fence !== 'number') return undefined
      const lease: Lease = {
        fence,
        async extend(more, from) {
          const isOurs = await run('extend', turn, fence, from, from + more, Math.ceil(more + keepTurnMs))
          return isOurs === 1
        },
        async [Symbol.asyncDispose]() {
          await run('end', turn, fence)
        },
      }
      return lease
    },
  }
}

const scripts = {
  load: `return redis.call('HMGET', KEYS[1], 'value', 'revision')`,

  save: `
    local expect, revision, value, fence, keepUntil = unpack(ARGV)
    local there, last = unpack(redis.call('HMGET', KEYS[1], 'revision', 'fence'))
    if (there or '') ~= expect then return 0 end
    if fence ~= '' and tonumber(fence) < tonumber(last or 0) then return 0 end
    redis.call('HSET', KEYS[1], 'value', value, 'revision', revision)
    if fence ~= '' then redis.call('HSET', KEYS[1], 'fence', fence) end
    if keepUntil == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], keepUntil) end
    return 1`,

  clear: `
    if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
    return redis.call('DEL', KEYS[1])`,

  // A turn that begins a whole term from now is of a clock that has been set back since. And where Redis has lost the
  // count but not the entry, the count goes on from there.
  lease: `
    local now, keepMs = tonumber(ARGV[1]), ARGV[3]
    local since, over = unpack(redis.call('HMGET', KEYS[1], 'since', 'until'))
    if since and now < tonumber(over) and now > 2 * since - over then return false end
    local fence = math.max(redis.call('INCR', KEYS[3]), (redis.call('HGET', KEYS[2], 'fence') or 0) + 1)
    redis.call('SET', KEYS[3], fence)
    redis.call('HSET', KEYS[1], 'fence', fence, 'since', ARGV[1], 'until', ARGV[2])
    redis.call('PEXPIRE', KEYS[1], keepMs)
    return fence`,

  extend: `
    if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'since', ARGV[2], 'until', ARGV[3])
    return redis.call('PEXPIRE', KEYS[1], ARGV[4])`,

  end: `
    if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
    return redis.call('DEL', KEYS[1])`,
} as const

class Late extends Error {}

async function late(ms: number): Promise<never> {
  await setTimeout(ms, undefined, { ref: false })
  throw new Late()
}

/** What Redis and its client say may hold names and values: only their word for it is passed on. */
function unavailable(what: string, error: unknown): StoreError {
  const { message, constructor: kind } = error instanceof Error ? error : new Error()
  const word = /^[A-Z]+(?= )/.exec(message)?.[0] ?? kind.name
  const advice = 'A token in hand is used to its end all the same. See to Redis, or to the way there.'
  return new StoreError('store_unavailable', `Redis could not ${what} (${word}). ${advice}`, {
    recovery: 'transient',
  })
}

/**
 * A client that refuses at once where it has no connection, instead of keeping calls for later; it goes on trying to
 * connect until it is closed.
 *
 * @throws what the first attempt to connect throws
 */
export async function connectRedis(url: string, timeoutMs = 3_000) {
  const { createClient } = await import('@redis/client')
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: timeoutMs,
      // Of a connection that died without notice silence is the only sign; pings are answered on all others.
      socketTimeout: timeoutMs,
      // By default the client gives up for ever after such a silence.
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 2_000),
    },
    pingInterval: timeoutMs / 3,
  })
  const ready = once(client, 'ready')
  client.on('error', () => {}) // each call says so itself
  client.connect().catch(() => {})
  try {
    await ready
  } catch (error) {
    client.destroy()
    throw error
  }
  return client
}
