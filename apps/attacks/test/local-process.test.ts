import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import {
  chmod,
  chown,
  link,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import {
  AuthorizationCodeAuth,
  type AuthorizationCodeOptions,
  createToken,
  DeviceCodeAuth,
} from '@x/oauth-grants'
import {
  fileStore,
  type LoopbackReceiverOptions,
  loopbackReceiver,
  pastedRedirect,
} from '@x/oauth-grants/node'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { arrivedAt, serve } from './parts/serving.ts'
import { startTokenGiver } from './parts/token-giver.ts'

const giver = await startTokenGiver(() => ({ refresh_token: 'refresh-given' }))
afterAll(() => giver.close())
const { serverMetadata } = giver

const folder = await mkdtemp(join(tmpdir(), 'attacks-local-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
const newFolder = () => mkdtemp(join(folder, 'x'))

const open: (() => unknown)[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(open.splice(0).map((close) => close()))
})

const settle = (work: Promise<unknown>) => work.catch((error: unknown) => error)

/** A sign-in that has come as far as the browser, and what a local program may send meanwhile. */
async function signingIn(
  receiver: Partial<LoopbackReceiverOptions> = {},
  options: Partial<AuthorizationCodeOptions> = {},
) {
  const opened = Promise.withResolvers<string>()
  const auth = new AuthorizationCodeAuth({
    serverMetadata,
    clientId: 'me',
    clientSecret: 'client-secret-marked',
    authorize: loopbackReceiver({ open: (url) => opened.resolve(url), ...receiver }),
    ...options,
  })
  open.push(() => auth.close())
  const before = giver.forms.length
  const outcome = settle(auth.getToken())
  const url = new URL(await Promise.race([opened.promise, outcome.then(String)]))
  const callback = new URL(url.searchParams.get('redirect_uri') ?? '')
  callback.searchParams.set('state', url.searchParams.get('state') ?? '')
  callback.searchParams.set('code', 'real-code')
  const codes = () => giver.forms.slice(before).map((form) => form.get('code'))
  return { url, callback, port: Number(callback.port), outcome, codes, auth }
}

/** Sends these bytes, and gives all that comes back. */
async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  return text(socket).catch(() => '')
}

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`

/** The person comes back in the end, and is signed in: with the code of nobody else. */
async function expectSignedIn({ callback, outcome, codes }: Awaited<ReturnType<typeof signingIn>>) {
  const page = await fetch(callback)
  expect(page.status).toBe(200)
  expect(await outcome).toMatchObject({ tokenType: 'Bearer' })
  expect(codes()).toEqual(['real-code'])
}

describe('the port of the receiver', () => {
  it('is taken before: no browser is opened, and nothing is waited for there (RFC 8252 §8.3)', async () => {
    const squatter = createServer((_, response) => response.end('squatted'))
    await once(squatter.listen(0, '127.0.0.1'), 'listening')
    open.push(() => squatter.close())
    const address = squatter.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const browser = vi.fn()
    const before = giver.journal.arrivals.length
    const auth = new AuthorizationCodeAuth({
      serverMetadata,
      clientId: 'me',
      authorize: loopbackReceiver({ open: browser, port }),
    })

    expect(await settle(auth.getToken())).toMatchObject({
      code: 'invalid_redirect_uri',
      recovery: 'transient',
    })

    expect(browser).not.toHaveBeenCalled()
    expect(giver.journal.arrivals.length).toBe(before)
  })

  it.each<[string, object]>([
    ['the same address', { host: '127.0.0.1' }],
    ['the same address, shared among processes', { host: '127.0.0.1', reusePort: true }],
    ['every address', { host: '0.0.0.0' }],
    ['every address, shared among processes', { host: '0.0.0.0', reusePort: true }],
    ['every address of both kinds', { host: '::' }],
  ])(
    'is listened at by a second program, at %s: it is not let, and the code does not come there (RFC 8252 §8.3)',
    async (_, where) => {
      const signIn = await signingIn()
      const second = createTcpServer()
      const taken = await new Promise((resolve) => {
        second.once('error', ({ message }) => resolve(message))
        second.listen({ port: signIn.port, ...where }, () => resolve('listening'))
      })
      open.push(() => second.close())

      expect(taken).toMatch(/EADDRINUSE/)
      await expectSignedIn(signIn)
    },
  )

  it('is listened at by another program where `localhost` may lead to: the browser is sent to the address itself, and nothing comes there (RFC 8252 §8.3)', async () => {
    const signIn = await signingIn()
    const seen: string[] = []
    const beside = createServer(({ url }, response) => {
      seen.push(`${url}`)
      response.end()
    })
    const isThere = await new Promise((resolve) => {
      beside.once('error', () => resolve(false))
      beside.listen(signIn.port, '::1', () => resolve(true))
    })
    open.push(() => beside.close())

    expect(signIn.callback.hostname).toBe('127.0.0.1')
    await expectSignedIn(signIn)
    expect(isThere && seen).toEqual(isThere && [])
  })

  const outside = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)

  it.runIf(outside)('is tried from another machine: nobody answers there (RFC 8252 §8.3)', async () => {
    const signIn = await signingIn()
    const knock = (host: string) =>
      new Promise((resolve) => {
        const socket = connect({ host, port: signIn.port, timeout: 2_000 })
        socket.once('connect', () => resolve('connected'))
        socket.once('timeout', () => resolve('refused'))
        socket.once('error', () => resolve('refused'))
        open.push(() => socket.destroy())
      })

    expect(await knock(outside?.address ?? '')).toBe('refused')
    await expectSignedIn(signIn)
  })

  it('is tried after the sign-in: nobody listens there any longer (RFC 8252 §8.3)', async () => {
    const signIn = await signingIn()
    await expectSignedIn(signIn)

    await expect(fetch(signIn.callback)).rejects.toThrow('fetch failed')
    expect(signIn.codes()).toHaveLength(1)
  })
})

describe('another program of this machine, at the receiver', () => {
  const forged = '/callback?code=forged-code&state='

  it.each<[string, string]>([
    ['sends a code without a state', get('/callback?code=forged-code')],
    ['sends a code with an empty state', get(forged)],
    ['sends a code with the state of another', get(`${forged}${'A'.repeat(43)}`)],
    ['sends a refusal', get('/callback?error=access_denied&state=x')],
    [
      'sends a code in a form',
      `POST /callback?state=x HTTP/1.1\r\nhost: x\r\ncontent-length: 16\r\n\r\ncode=forged-code`,
    ],
    ['asks for a whole URL, as of a proxy', get('http://127.0.0.1/callback?code=forged-code')],
    ['asks for a place behind it', get('/callback/x?code=forged-code')],
    ['asks for a place that leads back to it', get('/x/..//callback?code=forged-code')],
    ['asks by another name (DNS rebinding)', get(`${forged}x`).replace('127.0.0.1', 'evil.example')],
    ['asks from a page elsewhere', get(`${forged}x`, 'origin: https://evil.example\r\n')],
    ['sends what is no HTTP', `${'\u0000\u0001\u0002'.repeat(100)}\r\n\r\n`],
    ['sends a line without end', `GET /callback?${'x'.repeat(100_000)}`],
    ['sends headers without end', get('/callback', `x-a: ${'x'.repeat(100_000)}\r\n`)],
    [
      'sends a body that is too long',
      `POST /callback HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n${'x'.repeat(500_000)}`,
    ],
    ['wants a tunnel', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['wants another protocol', get('/callback', 'connection: upgrade\r\nupgrade: websocket\r\n')],
  ])(
    '%s: nothing of it is redeemed, and the sign-in goes on (RFC 8252 §8.9, RFC 9700 §4.7)',
    async (_, bytes) => {
      const signIn = await signingIn()

      const answer = await sendRaw(signIn.port, bytes)

      expect(answer).not.toMatch(/^HTTP\/1.1 2/)
      expect(answer).not.toMatch(/forged-code|client-secret-marked/)
      expect(answer).not.toContain(signIn.callback.searchParams.get('state'))
      await expectSignedIn(signIn)
    },
  )

  it.each(['POST', 'HEAD', 'PUT', 'OPTIONS'])(
    'knows the state and comes by %s: the code is not taken (RFC 6749 §4.1.2, RFC 9700 §4.7)',
    async (method) => {
      const signIn = await signingIn()
      const { searchParams, pathname } = signIn.callback
      const path = `${pathname}?code=forged-code&state=${searchParams.get('state')}`

      const answer = await sendRaw(
        signIn.port,
        `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      )

      expect(answer).toMatch(/^HTTP\/1.1 405/)
      await expectSignedIn(signIn)
    },
  )

  it.each(['/', '/other', '/callback/', '/Callback', '//callback', '/callback%2f', '/x/callback'])(
    'knows the state and asks for %s: the code is not taken (RFC 8252 §8.10, RFC 9700 §4.1)',
    async (path) => {
      const signIn = await signingIn()
      const state = signIn.callback.searchParams.get('state')

      const answer = await sendRaw(signIn.port, get(`${path}?code=forged-code&state=${state}`))

      expect(answer).toMatch(/^HTTP\/1.1 404/)
      await expectSignedIn(signIn)
    },
  )

  it('sends five hundred answers of its own: none is redeemed, and the sign-in goes on (RFC 9700 §4.7)', async () => {
    const signIn = await signingIn()
    const sent = Array.from({ length: 500 }, (_, index) => sendRaw(signIn.port, get(`${forged}${index}`)))
    await Promise.all(sent)

    await expectSignedIn(signIn)
  })

  it('holds a hundred connections open, and says nothing: the person is signed in, and they are cut (RFC 8252 §8.3)', async () => {
    const signIn = await signingIn()
    const idle: Socket[] = []
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(signIn.port, '127.0.0.1')
      socket.on('error', () => {})
      idle.push(socket)
    }
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    for (const socket of idle) socket.write('GET /callb')

    await expectSignedIn(signIn)
    await expect.poll(() => idle.filter(({ destroyed }) => !destroyed).length).toBe(0)
  })

  it('sends the real answer once more: the code is redeemed once (RFC 9700 §4.5)', async () => {
    const signIn = await signingIn()
    const [first] = await Promise.all([fetch(signIn.callback), fetch(signIn.callback).catch(() => undefined)])

    expect(first.status).toBe(200)
    expect(await signIn.outcome).toMatchObject({ tokenType: 'Bearer' })
    expect(signIn.codes()).toEqual(['real-code'])
  })

  it('repeats a parameter of the answer: no code of it is redeemed (RFC 6749 §3.1, RFC 9700 §4.5)', async () => {
    const signIn = await signingIn()
    await fetch(`${signIn.callback}&code=forged-code`)

    expect(await signIn.outcome).toMatchObject({ code: 'invalid_callback' })
    expect(signIn.codes()).toEqual([])
  })
})

