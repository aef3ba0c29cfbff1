import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { AuthorizationCodeAuth } from '../../src/index.ts'
import { loopbackReceiver } from '../../src/node.ts'
import { handClock } from '../hand-clock.ts'
import { callbackOf, loginServer, refusal } from '../sign-in.ts'
import { tokenServer } from '../token-server.ts'
import { isListening, openBrowser, sendRaw } from './loopback.ts'

describe('a receiver listens no longer', () => {
  it('once the person is signed in (AC-20, RFC 8252 §8.3)', async () => {
    const { callback, port, outcome } = await openBrowser()

    await fetch(callback)

    await expect(outcome).resolves.toMatchObject({ accessToken: 't1' })
    expect(await isListening(port)).toBe(false)
  })

  it('once the code was refused (AC-20)', async () => {
    const { callback, port, outcome } = await openBrowser({}, {}, refusal)

    const response = await fetch(callback)

    await expect(outcome).resolves.toMatchObject({ code: 'refused', error: 'invalid_grant' })
    expect(await response.text()).toContain('That did not work')
    expect(await isListening(port)).toBe(false)
  })

  it('once the person has said no (AC-20)', async () => {
    const { callback, port, outcome } = await openBrowser()

    await fetch(callback.replace('code=c1', 'error=access_denied'))

    await expect(outcome).resolves.toMatchObject({ code: 'access_denied' })
    expect(await isListening(port)).toBe(false)
  })

  it('once nobody waits for the person (AC-20)', async () => {
    const leaving = new AbortController()
    const { port, outcome } = await openBrowser({}, { signal: leaving.signal })

    leaving.abort(new Error('never mind'))

    await expect(outcome).resolves.toEqual(new Error('never mind'))
    await vi.waitFor(async () => expect(await isListening(port)).toBe(false))
  })

  it('once the time of the person is over (AC-20)', async () => {
    const clock = handClock()
    const { port, outcome } = await openBrowser({}, { clock })

    clock.pass(600_000)

    await expect(outcome).resolves.toMatchObject({ code: 'login_expired' })
    expect(await isListening(port)).toBe(false)
  })

  it('once the object is closed (AC-20)', async () => {
    const { port, auth } = await openBrowser()

    await auth.close()

    expect(await isListening(port)).toBe(false)
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('there is no browser here')
      },
    ],
    ['rejects', () => Promise.reject(new Error('there is no browser here'))],
  ])('once what opens the browser %s, which is the error of the sign-in (AC-20)', async (_, fail) => {
    const places: (string | null)[] = []
    const auth = new AuthorizationCodeAuth({
      serverMetadata: loginServer,
      clientId: 'me',
      authorize: loopbackReceiver({
        open(url) {
          places.push(new URL(url).searchParams.get('redirect_uri'))
          return fail()
        },
      }),
    })

    await expect(auth.getToken()).rejects.toThrow('there is no browser here')

    expect(await isListening(Number(new URL(places[0] ?? '').port))).toBe(false)
  })

  it('where the browser has gone before the token was there, and keeps nobody waiting (AC-20)', async () => {
    const [arrived, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()]
    const { callback, port, outcome } = await openBrowser({}, {}, () => {
      arrived.resolve()
      return answered.promise
    })
    const { pathname, search } = new URL(callback)
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await arrived.promise
    socket.destroy()
    // Its end has come there when a request after it is answered.
    await sendRaw(port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')

    answered.resolve(Response.json({ access_token: 't1', token_type: 'Bearer' }))

    await expect(outcome).resolves.toMatchObject({ accessToken: 't1' })
    expect(await isListening(port)).toBe(false)
  })

  it('to connections that say nothing (AC-20)', async () => {
    const { callback, port, outcome } = await openBrowser()
    const silent = connect(port, '127.0.0.1')
    const ended = new Promise((resolve) => silent.once('close', resolve))

    await fetch(callback)
    await outcome

    await expect(ended).resolves.toBeDefined()
  })
})

it('takes the answer while what opened the browser still waits for its end', async () => {
  const opened = Promise.withResolvers<string>()
  const auth = new AuthorizationCodeAuth({
    serverMetadata: loginServer,
    clientId: 'me',
    fetch: tokenServer().fetch,
    authorize: loopbackReceiver({
      open(url) {
        opened.resolve(url)
        return new Promise(() => {})
      },
    }),
  })
  const attempt = auth.getToken()

  await fetch(callbackOf(new URL(await opened.promise)))

  await expect(attempt).resolves.toMatchObject({ accessToken: 't1' })
})

describe('a program that signed in', () => {
  const program = (open: string) => `
    import { AuthorizationCodeAuth } from '${new URL('../../src/index.ts', import.meta.url)}'
    import { loopbackReceiver } from '${new URL('../../src/node.ts', import.meta.url)}'

    const auth = new AuthorizationCodeAuth({
      serverMetadata: ${JSON.stringify(loginServer)},
      clientId: 'me',
      fetch: async () => Response.json({ access_token: 't1', token_type: 'Bearer' }),
      authorize: loopbackReceiver({ open(url) { ${open} } }),
    })
    const outcome = await auth.getToken().then(({ accessToken }) => accessToken, (error) => error.message)
    console.log(outcome)
  `

  it.each([
    [
      'ends by itself',
      `const { searchParams } = new URL(url)
       const state = searchParams.get('state')
       return fetch(searchParams.get('redirect_uri') + '?code=c1&state=' + state).then((page) => page.text())`,
      't1',
    ],
    ['ends by itself, where it could not', `throw new Error('no browser')`, 'no browser'],
  ])('%s, with nothing left that listens or waits', async (_, open, printed) => {
    const flags = ['--conditions=@x/source', '--input-type=module', '--eval', program(open)]

    // Rejects where the program has to be killed, or ends with another status than 0.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, { timeout: 15_000 })

    expect([stdout, stderr]).toEqual([`${printed}\n`, ''])
  })
})
