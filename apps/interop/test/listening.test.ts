import { expect, it } from 'vitest'
import { listen } from '../src/listening.ts'
import { postForm } from './requests.ts'

async function startEcho() {
  return listen(async (origin) => ({
    handler: async (request) => {
      if (request.url.startsWith(`${origin}/broken`)) throw new Error('broken on purpose')
      return new Response(`${request.method} ${await request.text()}`, { status: 202 })
    },
    facts: { greeting: 'hello' },
  }))
}

it('hands a request on, and the answer back, and notes both', async () => {
  await using server = await startEcho()

  const response = await postForm(`${server.origin}/a?b=c`, { d: 'é' }, { 'x-test': 'yes' })

  expect(await response.text()).toBe('POST d=%C3%A9')
  expect(server.greeting).toBe('hello')
  expect(server.journal.arrivals).toMatchObject([
    { method: 'POST', path: '/a?b=c', headers: { 'x-test': 'yes' }, body: 'd=%C3%A9', status: 202 },
  ])
})

it('hands an answer on while it is still being written, and tells its writer who has left', async () => {
  const left = Promise.withResolvers<void>()
  const body = new ReadableStream({ start: (controller) => controller.enqueue('the first half') })
  await using server = await listen(async () => ({
    handler: async ({ signal }) => {
      signal.addEventListener('abort', () => left.resolve())
      return new Response(body.pipeThrough(new TextEncoderStream()))
    },
    facts: {},
  }))

  const reader = (await fetch(server.origin)).body?.getReader()
  const first = await reader?.read()
  await reader?.cancel()

  expect(new TextDecoder().decode(first?.value)).toBe('the first half')
  await left.promise
})

it('counts by method, by path without or with its query, and by status', async () => {
  await using server = await startEcho()
  const { journal, origin } = server
  await fetch(`${origin}/a?b=c`)
  await postForm(`${origin}/a`, {})

  expect(journal.count({ path: '/a' })).toBe(2)
  expect(journal.count({ path: /b=c/ })).toBe(1)
  expect(journal.count({ method: 'post' })).toBe(1)
  expect(journal.count({ status: 500 })).toBe(0)
  journal.clear()
  expect(journal.arrivals).toEqual([])
})

it('answers 503 as long as there is no service, and notes nothing of it', async () => {
  await using server = await listen(async (origin) => {
    const { status } = await fetch(origin)
    return { handler: async () => new Response('here'), facts: { early: status } }
  })

  const response = await fetch(server.origin)

  expect(server.early).toBe(503)
  expect(await response.text()).toBe('here')
  expect(server.journal.arrivals).toHaveLength(1)
})

it('answers 500 when the handler fails', async () => {
  await using server = await startEcho()

  const response = await fetch(`${server.origin}/broken`)

  expect(response.status).toBe(500)
  expect(server.journal.count({ status: 500 })).toBe(1)
})