describe('a web page, at the receiver', () => {
  const script = '<script>alert(1)</script>'
  const injections = [
    `/callback?state=x&error_description=${script}`,
    `/callback?state=x&error=${encodeURIComponent(script)}&error_uri=javascript:alert(1)`,
    `/${script}`,
    `/callback?state=x&a=%0d%0aset-cookie:%20evil=1`,
    `/callback?%3Cimg%20src=x%20onerror=alert(1)%3E`,
  ]

  it.each(injections)(
    'writes HTML into %s: nothing of it is in the page, whatever it shows (RFC 9700 §4.2.4)',
    async (path) => {
      const signIn = await signingIn()

      const answer = await sendRaw(signIn.port, get(path))

      expect(answer).not.toMatch(/<script|alert|<img|evil|javascript:/i)
      await expectSignedIn(signIn)
    },
  )

  it('is sent a code, or the refusal of one, by a server that writes HTML: nothing of it is in the page that is shown (RFC 9700 §4.2.4)', async () => {
    const signIn = await signingIn()
    signIn.callback.searchParams.delete('code')
    signIn.callback.searchParams.set('error', script)
    signIn.callback.searchParams.set('error_description', script)

    const page = await fetch(signIn.callback).then((each) => each.text())

    expect(page).toContain('That did not work')
    expect(page).not.toMatch(/<script|alert/)
    expect(signIn.codes()).toEqual([])
  })

  it.each(['wrong', 'right'])(
    'reads an answer from elsewhere, puts it in a frame or follows it, by a %s state: no header lets it (RFC 9700 §4.2.4, §4.16)',
    async (state) => {
      const signIn = await signingIn()
      if (state === 'wrong') {
        const answer = await sendRaw(
          signIn.port,
          get(
            '/callback?state=x',
            'origin: https://evil.example\r\naccess-control-request-private-network: true\r\n',
          ),
        )
        expect(answer).not.toMatch(/access-control-allow/i)
      }
      if (state === 'wrong') signIn.callback.searchParams.set('state', 'wrong')
      const { headers } = await fetch(signIn.callback)

      expect(Object.fromEntries(headers)).toMatchObject({
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      })
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    },
  )
})

