/** What keeps a wrong server from something: `search` is in its file exactly once, and with `replace` in its place it is gone, and nothing else. */
export interface Guard {
  readonly name: string
  /** What it answers, in a clause. */
  readonly answers: string
  /** In `src`. */
  readonly file: string
  readonly search: string
  readonly replace: string
}
