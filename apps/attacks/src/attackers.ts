/**
 * Who attacks, and by what: read from the titles of the tests, `<attack>: <what does not happen> (<source>; <source>)`.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** By the name of the file of its tests. */
export const attackers: Readonly<Record<string, string>> = {
  resource: 'who runs a resource, such as an MCP server',
  'authorization-server': 'who runs an authorization server, one among several',
  network: 'who is on the way, or has the names',
  'other-tenant': 'who shares a process or a store with others',
  'local-process': 'who runs another program on the same machine',
  'log-reader': 'who reads what is logged, printed or reported',
}

export interface Attack {
  readonly attacker: string
  readonly attack: string
  readonly outcome: string
  /** Such as `RFC 9700 §4.4.2`, or `MCP Mix-Up Attacks`. */
  readonly sources: readonly string[]
}

const folder = fileURLToPath(new URL('..', import.meta.url))
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url))

/** In the order of the files and of the tests in them. */
export async function readAttacks(): Promise<readonly Attack[]> {
  const files = Object.keys(attackers).map((each) => `test/${each}.test.ts`)
  const there = files.filter((each) => existsSync(folder + each))
  // A run of tests that asks for this must not have its settings taken for those of another.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [vitest, 'list', ...there, '--json', '--no-static-parse'],
    {
      cwd: folder,
      env: Object.fromEntries(others),
      maxBuffer: 16 * 1024 * 1024,
    },
  )
  const tests: readonly { readonly name: string; readonly file: string }[] = JSON.parse(stdout)
  const attacks = tests.map(({ name, file }) => attackOf(basename(file, '.test.ts'), name))
  return Object.keys(attackers).flatMap((each) => attacks.filter(({ attacker }) => attacker === each))
}

/** @param name with the names of groups before it */
function attackOf(attacker: string, name: string): Attack {
  const title = name.split(' > ').at(-1) ?? ''
  const [, attack = '', outcome = '', sources = ''] = /^(.+): (.+?) \((.+)\)$/.exec(title) ?? []
  return { attacker, attack, outcome, sources: sourcesOf(sources) }
}

/** A section without a document is of the one before it: `RFC 9700 §4.2.4, §4.16`. */
function sourcesOf(text: string): readonly string[] {
  let document = ''
  return text.split(/[;,] /).map((each) => {
    document = /^(.*) §/.exec(each)?.[1] ?? document
    return each.startsWith('§') ? `${document} ${each}` : each
  })
}
