/**
 * Breaks what keeps tokens good in one place at a time, runs the tests that come by there, and writes `MUTANTS.md`. Fails
 * where none of them tells, and nobody has said why.
 *
 *     node --conditions=@x/source test/mutants/run-mutants.ts [FILE ...]
 *
 * With files of `src` it looks at those only, and leaves what the page says of others as it is.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readPage, type Section, writePage } from './page.ts'
import type { Mutant } from './places.ts'
import { isAbout, reasons } from './reasons.ts'
import { home, type Meeting, type Mutated, readMutated, Trial } from './trial.ts'

const sources = [
  'session.ts',
  'renewer.ts',
  'held-token.ts',
  'renewal-pace.ts',
  'turn.ts',
  'stored-token.ts',
  'authorized-fetch.ts',
  'proven-fetch.ts',
  'store.ts',
  'encrypted-store.ts',
  'node/file-store.ts',
  'node/file-lock.ts',
]

/** Those of what keeps tokens good. How tokens are obtained is the matter of others, and many of those are slow. */
const tests = [
  'session',
  'session-ending',
  'session-events',
  'early-renewal',
  'renewal-pace',
  'clock-change',
  'cut-off',
  'deadline',
  'hanging',
  'memory',
  'lease',
  'stored-token',
  'keeping',
  'store',
  'store-claims',
  'encrypted-store',
  'shared-store',
  'shared-login',
  'shared-sign-out',
  'sign-out',
  'sign-out-race',
  'login-session',
  'step-up',
  'step-up-fetch',
  'refresh',
  'refresh-failure',
  'failure-classes',
  'located-source',
  'moved-resource',
  'token',
  'token-exchange-subjects',
  'registration-store',
  'credential',
  'secrets',
  'dpop/secrets',
  'authorized-fetch',
  'authorized-fetch-arguments',
  'authorized-fetch-events',
  'authorized-fetch-hostile',
  'dpop/answer',
  'dpop/fetch',
  'dpop/nonce',
  'dpop/servers',
  'node/file-store',
  'node/file-store-leases',
  'node/file-store-processes',
  'node/file-store-safety',
  'node/file-lock',
].map((name) => `test/${name}.test.ts`)

/** How each mutant fared: by its number, undefined where no test tells it. */
async function tryAll(mutated: readonly Mutated[]): Promise<ReadonlyMap<number, string | undefined>> {
  const killers = new Map<number, string | undefined>()
  const trials = [new Trial(mutated), new Trial(mutated)]
  const [first] = trials
  const meetings = (await first?.meet(tests)) ?? new Map<number, readonly Meeting[]>()
  const left = mutated.flatMap((each) => each.mutants.map((_, index) => each.first + index))

  async function tryOneByOne(trial: Trial): Promise<void> {
    for (let number = left.shift(); number !== undefined; number = left.shift()) {
      // Those first that are quick, and that often tell.
      const told = [...killers.values()].slice(-200)
      const costOf = ({ file, ms }: Meeting) => (100 + ms) / (1 + told.filter((each) => each === file).length)
      const met = (meetings.get(number) ?? []).toSorted((one, other) => costOf(one) - costOf(other))
      killers.set(number, await trial.findKiller(number, met))
      if (killers.size % 100 === 0) console.log(`${killers.size} tried, ${left.length} left`)
    }
    await trial.close()
  }

  await Promise.all(trials.map(tryOneByOne))
  return killers
}

/** @returns a line for the page, and what is wrong with it */
function describe(mutant: Mutant, file: string): [line: string, fault: string | undefined] {
  const { line, change } = mutant
  const why = reasons.find((each) => isAbout(each, mutant, file))?.why
  const place = `${quote(line)}, ${change.map(quote).join(' becomes ')}`
  return [`${place}: ${why ?? 'nobody knows why.'}`, why === undefined ? `${file}: ${place}` : undefined]
}

function quote(code: string): string {
  return code === '' ? 'nothing' : code.includes('`') ? `\`\` ${code} \`\`` : `\`${code}\``
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !sources.includes(name))
  if (unknown.length > 0) throw new Error(`No source here is called ${unknown.join(', ')}.`)
  const mutated = await readMutated(names.length === 0 ? sources : names)
  const page = join(home, 'MUTANTS.md')
  const before = readPage(await readFile(page, 'utf8').catch(() => ''))
  const killers = await tryAll(mutated)

  const faults: string[] = []
  const sections = new Map<string, Section>()
  for (const file of sources) {
    const tried = mutated.find((each) => each.file === file)
    if (tried === undefined) {
      const known = before.get(file)
      if (known !== undefined) sections.set(file, known)
      continue
    }
    const alive = tried.mutants.filter((_, index) => killers.get(tried.first + index) === undefined)
    const described = alive.map((mutant) => describe(mutant, file))
    sections.set(file, {
      killed: tried.mutants.length - alive.length,
      survivors: described.map(([line]) => line),
    })
    const without = described.flatMap(([, fault]) => fault ?? [])
    const idle = reasons.filter(
      (each) => each.file === file && !alive.some((mutant) => isAbout(each, mutant, file)),
    )
    faults.push(...without.map((each) => `No test tells this: ${each}`))
    faults.push(...idle.map(({ line }) => `A reason without a survivor: ${file}: ${line}`))
  }

  for (const fault of faults) console.error(fault)
  await writeFile(page, writePage(sections))
  // A run that was given up may go on, and tests that failed have set another code.
  process.exit(faults.length > 0 ? 1 : 0)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
