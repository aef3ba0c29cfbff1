/**
 * What a browser has to load for the smallest program of each, all dependencies in.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { type Goal, judge, type Measure, type Table } from './result.ts'

/** What it imports, as little as does the work. */
interface Program {
  readonly what: string
  readonly imports: readonly (readonly [from: string, names: readonly string[]])[]
}

/** In bytes of gzip. */
interface Size {
  readonly all: number
  /** Without what a function loads when it is first needed. */
  readonly firstChunk: number
}

const words = (text: string) => text.split(' ')

const discovery: Program = {
  what: 'ours: discovery only',
  imports: [['@x/oauth-discovery', ['discoverAuthorizationServer']]],
}
const grants: Program = {
  what: 'ours: client credentials',
  imports: [['@x/oauth-grants', ['ClientCredentialsAuth']]],
}
const mcp: Program = { what: 'ours: mcp-client', imports: [['@x/mcp-client', ['MCPClient']]] }
const bareMcp: Program = {
  what: '@modelcontextprotocol/client: client and transport',
  imports: [['@modelcontextprotocol/client', ['Client', 'StreamableHTTPClientTransport']]],
}

const programs: readonly Program[] = [
  discovery,
  {
    what: '@modelcontextprotocol/client: discovery only',
    imports: [['@modelcontextprotocol/client', ['discoverOAuthServerInfo']]],
  },
  {
    what: '@modelcontextprotocol/sdk (v1): discovery only',
    imports: [
      [
        '@modelcontextprotocol/sdk/client/auth.js',
        ['discoverOAuthProtectedResourceMetadata', 'discoverAuthorizationServerMetadata'],
      ],
    ],
  },
  {
    what: 'oauth4webapi: discovery only',
    imports: [
      [
        'oauth4webapi',
        words(
          'resourceDiscoveryRequest processResourceDiscoveryResponse discoveryRequest processDiscoveryResponse',
        ),
      ],
    ],
  },
  grants,
  {
    what: '@modelcontextprotocol/client: client credentials',
    imports: [['@modelcontextprotocol/client', ['ClientCredentialsProvider', 'withOAuth']]],
  },
  {
    what: '@modelcontextprotocol/sdk (v1): client credentials',
    imports: [
      ['@modelcontextprotocol/sdk/client/auth-extensions.js', ['ClientCredentialsProvider']],
      ['@modelcontextprotocol/sdk/client/middleware.js', ['withOAuth']],
    ],
  },
  {
    what: 'oauth4webapi: discovery, client credentials',
    imports: [
      [
        'oauth4webapi',
        words(
          'resourceDiscoveryRequest processResourceDiscoveryResponse discoveryRequest processDiscoveryResponse clientCredentialsGrantRequest processClientCredentialsResponse ClientSecretBasic protectedResourceRequest',
        ),
      ],
    ],
  },
  {
    what: 'openid-client: client credentials',
    imports: [['openid-client', words('discovery clientCredentialsGrant fetchProtectedResource')]],
  },
  {
    what: '@badgateway/oauth2-client: client credentials',
    imports: [['@badgateway/oauth2-client', ['OAuth2Client', 'OAuth2Fetch']]],
  },
  { what: 'simple-oauth2: client credentials', imports: [['simple-oauth2', ['ClientCredentials']]] },
  { what: 'google-auth-library: OAuth2Client', imports: [['google-auth-library', ['OAuth2Client']]] },
  mcp,
  bareMcp,
]

const gzip = { discovery: 'gzip of discovery', grants: 'gzip of client credentials' }
const oneSession =
  'One session keeps the tokens of every grant good, with refresh, step-up and sign-out, in turns with other processes, and finds its server late and again.'

const goals: readonly (readonly [program: Program, of: keyof Size, goal: Goal])[] = [
  [discovery, 'all', { what: `${gzip.discovery}, all`, unit: 'bytes', atMost: 16_000 }],
  [discovery, 'firstChunk', { what: `${gzip.discovery}, first chunk`, unit: 'bytes', atMost: 8_500 }],
  [grants, 'all', { what: `${gzip.grants}, all`, unit: 'bytes', atMost: 22_000, reason: oneSession }],
  [
    grants,
    'firstChunk',
    { what: `${gzip.grants}, first chunk`, unit: 'bytes', atMost: 14_000, reason: oneSession },
  ],
]

export const sizes: Measure = {
  name: 'sizes',
  async measure() {
    const measured = new Map<Program, Size | undefined>()
    for (const program of programs) measured.set(program, await sizeOf(program))
    const ratio = (measured.get(mcp)?.all ?? Number.NaN) / (measured.get(bareMcp)?.all ?? Number.NaN)
    const table: Table = {
      title: 'gzip of a browser bundle, all dependencies in',
      columns: ['kB', 'all', 'first chunk'],
      rows: programs.map((program) => {
        const size = measured.get(program)
        return [program.what, ...(size ? [kB(size.all), kB(size.firstChunk)] : ['not for browsers', ''])]
      }),
      notes: [
        'Bundled and minified by esbuild, from the built packages. The first chunk is what is loaded before anything runs: ours loads ky and some others with the first request.',
        '`@badgateway/oauth2-client` and `oauth4webapi` are smaller, and do less: see the tables above.',
      ],
      goals: [
        ...goals.map(([program, of, goal]) => judge(goal, measured.get(program)?.[of])),
        judge({ what: 'mcp-client, of the bare official client', unit: 'bytes', atMost: 1.1 }, ratio),
      ],
    }
    return [table]
  },
}

/** Undefined where it does not bundle for browsers. */
async function sizeOf({ imports }: Program): Promise<Size | undefined> {
  const contents = imports.map(([from, names]) => `export { ${names.join(', ')} } from '${from}'`).join('\n')
  const built = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
    outdir: 'out',
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    splitting: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  }).catch(() => undefined)
  if (built === undefined) return undefined
  const { outputFiles, metafile } = built
  const bytes = (paths: Iterable<string>) =>
    Array.from(paths, (path) => {
      const file = outputFiles.find((each) => each.path.endsWith(`/${path}`))
      return file ? gzipSync(file.contents, { level: 9 }).length : Number.NaN
    }).reduce((sum, each) => sum + each, 0)
  return {
    all: bytes(reach(metafile, ['import-statement', 'dynamic-import'])),
    firstChunk: bytes(reach(metafile, ['import-statement'])),
  }
}

/** The entry, and the chunks that it leads to by these kinds of import. */
function reach({ outputs }: Metafile, kinds: readonly string[]): Set<string> {
  const reached = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === '<stdin>'))
  // A set may grow while it is walked.
  for (const path of reached) {
    for (const each of outputs[path]?.imports ?? []) {
      if (each.external !== true && kinds.includes(each.kind)) reached.add(each.path)
    }
  }
  return reached
}

function kB(bytes: number): string {
  return (bytes / 1000).toFixed(2)
}
