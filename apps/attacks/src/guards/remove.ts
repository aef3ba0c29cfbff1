/**
 * Removes each guard from a copy of the packages, notes which attacks succeed then, and writes `GUARDS.md`. Fails where
 * none does.
 *
 *     node --conditions=@x/source src/guards/remove.ts [NAME ...]
 *
 * With names it looks at those guards only, and leaves the other sections of the page as they are.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Guard } from './guard.ts'
import { guards, sourceWithout } from './list.ts'
import { readPage, writePage } from './page.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const page = join(root, 'apps/attacks/GUARDS.md')

/** What the attacks need to run; of `node_modules` only the links, which lead to each other within the copy. */
const places = [
  'package.json',
  'tsconfig.base.json',
  ...['oauth-discovery', 'oauth-grants', 'mcp-client'].flatMap((name) =>
    ['src', 'package.json', 'node_modules'].map((part) => `packages/${name}/${part}`),
  ),
  ...['attacks', 'testbed'].flatMap((name) =>
    ['src', 'package.json', 'node_modules'].map((part) => `apps/${name}/${part}`),
  ),
  'apps/attacks/test',
  'apps/attacks/tsconfig.json',
  'apps/attacks/vitest.config.ts',
]

async function makeCopy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'attacks-guards-'))
  for (const place of places) {
    await cp(join(root, place), join(folder, place), {
      recursive: true,
      verbatimSymlinks: true,
      // What tools keep there.
      filter: (from) => !/node_modules\/\./.test(relative(root, from)),
    })
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** What vitest reports, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

/** Longer than all attacks need, in ms, where some wait for what does not come. */
const limitMs = 300_000

/** Others say that the attacks can be told from what is well. */
const isAttack = /\((?:RFC|MCP) .*\)$/

/** Where nothing would end without a guard, the attacks that are about that are enough. */
const telling: Readonly<Record<string, string>> = { deadline: 'test/network.test.ts' }

/** The attacks that succeed in a copy, as the titles of the tests that fail. */
async function listReds(folder: string, guard?: Guard): Promise<string[]> {
  const cwd = join(folder, 'apps/attacks')
  const only = guard && telling[guard.name]
  const output = join(folder, 'report.json')
  await rm(output, { force: true })
  const args = [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    ...(only === undefined ? [] : [only]),
    '--testTimeout=5000',
    '--exclude=test/{guards,page}.test.ts', // which are about pages
    '--reporter=json',
    `--outputFile=${output}`,
  ]
  // Its exit code says that tests fail, which is what is wanted here.
  await new Promise<void>((resolve) => {
    execFile(process.execPath, args, { cwd, timeout: limitMs, maxBuffer: 2 ** 28 }, () => resolve())
  })
  const { testResults }: Report = JSON.parse(await readFile(output, 'utf8'))
  return testResults.flatMap(({ name, assertionResults }) => {
    // A file that does not load, such as one whose program did not end.
    if (assertionResults.length === 0) return [`all of ${relative(cwd, name)}`]
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    return failed.map(({ title }) => title).filter((title) => isAttack.test(title))
  })
}

async function removeIn<T>(folder: string, guard: Guard, work: () => Promise<T>): Promise<T> {
  const path = join(folder, guard.file)
  const source = await readFile(path, 'utf8')
  await writeFile(path, sourceWithout(guard, source))
  try {
    return await work()
  } finally {
    await writeFile(path, source)
  }
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !guards.some((guard) => guard.name === name))
  if (unknown.length > 0) throw new Error(`No guard is called ${unknown.join(', ')}.`)
  const left = guards.filter(({ name }) => names.length === 0 || names.includes(name))
  for (const guard of left) sourceWithout(guard, await readFile(join(root, guard.file), 'utf8'))
  const reds = new Map(readPage(await readFile(page, 'utf8').catch(() => '')))
  const useless: string[] = []

  const folders = await Promise.all([makeCopy(), makeCopy()])
  try {
    const intact = await listReds(folders[0])
    if (intact.length > 0) throw new Error(`With all guards in place these fail:\n${intact.join('\n')}`)
    const removeOneByOne = async (folder: string): Promise<void> => {
      for (let guard = left.shift(); guard !== undefined; guard = left.shift()) {
        const found = await removeIn(folder, guard, () => listReds(folder, guard))
        reds.set(guard.name, found)
        if (found.length === 0) useless.push(guard.name)
        console.log([`${guard.name}: ${found.length} red`, ...found].join('\n  '))
        await writeFile(page, writePage(guards, reds))
      }
    }
    await Promise.all(folders.map(removeOneByOne))
  } finally {
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
  }
  for (const name of useless) {
    console.error(`${name}: no attack succeeds without it. Either it has no test, or it is not needed.`)
    process.exitCode = 1
  }
}

await main(process.argv.slice(2))
