/**
 * What a case says of what came: few words, and no test runner.
 *
 * @module
 */

/** Compares as JSON has it, members in any order. */
export function same(got: unknown, wanted: unknown, what = 'it'): void {
  const [one, other] = [shown(got), shown(wanted)]
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`)
}

export function holds(claim: boolean, what: string): void {
  if (!claim) throw new Error(`not so: ${what}`)
}

/** Waits for a failure with these members, and gives it. */
export async function refused(
  work: Promise<unknown>,
  members: Readonly<Record<string, unknown>>,
): Promise<Error> {
  const error = await failureOf(work)
  const got = Object.keys(members).map((name) => [name, Reflect.get(error, name)])
  const message = Object.keys(members).length > 0 ? `the failure (${error.message})` : 'the failure'
  same(Object.fromEntries(got), members, message)
  return error
}

export async function failureOf(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!('error' in outcome)) throw new Error(`nothing failed, and ${shown(outcome.value)} came`)
  if (!(outcome.error instanceof Error)) throw new Error(`what failed is no Error: ${shown(outcome.error)}`)
  return outcome.error
}

/** Until it is so; what goes on meanwhile is real, and takes the time that it takes. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`it never came about that ${what}`)
}

function shown(value: unknown): string {
  return JSON.stringify(inOrder(value)) ?? String(value)
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(
    entries.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([name, each]) => [name, inOrder(each)]),
  )
}
