import type { Case, Context, Result } from './case.ts'
import { controlAt } from './control.ts'

export interface Surroundings extends Pick<Context, 'copy' | 'folder'> {
  /** Of the control server. */
  readonly url: string
  /** Default: a program that lives as long as it wants. */
  readonly request?: Context['request']
}

/** Longer than any case takes that does not hang, in ms. */
const deadlineMs = 20_000

/** Runs one after the other, each with servers of its own. */
export async function runCases(cases: readonly Case[], surroundings: Surroundings): Promise<Result[]> {
  const results: Result[] = []
  for (const each of cases) results.push(await runCase(each, surroundings))
  return results
}

/** Never rejects. */
export async function runCase(
  { name, run }: Case,
  { url, copy, folder, request = (act) => act() }: Surroundings,
): Promise<Result> {
  const { open, agree, close } = controlAt(url)
  const started = Date.now()
  const ended = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => ended.reject(new Error(`it has not ended after ${deadlineMs} ms`)),
    deadlineMs,
  )
  // Names are unlike each other, and some file systems know no colons.
  const own = `${folder}/${name.replace(/\W+/g, '-')}`
  const failure = await Promise.race([run({ open, agree, request, copy, folder: own }), ended.promise]).then(
    () => undefined,
    (error: unknown) => describe(error),
  )
  clearTimeout(timer)
  await close()
  return { name, ms: Date.now() - started, failure }
}

/** With the place of our code where it failed, and with what lies beneath. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause =
    error.cause === undefined
      ? ''
      : ` (${error.cause instanceof Error ? error.cause.message : JSON.stringify(error.cause)})`
  return `${error.name}: ${error.message}${cause}`
}
