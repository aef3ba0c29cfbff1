import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import {
  AuthorizationError,
  ClientCredentialsAuth,
  encrypted,
  memoryStore,
  type Token,
  type TokenStore,
} from '../src/index.ts'
import { fileStore } from '../src/node.ts'
import { decodeToken } from '../src/token.ts'
import { handClock } from './hand-clock.ts'
import { answer, loginBench } from './login-bench.ts'
import { newPath } from './node/folder.ts'
import { passing, sharedStore, until } from './process-bench.ts'
import { aside, bench, byHand, demand, down, key, secretOf, storeWith, tokenOf } from './session-bench.ts'
import { metadata, tokenServer } from './token-server.ts'

const urlOf = (input: string | URL | Request) => (input instanceof Request ? input.url : String(input))
const caught = (error: unknown) => error
const hanging = () => new Promise<never>(() => {})
const never = new AbortController().signal
const person = () =>
  new AuthorizationError('interaction_required', 'x', { issuer: '', recovery: 'interaction' })
const turns = async (count = 5) => {
  for (let each = 0; each < count; each += 1) await aside()
}
const seeded = async (bed: ReturnType<typeof sharedStore>) => {
  const seed = bed.start('seed')
  seed.obtain.mockImplementation(async () => tokenOf(bed.clock, 't1', 100, { refreshToken: 'r1' }))
  await seed.session.getToken()
  bed.clock.pass(200_000)
}

it('a process that stood still while the client was authenticated sends no refresh token', async () => {
  const inner = memoryStore()
  const [own, others] = [handClock(), handClock()]
  await loginBench({ store: inner, clock: own }, answer(1)).auth.getToken()
  for (const each of [own, others]) each.pass(200_000)
  const signed = byHand<void>()
  let asked = 0
  const sign = async () => {
    asked += 1
    await signed.promise
  }
  const clientAuthentication = Object.assign(sign, { method: 'slow' })
  const a = loginBench(
    { store: { ...inner }, clock: own, timeoutMs: 60_000, clientAuthentication },
    answer(3),
  )
  const b = loginBench({ store: { ...inner }, clock: others }, answer(2))
  const first = a.auth.getToken({ interactive: false }).catch(caught)
  await until(() => asked > 0)
  const second = secretOf(b.auth.getToken({ interactive: false }))
  await passing(others, 12_000)
  expect(await second).toBe('t2')
  own.pass(12_000)
  signed.resolve()
  await passing(own, 1_000)
  await first
  expect([...b.presented(), ...a.presented()]).toEqual(['r1'])
})

it('an extension whose answer came late is none', async () => {
  const { clock: others, start, inner } = sharedStore()
  const [own, late, go, done] = [handClock(), byHand<void>(), byHand<void>(), byHand<void>()]
  const lease: TokenStore['lease'] = async (...asked) => {
    const real = await inner.lease?.(...asked)
    const extend = async (ms: number, now: number) => {
      const is = await real?.extend(ms, now)
      await late.promise
      return is === true
    }
    return real && { ...real, extend, [Symbol.asyncDispose]: real[Symbol.asyncDispose] }
  }
  const [a, b] = [start('a', { clock: own, over: { lease } }), start('b')]
  const sent: string[] = []
  a.obtain.mockImplementationOnce(async ({ hold }) => {
    await go.promise
    await hold()
    sent.push('a')
    return tokenOf(own, 'a', 100)
  })
  b.obtain.mockImplementationOnce(async ({ hold }) => {
    await hold()
    sent.push('b')
    await done.promise
    return tokenOf(others, 'b', 100)
  })
  const first = a.session.getToken().catch(caught)
  await aside()
  for (const each of [own, others]) each.pass(5_500)
  go.resolve()
  await turns()
  const second = b.session.getToken()
  await passing(others, 12_000)
  own.pass(12_000)
  late.resolve()
  await turns()
  expect(sent).toEqual(['b'])
  done.resolve()
  await second
  await passing(own, 500)
  await first
})

