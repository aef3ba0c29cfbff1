import { inspect } from 'node:util'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { withHttp } from '../src/http.ts'
import {
  DiscoveryError,
  discoverAuthorizationServer,
  fetchAuthorizationServerMetadata,
  OAuthError,
} from '../src/index.ts'
import { egressFetch } from '../src/node.ts'
import { type EgressServer, serve } from './egress-servers.ts'

type Found = readonly { readonly address: string; readonly family: number }[]
type Answered = (error: Error | null, found?: Found) => void

/** What the resolver says from now on, one list of addresses for each question; it repeats the last. */
const answers: string[][] = []
const questions: string[] = []

vi.mock(import('node:dns'), async (original) => {
  const dns = await original()
  const lookup = (hostname: string, _options: object, answered: Answered) => {
    questions.push(hostname)
    const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? []
    const missing = Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    setImmediate(() => (found.length > 0 ? answered(null, found) : answered(missing)))
  }
  // Of its overloads only the one is called that asks for all addresses.
  return { ...dns, lookup: lookup as unknown as typeof dns.lookup }
})

beforeEach(() => {
  answers.length = 0
  questions.length = 0
})

const refusal = (host: string, address: string) => ({
  cause: {
    code: 'ADDRESS_REFUSED',
    message: `${host === address ? host : `${host} is at ${address}, which`} is no public address. If you trust it, pass egressFetch({ allow: ['${address}'] }).`,
  },
})

const at = (name: string, { port }: EgressServer) => `http://${name}:${port}/`

describe('a name', () => {
  it.each([
    ['127.0.0.1'],
    ['::1'],
    ['10.0.0.1'],
    ['169.254.169.254'],
    ['::ffff:127.0.0.1'],
    ['0.0.0.0'],
    ['fd00::1'],
    ['64:ff9b::7f00:1'],
    ['fe80::1%eth0'],
  ])('that is at %s is not connected to (NS-01, NS-03, NS-05)', async (address) => {
    await using server = await serve('http')
    await using fetch = egressFetch()
    answers.push([address])

    await expect(fetch(at('rs.example', server))).rejects.toMatchObject(refusal('rs.example', address))

    expect(server.arrivals).toEqual([])
    expect(questions).toEqual(['rs.example'])
  })

  it.each([
    [['93.184.216.34', '127.0.0.1']],
    [['127.0.0.1', '93.184.216.34']],
    [['2606:4700:4700::1111', '127.0.0.1']],
  ])('is refused for one of its addresses: %j (NS-05)', async (addresses) => {
    await using server = await serve('http')
    await using fetch = egressFetch()
    answers.push(addresses)

    await expect(fetch(at('rs.example', server))).rejects.toMatchObject(refusal('rs.example', '127.0.0.1'))

    expect(server.arrivals).toEqual([])
  })

  it.each([[['127.0.0.1']], [['127.0.0.0/8']], [['::1', '127.0.0.0/30']], [['::ffff:127.0.0.1']]])(
    'is connected to where %j is allowed (NS-05)',
    async (allow) => {
      await using server = await serve('http')
      await using fetch = egressFetch({ allow })
      answers.push(['127.0.0.1'])

      const answer = await fetch(at('rs.example', server))

      expect(await answer.text()).toBe('hello')
      expect(server.arrivals).toHaveLength(1)
    },
  )

  it.each([[['127.0.0.2']], [['10.0.0.0/8']], [['::1']], [['::/0']], [['127.0.0.0/32']]])(
    'is refused where only %j is allowed (NS-05)',
    async (allow) => {
      await using server = await serve('http')
      await using fetch = egressFetch({ allow })
      answers.push(['127.0.0.1'])

      await expect(fetch(at('rs.example', server))).rejects.toMatchObject(refusal('rs.example', '127.0.0.1'))
    },
  )

  it('is asked for once for each connection, and connected to where it was judged (NS-05)', async () => {
    await using server = await serve('http', (_, response) => response.setHeader('connection', 'close').end())
    await using fetch = egressFetch({ allow: ['127.0.0.1'] })
    // Whoever asks once to judge and once to connect is led to the second.
    answers.push(['127.0.0.1'], ['10.0.0.1'])

    const answer = await fetch(at('rebinds.example', server))

    expect(answer.status).toBe(200)
    expect(questions).toEqual(['rebinds.example'])
    await expect(fetch(at('rebinds.example', server))).rejects.toMatchObject(
      refusal('rebinds.example', '10.0.0.1'),
    )
    expect(questions).toEqual(['rebinds.example', 'rebinds.example'])
    expect(server.arrivals).toHaveLength(1)
  })

  it('that nobody has is not found', async () => {
    await using fetch = egressFetch()
    answers.push([])

    await expect(fetch('http://nobody.example/')).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } })
  })
})

describe('an address in a URL', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[::ffff:127.0.0.1]', '::ffff:7f00:1'],
    ['10.0.0.1', '10.0.0.1'],
    ['169.254.169.254', '169.254.169.254'],
  ])('is not connected to: %s (NS-01, NS-03)', async (host, address) => {
    await using server = await serve('http')
    await using fetch = egressFetch()

    await expect(fetch(at(host, server))).rejects.toMatchObject(refusal(address, address))

    expect(server.arrivals).toEqual([])
    expect(questions).toEqual([])
  })

  it.each([
    ['http://10.0.0.1/', '10.0.0.1'],
    ['http://[::1]/', '::1'],
    ['http://0x7f.2/', '127.0.0.2'],
    ['//169.254.169.254/latest', '169.254.169.254'],
    ['http://[::ffff:a00:1]/', '::ffff:a00:1'],
  ])('is not connected to as the target of a redirect: %s (NS-04)', async (location, address) => {
    await using server = await serve('http', (_, response) => response.writeHead(302, { location }).end())
    await using fetch = egressFetch({ allow: ['127.0.0.1'] })

    await expect(fetch(server.origin)).rejects.toMatchObject(refusal(address, address))
    expect(server.arrivals).toHaveLength(1)
  })

  it('is found behind the name that a redirect leads to (NS-04, NS-05)', async () => {
    const location = 'http://inside.example/'
    await using server = await serve('http', (_, response) => response.writeHead(302, { location }).end())
    await using fetch = egressFetch({ allow: ['127.0.0.1'] })
    answers.push(['10.0.0.1'])

    await expect(fetch(server.origin)).rejects.toMatchObject(refusal('inside.example', '10.0.0.1'))
  })
})

