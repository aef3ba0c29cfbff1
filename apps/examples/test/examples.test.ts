import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type AuthorizationServer,
  agree,
  startAuthorizationServer,
  startMcpServer,
  startTestbed,
  type Testbed,
  testClients,
} from '@x/testbed'
import { afterAll, describe, expect, it } from 'vitest'
import { redisPath } from '../src/redis-server.ts'
import { signEmployeeIn, signUserIn } from '../src/servers.ts'
import { createSigner } from '../src/signer.ts'
import { lastingParts } from './lasting-parts.ts'
import { findLeaks, findTokens } from './leaks.ts'
import { type RunOptions, runExample } from './run.ts'

const names = (await runExample(['--names'])).stdout.trim().split('\n')
const { clientId, clientSecret } = testClients.worker
const signer = createSigner()
const pieceOfKey = signer.key.key.split('\n')[2] ?? ''
const clientSecrets = [clientSecret, testClients.app.clientSecret, pieceOfKey]

const secretMembers = [
  'code',
  'code_verifier',
  'refresh_token',
  'device_code',
  'subject_token',
  'token',
  'assertion',
  'client_assertion',
]

/** All that must not be seen: what the client has, and each token and credential that went over the wire. */
function secretsOf(
  { authorizationServer, mcp, api }: Testbed,
  ...others: Pick<AuthorizationServer, 'journal'>[]
): string[] {
  const headers = [authorizationServer, mcp, api, ...others].flatMap(({ journal }) =>
    journal.arrivals.flatMap((arrival) => arrival.headers['authorization']?.split(' ')[1] ?? []),
  )
  const servers = [authorizationServer, ...others]
  const posted = servers.flatMap(({ journal }) => journal.arrivals)
  const forms = posted.flatMap(({ body }) => {
    const form = new URLSearchParams(body)
    return secretMembers.flatMap((name) => form.get(name) ?? [])
  })
  return [...new Set([...clientSecrets, ...headers, ...forms])]
}

const home = await mkdtemp(join(tmpdir(), 'examples-'))
afterAll(() => rm(home, { recursive: true }))

const browser = fileURLToPath(new URL('./browser.mjs', import.meta.url))
const isForPeople = (name: string) =>
  ['authorization-code', 'two-servers', 'device-code', 'login', 'redis'].includes(name)
const isAboutApi = (name: string) => ['http-api', 'dpop', 'device-code', 'login', 'redis'].includes(name)

/** What an example needs to talk to servers that are not its own. */
async function settingOf(
  name: string,
  testbed: Testbed,
  provider: AuthorizationServer,
): Promise<{ args: string[] } & RunOptions> {
  const { url } = isAboutApi(name) ? testbed.api : testbed.mcp
  const env = { ...given(url), HOME: home, XDG_STATE_HOME: join(home, 'state') }
  if (name === 'token-exchange')
    return { args: [], env: { ...env, SUBJECT_TOKEN: await signUserIn(testbed) } }
  if (name === 'workload-identity') return { args: [], env: await asWorkload(testbed) }
  if (name === 'private-key-jwt') return { args: [], env: await asSigner(testbed) }
  if (name === 'enterprise-managed') return { args: [], env: { ...env, ...(await asEmployee(provider)) } }
  if (!isForPeople(name)) return { args: [], env }
  const { MCP_CLIENT_SECRET: _, ...open } = { ...env, MCP_CLIENT_ID: testClients.cli.clientId }
  return name === 'device-code'
    ? { args: [], env: open, onOutput: agreeOnPhone() }
    : { args: ['--browser', browser], env: { ...open, ...(name === 'redis' && asService) } }
}

/** Beside the program for people: one that acts for itself. */
const asService = { SERVICE_CLIENT_ID: clientId, SERVICE_CLIENT_SECRET: clientSecret }

/** A program that has an address, and a file of its platform. */
async function asWorkload({ authorizationServer, mcp }: Testbed): Promise<Record<string, string>> {
  const { issuer: audience, platform } = authorizationServer
  const path = join(home, crypto.randomUUID())
  await writeFile(path, `${await platform.sign({ subject: 'job-7', audience })}\n`)
  return { MCP_URL: mcp.url, WORKLOAD_TOKEN_FILE: path }
}