it('a refresh that is on its way keeps its turn though the session is closed', async () => {
  const { clock, start } = sharedStore()
  const [a, b, go, reply] = [start('a'), start('b'), byHand<void>(), byHand<Token>()]
  const sent: string[] = []
  a.obtain.mockImplementation(async ({ hold }) => {
    await go.promise
    await hold()
    sent.push('a')
    return reply.promise
  })
  b.obtain.mockImplementation(async ({ hold }) => {
    await hold()
    sent.push('b')
    return tokenOf(clock, 'b', 100)
  })
  a.session.getToken().catch(caught)
  await passing(clock, 3_200)
  go.resolve()
  await turns()
  void a.session.close()
  const other = secretOf(b.session.getToken())
  await passing(clock, 8_000) // the answer needs 8 s of the 10 s that it has
  reply.resolve(tokenOf(clock, 'a', 100, { refreshToken: 'r2' }))
  await passing(clock, 1_000)
  expect([sent, await other]).toEqual([['a'], 'a'])
})

it('an entry whose refresh token was taken out does not take away the newer one in hand', async () => {
  const bed = sharedStore()
  const { clock, inner, start } = bed
  await seeded(bed)
  let isDown = true
  const save: TokenStore['save'] = async (...asked) => {
    if (isDown) throw new Error('down')
    return inner.save(...asked)
  }
  const [a, b] = [start('a', { over: { save } }), start('b')]
  a.obtain.mockImplementationOnce(async () => tokenOf(clock, 't2', 100, { refreshToken: 'r2' }))
  await a.session.getToken().catch(caught)
  await passing(clock, 30_000)
  isDown = false
  b.obtain.mockImplementationOnce(async ({ forget }) => {
    await forget()
    throw person()
  }) // r1 is used up
  await b.session.getToken().catch(caught)
  clock.pass(100_000)
  await a.session.getToken().catch(caught)
  expect(a.obtain.mock.lastCall?.[0].previous?.refreshToken).toBe('r2')
})

it('what is being saved once more when somebody signs out is not there afterwards', async () => {
  const [inner, slow] = [memoryStore(), byHand<void>()]
  let saves = 0
  const save: TokenStore['save'] = async (...asked) => {
    saves += 1
    if (saves === 1) throw new Error('down')
    await slow.promise
    return inner.save(...asked)
  }
  const { session, clock, obtain } = bench({ storage: { store: { ...inner, save }, key } })
  obtain.mockResolvedValue(tokenOf(clock, 't1', 100, { refreshToken: 'r1' }))
  await session.getToken().catch(caught)
  await passing(clock, 1_500)
  const out = session.signOut()
  await passing(clock, 100)
  slow.resolve()
  await passing(clock, 100)
  await out
  expect(await inner.load(key)).toBeUndefined()
})

it('what somebody signed in for is saved once more where the store failed once', async () => {
  const inner = memoryStore()
  let saves = 0
  const save: TokenStore['save'] = async (...asked) => {
    saves += 1
    if (saves === 1) throw new Error('down')
    return inner.save(...asked)
  }
  const { auth, clock } = loginBench({ store: { ...inner, save } }, answer(1))
  await auth.getToken().catch(caught)
  await passing(clock, 20_000)
  expect(saves).toBe(2)
})

const scoped = (...scope: string[]) => ({ scope, requestedScope: scope })
it('a renewal of another process does not overwrite what somebody signed in for', async () => {
  const bed = sharedStore()
  const { clock, inner, start } = bed
  await seeded(bed)
  const [a, b, code, reply] = [start('a'), start('b'), byHand<void>(), byHand<void>()]
  a.obtain.mockImplementation(async () => {
    const obtainedAt = clock.now()
    await code.promise
    return tokenOf(clock, 'in', 100, { obtainedAt, refreshToken: 'r9', ...scoped('write') })
  })
  b.obtain.mockImplementation(async () => {
    const obtainedAt = clock.now()
    await reply.promise
    return tokenOf(clock, 't2', 100, { obtainedAt, refreshToken: 'r2' })
  })
  const login = a.session.logIn(demand('write'), never)
  await turns()
  clock.pass(200)
  const renewal = b.session.getToken()
  await turns()
  code.resolve()
  await login
  reply.resolve()
  await renewal
  expect(decodeToken((await inner.load(key))?.value ?? '')?.requestedScope).toEqual(['write'])
})

