import { AuthorizationCodeAuth, encrypted, type TokenStore } from '@x/oauth-grants'
import { storeClaims } from '@x/oauth-grants/store-claims'
import { agree, startTestbed, type Testbed, testClients } from '@x/testbed'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type RedisServer, redisPath, startRedis } from '../src/stage/redis-server.ts'
import { connectRedis, redisStore } from '../src/stage/redis-store.ts'

if (redisPath === undefined) console.log('skipped: no Redis is installed, so no machines share a store')
const describeWithRedis = describe.skipIf(redisPath === undefined)

type Client = Awaited<ReturnType<typeof connectRedis>>

const prefix = 'test'

describeWithRedis('a store in Redis', () => {
  let redis: RedisServer
  let clients: readonly [Client, Client]
  beforeAll(async () => {
    redis = await startRedis()
    clients = [await connectRedis(redis.url), await connectRedis(redis.url)]
  })
  afterAll(async () => {
    for (const client of clients) client.destroy()
    await redis[Symbol.asyncDispose]()
  })

  const encryptionKey = crypto.getRandomValues(new Uint8Array(32))
  let opened = 0
  /** Another process each time, as far as Redis can tell. */
  const open = () => redisStore(clients[++opened % 2 === 0 ? 0 : 1], { prefix })

  describe.each<[string, () => TokenStore]>([
    ['as it is', open],
    ['encrypted', () => encrypted(open(), encryptionKey)],
  ])('%s', (_, openStore) => {
    for (const { claim, check } of storeClaims({ leases: true })) it(claim, () => check(openStore))
  })

  it('has all its names under the prefix, in one place of a cluster', async () => {
    await open().save('a}b{c', 'value', { expect: undefined })
    await open().lease?.('a}b{c', 1000, Date.now())

    const names = await clients[0].keys('*')

    expect(names.filter((name) => !name.startsWith(`{${prefix}}:`))).toEqual([])
    expect(names).toEqual(expect.arrayContaining(['{test}:entry:a}b{c', '{test}:turn:a}b{c']))
  })

  it('forgets what has ended, and keeps for ever what has no end, also after what had one', async () => {
    const [end, soon] = [Date.now() + 60_000.5, Date.now() + 100]
    const first = await open().save('ends', 'a', { expect: undefined, keepUntil: end })
    await open().save('ends soon', 'a', { expect: undefined, keepUntil: soon })

    await expect(clients[0].pExpireTime('{test}:entry:ends')).resolves.toBe(Math.ceil(end))
    await open().save('ends', 'b', { expect: first })

    await expect(clients[0].pExpireTime('{test}:entry:ends')).resolves.toBe(-1)
    await expect.poll(() => open().load('ends soon')).toBeUndefined()
  })

  it('keeps turns apart from older ones also where the count of them was lost', async () => {
    const last = await turnAt('counted')
    await open().save('counted', 'a', { expect: undefined, fence: last.fence })
    await last[Symbol.asyncDispose]()
    await clients[0].del('{test}:fences:')

    const next = await turnAt('counted')

    expect(next.fence).toBeGreaterThan(last.fence)
    expect((await turnAt('another')).fence).toBeGreaterThan(next.fence)
  })

  async function turnAt(key: string) {
    const lease = await open().lease?.(key, 1000, Date.now())
    if (lease === undefined) throw new Error('no turn was given')
    return lease
  }
})

it('takes no client where nobody listens at the start', async () => {
  await expect(connectRedis('unix:///nowhere/redis.sock')).rejects.toThrow('ENOENT')
})

