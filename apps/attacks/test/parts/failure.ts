import { expect } from 'vitest'

/** What a program is told when it fails, as it has to. */
export const failed = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it went well'),
    (error: unknown) => error,
  )