it('a sign-in that lost its write does not undo a sign-out', async () => {
  const bed = sharedStore()
  const { clock, inner, start } = bed
  await seeded(bed)
  const [a, b, code] = [start('a'), start('b'), byHand<void>()]
  a.obtain.mockImplementationOnce(async () => {
    const obtainedAt = clock.now()
    await code.promise
    return tokenOf(clock, 'in', 100, { obtainedAt, refreshToken: 'r9' })
  })
  b.obtain.mockImplementation(async () => tokenOf(clock, 't2', 100, { refreshToken: 'r2' }))
  const login = a.session.logIn(undefined, never)
  await turns()
  clock.pass(200)
  await b.session.getToken()
  code.resolve()
  await login
  await b.session.signOut()
  clock.pass(200_000)
  a.obtain.mockImplementation(async ({ previous }) => {
    if (!previous?.refreshToken) throw person()
    return tokenOf(clock, 'back', 100, { refreshToken: 'r10' })
  })
  await a.session.getToken().catch(caught)
  expect(await inner.load(key)).toBeUndefined()
})

it('a good token in the store is used after a demand for more that it did not meet', async () => {
  const { clock, open } = sharedStore()
  const given = () => ({ clock, store: open(), scope: 'read' })
  const a = loginBench(given())
  const b = loginBench(given(), answer(1, { refresh_token: undefined, scope: 'read', expires_in: 3600 }))
  await b.auth.getToken()
  await a.auth.getToken({ challenge: demand('write'), interactive: false }).catch(caught)
  expect(await secretOf(a.auth.getToken({ interactive: false }))).toBe('t1')
})

it('a sign-out ends though the store never answers that it extends a turn', async () => {
  const { clock, start, inner } = sharedStore()
  const lease: TokenStore['lease'] = async (...asked) => {
    const real = await inner.lease?.(...asked)
    return real && { ...real, extend: hanging, [Symbol.asyncDispose]: real[Symbol.asyncDispose] }
  }
  const { session, obtain } = start('a', { over: { lease } })
  obtain.mockImplementation(async ({ hold }) => {
    clock.pass(6_000)
    await hold()
    return tokenOf(clock, 'a', 100)
  })
  session.getToken().catch(caught)
  await passing(clock, 60_000)
  const ended: string[] = []
  void session
    .signOut()
    .catch(caught)
    .then(() => ended.push('out'))
  await passing(clock, 120_000)
  expect(ended).toEqual(['out'])
})

it('a sign-in ends though the store never keeps what came of it', async () => {
  let saves = 0
  const save = () => {
    saves += 1
    return hanging()
  }
  const { auth, clock } = loginBench(
    { store: { ...memoryStore(), save } },
    answer(1, { refresh_token: undefined }),
  )
  const ended: string[] = []
  void auth
    .getToken()
    .catch(caught)
    .then(() => ended.push('in'))
  await until(() => saves > 0)
  await passing(clock, 300_000)
  expect(ended).toEqual(['in'])
})

it('a server that was found is used though the store never keeps where it is', async () => {
  const [clock, inner] = [handClock(), memoryStore()]
  const tokens = tokenServer()
  const fetch: typeof tokens.fetch = async (input, init) =>
    urlOf(input).includes('.well-known')
      ? Response.json({ ...metadata, response_types_supported: ['code'] })
      : tokens.fetch(input, init)
  const save: TokenStore['save'] = (name, ...asked) =>
    name.includes('"server"') ? hanging() : inner.save(name, ...asked)
  const auth = new ClientCredentialsAuth({
    issuer: metadata.issuer,
    clientId: 'me',
    clientSecret: 's',
    store: { ...inner, save },
    fetch,
    clock,
  })
  const ended: unknown[] = []
  void auth.getToken().then((token) => ended.push(token.accessToken), caught)
  await passing(clock, 120_000)
  expect(ended).toEqual(['t1'])
})