describe('whoever reads the processes of this machine', () => {
  it.runIf(process.platform === 'linux')(
    'reads the arguments and the environment of what opens the browser: no secret is in them (RFC 8252 §8.1, RFC 9700 §4.5.3)',
    async () => {
      const program = `const { readFileSync: read } = require('node:fs')
      process.stdout.write(read('/proc/self/cmdline', 'utf8') + read('/proc/self/environ', 'utf8'))`
      const started = Promise.withResolvers<string>()
      const run = promisify(execFile)
      const signIn = signingIn(
        {
          open: async (url) => {
            const { stdout } = await run(process.execPath, ['-e', program, '--', url])
            started.resolve(stdout)
          },
        },
        { refreshToken: undefined },
      )
      // It has been opened in another way.
      signIn.catch(() => {})
      const shown = await started.promise
      const state = /state=([\w-]+)/.exec(shown)?.[1] ?? ''
      const port = /127\.0\.0\.1%3A(\d+)/.exec(shown)?.[1] ?? ''
      const page = await fetch(`http://127.0.0.1:${port}/callback?code=real-code&state=${state}`)
      expect(page.status).toBe(200)
      const verifier = giver.forms.at(-1)?.get('code_verifier') ?? ''

      expect(verifier).toHaveLength(43)
      expect(shown).toContain('code_challenge_method=S256')
      expect(shown).not.toContain(verifier)
      expect(shown).not.toMatch(/client-secret-marked|given-|refresh-given/)
    },
  )
})

