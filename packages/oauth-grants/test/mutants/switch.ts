/**
 * Runs before each file of tests: says which mutant is there, and notes which were met.
 *
 * @module
 */
import { appendFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, inject, vi } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** The number of the mutant that is there; none: -1. */
    readonly mutant: number
    /** How long a test may take, in ms. */
    readonly hangMs: number
    /** Where to note what was met, as lines; none: ''. */
    readonly notes: string
  }
}

/** What a test has met. */
export interface Note {
  /** Its id; undefined: what was met before all tests, when the file was loaded. */
  readonly test?: string | undefined
  readonly ms: number
  readonly met: readonly number[]
}

/** A loop without end meets so many, and nothing else does. */
const limit = 3_000_000

const mutant = inject('mutant')
const hangMs = inject('hangMs')
const notes = inject('notes')
declare global {
  /** One test has told: the others need not run. */
  var hasTold: boolean | undefined
}

if (globalThis.hasTold) throw new Error('A test of another file has told.')

vi.setConfig({ testTimeout: hangMs, hookTimeout: hangMs })

let met = new Set<number>()
let count = 0
let started = 0

function isOn(number: number): boolean {
  count += 1
  if (count > limit) throw new Error('This does not end.')
  if (notes !== '') met.add(number)
  return number === mutant
}
Object.assign(globalThis, { isOn })

function note(test?: string): void {
  const line: Note = { test, ms: performance.now() - started, met: [...met] }
  if (met.size > 0) appendFileSync(notes, `${JSON.stringify(line)}\n`)
  met = new Set()
}

beforeAll(() => {
  if (notes !== '') note()
})
beforeEach(() => {
  count = 0
  started = performance.now()
})
if (notes === '') {
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') globalThis.hasTold = true
  })
} else {
  afterEach(({ task }) => note(task.id))
}
