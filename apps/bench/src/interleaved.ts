/**
 * Measures side by side: small batches of each in turn, so that what disturbs the machine disturbs all of them.
 *
 * @module
 */

export interface Subject {
  readonly name: string
  readonly call: () => Promise<unknown>
}

/** Medians, for one call. */
export interface Cost {
  readonly ns: number
  /** Allocated, whether or not it is kept. */
  readonly bytes: number
}

/** How many batches each is measured in. */
export const batches = 500

/** So short that most batches run to their end before somebody else on the machine has a turn. */
const batchNs = 1_000_000
const allocationRounds = 9

/** @returns in the order of the subjects */
export async function costs(subjects: readonly Subject[]): Promise<readonly Cost[]> {
  const sizes: number[] = []
  for (const { call } of subjects) {
    await spentNs(call, 2000)
    sizes.push(Math.ceil(batchNs / ((await spentNs(call, 500)) / 500)))
  }
  const ns = await inTurn(subjects, batches, async (call, index) => {
    const calls = sizes[index] ?? 1
    return (await spentNs(call, calls)) / calls
  })
  const bytes = await inTurn(subjects, allocationRounds, allocated)
  return subjects.map((_, index) => ({ ns: ns[index] ?? Number.NaN, bytes: bytes[index] ?? Number.NaN }))
}

/** The median of what each gives. */
async function inTurn(
  subjects: readonly Subject[],
  rounds: number,
  measure: (call: Subject['call'], index: number) => Promise<number>,
): Promise<readonly number[]> {
  const samples = subjects.map((): number[] => [])
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { call }] of subjects.entries()) samples[index]?.push(await measure(call, index))
  }
  return samples.map(median)
}

async function spentNs(call: Subject['call'], calls: number): Promise<number> {
  const begun = process.hrtime.bigint()
  await repeat(call, calls)
  return Number(process.hrtime.bigint() - begun)
}

async function repeat(call: Subject['call'], times: number): Promise<void> {
  for (let each = 0; each < times; each += 1) await call()
}

/** So few that nothing is collected meanwhile. */
const countedCalls = 200

async function allocated(call: () => Promise<unknown>): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await repeat(call, countedCalls)
  return (process.memoryUsage().heapUsed - before) / countedCalls
}

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('start Node with --expose-gc')
  globalThis.gc()
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return ((lower ?? Number.NaN) + (upper ?? Number.NaN)) / 2
}