describe('a server that names what is to be opened', () => {
  it.each([
    '--help',
    '-a Calculator',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'smb://evil.example/share',
    'data:text/html,x',
    'vscode://evil',
    'C:\\Windows\\System32\\calc.exe',
    '\\\\evil.example\\share',
    'https://user:password@as.example/authorize',
    'https://as.example\\@evil.example/authorize',
    'https://as.example/authorize\n--help',
    'https://as.example/authorize \u0022; calc',
    'http://as.example/authorize',
    '//evil.example/authorize',
    '',
  ])(
    'names %j: it is not opened, whoever opens it (MCP OAuth Authorization URL Validation)',
    async (authorization_endpoint) => {
      const browser = vi.fn()
      const make = () =>
        new AuthorizationCodeAuth({
          serverMetadata: { ...serverMetadata, authorization_endpoint },
          clientId: 'me',
          authorize: loopbackReceiver({ open: browser }),
        })

      expect(make).toThrow(expect.objectContaining({ name: 'AuthConfigError' }))
      expect(browser).not.toHaveBeenCalled()
    },
  )

  it.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    '--help',
    'https://user:password@as.example/',
    'https://as.example\\@evil.example/',
    'http://as.example/',
    'https://as.example/\u202egro',
    'https://as.example/\u001b[2J',
  ])(
    'sends a person with a device to %j: nobody is shown it, alone or with a code in it (RFC 8628 §3.3; MCP OAuth Authorization URL Validation)',
    async (bad) => {
      for (const member of ['verification_uri', 'verification_uri_complete']) {
        await using server = await serve((origin) => ({ url }) => {
          if (url.pathname !== '/device') return Response.json({ error: 'access_denied' }, { status: 400 })
          const said = { device_code: 'd', user_code: 'A', verification_uri: `${origin}/`, expires_in: 600 }
          return Response.json({ ...said, [member]: bad })
        })
        const { origin: issuer } = server
        const prompt = vi.fn()
        const auth = new DeviceCodeAuth({
          serverMetadata: {
            issuer,
            token_endpoint: `${issuer}/token`,
            device_authorization_endpoint: `${issuer}/device`,
          },
          clientId: 'me',
          // Nobody waits between polls, and no deadline comes.
          clock: {
            now: Date.now,
            sleep: (ms, signal) =>
              ms > 5_000
                ? new Promise((end) => signal?.addEventListener('abort', () => end()))
                : Promise.resolve(),
          },
          prompt,
        })

        await settle(auth.getToken())

        expect(JSON.stringify(prompt.mock.calls)).not.toContain(JSON.stringify(bad))
        expect(prompt).toHaveBeenCalledTimes(member === 'verification_uri' ? 0 : 1)
        await auth.close()
      }
    },
  )

  it('writes for a shell: what is opened has no space, quote or line in it, and begins with https (MCP OAuth Authorization URL Validation)', async () => {
    const opened: string[] = []
    const auth = new AuthorizationCodeAuth({
      serverMetadata: {
        ...serverMetadata,
        issuer: 'https://as.example',
        authorization_endpoint: 'https://as.example/a"b`c<d>?x="y`',
      },
      clientId: 'me" --x',
      scope: 'a b',
      authorize: loopbackReceiver({
        open: (url) => {
          opened.push(url)
          throw new Error('no browser')
        },
      }),
    })
    await settle(auth.getToken())

    expect(opened).toHaveLength(1)
    expect(opened[0]).toMatch(/^https:\/\/as\.example\/[^\s"<>\\]*$/)
  })
})

