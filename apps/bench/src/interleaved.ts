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
  /** Of processor time. */
  readonly ns: number
  /** Allocated, whether or not it is kept. */
  readonly bytes: number
}

export interface Batches {
  readonly rounds: number
  readonly calls: number
}

/** @returns in the order of the subjects */
export async function costs(
  subjects: readonly Subject[],
  { rounds, calls }: Batches,
): Promise<readonly Cost[]> {
  for (const { call } of subjects) await repeat(call, calls)
  const samples = subjects.map(() => ({ ns: [] as number[], bytes: [] as number[] }))
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, { call }] of subjects.entries()) {
      const begun = processorNs()
      await repeat(call, calls)
      samples[index]?.ns.push((processorNs() - begun) / calls)
      samples[index]?.bytes.push(await allocated(call))
    }
  }
  return samples.map(({ ns, bytes }) => ({ ns: median(ns), bytes: median(bytes) }))
}

/** Time of the processor that this thread has used: others on the machine take none of it. */
export function processorNs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

async function repeat(call: () => Promise<unknown>, times: number): Promise<void> {
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
