/**
 * Tries mutants: runs the tests that meet one, and sees whether any of them tells.
 *
 * @module
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type CliOptions, createVitest, type TestRunResult, type Vite, type Vitest } from 'vitest/node'
import { listMutants, type Mutant, withSwitches } from './places.ts'
import type { Note } from './switch.ts'

type Plugin = Vite.Plugin

export const home: string = fileURLToPath(new URL('../..', import.meta.url))

/** Sources whose mutants have a number each. */
export interface Mutated {
  readonly file: string
  /** The number of its first mutant. */
  readonly first: number
  readonly mutants: readonly Mutant[]
}

/** Tests of one file that come by a mutant. */
export interface Meeting {
  /** From the folder of the package. */
  readonly file: string
  readonly ids: readonly string[]
  /** Those of them that take long, even on a machine that has nothing else to do. */
  readonly slowIds: readonly string[]
  /** How long the whole file takes, in ms. */
  readonly ms: number
}

type Asked = Pick<Meeting, 'file' | 'ids'>
type Named = Pick<Meeting, 'file'>

/** After so many ms a run without end is given up. */
const runMs = 60_000

const maxTries = 4

/** What takes longer, in ms, without any mutant is slow. */
const slowMs = 200

/** What takes so long, in ms, hangs: a test, and a slow one. */
const quickHangMs = 2_000
const slowHangMs = 20_000

export async function readMutated(files: readonly string[]): Promise<readonly Mutated[]> {
  let first = 0
  const read: Mutated[] = []
  for (const file of files) {
    const mutants = listMutants(await readFile(join(home, 'src', file), 'utf8'))
    read.push({ file, first, mutants })
    first += mutants.length
  }
  return read
}

/** Runs tests over sources that hold all their mutants. */
export class Trial {
  readonly #mutated: readonly Mutated[]
  #vitest: Promise<Vitest> | undefined

  constructor(mutated: readonly Mutated[]) {
    this.#mutated = mutated
  }

