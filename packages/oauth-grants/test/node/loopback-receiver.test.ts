import { once } from 'node:events'
import { createServer, Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { loopbackReceiver } from '../../src/node.ts'
import { isListening, openBrowser, sendRaw } from './loopback.ts'

afterEach(() => void vi.restoreAllMocks())

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
const elsewhere = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address
const hasIPv6 = addresses.some(({ address }) => address === '::1')

/** Where a receiver listens; it does so no longer when this is given. */
async function placeOf(options: Partial<Parameters<typeof loopbackReceiver>[0]>): Promise<URL> {
  const listening = await loopbackReceiver({ open: () => {}, ...options }).listen()
  await listening.finish(false)
  return new URL(listening.redirectUri)
}

describe('a receiver listens', () => {
  it('at 127.0.0.1, at a port that is free, under /callback (AC-19, RFC 8252 §7.3)', async () => {
    const { protocol, hostname, port, pathname } = await placeOf({})

    expect([protocol, hostname, pathname]).toEqual(['http:', '127.0.0.1', '/callback'])
    expect(Number(port)).toBeGreaterThan(1023)
  })

  it.runIf(elsewhere)('where no other machine can connect (AC-20, RFC 8252 §8.3)', async () => {
    const { port, callback, outcome } = await openBrowser()

    const isOpen = [await isListening(port), await isListening(port, elsewhere)]

    expect(isOpen).toEqual([true, false])
    await fetch(callback)
    await outcome
  })

  it.runIf(hasIPv6)('at ::1, where that is asked for, and not at 127.0.0.1 (AC-19)', async () => {
    const { port, callback, outcome } = await openBrowser({ host: '::1' })

    const isOpen = [await isListening(port, '::1'), await isListening(port, '127.0.0.1')]
    const response = await fetch(callback)

    expect(callback).toContain(`http://[::1]:${port}/callback?`)
    expect(isOpen).toEqual([true, false])
    expect(response.status).toBe(200)
    await expect(outcome).resolves.toMatchObject({ accessToken: 't1' })
  })

  it.runIf(hasIPv6)('at ::1 as well, where there is no 127.0.0.1 (AC-19)', async () => {
    const absent = Object.assign(new Error('listen'), { code: 'EADDRNOTAVAIL' })
    vi.spyOn(Server.prototype, 'listen').mockImplementationOnce(function (this: Server) {
      queueMicrotask(() => this.emit('error', absent))
      return this
    })

    const { hostname } = await placeOf({})

    expect(hostname).toBe('[::1]')
  })

  it('at localhost, where a server knows nothing else', async () => {
    const { hostname } = await placeOf({ host: 'localhost' })

    expect(hostname).toBe('localhost')
  })

  it('at the port and the path that are registered (AC-13, RFC 8252 §8.10)', async () => {
    const { port } = await placeOf({})

    const { href } = await placeOf({ port: Number(port), path: '/as/one' })

    expect(href).toBe(`http://127.0.0.1:${port}/as/one`)
  })

  it('at a port of its own, beside another receiver: their sign-ins do not mix (AC-06)', async () => {
    const [one, two] = await Promise.all([openBrowser(), openBrowser()])
    const { searchParams } = new URL(one.callback)
    const crossed = `http://127.0.0.1:${two.port}/callback?${searchParams}`

    const statuses = [await fetch(crossed), await fetch(one.callback), await fetch(two.callback)]

    expect(one.port).not.toBe(two.port)
    expect(statuses.map(({ status }) => status)).toEqual([400, 200, 200])
    await expect(one.outcome).resolves.toMatchObject({ accessToken: 't1' })
    await expect(two.outcome).resolves.toMatchObject({ accessToken: 't1' })
  })
})

describe('a receiver that cannot listen', () => {
  it('says which port is taken, and what to do; a later sign-in may have it', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    // What listens at a port has such an address.
    const { port } = taken.address() as { port: number }
    const open = vi.fn()

    const attempt = loopbackReceiver({ open, port }).listen()

    await expect(attempt).rejects.toMatchObject({
      name: 'AuthConfigError',
      code: 'invalid_redirect_uri',
      recovery: 'transient',
      message: `Cannot listen at 127.0.0.1:${port} for the end of a sign-in: another program listens there (EADDRINUSE). Pass another port, or none, which takes any that is free.`,
    })
    expect(open).not.toHaveBeenCalled()
    taken.close()
  })

  it('says what the system says', async () => {
    const denied = Object.assign(new Error('listen'), { code: 'EACCES' })
    vi.spyOn(Server.prototype, 'listen').mockImplementationOnce(function (this: Server) {
      queueMicrotask(() => this.emit('error', denied))
      return this
    })

    const attempt = loopbackReceiver({ open: () => {}, port: 80 }).listen()

    await expect(attempt).rejects.toMatchObject({
      code: 'invalid_redirect_uri',
      recovery: 'terminal',
      message: expect.stringContaining(
        '127.0.0.1:80 for the end of a sign-in: the system does not allow it (EACCES)',
      ),
    })
  })

  it('says at once that its path is none', () => {
    expect(() => loopbackReceiver({ open: () => {}, path: 'callback' })).toThrow(
      expect.objectContaining({ name: 'AuthConfigError', code: 'invalid_redirect_uri' }),
    )
  })
})