describe('whoever can write where the credentials are kept', () => {
  const secret = '{"version":2,"entries":{},"terms":{},"fence":0}'
  const entry = (refreshToken: string) => ({
    ...createToken({ accessToken: 'planted-access', issuer: giver.origin, expiresAt: 1, obtainedAt: 1 }),
    version: 1,
    accessToken: 'planted-access',
    refreshToken,
  })

  /** The name that a login has in a store. */
  async function nameOf(): Promise<string> {
    const names: string[] = []
    const store = {
      load: async (name: string) => void names.push(name),
      save: async () => 'r',
      clear: async () => true,
    }
    const load = store.load as never
    await settle(login({ ...store, load }).getToken())
    return names[0] ?? expect.fail('nothing was looked for')
  }

  const login = (store: AuthorizationCodeOptions['store']) =>
    new AuthorizationCodeAuth({ serverMetadata, clientId: 'me', store, partition: 'p' })

  /** A file of credentials with which the refresh token of somebody would be used. */
  async function plantAt(path: string, refreshToken: string, mode = 0o600): Promise<void> {
    const value = JSON.stringify(entry(refreshToken))
    const entries = { [await nameOf()]: { value, revision: 'x' } }
    await writeFile(path, JSON.stringify({ version: 2, entries, terms: {}, fence: 0 }), { mode })
    await chmod(path, mode)
  }

  it.each([0o644, 0o640, 0o604, 0o666, 0o620, 0o602, 0o777])(
    'lets others at the file, by the mode %o: nothing in it is used, sent or changed (MCP Token Theft)',
    async (mode) => {
      const path = join(await newFolder(), 'credentials.json')
      await plantAt(path, `private-${mode}`)
      await login(fileStore({ path })).getToken()
      await plantAt(path, `exposed-${mode}`, mode)
      const before = await readFile(path, 'utf8')

      expect(await settle(login(fileStore({ path })).getToken())).toMatchObject({ code: 'store_unsafe' })

      // What was private has been used: so the name is right, and the rest would have been as well.
      expect(arrivedAt(giver)).toContain(`private-${mode}`)
      expect(arrivedAt(giver)).not.toContain(`exposed-${mode}`)
      expect(await readFile(path, 'utf8')).toBe(before)
    },
  )

  it.runIf(process.getuid?.() === 0)(
    'puts a file of its own there, as private as ours: nothing in it is used or sent (RFC 9700 §4.6)',
    async () => {
      const path = join(await newFolder(), 'credentials.json')
      await plantAt(path, 'foreign-refresh')
      await chown(path, 12_345, 12_345)

      expect(await settle(login(fileStore({ path })).getToken())).toMatchObject({ code: 'store_unsafe' })
      expect(arrivedAt(giver)).not.toContain('foreign-refresh')
    },
  )

  it('puts a link there to a file of the user: that is not written, and nothing of it is shown (MCP Local MCP Server Compromise)', async () => {
    const home = await newFolder()
    const [path, key] = [join(home, 'credentials.json'), join(home, 'id_ed25519')]
    await writeFile(key, 'private-key-marked', { mode: 0o600 })
    await symlink(key, path)

    const found = await settle(fileStore({ path }).save('a', 'b', { expect: undefined }))

    expect(found).toMatchObject({ code: 'store_unreadable' })
    expect(String(found)).not.toContain('private-key-marked')
    expect(await readFile(key, 'utf8')).toBe('private-key-marked')
    expect((await readdir(home)).toSorted()).toEqual(['credentials.json', 'id_ed25519'])
  })

  it.each(['.tmp', '.lock', '.lock.stale'])(
    'puts a link at the name with %s to a file of the user: that is neither written, touched nor removed (MCP Local MCP Server Compromise)',
    async (suffix) => {
      const home = await newFolder()
      const [path, key] = [join(home, 'credentials.json'), join(home, 'id_ed25519')]
      await writeFile(key, 'private-key-marked', { mode: 0o600 })
      const then = new Date(Date.now() - 60_000)
      await utimes(key, then, then)
      await symlink(key, path + suffix)

      await fileStore({ path }).save('a', 'kept-marked', { expect: undefined })

      expect(await readFile(key, 'utf8')).toBe('private-key-marked')
      expect((await stat(key)).mtimeMs).toBe(then.getTime())
      expect(await readFile(path, 'utf8')).toContain('kept-marked')
    },
  )

  it('has a second name for the file: what is kept from then on does not come there (MCP Token Theft)', async () => {
    const home = await newFolder()
    const [path, other] = [join(home, 'credentials.json'), join(home, 'other')]
    const revision = await fileStore({ path }).save('a', 'first', { expect: undefined })
    await link(path, other)

    await fileStore({ path }).save('a', 'second-marked', { expect: revision })

    expect(await readFile(other, 'utf8')).not.toContain('second-marked')
  })

  it('swaps the file between the look at it and the reading: a value that others can read is never given (MCP Token Theft)', async () => {
    const home = await newFolder()
    const path = join(home, 'credentials.json')
    const content = (value: string) =>
      JSON.stringify({ version: 2, entries: { a: { value, revision: 'x' } }, terms: {}, fence: 0 })
    await writeFile(path, content('good'), { mode: 0o600 })
    const swapping = `
      const { renameSync, writeFileSync, chmodSync } = require('node:fs')
      const { workerData: { path, good, evil, flag } } = require('node:worker_threads')
      for (; Atomics.load(flag, 0) === 0; ) {
        for (const [text, mode] of [[good, 0o600], [evil, 0o644]]) {
          writeFileSync(path + '.x', text, { mode }); chmodSync(path + '.x', mode); renameSync(path + '.x', path)
        }
      }`
    const flag = new Int32Array(new SharedArrayBuffer(4))
    const workerData = { path, good: content('good'), evil: content('evil'), flag }
    const worker = new Worker(swapping, { eval: true, workerData })
    await once(worker, 'online')
    const found = new Set<unknown>()
    // Longer where one of the two is not met: both threads may share a processor.
    for (let times = 0; times < 600 || (found.size < 2 && times < 20_000); times += 1) {
      const each = await fileStore({ path })
        .load('a')
        .then(
          (loaded) => loaded?.value,
          ({ code }) => code,
        )
      found.add(each)
    }
    Atomics.store(flag, 0, 1)
    await once(worker, 'exit')

    expect([...found].map(String).toSorted((one, other) => one.localeCompare(other))).toEqual([
      'good',
      'store_unsafe',
    ])
  })

  const makeFifo = (path: string) => promisify(execFile)('mkfifo', ['-m', '666', path])

  it.runIf(process.platform === 'linux')(
    'puts a pipe in its place: nobody waits for what comes out of it (MCP Local MCP Server Compromise)',
    async () => {
      const path = join(await newFolder(), 'credentials.json')
      await makeFifo(path)
      const late = Symbol('late')
      const wait = new Promise((resolve) => setTimeout(resolve, 2_000, late))

      const found = await Promise.race([settle(fileStore({ path }).load('a')), wait])
      // Lets go whoever waits all the same.
      void writeFile(path, '').catch(() => {})

      expect(found).toMatchObject({ code: 'store_unsafe' })
    },
  )

  it.runIf(process.platform === 'linux')(
    'writes credentials into a pipe in its place: they are not used or sent (RFC 9700 §4.6)',
    async () => {
      const home = await newFolder()
      const [path, source] = [join(home, 'credentials.json'), join(home, 'source')]
      await plantAt(source, 'piped-refresh')
      await makeFifo(path)
      const writing = settle(readFile(source).then((bytes) => writeFile(path, bytes)))

      const found = await settle(login(fileStore({ path })).getToken())
      await settle(readFile(path).catch(() => {}))
      await writing

      expect(found).toMatchObject({ code: 'store_unsafe' })
      expect(arrivedAt(giver)).not.toContain('piped-refresh')
    },
  )

  it.runIf(process.platform === 'linux')(
    'puts a device in its place that has no end: it is not read (MCP Local MCP Server Compromise)',
    async () => {
      const path = join(await newFolder(), 'credentials.json')
      await symlink('/dev/zero', path)

      expect(await settle(fileStore({ path }).load('a'))).toMatchObject({ code: 'store_unsafe' })
    },
  )

  it('makes the file larger than memory: that is an error, and nothing is read of it (MCP Local MCP Server Compromise)', async () => {
    const path = join(await newFolder(), 'credentials.json')
    await writeFile(path, secret, { mode: 0o600 })
    await truncate(path, 5 * 2 ** 30)
    const { rss } = process.memoryUsage()

    const found = await settle(fileStore({ path }).load('a'))

    expect(found).toMatchObject({ name: 'StoreError' })
    expect(process.memoryUsage().rss - rss).toBeLessThan(200 * 2 ** 20)
  })

  it('holds the lock for ever: nothing is written, and the call ends (MCP Local MCP Server Compromise)', async () => {
    const path = join(await newFolder(), 'credentials.json')
    await writeFile(`${path}.lock`, 'squatted')
    vi.spyOn(performance, 'now').mockReturnValueOnce(0).mockReturnValue(31_000)

    const found = await settle(fileStore({ path }).save('a', 'b', { expect: undefined }))

    expect(found).toMatchObject({ code: 'store_unavailable', recovery: 'transient' })
    expect(await readFile(`${path}.lock`, 'utf8')).toBe('squatted')
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })

  it.each<[string, number]>([
    ['long ago', -60_000],
    ['in time to come', 60_000],
  ])(
    'leaves a lock behind, dated %s: it is taken away, and what is to be kept is kept (MCP Local MCP Server Compromise)',
    async (_, ms) => {
      const path = join(await newFolder(), 'credentials.json')
      await writeFile(`${path}.lock`, 'left')
      const then = new Date(Date.now() + ms)
      await utimes(`${path}.lock`, then, then)

      await fileStore({ path }).save('a', 'b', { expect: undefined })

      expect(await fileStore({ path }).load('a')).toMatchObject({ value: 'b' })
    },
  )

  it('takes the lock over in the middle of a write: nothing is written over what it wrote (RFC 9700 §4.14)', async () => {
    const path = join(await newFolder(), 'credentials.json')
    const store = fileStore({ path })
    await store.save('other', 'first', { expect: undefined, keepUntil: Date.now() + 60_000 })
    const now = Date.now()
    // Asked for the time when the lock is held: as if this process had stood still there for long.
    vi.spyOn(Date, 'now').mockImplementation(() => {
      writeFileSync(`${path}.lock`, 'of another')
      return now
    })

    const found = await settle(store.save('a', 'late', { expect: undefined }))

    expect(found).toMatchObject({ code: 'store_unavailable', recovery: 'transient' })
    expect(await readFile(path, 'utf8')).not.toContain('late')
    expect(await readFile(`${path}.lock`, 'utf8')).toBe('of another')
  })

  it('has a mask by which all can read: file and folder are for the user alone (MCP Token Theft)', async () => {
    const home = join(await newFolder(), 'new')
    const path = join(home, 'credentials.json')
    const mask = process.umask(0)
    await fileStore({ path })
      .save('a', 'b', { expect: undefined })
      .finally(() => process.umask(mask))
    const modeOf = async (each: string) => ((await stat(each)).mode & 0o777).toString(8)

    expect([await modeOf(path), await modeOf(home)]).toEqual(['600', '700'])
    expect(await readdir(home)).toEqual(['credentials.json'])
  })

  it('puts a link there that leads nowhere yet: what is kept there is for the user alone (MCP Token Theft)', async () => {
    const home = await newFolder()
    const [path, elsewhere] = [join(home, 'credentials.json'), join(home, 'elsewhere')]
    await symlink(elsewhere, path)

    await fileStore({ path }).save('a', 'b', { expect: undefined })

    expect(((await stat(elsewhere)).mode & 0o777).toString(8)).toBe('600')
    expect(await readlink(path)).toBe(elsewhere)
  })
})