/** A program that has a key in a file. */
async function asSigner({ mcp }: Testbed): Promise<Record<string, string>> {
  const { clientId: id, key } = signer
  const path = join(home, crypto.randomUUID())
  await writeFile(path, key.key)
  return { MCP_URL: mcp.url, MCP_CLIENT_ID: id, CLIENT_KEY_FILE: path, CLIENT_KEY_ID: key.keyId }
}

async function asEmployee(provider: AuthorizationServer): Promise<Record<string, string>> {
  const { clientId: id, clientSecret: secret } = testClients.app
  return {
    MCP_CLIENT_ID: id,
    MCP_CLIENT_SECRET: secret,
    IDP_ISSUER: provider.issuer,
    IDP_CLIENT_ID: id,
    IDP_CLIENT_SECRET: secret,
    ID_TOKEN: await signEmployeeIn(provider),
  }
}

/** Somebody who reads the address from the terminal, once. */
function agreeOnPhone(): (stdout: string) => void {
  let isDone = false
  return (stdout) => {
    const address = /http\S+user_code=\S+/.exec(stdout)?.[0]
    if (address === undefined || isDone) return
    isDone = true
    void agree(address)
  }
}

const given = (url: string) => ({
  ...(url.endsWith('/api') ? { API_URL: url } : { MCP_URL: url }),
  MCP_CLIENT_ID: clientId,
  MCP_CLIENT_SECRET: clientSecret,
})

it('has these examples', () => {
  expect(names).toEqual([
    'whole-way',
    'discover',
    'http-api',
    'mcp',
    'official-sdk',
    'private-key-jwt',
    'dpop',
    'token-exchange',
    'authorization-code',
    'two-servers',
    'device-code',
    'login',
    'redis',
    'workload-identity',
    'enterprise-managed',
  ])
})

if (redisPath === undefined) console.log('skipped: no Redis is installed, so no fleet shares its tokens')
const isRunnable = (name: string) => name !== 'redis' || redisPath !== undefined

describe.each(names.filter(isRunnable))('the example %s', (name) => {
  it('runs on embedded servers as reviewed, ends by itself, and leaves no process, no port and no secret', async () => {
    const { exitCode, stdout, stderr, leftProcess } = await runExample([name])

    expect({ exitCode, stderr, leftProcess }).toEqual({ exitCode: 0, stderr: '', leftProcess: false })
    expect(stdout).toContain('✓')
    expect(lastingParts(stdout)).toMatchSnapshot()
    expect(findLeaks(stdout, clientSecrets)).toEqual([])
    expect(findTokens(stdout)).toEqual([])
    const ports = new Set(Array.from(stdout.matchAll(/127\.0\.0\.1:(\d+)/g), ([, port]) => Number(port)))
    expect(ports.size).toBeGreaterThan(1)
    for (const port of ports) await expect(isOpen(port)).resolves.toBe(false)
  })

  it.each([
    ['found from the resource', false],
    ['known', true],
  ])(
    'talks to servers that it is given, their issuer %s, and shows none of their secrets',
    async (_, isKnown) => {
      await using provider = await startAuthorizationServer()
      await using testbed = await startTestbed({
        identityProvider: provider.issuer,
        clients: [signer.registered],
      })
      await using other = await startMcpServer({ issuer: testbed.authorizationServer.issuer })
      const { url } = isAboutApi(name) ? testbed.api : testbed.mcp
      const issuer = { AS_ISSUER: testbed.authorizationServer.issuer }
      // Whoever does not ask the resource has to know its scope.
      const scope = ['--scope', isAboutApi(name) ? 'api:read' : 'mcp:tools']

      const { args, env, onOutput } = await settingOf(name, testbed, provider)
      const { exitCode, stdout, stderr } = await runExample(
        [name, ...args, ...(isKnown && name !== 'discover' ? scope : [])],
        { env: { ...env, OTHER_MCP_URL: other.url, ...(isKnown && issuer) }, onOutput },
      )

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain(new URL(url).host)
      const secrets = secretsOf(testbed, provider, other)
      // The secrets; and where there are credentials, those of the token request and a token at least.
      expect(secrets.length).toBeGreaterThan(name === 'discover' ? 0 : 4)
      expect(findLeaks(stdout, secrets)).toEqual([])
      expect(findTokens(stdout)).toEqual([])
    },
  )
})

