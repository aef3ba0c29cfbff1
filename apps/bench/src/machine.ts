/**
 * On what, and of what, it was measured.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'

const packages = [
  '@modelcontextprotocol/client',
  '@modelcontextprotocol/sdk',
  'oauth4webapi',
  'openid-client',
  'simple-oauth2',
  '@badgateway/oauth2-client',
  'google-auth-library',
]

/** As lines of a list. */
export function describeMachine(): string {
  const [first] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return [
    `- ${first?.model ?? 'an unknown processor'}, ${cpus().length} cores, ${memory} GiB`,
    `- Node ${process.versions.node}`,
    ...packages.map((name) => `- \`${name}\` ${versionOf(name)}`),
  ].join('\n')
}

const require = createRequire(import.meta.url)

/** From the package.json that is installed here: not every package exports it. */
function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const version = versionIn(join(folder, name, 'package.json'))
    if (version !== undefined) return version
  }
  throw new Error(`${name} is not installed: its folder is not beside ${dirname(import.meta.url)}`)
}

function versionIn(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  } catch {
    return undefined
  }
}
