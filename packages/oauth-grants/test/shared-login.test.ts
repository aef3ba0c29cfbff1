import { describe, expect, it } from 'vitest'
import { type Authorize, DeviceCodeAuth } from '../src/index.ts'
import { authorization, deviceMetadata, pending, refused } from './device-server.ts'
import { handClock } from './hand-clock.ts'
import { answer, type LoginGiven, loginBench } from './login-bench.ts'
import { passing, sharedStore, until } from './process-bench.ts'
import { aside, demand, secretOf, told } from './session-bench.ts'
import { type Reply, tokenServer } from './token-server.ts'

const caught = (error: unknown) => error

/** A program with a browser page for each time that somebody is to sign in, which is answered by hand. */
function program(given: LoginGiven, ...replies: Reply[]) {
  const pages: { readonly scope: string | null; readonly answer: (params: object) => void }[] = []
  const authorize: Authorize = ({ searchParams }) =>
    new Promise((resolve) => {
      const [uri, state] = ['redirect_uri', 'state'].map((name) => searchParams.get(name) ?? '')
      pages.push({
        scope: searchParams.get('scope'),
        answer: (params) => resolve(`${uri}?${new URLSearchParams({ state: state ?? '', ...params })}`),
      })
    })
  return { ...loginBench({ authorize, ...given }, ...replies), pages }
}

const signedIn = { code: 'c' }
const declined = { error: 'access_denied' }

describe('a sign-in that several programs wait for', () => {
  it('is one: the others wait, and have the token when it is there (RT-06)', async () => {
    const { clock, open } = sharedStore()
    const [one, other] = [1, 2].map((each) => program({ store: open(), clock }, answer(each)))
    if (!one || !other) expect.fail('there are two')

    const first = secretOf(one.auth.getToken())
    await until(() => one.pages.length > 0)
    const second = secretOf(other.auth.getToken())
    await passing(clock, 60_000)
    expect(other.pages).toEqual([])
    one.pages[0]?.answer(signedIn)
    expect(await first).toBe('t1')
    await passing(clock, 1_000)

    expect(await second).toBe('t1')
    expect(one.pages).toHaveLength(1)
    expect(other.pages).toEqual([])
    expect(other.presented()).toEqual([])
    expect(told(other.events).filter((each) => /waiting|adopted/.test(each))).toEqual([
      'b lease waiting',
      'b absent adopted',
    ])
  })

  it('and that somebody declines is asked for by the next one for itself', async () => {
    const { clock, open } = sharedStore()
    const [one, other] = [1, 2].map((each) => program({ store: open(), clock }, answer(each)))
    if (!one || !other) expect.fail('there are two')
    const first = one.auth.getToken().catch(caught)
    await until(() => one.pages.length > 0)
    const second = secretOf(other.auth.getToken())
    await passing(clock, 2_000)

    one.pages[0]?.answer(declined)
    expect(await first).toMatchObject({ code: 'access_denied' })
    await passing(clock, 1_000)
    await until(() => other.pages.length > 0)
    other.pages[0]?.answer(signedIn)

    expect(await second).toBe('t2')
  })

  it('is asked for by the next one after 10 s, where the program died that had begun it', async () => {
    const { clock, open } = sharedStore()
    const dead = program({ store: open(), clock: handClock(clock.now()) })
    const other = program({ store: open(), clock }, answer(2))
    void dead.auth.getToken()
    await until(() => dead.pages.length > 0)
    const second = secretOf(other.auth.getToken())

    await passing(clock, 9_000)
    expect(other.pages).toEqual([])
    await passing(clock, 2_000)
    await until(() => other.pages.length > 0)
    other.pages[0]?.answer(signedIn)

    expect(await second).toBe('t2')
  })

  it('is no help where its token is not good for what is demanded: that is asked for as well (SC-04)', async () => {
    const { clock, open } = sharedStore()
    const one = program({ store: open(), clock }, answer(1))
    const other = program({ store: open(), clock }, answer(2))
    const first = secretOf(one.auth.getToken())
    await until(() => one.pages.length > 0)
    const second = secretOf(other.auth.getToken({ challenge: demand('b') }))
    await passing(clock, 2_000)
    expect(other.pages).toEqual([])

    one.pages[0]?.answer(signedIn)
    await first
    await passing(clock, 1_000)
    await until(() => other.pages.length > 0)
    other.pages[0]?.answer(signedIn)

    expect(await second).toBe('t2')
    expect(other.pages.map(({ scope }) => scope)).toEqual(['b'])
  })

  it('that is called off lets the next one ask', async () => {
    const { clock, open } = sharedStore()
    const [one, other] = [1, 2].map((each) => program({ store: open(), clock }, answer(each)))
    if (!one || !other) expect.fail('there are two')
    const leaving = new AbortController()
    const first = one.auth.getToken({ signal: leaving.signal }).catch(caught)
    await until(() => one.pages.length > 0)
    const second = secretOf(other.auth.getToken())
    await passing(clock, 1_000)

    leaving.abort()
    await first
    await passing(clock, 1_000)
    await until(() => other.pages.length > 0)
    other.pages[0]?.answer(signedIn)

    expect(await second).toBe('t2')
  })

  it('is left by whoever does not want to wait any longer, and goes on', async () => {
    const { clock, open } = sharedStore()
    const [one, other] = [1, 2].map((each) => program({ store: open(), clock }, answer(each)))
    if (!one || !other) expect.fail('there are two')
    const first = secretOf(one.auth.getToken())
    await until(() => one.pages.length > 0)
    const [leaving, reason] = [new AbortController(), new Error('enough')]
    const second = other.auth.getToken({ signal: leaving.signal }).catch(caught)
    await passing(clock, 1_000)

    leaving.abort(reason)
    expect(await second).toBe(reason)
    one.pages[0]?.answer(signedIn)

    expect(await first).toBe('t1')
    await passing(clock, 1_000)
    expect(other.pages).toEqual([])
  })
})

it('a code that somebody has to enter is shown by one of two programs (RT-06)', async () => {
  const { clock, open } = sharedStore()
  const device = (...replies: Reply[]) => {
    const server = tokenServer(...replies)
    const shown: string[] = []
    const auth = new DeviceCodeAuth({
      serverMetadata: deviceMetadata,
      clientId: 'me',
      partition: 'ada',
      store: open(),
      prompt: ({ userCode }) => void shown.push(userCode),
      fetch: server.fetch,
      clock,
    })
    return { auth, shown, ...server }
  }
  const one = device(authorization, pending, pending, pending, answer(1))
  const other = device(refused('invalid_request'))

  const first = secretOf(one.auth.getToken())
  await until(() => one.shown.length > 0)
  const second = secretOf(other.auth.getToken())
  for (let each = 0; each < 4; each += 1) {
    await passing(clock, 5_000)
    await until(() => one.arrivals.length > each + 1)
  }
  expect(await first).toBe('t1')
  await passing(clock, 1_000)
  await aside()

  expect(await second).toBe('t1')
  expect(other.shown).toEqual([])
  expect(other.arrivals).toEqual([])
})