it('one refusal that a hundred callers got costs few requests where the server gives the same token again', async () => {
  const { session, obtain, clock } = bench()
  obtain.mockImplementation(async () => tokenOf(clock, 'same', 3600))
  const rejected = await session.getToken()
  await Promise.all(Array.from({ length: 100 }, () => session.getToken({ rejected }).catch(caught)))
  expect(obtain.mock.calls.length).toBeLessThan(5)
  expect(await secretOf(session.getToken())).toBe('same')
})

it('a resource that refuses each token takes it from no other', async () => {
  const tokens = tokenServer()
  const fetch: typeof tokens.fetch = async (input, init) => {
    if (urlOf(input).startsWith('https://as.')) return tokens.fetch(input, init)
    return new Response(null, { status: urlOf(input).startsWith('https://bad.') ? 401 : 200 })
  }
  const origins = ['https://bad.example', 'https://good.example']
  const auth = new ClientCredentialsAuth({
    serverMetadata: metadata,
    clientId: 'me',
    clientSecret: 's',
    fetch,
    clock: handClock(),
    origins,
  })
  for (let each = 0; each < 12; each += 1) await auth.fetch('https://bad.example/').catch(caught)
  await expect(auth.fetch('https://good.example/')).resolves.toMatchObject({ status: 200 })
})

it('a demand for more that fails is no answer to who only wants the next token', async () => {
  const { auth, clock } = loginBench({ store: memoryStore() }, answer(1), answer(2))
  await auth.getToken()
  clock.pass(200_000)
  auth.getToken({ challenge: demand('write'), interactive: false }).catch(caught)
  expect(await secretOf(auth.getToken({ interactive: false }))).toBe('t2')
})

it('whoever has lost the key of an encrypted store can sign out', async () => {
  const inner = memoryStore()
  const newKey = () => crypto.getRandomValues(new Uint8Array(32))
  await loginBench({ store: encrypted(inner, newKey()) }, answer(1)).auth.getToken()
  const { auth } = loginBench({ store: encrypted(inner, newKey()) }, answer(2))
  await expect(auth.signOut()).resolves.toBe(false)
})

it('failures before a good token was found in the store are over', async () => {
  const { storage, write } = await storeWith()
  const { session, obtain, clock } = bench({ storage })
  obtain.mockRejectedValue(down())
  for (let each = 0; each < 9; each += 1) {
    await session.getToken().catch(caught)
    clock.pass(30_001)
  }
  await write(tokenOf(clock, 'adopted', 3600))
  await session.getToken()
  clock.pass(3_600_000)
  await session.getToken().catch(caught) // one failure, an hour later
  obtain.mockResolvedValue(tokenOf(clock, 'new', 100))
  expect(await secretOf(session.getToken())).toBe('new')
})

it('who signs in after another has all demands for more before them', async () => {
  const { session, obtain, clock } = bench()
  obtain.mockImplementation(async ({ scope = '' }) =>
    tokenOf(clock, `t${obtain.mock.calls.length}`, 3600, scoped(...scope.split(' '))),
  )
  await session.getToken()
  for (let each = 0; each < 10; each += 1) await session.getToken({ challenge: demand(`s${each}`) })
  await session.signOut()
  await session.getToken()
  expect((await session.getToken({ challenge: demand('write') })).scope).toContain('write')
})

it('a full disk leaves no lock behind', { timeout: 30_000 }, async () => {
  const path = await newPath()
  const code = `import { fileStore } from '${new URL('../src/node.ts', import.meta.url)}'; await fileStore({ path: '${path}' }).save('k', 'v', {}).catch(() => {})`
  execFileSync('bash', [
    '-c',
    'ulimit -f 0; exec "$0" --conditions=@x/source --input-type=module -e "$1"',
    process.execPath,
    code,
  ])
  const start = performance.now()
  await fileStore({ path }).save('k', 'v', { expect: undefined })
  expect(performance.now() - start).toBeLessThan(2_000)
})
