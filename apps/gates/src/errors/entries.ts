/** What a code means to the person who gets it, and programs that get it. */
export interface Entry {
  /** When it comes, in one line. */
  readonly when: string
  /** What that person can do, in one line. */
  readonly what: string
  /** Each fails with this code, by itself: without a network, and with the same words each time. */
  readonly examples: readonly [Example, ...Example[]]
}

export type Example = () => unknown

/** What no message may repeat. */
export const secrets = {
  clientSecret: 'hunter2',
  assertion: 'their.signed.assertion',
  accessToken: 'their-access-token',
  refreshToken: 'their-refresh-token',
  password: 'their-password',
} as const

/** Of one class. */
export type Entries<Code extends string = string> = Readonly<Record<Code, Entry>>

/** Of one package. */
export interface ErrorPage {
  readonly folder: string
  readonly classes: Readonly<Record<string, Entries>>
}

/** An error as it came out. */
export interface Provoked {
  readonly name: string
  readonly code: string
  readonly recovery: string
  readonly message: string
}

/** The same error, with what is the same in each run in the place of what is not. */
export function showing(error: unknown, actual: string, shown: string): unknown {
  if (error instanceof Error) error.message = error.message.replaceAll(actual, shown)
  return error
}

export async function provoke(example: Example): Promise<Provoked> {
  try {
    await example()
  } catch (error) {
    const { name, code, recovery, message }: Provoked = Object(error)
    return { name, code, recovery, message }
  }
  throw new Error(`nothing failed in ${String(example)}`)
}