  /** Which tests come by each mutant, by its number. */
  async meet(files: readonly string[]): Promise<ReadonlyMap<number, readonly Meeting[]>> {
    const folder = await mkdtemp(join(tmpdir(), 'mutants-'))
    const path = join(folder, 'notes')
    const found = new Map<number, readonly Meeting[]>()
    try {
      for (const file of files) {
        const result = await this.#run(-1, [{ file, ids: [] }], slowHangMs, path)
        if (whatFailed(result, [{ file }]) !== undefined) throw new Error(`${file} fails without any mutant.`)
        const ms = result.testModules.reduce((sum, module) => sum + module.diagnostic().duration, 0)
        const notes = readNotes(await readFile(path, 'utf8').catch(() => ''))
        await rm(path, { force: true })
        const slow = new Set(
          notes.flatMap((note) => (note.ms > slowMs && note.test !== undefined ? [note.test] : [])),
        )
        for (const [number, ids] of idsByMutant(notes)) {
          const [quickIds, slowIds] = [ids.filter((id) => !slow.has(id)), ids.filter((id) => slow.has(id))]
          found.set(number, [...(found.get(number) ?? []), { file, ids: quickIds, slowIds, ms }])
        }
      }
      return found
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** @returns what told: a file of tests, as a rule; undefined: nothing did */
  async findKiller(number: number, met: readonly Meeting[]): Promise<string | undefined> {
    const quick = met.filter(({ ids }) => ids.length > 0).map(({ file, ids }) => ({ file, ids }))
    const slow = met
      .filter(({ slowIds }) => slowIds.length > 0)
      .map(({ file, slowIds: ids }) => ({ file, ids }))
    return (await this.#find(number, quick, quickHangMs)) ?? (await this.#find(number, slow, slowHangMs))
  }

  async #find(number: number, asked: readonly Asked[], hangMs: number): Promise<string | undefined> {
    if (asked.length === 0) return undefined
    let hasHung = false
    for (let tries = 0; tries < maxTries; tries += 1) {
      const done = new AbortController()
      const late = sleep(runMs, undefined, { signal: done.signal }).catch(() => {})
      const result = await Promise.race([this.#run(number, asked, hangMs), late])
      done.abort()
      if (result === undefined) {
        void this.close()
        if (hasHung) return 'a run without end'
        hasHung = true
        continue
      }
      const killer = whatFailed(result, asked)
      // On a machine that is busy a test may take so long by itself, but hardly twice.
      const isLate = killer !== undefined && !hasHung && areOnlyLate(result, asked)
      if (isLate) hasHung = true
      else if (killer !== undefined || areAllIn(result, asked)) return killer
      // The end of the run before, where a test had told, was taken for that of this one.
    }
    throw new Error(`Not all tests of ${asked.map(({ file }) => file).join(', ')} ran.`)
  }

  async close(): Promise<void> {
    const vitest = this.#vitest
    this.#vitest = undefined
    await (await vitest)?.close()
  }

  /** Each run is a process of its own. */
  async #run(mutant: number, asked: readonly Asked[], hangMs: number, notes = ''): Promise<TestRunResult> {
    this.#vitest ??= this.#start()
    const vitest = await this.#vitest
    const project = vitest.getRootProject()
    project.provide('mutant', mutant)
    project.provide('hangMs', hangMs)
    project.provide('notes', notes)
    const specifications = asked.map(({ file, ids }) =>
      project.createSpecification(join(home, file), ids.length > 0 ? { testIds: [...ids] } : undefined),
    )
    return vitest.runTestSpecifications(specifications)
  }

  #start(): Promise<Vitest> {
    const firsts = new Map(this.#mutated.map(({ file, first }) => [join(home, 'src', file), first]))
    const transform = (code: string, id: string) => {
      const first = firsts.get(id)
      return first === undefined ? undefined : { code: withSwitches(code, first), map: null }
    }
    const options: CliOptions = {
      root: home,
      watch: false,
      pool: 'forks',
      isolate: false,
      // What is kept there has other numbers.
      fsModuleCache: false,
      maxWorkers: 1,
      bail: 1,
      setupFiles: [join(home, 'test/mutants/switch.ts')],
      reporters: [{}],
      // As they are given: those first that tell most often.
      sequence: { sequencer: AsGiven },
    }
    const plugin: Plugin = { name: 'mutants', enforce: 'pre', transform }
    return createVitest('test', options, { plugins: [plugin], server: { watch: null } })
  }
}

function readNotes(text: string): readonly Note[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** What is met when a module is loaded is met by all tests. */
function idsByMutant(notes: readonly Note[]): ReadonlyMap<number, readonly string[]> {
  const all = notes.flatMap(({ test }) => test ?? [])
  const found = new Map<number, readonly string[]>()
  for (const { test, met } of notes) {
    if (test === undefined) continue
    for (const number of met) found.set(number, [...(found.get(number) ?? []), test])
  }
  const early = notes.flatMap(({ test, met }) => (test === undefined ? met : []))
  for (const number of early) if (!found.has(number)) found.set(number, all)
  return found
}

function areAllIn({ testModules }: TestRunResult, asked: readonly Asked[]): boolean {
  const passed = testModules.flatMap((module) => [...module.children.allTests('passed')])
  const ids = new Set(passed.map(({ id }) => id))
  return passed.length > 0 && asked.every((each) => each.ids.every((id) => ids.has(id)))
}

/** Whether all that failed took too long. */
function areOnlyLate({ testModules, unhandledErrors }: TestRunResult, asked: readonly Named[]): boolean {
  const failed = ownOf(testModules, asked).flatMap((module) => [...module.children.allTests('failed')])
  const errors = failed.flatMap((test) => test.result().errors ?? [])
  return (
    failed.length > 0 &&
    unhandledErrors.length === 0 &&
    errors.every(({ message }) => message.includes('timed out in'))
  )
}

/** The result tells of earlier runs as well. */
function ownOf(
  testModules: TestRunResult['testModules'],
  asked: readonly Named[],
): TestRunResult['testModules'] {
  const names = asked.map(({ file }) => join(home, file))
  return testModules.filter(({ moduleId }) => names.includes(moduleId))
}

function whatFailed(
  { testModules, unhandledErrors }: TestRunResult,
  asked: readonly Named[],
): string | undefined {
  const own = ownOf(testModules, asked)
  const failed =
    own.find((module) => [...module.children.allTests('failed')].length > 0) ??
    own.find((module) => !module.ok())
  if (failed !== undefined) return failed.moduleId.slice(home.length)
  return unhandledErrors.length > 0 ? 'an error that nobody handled' : undefined
}

class AsGiven {
  sort<T>(files: T): T {
    return files
  }
  shard<T>(files: T): T {
    return files
  }
}
