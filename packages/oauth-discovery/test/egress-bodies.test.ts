import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { egressFetch } from '../src/node.ts'
import { type EgressServer, serve } from './egress-servers.ts'

const allow = ['127.0.0.1']

describe('a request', () => {
  const form = new FormData()
  form.set('a', 'ä')
  it.each([
    ['text', 'a=ä', 'text/plain;charset=UTF-8', /^a=ä$/, '4'],
    [
      'a form',
      new URLSearchParams({ a: 'ä' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
      /^a=%C3%A4$/,
      '8',
    ],
    ['bytes', new Uint8Array([97, 98]), undefined, /^ab$/, '2'],
    ['a blob', new Blob(['ab'], { type: 'text/x' }), 'text/x', /^ab$/, '2'],
    ['nothing', '', 'text/plain;charset=UTF-8', /^$/, '0'],
  ])('sends %s as it is, and says how long it is', async (_, body, type, sent, length) => {
    await using server = await serve('http')
    await using fetch = egressFetch({ allow })

    await fetch(server.origin, { method: 'POST', body, headers: { 'x-own': '1' } })

    const [arrival] = server.arrivals
    expect(arrival?.body).toMatch(sent)
    expect(arrival?.headers).toMatchObject({ 'content-length': length, 'x-own': '1' })
    expect(arrival?.headers['content-type']).toBe(type)
    expect(arrival?.headers).not.toHaveProperty('transfer-encoding')
  })

  it('sends the parts of a form, with their boundary', async () => {
    await using server = await serve('http')
    await using fetch = egressFetch({ allow })

    await fetch(server.origin, { method: 'POST', body: form })

    const [arrival] = server.arrivals
    const boundary = String(arrival?.headers['content-type']).replace('multipart/form-data; boundary=', '')
    expect(arrival?.body).toMatch(
      /^--.+\r\nContent-Disposition: form-data; name="a"\r\n\r\nä\r\n--.+--\r\n$/s,
    )
    expect(arrival?.body).toContain(`--${boundary}--`)
    expect(arrival?.headers['content-length']).toBe(String(Buffer.byteLength(arrival?.body ?? '')))
  })

  it('sends a stream while it is made', async () => {
    await using server = await serve('http')
    await using fetch = egressFetch({ allow })
    const body = new Blob(['one ', 'two']).stream()
    const init = { method: 'POST', body, duplex: 'half' as const } // which the types of the DOM do not know

    await fetch(server.origin, init)

    expect(server.arrivals).toMatchObject([{ body: 'one two', headers: { 'transfer-encoding': 'chunked' } }])
  })

  it.each([
    ['alone', undefined, 'PUT', 'first', '1'],
    ['with what is to be other', { body: 'second', headers: { 'x-own': '2' } }, 'PUT', 'second', '2'],
  ])('may be a Request, %s', async (_, init, method, body, own) => {
    await using server = await serve('http')
    await using fetch = egressFetch({ allow })
    const request = new Request(`${server.origin}/put`, {
      method: 'PUT',
      body: 'first',
      headers: { 'x-own': '1' },
    })

    await fetch(request, init)

    expect(server.arrivals).toMatchObject([
      { method, target: '/put', body, headers: { 'x-own': own, 'content-length': String(body.length) } },
    ])
  })

  it('keeps to the redirect that it is told (NS-04)', async () => {
    const location = '/there'
    await using server = await serve('http', ({ url }, response) =>
      url === location ? response.end('there') : response.writeHead(302, { location }).end(),
    )
    await using fetch = egressFetch({ allow })

    const manual = await fetch(server.origin, { redirect: 'manual' })
    const followed = await fetch(new URL(server.origin))

    expect([manual.status, manual.headers.get('location')]).toEqual([302, '/there'])
    expect(await followed.text()).toBe('there')
    await expect(fetch(server.origin, { redirect: 'error' })).rejects.toThrow('fetch failed')
  })
})

describe('an answer', () => {
  it('is unpacked', async () => {
    await using server = await serve('http', (_, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync('{"a":1}'))
    })
    await using fetch = egressFetch({ allow })

    expect(await (await fetch(server.origin)).json()).toEqual({ a: 1 })
  })
})

/** As the machine does it when it wants memory. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

const disconnected = ({ connections }: EgressServer) =>
  vi.waitFor(() => expect(connections.size).toBe(0), { timeout: 5_000 })

describe('a signal', () => {
  it('ends a request before it is sent, and while it waits', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    await using server = await serve('http', () => controller.abort(reason))
    await using fetch = egressFetch({ allow })

    await expect(fetch(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.arrivals).toEqual([])
    await expect(fetch(server.origin, { signal: controller.signal })).rejects.toBe(reason)
    await disconnected(server)
  })

  it.each([
    ['of the options', (signal: AbortSignal) => ({ signal })],
    ['of a Request', undefined],
  ])('%s ends the body of an answer, whatever memory was freed meanwhile (NS-06)', async (_, initOf) => {
    await using server = await serve('http', (_request, response) => response.write('first'))
    await using fetch = egressFetch({ allow })
    const controller = new AbortController()
    const { signal } = controller
    const input = initOf === undefined ? new Request(server.origin, { signal }) : server.origin
    const reader = (await fetch(input, initOf?.(signal))).body?.getReader()
    await reader?.read()
    collectGarbage()

    const rest = reader?.read()
    controller.abort(new Error('enough'))

    await expect(rest).rejects.toThrow('enough')
    await disconnected(server)
  })
})

describe('close', () => {
  it('ends the connections that are kept, may be called twice, and ends the use', async () => {
    await using server = await serve('http')
    const fetch = egressFetch({ allow })
    await (await fetch(server.origin)).text()
    expect(server.connections.size).toBe(1)

    await Promise.all([fetch.close(), fetch.close()])
    await fetch[Symbol.asyncDispose]()

    await disconnected(server)
    await expect(fetch(server.origin)).rejects.toThrow('fetch failed')
    expect(server.arrivals).toHaveLength(1)
  })

  it('waits for what is under way', async () => {
    const arrived = Promise.withResolvers<() => void>()
    await using server = await serve('http', (_, response) => arrived.resolve(() => response.end('late')))
    const fetch = egressFetch({ allow })
    const answer = fetch(server.origin)
    const finish = await arrived.promise

    const closed = fetch.close()
    finish()

    expect(await (await answer).text()).toBe('late')
    await closed
  })

  it('may be forgotten: a process ends all the same', async () => {
    await using server = await serve('http')
    const program = `
      import { egressFetch } from ${JSON.stringify(new URL('../src/node.ts', import.meta.url).href)}
      const answer = await egressFetch({ allow: ['127.0.0.1'] })('${server.origin}')
      console.log(await answer.text())`

    const args = ['--conditions=@x/source', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args)

    // The server would keep the connection for longer than a test may take.
    expect(stdout).toBe('hello\n')
  })
})
