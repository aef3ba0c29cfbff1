import { describe, expect, it } from 'vitest'
import { dynamicRegistration, memoryStore, publicClient, type TokenStore } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { passing } from './process-bench.ts'
import { type BenchOptions, bench, publicAnswer, secretAnswer } from './registration-bench.ts'
import { aside } from './session-bench.ts'
import type { Reply } from './token-server.ts'
import { withoutLeases } from './without-leases.ts'

describe('a client in a store', () => {
  const start = Date.UTC(2100, 0, 1)
  const endsIn = (seconds: number) => ({ ...secretAnswer, client_secret_expires_at: start / 1000 + seconds })

  /** An object with this store, at a server that gives these answers. */
  const keeping = (store = memoryStore(), clock = handClock(start), ...replies: Reply[]) =>
    bench({ register: dynamicRegistration({}, { store }), options: { clock } }, ...replies)

  it('is registered once, and used by every object with that store', async () => {
    const store = memoryStore()
    const [one, other] = [keeping(store, undefined, secretAnswer), keeping(store)]

    const first = await one.ask()

    await expect(other.ask()).resolves.toEqual(first)
    expect([one.arrivals.length, other.arrivals.length]).toEqual([1, 0])
  })

  it('is registered by each object without one', async () => {
    const { ask, arrivals } = bench({})

    await ask()
    await ask()

    expect(arrivals).toHaveLength(2)
  })

  /** Two that register at once. */
  async function together(store: TokenStore, clock = handClock(start)) {
    const [one, other] = ['one', 'other'].map((client_id) => keeping({ ...store }, clock, { client_id }))
    const both = Promise.all([one?.ask(), other?.ask()])
    await aside()
    clock.pass(1000)
    const requests = () => (one?.arrivals.length ?? 0) + (other?.arrivals.length ?? 0)
    return { clients: await both, requests: requests() }
  }

  it('is registered once by two that do it at once, in two processes', async () => {
    const { clients, requests } = await together(memoryStore())

    expect(clients[1]).toEqual(clients[0])
    expect(requests).toBe(1)
  })

  it('is that of another who has registered while one stood still, and lost its turn', async () => {
    const [inner, own, clock] = [memoryStore(), handClock(start), handClock(start)]
    const other = keeping({ ...inner }, clock, { client_id: 'other' })
    let loads = 0
    const load: TokenStore['load'] = async (key) => {
      const found = await inner.load(key)
      loads += 1
      // It stands still with what it has read in its turn.
      if (loads === 2) {
        clock.pass(11_000)
        await other.ask()
        own.pass(11_000)
      }
      return found
    }
    const still = keeping({ ...inner, load }, own)

    const asking = still.ask()
    await passing(own, 500)

    await expect(asking).resolves.toMatchObject({ clientId: 'other' })
    expect(still.arrivals).toEqual([])
  })

  it('is the same for two that register at once where the store has no turns: the one that was kept first', async () => {
    const { clients, requests } = await together(withoutLeases(memoryStore()))

    expect(clients[1]).toEqual(clients[0])
    expect(requests).toBe(2)
  })

  it.each([
    ['0', 0],
    ['nothing', undefined],
    ['no number', 'never'],
  ])('is used for good where the end of its secret is %s (RG-14, RFC 7591 §3.2.1)', async (_, end) => {
    const clock = handClock(start)
    const { ask, arrivals } = keeping(undefined, clock, { ...secretAnswer, client_secret_expires_at: end })

    await ask()
    clock.pass(1e12)
    await ask()

    expect(arrivals).toHaveLength(1)
  })

  it('is used until its secret ends, and registered anew from then on (RG-14, RFC 7591 §3.2.1)', async () => {
    const clock = handClock(start)
    const { ask, arrivals } = keeping(undefined, clock, endsIn(60), { ...endsIn(3600), client_id: 'c2' })
    await ask()

    clock.pass(59_999)
    const before = await ask()
    clock.pass(1)
    const after = await ask()
    const later = await ask()

    expect([before?.clientId, after?.clientId, later?.clientId]).toEqual(['c1', 'c2', 'c2'])
    expect(arrivals).toHaveLength(2)
  })

  it('does not end where it has no secret that could (RG-14)', async () => {
    const clock = handClock(start)
    const answer = { ...publicAnswer, client_secret_expires_at: 1 }
    const { ask, arrivals } = keeping(undefined, clock, answer)

    await ask()
    await expect(ask()).resolves.toMatchObject({ clientId: 'c1' })

    expect(arrivals).toHaveLength(1)
  })

  it.each<[string, BenchOptions]>([
    ['another issuer', { server: { issuer: 'https://other.example' } }],
    ['another redirect URI', { redirectUri: 'http://127.0.0.1/other' }],
    ['another grant', { grantType: 'urn:ietf:params:oauth:grant-type:device_code' }],
  ])('is not given to %s (RG-15)', async (_, request) => {
    const register = dynamicRegistration({}, { store: memoryStore() })
    const one = bench({ register }, secretAnswer)
    const other = bench({ register, ...request }, { client_id: 'c2' })
    await one.ask()

    await expect(other.ask()).resolves.toEqual({ clientId: 'c2', clientAuthentication: publicClient })

    expect(other.arrivals).toHaveLength(1)
  })

  it('is not given to one that describes itself in another way', async () => {
    const store = memoryStore()
    const one = bench({ register: dynamicRegistration({ scope: 'a' }, { store }) })
    const other = bench({ register: dynamicRegistration({ scope: 'b' }, { store }) }, { client_id: 'c2' })
    await one.ask()

    await expect(other.ask()).resolves.toMatchObject({ clientId: 'c2' })
  })

  it.each([
    '',
    'garbage',
    'null',
    '[]',
    '7',
    '{"client_id":7}',
    '{"client_id":"c0","token_endpoint_auth_method":"x"}',
  ])('is registered anew where the store gives back %j, and replaces that', async (value) => {
    const kept = memoryStore()
    const store = {
      ...kept,
      load: async (key: string) => (await kept.load(key)) ?? { value, revision: 'theirs' },
      save: (...[key, text, { expect: revision, ...more }]: Parameters<typeof kept.save>) =>
        kept.save(key, text, { ...more, expect: revision === 'theirs' ? undefined : revision }),
    }
    const { ask, arrivals } = keeping(store)

    await ask()
    await expect(ask()).resolves.toMatchObject({ clientId: 'c1' })

    expect(arrivals).toHaveLength(1)
  })

  it('is not kept where it is of no use', async () => {
    const { ask, arrivals } = keeping(undefined, undefined, {}, publicAnswer)
    await ask().catch(() => {})

    await expect(ask()).resolves.toMatchObject({ clientId: 'c1' })

    expect(arrivals).toHaveLength(2)
  })
})
