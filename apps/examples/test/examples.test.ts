import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
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
import { course, findLesson, type Lesson } from '../src/stage/course.ts'
import { signEmployeeIn, signUserIn } from '../src/stage/embedded.ts'
import { redisPath } from '../src/stage/redis-server.ts'
import { createSigner } from '../src/stage/signer.ts'
import { lastingParts, lastingTrace } from './lasting-parts.ts'
import { findLeaks, findTokens } from './leaks.ts'
import { type RunOptions, runExample } from './run.ts'

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

/** What an example needs to be told of servers that are not its own. */
async function settingOf(
  { name, as }: Lesson,
  { authorizationServer, mcp, api }: Testbed,
  provider: AuthorizationServer,
): Promise<RunOptions> {
  const own = { HOME: home, XDG_STATE_HOME: join(home, 'state') }
  const { issuer: audience, platform } = authorizationServer
  if (name === 'token-exchange') return { env: { ...asWorker, SUBJECT_TOKEN: await signUserIn({ api }) } }
  if (name === 'enterprise-managed') return { env: await asEmployee(provider) }
  if (as === 'worker') return { env: asWorker }
  if (as === 'workload')
    return {
      env: { WORKLOAD_TOKEN_FILE: await write(`${await platform.sign({ subject: 'job-7', audience })}\n`) },
    }
  if (as === 'signer')
    return {
      env: {
        MCP_CLIENT_ID: signer.clientId,
        CLIENT_KEY_FILE: await write(signer.key.key),
        CLIENT_KEY_ID: signer.key.keyId,
      },
    }
  const open = { ...own, MCP_CLIENT_ID: testClients.cli.clientId }
  return name === 'device-code'
    ? { env: open, onOutput: agreeOnPhone() }
    : { env: { ...open, BROWSER: browser, ...(name === 'redis' && asService), MCP_URL: mcp.url } }
}

const asWorker = { MCP_CLIENT_ID: clientId, MCP_CLIENT_SECRET: clientSecret }

/** Beside the program for people: one that acts for itself. */
const asService = { SERVICE_CLIENT_ID: clientId, SERVICE_CLIENT_SECRET: clientSecret }

