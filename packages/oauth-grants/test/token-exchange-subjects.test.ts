import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, it, vi } from 'vitest'
import { createToken, memoryStore, type TokenExchangeOptions, type TokenStore } from '../src/index.ts'
import { exchangeBench, exchanged, tokenType } from './exchange-server.ts'
import type { Arrival, Reply } from './token-server.ts'

const subjectOf = ({ body }: Arrival) => new URLSearchParams(body).get('subject_token')

/** A service at a server that gives each subject `for-SUBJECT-N`, and a resource that says which token came. */
function perSubject(options: Partial<TokenExchangeOptions> = {}) {
  const reply: Reply = () => {
    const arrival = bench.arrivals.at(-1) ?? expect.fail('nothing was sent')
    const token = arrival.headers.get('authorization')?.replace('Bearer ', '')
    if (arrival.url.startsWith('https://rs.example')) return Response.json({ token })
    const subject = subjectOf(arrival)
    const times = subjects().filter((each) => each === subject).length
    return Response.json({ ...exchanged, access_token: `for-${subject}-${times}` })
  }
  const bench = exchangeBench(options, reply)
  const subjects = () => bench.arrivals.map(subjectOf).filter((each) => each !== null)
  return { ...bench, subjects }
}

const secretOf = async (token: Promise<{ accessToken: string }>) => (await token).accessToken

function count(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index)
}

/** A store that tells which keys it was asked for. */
function watched() {
  const store = memoryStore()
  const keys = new Set<string>()
  const watch: TokenStore = {
    load: (key) => store.load(keys.add(key) && key),
    save: (key, ...rest) => store.save(keys.add(key) && key, ...rest),
    clear: (key, ...rest) => store.clear(keys.add(key) && key, ...rest),
  }
  return { store: watch, keys }
}

describe('two users of one object', () => {
  it('never get the token of each other, in 1,000 calls at once (TE-15, NS-10)', async () => {
    const user = new AsyncLocalStorage<string>()
    const { auth, subjects } = perSubject({
      resource: 'https://rs.example/mcp',
      subjectToken: async () => {
        await Promise.resolve()
        return user.getStore() ?? expect.fail('nobody calls')
      },
    })

    const answers = await Promise.all(
      count(1_000).map((call) =>
        user.run(`user${call % 50}`, async () => {
          const token = await auth.getToken()
          const response = await auth.fetch('https://rs.example/mcp')
          const { token: shown }: { token: string } = JSON.parse(await response.text())
          return [token.accessToken, shown]
        }),
      ),
    )

    expect(answers).toEqual(count(1_000).map((call) => Array(2).fill(`for-user${call % 50}-1`)))
    expect(subjects()).toHaveLength(50)
  })

  it('are told apart by the actor as well (TE-15, TX-02)', async () => {
    let actor = 'a1'
    const { auth, forms } = exchangeBench({ actorToken: () => actor })
    const first = await secretOf(auth.getToken())
    actor = 'a2'
    const second = await secretOf(auth.getToken())
    actor = 'a1'

    const third = await secretOf(auth.getToken())

    expect([first, second, third]).toEqual(['x1', 'x2', 'x1'])
    expect(forms().map((form) => form.get('actor_token'))).toEqual(['a1', 'a2'])
  })

  it('are not taken for one because subject and actor together read the same (TE-15)', async () => {
    let [subject, actor] = ['ab', 'c']
    const { auth, arrivals } = exchangeBench({ subjectToken: () => subject, actorToken: () => actor })
    await auth.getToken()
    ;[subject, actor] = ['a', 'bc']

    await auth.getToken()

    expect(arrivals).toHaveLength(2)
  })

  it('do not renew for each other when a token is refused (TE-15, MC-04)', async () => {
    let subject = 'one'
    const { auth, subjects } = perSubject({ subjectToken: () => subject })
    const rejected = await auth.getToken()
    subject = 'two'
    await auth.getToken()

    await expect(secretOf(auth.getToken({ rejected }))).resolves.toBe('for-two-1')
    subject = 'one'
    await expect(secretOf(auth.getToken({ rejected }))).resolves.toBe('for-one-2')
    expect(subjects()).toEqual(['one', 'two', 'one'])
  })
})

