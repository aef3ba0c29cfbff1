/** One thing that must hold, and in which ways it does not. */
export interface Check {
  readonly what: string
  readonly faults: readonly string[]
  /** Why it could not be tried here. */
  readonly skipped?: string | undefined
  /** What a person may want to see besides. */
  readonly table?: readonly string[]
}

/** For what a single program decides. */
export function check(what: string, fault: string | undefined): Check {
  return { what, faults: fault === undefined ? [] : [fault] }
}

/** Turns a part that could not even be tried into a fault. */
export async function attempted(
  what: string,
  part: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await part()
  } catch (error) {
    return [check(what, error instanceof Error ? error.message : String(error))]
  }
}

/** One line for a check, and one for each of its faults and rows. */
export function describeCheck({ what, faults, skipped, table = [] }: Check): string {
  const result = faults.length > 0 ? 'FAULT' : skipped === undefined ? 'ok' : 'skipped'
  const reason = skipped === undefined ? '' : `: ${skipped}`
  const details = [...table, ...faults].flatMap((text) => text.split('\n')).map((line) => `          ${line}`)
  return [`${result.padEnd(8)}  ${what}${reason}`, ...details].join('\n')
}