async function write(text: string): Promise<string> {
  const path = join(home, crypto.randomUUID())
  await writeFile(path, text)
  return path
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

it('has these examples, each in a file of its number', async () => {
  const { stdout } = await runExample(['--names'])
  const files = await readdir(new URL('../src', import.meta.url))

  const numbered = course.map(({ name }, number) => `${`${number}`.padStart(2, '0')}-${name}.ts`)
  expect(stdout.trim().split('\n')).toEqual(course.map(({ name }) => name))
  expect(files.toSorted()).toEqual([...numbered, 'main.ts', 'stage'])
})

it.each(['5', '05', 'device-code'])('is run by number or by name: %s', async (word) => {
  expect(findLesson(word)?.name).toBe('device-code')
})

if (redisPath === undefined) console.log('skipped: no Redis is installed, so no fleet shares its tokens')
const runnable = course.filter(({ name }) => name !== 'redis' || redisPath !== undefined)

describe.each(runnable)('the example $name', (lesson) => {
  const { name, part, as, real } = lesson

  it('runs on embedded servers as reviewed, ends by itself, and leaves no process, no port and no secret', async () => {
    const { exitCode, stdout, stderr, leftProcess } = await runExample([name])

    expect({ exitCode, stderr, leftProcess }).toEqual({ exitCode: 0, stderr: '', leftProcess: false })
    expect(stdout).toContain('✓')
    expect(lastingParts(stdout)).toMatchSnapshot()
    expect(findLeaks(stdout, clientSecrets)).toEqual([])
    expect(findTokens(stdout)).toEqual([])
    const ports = new Set(Array.from(stdout.matchAll(/127\.0\.0\.1:(\d+)/g), ([, port]) => Number(port)))
    expect(ports.size).toBeGreaterThan(0)
    for (const port of ports) await expect(isOpen(port)).resolves.toBe(false)
  })

  if (typeof real === 'string') {
    it('says why no real server is of use, and is traced without a secret', async () => {
      const refused = await runExample([name, '--real', 'https://api.example'])
      const traced = await runExample([name, '--trace'])

      expect(refused).toMatchObject({ exitCode: 1, stdout: '' })
      expect(refused.stderr).toBe(`\n✗ Error: ${name} has no use for a real server. ${real}\n`)
      expect(traced).toMatchObject({ exitCode: 0, stderr: '' })
      expect(findLeaks(traced.stdout, clientSecrets)).toEqual([])
      expect(findTokens(traced.stdout)).toEqual([])
    })
    return
  }

  it.each([
    ['found from the resource', false],
    ['known, and all that happens traced', true],
  ])(
    'talks to servers that it is given, their issuer %s, and shows none of their secrets',
    async (_, isKnown) => {
      await using provider = await startAuthorizationServer()
      await using testbed = await startTestbed({
        identityProvider: provider.issuer,
        clients: [signer.registered],
      })
      await using other = await startMcpServer({ issuer: testbed.authorizationServer.issuer })
      const { url } = testbed[part]
      const { env = {}, onOutput } = await settingOf(lesson, testbed, provider)
      // Whoever does not ask the resource has to know its scope.
      const known = {
        [part === 'mcp' ? 'MCP_URL' : 'API_URL']: url,
        AS_ISSUER: testbed.authorizationServer.issuer,
        SCOPE: part === 'mcp' ? 'mcp:tools' : 'api:read',
      }

      const { exitCode, stdout, stderr } = await runExample(
        isKnown ? [name, '--trace'] : [name, '--real', url],
        { env: { ...env, OTHER_MCP_URL: other.url, ...(isKnown && known) }, onOutput },
      )

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
      expect(stdout).toContain(new URL(url).host)
      const secrets = secretsOf(testbed, provider, other)
      // The secrets; and where there are credentials, those of the token request and a token at least.
      expect(secrets.length).toBeGreaterThan(as === 'workload' && name === 'discover' ? 0 : 4)
      expect(findLeaks(stdout, secrets)).toEqual([])
      expect(findTokens(stdout)).toEqual([])
      if (isKnown && name !== 'redis' && name !== 'worker')
        expect(stdout).toContain('What happened, and when')
      expect(stdout.split('\n').filter((line) => / ms .*[█▏]/.test(line) && line.length > 110)).toEqual([])
    },
  )
})

it('traces the main story as reviewed', async () => {
  const { exitCode, stdout } = await runExample(['--trace'])

  expect(exitCode).toBe(0)
  expect(lastingTrace(stdout)).toMatchSnapshot()
  expect(stdout).not.toContain('\u001b')
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

    const { exitCode, stdout } = await runExample(['client-credentials'], { env: given(testbed), preload })

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

    const { exitCode, stdout, stderr } = await runExample([], { env: given(testbed) })

    expect(exitCode).toBe(1)
    expect(findLeaks(stdout + stderr, secretsOf(testbed))).toEqual([])
    expect(stderr).toMatch(/^\n✗ \w+: .+\n$/)
  })

  it('when the authorization server refuses the client, whose secret it keeps to itself', async () => {
    await using testbed = await startTestbed()
    const secret = 'a-secret:that+is/wrong'
    const env = { ...given(testbed), MCP_CLIENT_SECRET: secret }

    const { exitCode, stdout, stderr } = await runExample([], { env })

    expect(exitCode).toBe(1)
    expect(stderr).toContain('invalid_client')
    expect(findLeaks(stdout + stderr, [secret, ...secretsOf(testbed)])).toEqual([])
  })

  it.each([
    ['a name that it does not have', ['nothing'], 'There is no example "nothing".'],
    ['a number that it does not have', ['19'], 'There is no example "19".'],
    ['a flag that it does not have', ['--nothing'], '--nothing'],
    ['no address', ['http-api', '--real', 'api.example'], '--real wants the URL of a server'],
    [
      'too little of a real server',
      ['11', '--real', 'https://mcp.example'],
      /MCP_CLIENT_ID .*\n.*MCP_CLIENT_SECRET .*\n.*ID_TOKEN .*\n.*IDP_ISSUER .*\n.*IDP_CLIENT_ID .*\n.*IDP_CLIENT_SECRET /,
    ],
  ])('and says what is wrong when it gets %s', async (_, args, text) => {
    const { exitCode, stdout, stderr } = await runExample(args)

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(text)
    expect(stderr).not.toContain('    at ')
  })
})

it('says which tools there are when it is asked for another', async () => {
  const { exitCode, stderr } = await runExample(['2'], { env: { TOOL: 'nothing' } })

  expect(exitCode).toBe(1)
  expect(stderr).toBe('\n✗ Error: This server has no tool "nothing". It has: whoami, add, write_note\n')
})

it('lists the examples by number, and all that the environment can say', async () => {
  const { exitCode, stdout } = await runExample(['--help'])

  expect(exitCode).toBe(0)
  for (const [number, { name, real }] of course.entries()) {
    expect(stdout).toMatch(new RegExp(`^  ${`${number}`.padStart(2, '0')}  ${name} `, 'm'))
    for (const variable of typeof real === 'string' ? [] : real) expect(stdout).toContain(variable)
  }
  expect(stdout.split('\n').filter((line) => line.length > 110)).toEqual([])
})

const given = ({ mcp }: Testbed) => ({ MCP_URL: mcp.url, ...asWorker })

function encodeBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