describe('a subject', () => {
  it('costs one exchange for 100 calls at once (RT-06, MC-07)', async () => {
    const { auth, arrivals } = exchangeBench({ subjectToken: async () => 's1' })

    const tokens = await Promise.all(count(100).map(() => secretOf(auth.getToken())))

    expect(new Set(tokens)).toEqual(new Set(['x1']))
    expect(arrivals).toHaveLength(1)
  })

  it('costs one exchange for 100 calls at once with a store too (RT-06, MC-07)', async () => {
    const { auth, arrivals } = exchangeBench({ store: memoryStore() })

    await Promise.all(count(100).map(() => auth.getToken()))

    expect(arrivals).toHaveLength(1)
  })

  it('that has another token gets another one for it (TX-12)', async () => {
    let subject = 'old'
    const { auth, subjects } = perSubject({ subjectToken: () => subject })
    await auth.getToken()
    subject = 'new'

    await expect(secretOf(auth.getToken())).resolves.toBe('for-new-1')
    expect(subjects()).toEqual(['old', 'new'])
  })

  it('is exchanged again when the token has ended, as it is then (TX-12, RFC 8693 §2.1)', async () => {
    let subject = 'old'
    const { auth, clock, subjects } = perSubject({ subjectToken: () => subject })
    await auth.getToken()
    clock.pass(100_000)
    await auth.getToken()
    subject = 'new'
    clock.pass(100_000)

    await auth.getToken()

    expect(subjects()).toEqual(['old', 'old', 'new'])
  })

  it('is kept for the 1,000 that were asked for last: the one before is exchanged anew (TE-15)', async () => {
    let subject = ''
    const { auth, subjects } = perSubject({ subjectToken: () => subject })
    const ask = (number: number) => {
      subject = `s${number}`
      return secretOf(auth.getToken())
    }
    for (const each of count(1_000)) await ask(each)
    await ask(0)
    await ask(1_000)
    expect(subjects()).toHaveLength(1_001)

    // The second was the one that had not been asked for the longest.
    await expect(ask(0)).resolves.toBe('for-s0-1')
    await expect(ask(2)).resolves.toBe('for-s2-1')
    await expect(ask(1)).resolves.toBe('for-s1-2')
    expect(subjects()).toHaveLength(1_002)
  })
})

describe('a store', () => {
  it('is given no token in its keys, but a fingerprint of each subject (NS-09, TE-15)', async () => {
    let subject = 'hunter2-one'
    const { store, keys } = watched()
    const { auth } = perSubject({ store, subjectToken: () => subject, actorToken: 'hunter2-actor' })
    await auth.getToken()
    subject = 'hunter2-two'

    await auth.getToken()

    expect(keys.size).toBe(2)
    expect([...keys].join()).not.toContain('hunter2')
    for (const key of keys) expect(key).toMatch(/"[\da-f]{64}"/)
  })

  it('spares a second object the exchange of the same subject (TE-15)', async () => {
    const store = memoryStore()
    const first = exchangeBench({ store, audience: 'rs' })
    const second = exchangeBench({ store, audience: ['rs'] })

    const tokens = [await secretOf(first.auth.getToken()), await secretOf(second.auth.getToken())]

    expect(tokens).toEqual(['x1', 'x1'])
    expect(second.arrivals).toEqual([])
  })

  it.each<[what: string, one: Partial<TokenExchangeOptions>, other: Partial<TokenExchangeOptions>]>([
    ['subject', { subjectToken: 's1' }, { subjectToken: 's2' }],
    ['actor', {}, { actorToken: 'a1' }],
    ['audience', { audience: 'billing' }, { audience: 'orders' }],
    ['number of audiences', { audience: ['a', 'b'] }, { audience: ['a'] }],
    [
      'resource',
      { resource: ['https://a.example/', 'https://b.example/'] },
      { resource: 'https://a.example/' },
    ],
    [
      'wanted type',
      { requestedTokenType: tokenType('access_token') },
      { requestedTokenType: tokenType('jwt') },
    ],
    ['type of the subject', {}, { subjectTokenType: tokenType('jwt') }],
    ['type of the actor', { actorToken: 'a1' }, { actorToken: 'a1', actorTokenType: tokenType('jwt') }],
  ])('gives none a token of another %s (TE-15)', async (_, one, other) => {
    const store = memoryStore()
    const reply: Reply = { ...exchanged, access_token: 'first' }
    const first = exchangeBench({ store, ...one }, reply)
    const issued_token_type = other.requestedTokenType ?? exchanged.issued_token_type
    const second = exchangeBench(
      { store, ...other },
      { ...exchanged, access_token: 'second', issued_token_type },
    )
    await first.auth.getToken()

    await expect(secretOf(second.auth.getToken())).resolves.toBe('second')
  })
})