describe('whoever fills the clipboard', () => {
  it('has the person paste what is not the answer of this sign-in: it is neither shown nor redeemed (RFC 9700 §4.7)', async () => {
    const shown: string[] = []
    const pasted = [
      '\u001b]0;owned\u0007marked-paste',
      'javascript:alert("marked-paste")?code=x',
      'https://evil.example/?code=marked-paste&state=x',
      'http://127.0.0.1/callback?code=marked-paste',
      'http://127.0.0.1/callback?code=marked-paste&state=',
      'marked-paste'.repeat(10_000),
    ]
    const auth = new AuthorizationCodeAuth({
      serverMetadata,
      clientId: 'me',
      redirectUri: 'http://127.0.0.1/callback',
      authorize: pastedRedirect({
        input: (async function* () {
          for (const each of pasted) yield `${each}\n`
        })(),
        output: { write: (each) => shown.push(each) },
      }),
    })

    expect(await settle(auth.getToken())).toMatchObject({ code: 'interaction_required' })

    expect(shown.join('')).not.toMatch(/marked-paste|owned|[^\n -~]/)
    expect(arrivedAt(giver)).not.toContain('marked-paste')
  })

  it('knows the state, and names another place: its code is not redeemed (RFC 9700 §4.1, RFC 8252 §8.10)', async () => {
    const auth = new AuthorizationCodeAuth({
      serverMetadata,
      clientId: 'me',
      redirectUri: 'http://127.0.0.1/callback',
      authorize: (url) =>
        `https://evil.example/callback?code=elsewhere-marked&state=${url.searchParams.get('state')}`,
    })

    expect(await settle(auth.getToken())).toMatchObject({ code: 'redirect_uri_mismatch' })
    expect(arrivedAt(giver)).not.toContain('elsewhere-marked')
  })
})
