/**
 * Removes each guard from a copy of the package, notes which tests of hostile servers fail then, and writes `GUARDS.md`.
 * Fails where no test does, or where one of the attacks that a guard is there for does not.
 *
 *     node --conditions=@x/source test/hostile/remove-guards.ts [NAME ...]
 *
 * With names it looks at those guards only, and leaves the other rows of the page as they are.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Attack } from './attack.ts'
import { attacks } from './attacks.ts'
import type { Guard } from './guard.ts'
import { guards } from './guards.ts'
import { readPage, writePage } from './page.ts'
import { titleOf } from './titles.ts'

const home = fileURLToPath(new URL('../..', import.meta.url))
const repository = join(home, '../..')

/** What vitest reports, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

async function withCopy<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const place = await mkdtemp(join(tmpdir(), 'guards-'))
  const folder = join(place, 'packages/oauth-discovery')
  try {
    for (const each of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
      await cp(join(home, each), join(folder, each), { recursive: true })
    }
    await cp(join(repository, 'tsconfig.base.json'), join(place, 'tsconfig.base.json'))
    await symlink(join(repository, 'node_modules'), join(place, 'node_modules'))
    await symlink(join(home, 'node_modules'), join(folder, 'node_modules'))
    return await work(folder)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** The source of a package without that guard. */
async function readWithout({ name, file, search, replace }: Guard, folder: string): Promise<string> {
  const parts = (await readFile(join(folder, 'src', file), 'utf8')).split(search)
  if (parts.length !== 2) throw new Error(`${name}: its text is ${parts.length - 1} times in src/${file}.`)
  return parts.join(replace)
}

/** The titles of the tests that fail in a copy of the package. */
async function listReds(folder: string): Promise<string[]> {
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
  const output = join(folder, 'report.json')
  const args = [vitest, 'run', 'test/hostile/hostile.test.ts', '--reporter=json', `--outputFile=${output}`]
  // Its exit code says that tests fail, which is what is wanted here.
  await new Promise<void>((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, () => resolve())
  })
  const { testResults }: Report = JSON.parse(await readFile(output, 'utf8'))
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (results.length !== attacks.length) throw new Error(`The tests did not run: ${testResults[0]?.message}`)
  return results.filter(({ status }) => status === 'failed').map(({ title }) => title)
}

/** What is wrong with a guard, as lines; none if all is well. */
export function listFaults(
  { name }: Guard,
  reds: readonly string[],
  all: readonly Attack[] = attacks,
): string[] {
  if (reds.length === 0)
    return [`${name}: nothing fails without it. Either it has no test, or it is not needed.`]
  return all
    .filter((attack) => attack.guard === name && !reds.includes(titleOf(attack)))
    .map((attack) => `${name}: without it, this does not fail: ${titleOf(attack)}`)
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !guards.some((guard) => guard.name === name))
  if (unknown.length > 0) throw new Error(`No guard is called ${unknown.join(', ')}.`)
  const left = guards.filter(({ name }) => names.length === 0 || names.includes(name))
  const page = join(home, 'GUARDS.md')
  const reds = new Map(names.length === 0 ? [] : readPage(await readFile(page, 'utf8')))
  const faults: string[] = []

  async function removeOneByOne(): Promise<void> {
    for (let guard = left.shift(); guard !== undefined; guard = left.shift()) {
      const current = guard
      const found = await withCopy(async (folder) => {
        await writeFile(join(folder, 'src', current.file), await readWithout(current, folder))
        return listReds(folder)
      })
      reds.set(current.name, found)
      faults.push(...listFaults(current, found))
      console.log([`${current.name}: ${found.length} red`, ...found].join('\n  '))
    }
  }

  for (const guard of left) await readWithout(guard, home)
  const intact = await withCopy(listReds)
  if (intact.length > 0) throw new Error(`With all guards in place these fail:\n${intact.join('\n')}`)
  await Promise.all([removeOneByOne(), removeOneByOne()])

  for (const fault of faults) console.error(fault)
  if (faults.length > 0) process.exitCode = 1
  await writeFile(page, writePage(guards, reds))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