describe('close', () => {
  it('ends what is under way for every subject', async () => {
    const subjects = count(5).map((each) => `s${each}`)
    const requests: Request[] = []
    const { auth } = exchangeBench({
      subjectToken: () => subjects.pop() ?? expect.fail('nobody is left'),
      fetch: (input, init) => {
        requests.push(new Request(input, init))
        return new Promise<never>(() => {})
      },
    })
    const outcomes = Promise.allSettled(count(5).map(() => auth.getToken()))
    while (requests.length < 5) await new Promise<void>((resolve) => setImmediate(resolve))

    await auth.close()

    expect(requests.map(({ signal }) => signal.aborted)).toEqual(Array(5).fill(true))
    const closed = expect.objectContaining({ name: 'AuthConfigError', code: 'closed' })
    expect(await outcomes).toEqual(count(5).map(() => ({ status: 'rejected', reason: closed })))
  })

  it('ends the wait for a subject that never comes', async () => {
    const { auth, arrivals } = exchangeBench({ subjectToken: () => new Promise<string>(() => {}) })
    const call = auth.getToken()

    await Promise.all([auth.close(), expect(call).rejects.toMatchObject({ code: 'closed' })])

    expect(arrivals).toEqual([])
  })

  it('leaves nothing that asks for a subject, or sends one', async () => {
    const subjectToken = vi.fn(() => 's1')
    const { auth, arrivals } = exchangeBench({ subjectToken })
    await auth.getToken()

    await auth.close()

    await expect(auth.getToken()).rejects.toMatchObject({ name: 'AuthConfigError', code: 'closed' })
    expect(subjectToken).toHaveBeenCalledTimes(1)
    expect(arrivals).toHaveLength(1)
  })

  it('calls off the sign-in that another auth object makes for the subject', async () => {
    const signals: (AbortSignal | null | undefined)[] = []
    const subjectToken = {
      getToken: async ({ signal }: { signal?: AbortSignal | null | undefined } = {}) => {
        signals.push(signal)
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
        return createToken({ accessToken: 'late' })
      },
    }
    const { auth } = exchangeBench({ subjectToken })
    const call = auth.getToken()

    await Promise.all([auth.close(), expect(call).rejects.toMatchObject({ code: 'closed' })])

    expect(signals.map((signal) => signal?.aborted)).toEqual([true])
  })
})

describe('the partition', () => {
  it('is another one each time where each call may be for another subject: nothing private is shared (NS-08)', () => {
    const { auth } = exchangeBench({ subjectToken: () => 's1', partition: 'gateway' })

    expect(new Set([auth.partition, auth.partition, 'gateway']).size).toBe(3)
  })

  it.each([
    ['named', { partition: 'ada' }, 'ada'],
    ['drawn', {}, expect.stringMatching(/^[\da-f-]{36}$/)],
  ])('of one subject stays as it was %s', (_, options, partition) => {
    const { auth } = exchangeBench({ subjectToken: 's1', ...options })

    expect(auth.partition).toEqual(partition)
    expect(auth.partition).toBe(auth.partition)
  })
})