describe('a request', () => {
  const get = (target: string, method = 'GET') =>
    `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`

  it.each<[string, string, (query: string) => string]>([
    ['to another place', '404', (query) => get(`/other?${query}`)],
    ['to a place below', '404', (query) => get(`/callback/x?${query}`)],
    ['to the place with a slash', '404', (query) => get(`/callback/?${query}`)],
    ['for an icon', '404', () => get('/favicon.ico')],
    ['by POST', '405', (query) => get(`/callback?${query}`, 'POST')],
    ['by HEAD', '405', (query) => get(`/callback?${query}`, 'HEAD')],
    ['by OPTIONS', '405', (query) => get(`/callback?${query}`, 'OPTIONS')],
    ['for nothing in particular', '404', () => get('*', 'OPTIONS')],
    ['to a proxy', '404', (query) => get(`http://evil.example/callback?${query}`)],
    ['to a proxy, for this machine', '404', (query) => get(`http://127.0.0.1/callback?${query}`)],
    ['that looks like another host', '404', (query) => get(`//evil.example/callback?${query}`)],
    ['without a state', '400', () => get('/callback?code=evil')],
    ['with an empty state', '400', () => get('/callback?code=evil&state=')],
    ['with another state', '400', () => get('/callback?code=evil&state=x')],
    ['with an error and another state', '400', () => get('/callback?error=access_denied&state=x')],
    ['that is no HTTP', '400', () => 'hello\r\n\r\n'],
  ])('%s is answered %s, and the sign-in goes on (AC-06, AC-20)', async (_, status, requestOf) => {
    const { callback, port, outcome } = await openBrowser()

    const answer = await sendRaw(port, requestOf(new URL(callback).searchParams.toString()))
    const response = await fetch(callback)

    expect(answer.split(' ', 2)).toEqual(['HTTP/1.1', status])
    expect(answer).not.toContain('evil')
    expect(response.status).toBe(200)
    await expect(outcome).resolves.toMatchObject({ accessToken: 't1' })
  })

  it('by another method is told which one is right (RFC 9110 §15.5.6)', async () => {
    const { callback, outcome } = await openBrowser()

    const post = await fetch(callback, { method: 'POST' })
    const head = await fetch(callback, { method: 'HEAD' })
    await fetch(callback)

    expect([post.headers.get('allow'), head.headers.get('allow'), await head.text()]).toEqual([
      'GET',
      'GET',
      '',
    ])
    await outcome
  })

  it('that comes before anybody was sent off is not the answer', async () => {
    const listening = await loopbackReceiver({ open: () => {} }).listen()

    const response = await fetch(`${listening.redirectUri}?code=c1`)
    await listening.finish(false)

    expect(response.status).toBe(400)
  })

  it('that repeats the answer, such as by a reload, is told that it has arrived (AC-06)', async () => {
    const [arrived, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<Response>()]
    const { callback, outcome } = await openBrowser({}, {}, () => {
      arrived.resolve()
      return answered.promise
    })
    const first = fetch(callback)
    await arrived.promise

    const second = await (await fetch(callback)).text()
    answered.resolve(Response.json({ access_token: 't1', token_type: 'Bearer' }))

    expect(second).toContain('That has arrived already')
    expect(second).not.toContain('You are signed in')
    expect(await (await first).text()).toContain('You are signed in')
    await expect(outcome).resolves.toMatchObject({ accessToken: 't1' })
  })
})
