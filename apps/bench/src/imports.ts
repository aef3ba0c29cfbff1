/**
 * What it costs to import each, against Node alone.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from './interleaved.ts'
import { judge, type Measure } from './result.ts'

const runs = 21

const schemas =
  'valibot, which both load at once, is a large part of it: see its own row. ky, jose and what judges addresses are loaded later.'

const names = [
  'valibot',
  '@x/oauth-discovery',
  '@x/oauth-grants',
  '@x/mcp-client',
  '@modelcontextprotocol/client',
  '@modelcontextprotocol/sdk/client/index.js',
  'oauth4webapi',
  'openid-client',
  'simple-oauth2',
  '@badgateway/oauth2-client',
  'google-auth-library',
]

export const imports: Measure = {
  name: 'imports',
  async measure() {
    const subjects = [undefined, ...names]
    const samples = subjects.map((): number[] => [])
    for (let run = 0; run < runs; run += 1) {
      for (const [index, name] of subjects.entries()) samples[index]?.push(await processorMs(name))
    }
    const [bare = Number.NaN, ...each] = samples.map(median)
    const of = (name: string) => (each[names.indexOf(name)] ?? Number.NaN) / bare
    return [
      {
        title: 'CPU time of an import, against a bare start of Node',
        columns: [`medians of ${runs} starts in turn`, 'ms', 'of a bare start'],
        rows: [
          ['node -e 0', bare.toFixed(0), '1.00 ×'],
          ...names.map((name) => [name, (of(name) * bare).toFixed(0), `${of(name).toFixed(2)} ×`]),
        ],
        notes: [
          'User and system time of the whole process. Ours are the built packages, as others install them.',
        ],
        goals: [
          judge(
            { what: 'import of discovery', unit: 'time', atMost: 1.3, reason: schemas },
            of('@x/oauth-discovery'),
          ),
          judge(
            { what: 'import of grants', unit: 'time', atMost: 1.4, reason: schemas },
            of('@x/oauth-grants'),
          ),
        ],
      },
    ]
  },
}

const run = promisify(execFile)
/** Of the packages that depend on each. */
const folders = {
  bench: new URL('..', import.meta.url),
  grants: new URL('../../../packages/oauth-grants', import.meta.url),
}

async function processorMs(name: string | undefined): Promise<number> {
  const tell = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)'
  const program = name === undefined ? tell : `await import('${name}'); ${tell}`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(name === 'valibot' ? folders.grants : folders.bench),
  })
  return Number(stdout)
}