describeWithRedis('where Redis fails', () => {
  let testbed: Testbed
  beforeAll(async () => {
    testbed = await startTestbed()
  })
  afterAll(() => testbed.close())

  const ends: (() => unknown)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  /** Somebody who has signed in, and is known by what Redis has. */
  async function signedIn() {
    const redis = await startRedis()
    ends.push(() => redis[Symbol.asyncDispose]())
    const client = await connectRedis(redis.url, 500)
    ends.push(() => client.destroy())
    const store = redisStore(client, { prefix, timeoutMs: 200 })
    let before: { path: string; act: () => unknown } | undefined
    const auth = await AuthorizationCodeAuth.fromResource({
      ...testClients.cli,
      resourceUrl: testbed.api.url,
      redirectUri: 'http://127.0.0.1/callback',
      authorize: (url) => agree(url),
      store,
      async fetch(input, init) {
        const request = new Request(input, init)
        if (new URL(request.url).pathname === before?.path) await before.act()
        return fetch(request)
      },
    })
    ends.push(() => auth.close())
    const token = await auth.getToken()
    const { journal } = testbed.authorizationServer
    journal.clear()
    return {
      redis,
      client,
      store,
      auth,
      renew: async () => auth.getToken({ rejected: await auth.getToken(), interactive: false }),
      isAnswered: async () => (await auth.fetch(testbed.api.url)).ok,
      token,
      /** Has something happen right before a request goes there. */
      before: (path: string, act: () => unknown) => {
        before = { path, act }
      },
      /** What the token endpoint was asked. */
      asked: () =>
        journal.arrivals
          .filter(({ path }) => path === '/token')
          .map(({ body }) => new URLSearchParams(body).get('grant_type')),
    }
  }

  it('says so at once when it is gone, and nothing of what was to be kept', async () => {
    const place = await signedIn()
    await place.redis.stop()

    const attempts = [
      () => place.store.load('the name'),
      () => place.store.save('the name', 'the value', { expect: undefined }),
      () => place.store.clear('the name', { expect: 'a' }),
      () => place.store.lease?.('the name', 1000, Date.now()),
    ]

    await expect.poll(() => place.client.isReady).toBe(false)
    for (const attempt of attempts) {
      const error = await Promise.resolve(attempt()).catch((each: unknown) => each)
      expect(error).toMatchObject({ name: 'StoreError', code: 'store_unavailable' })
      expect(String(error)).toMatch(
        /^StoreError: Redis could not \w+ \(ClientOfflineError\)\. A token in hand/,
      )
      expect(String(error)).not.toMatch(/the (name|value)/)
    }
  })

  it('passes on what Redis calls it, and not the rest of its words', async () => {
    const place = await signedIn()
    await place.client.set('{test}:entry:the name', 'no entry')

    await expect(place.store.load('the name')).rejects.toThrow(
      /^Redis could not load \(WRONGTYPE\)\. A token/,
    )
  })

  it('uses the token in hand, and spends no refresh token, while it is gone', async () => {
    const place = await signedIn()
    await place.redis.stop()

    await expect(place.isAnswered()).resolves.toBe(true)
    await expect(place.renew()).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(place.asked()).toEqual([])
  })

  it('does not wait for one that stands still, and renews as soon as it goes on', async () => {
    const place = await signedIn()
    process.kill(place.redis.pid(), 'SIGSTOP')
    try {
      await expect(place.isAnswered()).resolves.toBe(true)
      await expect(place.renew()).rejects.toThrow('Redis could not load (Late)')
      expect(place.asked()).toEqual([])
      await expect.poll(() => place.client.isReady).toBe(false)
    } finally {
      process.kill(place.redis.pid(), 'SIGCONT')
    }

    await expect.poll(() => place.auth.getToken({ interactive: false })).not.toBe(place.token)
    expect(place.asked()).toEqual(['refresh_token'])
  })

  it('spends no refresh token while it has no memory left', async () => {
    const place = await signedIn()
    await place.client.configSet('maxmemory', '1')

    await expect(place.renew()).rejects.toThrow('Redis could not lease (OOM)')
    expect(place.asked()).toEqual([])
  })

  it('goes on with the token that it could not keep, and the refresh token that came with it', async () => {
    const place = await signedIn()
    place.before('/token', () => place.client.configSet('maxmemory', '1'))

    await expect(place.renew()).rejects.toThrow('Redis could not save (OOM)')
    await place.client.configSet('maxmemory', '0')
    place.before('/token', () => {})

    await expect(place.isAnswered()).resolves.toBe(true)
    await expect(place.renew()).resolves.toMatchObject({ scope: place.token.scope })
    expect(place.asked()).toEqual(['refresh_token', 'refresh_token'])
  })

  it('signs everybody out, and says so, where it comes back with nothing in it', async () => {
    const place = await signedIn()
    await place.redis.stop()
    await place.redis.start()
    await expect.poll(() => place.client.isReady, { timeout: 5000 }).toBe(true)

    await expect(place.isAnswered()).resolves.toBe(true)
    await expect(place.renew()).rejects.toMatchObject({ code: 'interaction_required' })
    expect(place.asked()).toEqual([])
    await expect(place.auth.getToken()).resolves.toMatchObject({ scope: place.token.scope })
  })
})
