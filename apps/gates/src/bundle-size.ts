/**
 * What a browser has to load for one import of ours, all dependencies in.
 *
 * @module
 */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile, type Plugin } from 'esbuild'
import type { Check } from './check.ts'
import { onlyOurs } from './entry-loads.ts'
import { root } from './repository.ts'

/** In bytes of gzip. */
interface Size {
  readonly all: number
  /** What is loaded before anything runs: without the chunks that a function imports. */
  readonly firstChunk: number
}

interface Measured extends Size {
  /** Of the same bundle without what others have made. */
  readonly own: number
  /** Bytes before gzip by package, largest first. */
  readonly room: readonly string[]
}

interface Bundle {
  readonly what: string
  readonly from: string
  readonly names: readonly string[]
}

const budgets: readonly (Bundle & { readonly budget: Size })[] = [
  {
    what: 'discovery only',
    from: '@x/oauth-discovery',
    names: ['discoverAuthorizationServer'],
    budget: { all: 16_000, firstChunk: 8_500 },
  },
  {
    what: 'client credentials',
    from: '@x/oauth-grants',
    names: ['ClientCredentialsAuth'],
    // The goals are 22,000 and 14,000: one session for every grant is somewhat more (ARCHITECTURE.md).
    budget: { all: 28_600, firstChunk: 19_600 },
  },
]

/** Ours may cost so much more than the client that it stands on. */
const clientRatio = 1.1
const client: Bundle = { what: 'mcp-client', from: '@x/mcp-client', names: ['MCPClient'] }
const bareClient: Bundle = {
  what: 'bare official client',
  from: '@modelcontextprotocol/client',
  names: ['Client', 'StreamableHTTPClientTransport'],
}

export async function checkSizes(): Promise<readonly Check[]> {
  const measured = await Promise.all(budgets.map(measure))
  const [ours, bare] = await Promise.all([measure(client), measure(bareClient)])
  const ratio = ours.all / bare.all
  const limit = { all: clientRatio * bare.all, firstChunk: Number.POSITIVE_INFINITY }

  return [
    {
      what: 'gzip of a browser bundle',
      faults: [
        ...budgets.flatMap(({ what, budget }, index) => listSizeFaults(what, measured[index], budget)),
        ...listSizeFaults(client.what, ours, limit),
      ],
      table: [
        row('', 'all', 'budget', 'first chunk', 'budget', 'our own'),
        ...budgets.map(({ what, budget }, index) => sizeRow(what, measured[index], budget)),
        sizeRow(client.what, ours, limit),
        sizeRow(bareClient.what, bare),
        `mcp-client is ${ratio.toFixed(3)} x the bare official client, of at most ${clientRatio.toFixed(2)}`,
      ],
    },
  ]
}

/** One fault at most, with what takes the room. */
export function listSizeFaults(
  what: string,
  measured: Omit<Measured, 'own'> | undefined,
  budget: Size,
): string[] {
  if (measured === undefined || measured.firstChunk === 0) return [`${what} was not measured`]
  const faults: string[] = []
  if (!(measured.all <= budget.all))
    faults.push(`${what} is ${kB(measured.all)}, of at most ${kB(budget.all)}`)
  if (!(measured.firstChunk <= budget.firstChunk)) {
    faults.push(
      `${what} has a first chunk of ${kB(measured.firstChunk)}, of at most ${kB(budget.firstChunk)}`,
    )
  }
  return faults.length > 0 ? [[...faults, `its room: ${measured.room.join(', ')}`].join('\n')] : []
}

async function measure(bundle: Bundle): Promise<Measured> {
  const [{ sizes, metafile }, own] = await Promise.all([bundled(bundle), bundled(bundle, [onlyOurs])])
  const sum = (of: ReadonlyMap<string, number>, paths: Iterable<string>) =>
    Array.from(paths).reduce((total, path) => total + (of.get(path) ?? Number.NaN), 0)
  const reached = reach(metafile, () => true)
  const firstChunk = sum(
    sizes,
    reach(metafile, (kind) => kind === 'import-statement'),
  )
  return {
    all: sum(sizes, reached),
    firstChunk,
    own: sum(
      own.sizes,
      reach(own.metafile, () => true),
    ),
    room: listRoom(metafile, reached),
  }
}

/** In bytes of gzip, by file of the bundle. */
async function bundled(
  { from, names }: Bundle,
  plugins: Plugin[] = [],
): Promise<{ readonly sizes: ReadonlyMap<string, number>; readonly metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: `export { ${names.join(', ')} } from '${from}'`,
      resolveDir: join(root, 'apps/gates'),
    },
    absWorkingDir: root,
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
    plugins,
  })
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      path.slice(root.length),
      gzipSync(contents, { level: 9 }).length,
    ]),
  )
  return { sizes, metafile }
}

/**
 * The entry and the chunks that it imports, directly or not.
 *
 * esbuild also writes chunks for the `import()` of functions that are left out: nothing reaches those.
 */
function reach({ outputs }: Metafile, isFollowed: (kind: string) => boolean): Set<string> {
  const reached = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === '<stdin>'))
  // A set may grow while it is walked.
  for (const path of reached) {
    for (const each of outputs[path]?.imports ?? [])
      if (each.external !== true && isFollowed(each.kind)) reached.add(each.path)
  }
  return reached
}

function listRoom({ outputs }: Metafile, reached: Iterable<string>): string[] {
  const room = new Map<string, number>()
  for (const output of reached) {
    for (const [path, { bytesInOutput }] of Object.entries(outputs[output]?.inputs ?? {})) {
      const [, name = path] = /(?:.*node_modules\/|packages\/)((?:@[^/]+\/)?[^/]+)/.exec(path) ?? []
      room.set(name, (room.get(name) ?? 0) + bytesInOutput)
    }
  }
  return Array.from(room)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, bytes]) => `${name} ${kB(bytes)}`)
}

function sizeRow(what: string, measured: Measured | undefined, budget?: Size): string {
  const of = (bytes: number | undefined) =>
    bytes === undefined || bytes === Number.POSITIVE_INFINITY ? '' : kB(bytes)
  return row(
    what,
    of(measured?.all),
    of(budget?.all),
    of(measured?.firstChunk),
    of(budget?.firstChunk),
    of(measured?.own),
  )
}

function row(what: string, ...cells: readonly string[]): string {
  return [what.padEnd(22), ...cells.map((cell) => cell.padStart(12))].join('').trimEnd()
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(2)} kB`
}