describe('as the option fetch', () => {
  it('makes a refusal terminal, and names host, address and option (NS-05)', async () => {
    await using server = await serve('http')
    await using fetch = egressFetch()
    answers.push(['127.0.0.1'])
    const resource = `http://rs.localhost:${server.port}/mcp`

    const attempt = discoverAuthorizationServer(resource, { fetch })

    await expect(attempt).rejects.toMatchObject({
      name: 'DiscoveryError',
      code: 'address_refused',
      recovery: 'terminal',
      cause: { code: 'ADDRESS_REFUSED' },
      message: `GET ${resource} (probe of the resource): not sent: rs.localhost is at 127.0.0.1, which is no public address. If you trust it, pass egressFetch({ allow: ['127.0.0.1'] }).`,
    })
    expect(server.arrivals).toEqual([])
  })

  it('is enough for a whole walk, by the option that its refusal names (NS-05)', async () => {
    const documents: Record<string, () => object> = {
      '/.well-known/oauth-protected-resource/mcp': () => ({
        resource: `${server.origin}/mcp`,
        authorization_servers: [server.origin],
      }),
      '/.well-known/oauth-authorization-server': () => ({ issuer: server.origin }),
    }
    await using server: EgressServer = await serve('http', ({ url = '' }, response) => {
      const document = documents[url]?.()
      response.writeHead(document ? 200 : 401, { 'content-type': 'application/json' })
      response.end(JSON.stringify(document))
    })
    await using fetch = egressFetch({ allow: ['127.0.0.1'] })

    const found = await discoverAuthorizationServer(`${server.origin}/mcp`, { fetch })

    expect(found.authorizationServerMetadata).toEqual({ issuer: server.origin })
  })

  it('leaves the class of the error to the package that asks (NS-05)', async () => {
    class OtherError extends OAuthError {
      override readonly code: string
      constructor(code: string, message: string, options: object) {
        super(message, options)
        this.code = code
      }
    }
    await using fetch = egressFetch()
    answers.push(['10.0.0.1'])
    const context = {
      callerUrl: 'https://as.example/token',
      emit: () => {},
      fail: (code: string, message: string, options: object) => new OtherError(code, message, options),
    }
    const form = new URLSearchParams({ client_secret: 'hunter2' })

    const attempt = withHttp({ fetch }, context, (http) =>
      http({ purpose: 'token request', url: context.callerUrl, body: form, headers: new Headers() }),
    )

    const error = await attempt.catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OtherError)
    expect(error).toMatchObject({
      code: 'address_refused',
      recovery: 'terminal',
      message:
        "POST https://as.example/token (token request): not sent: as.example is at 10.0.0.1, which is no public address. If you trust it, pass egressFetch({ allow: ['10.0.0.1'] }).",
    })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('hunter2')
  })

  it('tells a server that is down from one that is refused', async () => {
    await using fetch = egressFetch({ allow: ['127.0.0.1'] })
    const { origin } = await (async () => {
      await using gone = await serve('http')
      return gone
    })()

    await expect(fetchAuthorizationServerMetadata(origin, { fetch })).rejects.toMatchObject({
      code: 'unavailable',
      recovery: 'transient',
      message: expect.stringContaining('(ECONNREFUSED)'),
    })
    await expect(discoverAuthorizationServer(origin, { fetch })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('no answer (ECONNREFUSED)'),
    })
  })
})

describe('an option of no use is refused at once', () => {
  it.each([
    'nonsense',
    '',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10/8',
    '127.1',
    '0x7f.0.0.1/8',
    '010.0.0.0/8',
    '[::1]',
  ])('allow: %j', (text) => {
    expect(() => egressFetch({ allow: ['10.0.0.0/8', text] })).toThrow(
      expect.objectContaining({
        name: 'DiscoveryError',
        code: 'invalid_option',
        message: `The option allow holds ${JSON.stringify(text)}, which is neither an address nor a range like 10.0.0.0/8.`,
      }),
    )
  })

  it.each([
    ['socks://x', 'socks://x'],
    ['socks://user:hunter2@x:1080', 'socks://x:1080'],
    ['not a url', 'not a url'],
    ['proxy.example:8080', 'proxy.example:8080'],
    ['user:hunter2@proxy.example:8080', 'user://proxy.example:8080'],
    ['http://user:hunter2?@proxy.example', 'http://proxy.example'],
    ['http://user:hunter2#1@proxy.example', 'http://proxy.example'],
    ['http://user:hunter2%FF@proxy.example', 'http://proxy.example'],
    ['', ''],
  ])('proxy: %j, without what is secret in it (NS-09)', (proxy, shown) => {
    const make = () => egressFetch({ proxy })

    expect(make).toThrow(DiscoveryError)
    expect(make).toThrow(
      expect.objectContaining({
        code: 'invalid_option',
        message: `The option proxy is "${shown}", which is no absolute http or https URL, or is not percent-encoded.`,
      }),
    )
  })
})
