/** What keeps an attacker from something: `search` is in its file exactly once, and with `replace` in its place it is gone, and nothing else. */
export interface Guard {
  readonly name: string
  /** What happens without it, in a clause. */
  readonly without: string
  /** From the root of the repository. */
  readonly file: string
  readonly search: string
  readonly replace: string
}

/** Guards of one package, by what is written in a row: name, what happens without it, file, what to search, what to put there. */
export function guardsOf(
  place: string,
  rows: readonly (readonly [name: string, without: string, file: string, search: string, replace: string])[],
): readonly Guard[] {
  return rows.map(([name, without, file, search, replace]) => ({
    name,
    without,
    file: `packages/${place}/src/${file}`,
    search,
    replace,
  }))
}
