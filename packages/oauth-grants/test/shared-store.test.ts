import { expect, it } from 'vitest'
import { memoryStore } from '../src/index.ts'
import { handClock } from './hand-clock.ts'
import { answer, loginBench } from './login-bench.ts'
import type { Reply } from './token-server.ts'

const silently = { interactive: false }

/** A store with the token of somebody who has signed in, at its end. */
async function signedIn(clock = handClock()) {
  const store = memoryStore()
  const first = loginBench({ store, clock }, answer(1))
  await first.auth.getToken()
  clock.pass(100_000)
  return { store, clock, first }
}

/** An answer that comes when it is let go. */
function late(json: object): { reply: Reply; let: () => void } {
  const { promise, resolve } = Promise.withResolvers<Response>()
  return { reply: () => promise, let: () => resolve(Response.json(json)) }
}

/** Lets what goes on in the background go on: all of it here is promises. */
const aside = () => new Promise<void>((resolve) => setImmediate(resolve))

it('closing keeps the refresh token that is on its way, for the next run of the program (RT-01)', async () => {
  const { store, clock } = await signedIn()
  const slow = late(answer(2))
  const { auth, presented } = loginBench({ store, clock }, slow.reply)
  const call = auth.getToken(silently)
  call.catch(() => {})
  while (presented().length === 0) await aside()

  const closing = auth.close()
  slow.let()
  await closing

  await expect(call).rejects.toMatchObject({ code: 'closed' })
  const next = loginBench({ store, clock }, answer(3))
  await expect(next.auth.getToken(silently)).resolves.toMatchObject({ accessToken: 't2' })
  expect(next.presented()).toEqual([])
})

it('signing out revokes the refresh token that was on its way (RT-13)', async () => {
  const { store, clock } = await signedIn()
  const slow = late(answer(2))
  const { auth, presented, forms } = loginBench({ store, clock }, slow.reply, () => new Response())
  const call = auth.getToken(silently)
  call.catch(() => {})
  while (presented().length === 0) await aside()

  const leaving = auth.signOut()
  slow.let()

  await expect(leaving).resolves.toBe(true)
  expect(forms().map(({ refresh_token, token }) => refresh_token ?? token)).toEqual(['r1', 'r2'])
})

it('two objects of one process present a refresh token once, and both get the new token (RT-06)', async () => {
  const { store, clock } = await signedIn()
  const slow = late(answer(2))
  const [one, other] = [loginBench({ store, clock }, slow.reply), loginBench({ store, clock }, answer(3))]

  const tokens = [one, other].map(({ auth }) => auth.getToken(silently))
  while (one.presented().length === 0) await aside()
  slow.let()

  await expect(Promise.all(tokens)).resolves.toMatchObject([{ accessToken: 't2' }, { accessToken: 't2' }])
  expect([...one.presented(), ...other.presented()]).toEqual(['r1'])
})

it('what another has written is newer, whatever the clocks say (RT-07)', async () => {
  const [ahead, behind] = [handClock(), handClock()]
  ahead.pass(120_000)
  const store = memoryStore()
  const one = loginBench({ store, clock: ahead }, answer(1), answer(3))
  const first = await one.auth.getToken()
  const other = loginBench({ store, clock: behind }, answer(2))
  await other.auth.getToken({ ...silently, rejected: first })
  ahead.pass(100_000)

  await one.auth.getToken(silently)

  expect(one.presented()).toEqual(['authorization_code', 'r2'])
})