describe('the search for leaks', () => {
  it.each([
    ['as they are', 'String'],
    ['URL-encoded', 'encodeURIComponent'],
    ['in base64, within other text', '(each) => btoa("the credential is " + each + ", they say")'],
  ])('finds secrets that an example prints %s', async (_, form) => {
    await using testbed = await startTestbed()
    const leak = `
      const { fetch } = globalThis
      globalThis.fetch = async (request) => {
        const credential = request.headers.get('authorization')?.split(' ')[1]
        if (credential) console.log((${form})(credential))
        return fetch(request)
      }`
    const preload = `data:text/javascript,${encodeURIComponent(leak)}`

    const { exitCode, stdout } = await runExample(['mcp'], { env: given(testbed.mcp.url), preload })

    const credentials = secretsOf(testbed).filter((secret) => !clientSecrets.includes(secret))
    expect(exitCode).toBe(0)
    expect(findLeaks(stdout, credentials)).toEqual(credentials)
  })

  it.each([['made:up+secret/100%'], ['päßword']])(
    'finds %j in each form, and nothing in a text without it',
    (secret) => {
      const forms = [secret, encodeURIComponent(secret), new URLSearchParams({ s: secret }).toString()]
      const texts = forms.flatMap((form) => [
        form,
        ...['', '1', '12'].map((lead) => encodeBase64(`${lead}${form}..`)),
      ])

      expect(texts.filter((each) => findLeaks(each, [secret]).length === 0)).toEqual([])
      expect(findLeaks('-', [secret])).toEqual([])
    },
  )
})

describe('an example fails', () => {
  it.each([
    ['when a call fails', { path: '/mcp', fault: { kind: 'status', status: 500 } }],
    [
      'when the token does not last',
      { path: '/token', fault: { kind: 'changed-members', members: { expires_in: 0 } } },
    ],
  ] as const)('%s', async (_, { path, fault }) => {
    await using testbed = await startTestbed()
    const server = path === '/mcp' ? testbed.mcp : testbed.authorizationServer
    server.faults.add(fault, { path, method: 'POST' })

    const { exitCode, stdout, stderr } = await runExample([], { env: given(testbed.mcp.url) })

    expect(exitCode).toBe(1)
    expect(findLeaks(stdout + stderr, secretsOf(testbed))).toEqual([])
    expect(stderr).toMatch(/^\n✗ \w+: .+\n$/)
  })

  it('when the authorization server refuses the client, whose secret it keeps to itself', async () => {
    await using testbed = await startTestbed()
    const secret = 'a-secret:that+is/wrong'
    const env = { ...given(testbed.mcp.url), MCP_CLIENT_SECRET: secret }

    const { exitCode, stdout, stderr } = await runExample([], { env })

    expect(exitCode).toBe(1)
    expect(stderr).toContain('invalid_client')
    expect(findLeaks(stdout + stderr, [secret, ...secretsOf(testbed)])).toEqual([])
  })

  it.each([
    ['a name that it does not have', ['nothing'], 'There is no example "nothing".'],
    ['a flag that it does not have', ['--nothing'], '--nothing'],
    ['too few flags', ['--resource', 'https://mcp.example'], 'Missing: --client-id, --client-secret.'],
    ['no address', ['http-api', '--client-id', 'me'], 'Missing: --resource, --client-secret.'],
  ])('and says what is wrong when it gets %s', async (_, args, text) => {
    const { exitCode, stdout, stderr } = await runExample(args)

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toContain(text)
    expect(stderr).not.toContain('    at ')
  })
})

it('says which tools there are when it is asked for another', async () => {
  const { exitCode, stderr } = await runExample(['mcp', '--tool', 'nothing'])

  expect(exitCode).toBe(1)
  expect(stderr).toBe('\n✗ Error: This server has no tool "nothing". It has: whoami, add, write_note\n')
})

it('lists the examples and the flags', async () => {
  const { exitCode, stdout } = await runExample(['--help'])

  expect(exitCode).toBe(0)
  for (const word of [...names, '--issuer', '--client-id', '--client-secret', '--scope', '--resource']) {
    expect(stdout).toContain(word)
  }
})

function encodeBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
